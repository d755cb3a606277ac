"""Small VQGAN and Gumbel VQ of random weights in the names of the published files, and their graph by those names."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

WIDTH, LEVELS, BLOCKS, CODES, CODE_DIM = 32, 2, 1, 12, 4
"""Widths 32 and 64, attention on the last level, side halved once."""
SETTINGS = {
    "num_codes": CODES,
    "code_dim": CODE_DIM,
    "width": WIDTH,
    "multipliers": [1, 2],
    "blocks": BLOCKS,
    "attention_levels": [1],
    "latent_channels": CODE_DIM,
}
"""What our networks of that size are made from."""

State = dict[str, Tensor]


def published_state(network: str = "vqgan", *, codes: int = CODES, seed: int = 0) -> State:
    """State of a codec alone."""
    generator = torch.Generator().manual_seed(seed)
    state: State = {}

    def add(name: str, inside: int, outside: int, side: int) -> None:
        state[f"{name}.weight"] = torch.randn(outside, inside, side, side, generator=generator) / (inside**0.5 * side)
        state[f"{name}.bias"] = 0.1 * torch.randn(outside, generator=generator)

    def norm(name: str, width: int) -> None:
        state[f"{name}.weight"] = 1 + 0.1 * torch.randn(width, generator=generator)
        state[f"{name}.bias"] = 0.1 * torch.randn(width, generator=generator)

    def block(name: str, inside: int, outside: int) -> None:
        norm(f"{name}.norm1", inside)
        add(f"{name}.conv1", inside, outside, 3)
        norm(f"{name}.norm2", outside)
        add(f"{name}.conv2", outside, outside, 3)
        if inside != outside:
            add(f"{name}.nin_shortcut", inside, outside, 1)

    def attention(name: str, width: int) -> None:
        norm(f"{name}.norm", width)
        for part in ("q", "k", "v", "proj_out"):
            add(f"{name}.{part}", width, width, 1)

    def middle(name: str, width: int) -> None:
        block(f"{name}.block_1", width, width)
        attention(f"{name}.attn_1", width)
        block(f"{name}.block_2", width, width)

    wide = 2 * WIDTH
    add("encoder.conv_in", 3, WIDTH, 3)
    block("encoder.down.0.block.0", WIDTH, WIDTH)
    add("encoder.down.0.downsample.conv", WIDTH, WIDTH, 3)
    block("encoder.down.1.block.0", WIDTH, wide)
    attention("encoder.down.1.attn.0", wide)
    middle("encoder.mid", wide)
    norm("encoder.norm_out", wide)
    add("encoder.conv_out", wide, CODE_DIM, 3)
    add("decoder.conv_in", CODE_DIM, wide, 3)
    middle("decoder.mid", wide)
    for number in range(BLOCKS + 1):
        block(f"decoder.up.1.block.{number}", wide, wide)
        attention(f"decoder.up.1.attn.{number}", wide)
        block(f"decoder.up.0.block.{number}", wide if number == 0 else WIDTH, WIDTH)
    add("decoder.up.1.upsample.conv", wide, wide, 3)
    norm("decoder.norm_out", WIDTH)
    add("decoder.conv_out", WIDTH, 3, 3)
    codebook = torch.randn(codes, CODE_DIM, generator=generator)
    if network == "vqgan":
        state["quantize.embedding.weight"] = codebook
    elif network == "ema-vq":
        counts = torch.rand(codes, generator=generator)
        state |= {"quantize.embedding": codebook, "quantize.cluster_size": counts}
        state["quantize.embedding_avg"] = codebook * counts[:, None]
    else:
        state["quantize.embed.weight"] = codebook
        add("quantize.proj", CODE_DIM, codes, 1)
    add("quant_conv", CODE_DIM, CODE_DIM, 1)
    add("post_quant_conv", CODE_DIM, CODE_DIM, 1)
    return state


def published_graph(state: State) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """Images -> latents before quantising, and quantised latents -> images, layer by layer by the published names."""

    def conv(name: str, x: Tensor) -> Tensor:
        weight = state[f"{name}.weight"].to(x.dtype)
        return F.conv2d(x, weight, state[f"{name}.bias"].to(x.dtype), padding=weight.shape[-1] // 2)

    def norm(name: str, x: Tensor) -> Tensor:
        return F.group_norm(x, 32, state[f"{name}.weight"].to(x.dtype), state[f"{name}.bias"].to(x.dtype), 1e-6)

    def swish(x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)

    def block(name: str, x: Tensor) -> Tensor:
        inner = conv(f"{name}.conv1", swish(norm(f"{name}.norm1", x)))
        inner = conv(f"{name}.conv2", swish(norm(f"{name}.norm2", inner)))
        return inner + (conv(f"{name}.nin_shortcut", x) if f"{name}.nin_shortcut.weight" in state else x)

    def attention(name: str, x: Tensor) -> Tensor:
        normed = norm(f"{name}.norm", x)
        query, key, value = (conv(f"{name}.{part}", normed).flatten(2) for part in "qkv")
        weights = torch.softmax(torch.einsum("bcp,bcq->bpq", query, key) / x.shape[1] ** 0.5, dim=2)
        return x + conv(f"{name}.proj_out", torch.einsum("bpq,bcq->bcp", weights, value).view(x.shape))

    def middle(name: str, x: Tensor) -> Tensor:
        return block(f"{name}.block_2", attention(f"{name}.attn_1", block(f"{name}.block_1", x)))

    def encode(images: Tensor) -> Tensor:
        x = block("encoder.down.0.block.0", conv("encoder.conv_in", images))
        weight, bias = (state[f"encoder.down.0.downsample.conv.{part}"].to(x.dtype) for part in ("weight", "bias"))
        x = F.conv2d(F.pad(x, (0, 1, 0, 1)), weight, bias, stride=2)
        x = attention("encoder.down.1.attn.0", block("encoder.down.1.block.0", x))
        x = swish(norm("encoder.norm_out", middle("encoder.mid", x)))
        return conv("quant_conv", conv("encoder.conv_out", x))

    def decode(vectors: Tensor) -> Tensor:
        x = middle("decoder.mid", conv("decoder.conv_in", conv("post_quant_conv", vectors)))
        for number in range(BLOCKS + 1):
            x = attention(f"decoder.up.1.attn.{number}", block(f"decoder.up.1.block.{number}", x))
        x = conv("decoder.up.1.upsample.conv", x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))
        for number in range(BLOCKS + 1):
            x = block(f"decoder.up.0.block.{number}", x)
        return conv("decoder.conv_out", swish(norm("decoder.norm_out", x)))

    return encode, decode


def within_vq_diffusion(state: State) -> dict[str, object]:
    """The same codec as a checkpoint of VQ-Diffusion has it: in two parts, the codebook in both; a transformer."""
    model: State = {
        "transformer.log_at": torch.zeros(3),
        "transformer.transformer.content_emb.emb.weight": torch.ones(2, 2),
    }
    for name, value in state.items():
        first = name.partition(".")[0]
        if first in ("encoder", "quant_conv", "quantize"):
            model[f"content_codec.enc.{name}"] = value
        if first in ("decoder", "post_quant_conv", "quantize"):
            model[f"content_codec.dec.{name}"] = value
    ema = {name.removeprefix("transformer."): value for name, value in model.items() if name.startswith("transformer.")}
    return {"last_epoch": 3, "model": model, "ema": ema, "clip_grad_norm": {"start_iteration": 5000}}
