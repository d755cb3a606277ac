"""Small checkpoints of VQ-Diffusion and S2IVQ-D, of random weights under their published names, with a small codec."""

import torch
from torch import Tensor

from helpers.vqgan_states import CODES, published_state, within_vq_diffusion

WIDTH, DEPTH, STEPS, TEXT_DIM = 12, 2, 4, 6
"""Of the transformer, whose speech has twice the width; the codec halves the sides: 4 x 4 tokens for 8 px."""


def transformer_state(form: str, *, codes: int = CODES, seed: int = 0, table_side: int = 5) -> dict[str, Tensor]:
    """State of a transformer alone; ``form`` is text or published."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) / (shape[-1] ** 0.5 if len(shape) > 1 else 10)

    def linear(name: str, outside: int, inside: int, *kernel: int) -> dict[str, Tensor]:
        return {f"{name}.weight": draw(outside, inside, *kernel), f"{name}.bias": draw(outside)}

    state = {
        "content_emb.emb.weight": draw(codes + 1, WIDTH),
        "content_emb.height_emb.weight": draw(table_side, WIDTH),
        "content_emb.width_emb.weight": draw(table_side, WIDTH),
        "to_logits.0.weight": 1 + draw(WIDTH),
        "to_logits.0.bias": draw(WIDTH),
        **linear("to_logits.1", codes, WIDTH),
    }
    for block in range(DEPTH):
        own: dict[str, Tensor] = {}
        for norm in ("ln1", "ln1_1") if form == "text" else ("ln1",):
            own |= {f"{norm}.emb.weight": draw(STEPS, WIDTH), **linear(f"{norm}.linear", 2 * WIDTH, WIDTH)}
        attentions = {"attn1": WIDTH, "attn2": TEXT_DIM} if form == "text" else {"attn": WIDTH}
        for name, inside in attentions.items():
            for part, width in {"query": WIDTH, "key": inside, "value": inside, "proj": WIDTH}.items():
                own |= linear(f"{name}.{part}", WIDTH, width)
        if form == "text":
            own |= {"ln2.weight": 1 + draw(WIDTH), "ln2.bias": draw(WIDTH), "attn2.mask": torch.ones(1, 1, 16, 16)}
            own |= {**linear("mlp.0", 4 * WIDTH, WIDTH), **linear("mlp.2", WIDTH, 4 * WIDTH)}
        else:
            own |= {"ln2.emb.weight": draw(9, WIDTH), **linear("ln2.linear", 2 * WIDTH, WIDTH)}
            own |= {**linear("mlp.conv1", 4 * WIDTH, WIDTH, 3, 3), **linear("mlp.conv2", WIDTH, 4 * WIDTH, 3, 3)}
        state |= {f"blocks.{block}.{name}": value for name, value in own.items()}
    return state


def diffusion_checkpoint(form: str, *, network: str = "vqgan", codes: int = CODES) -> dict[str, object]:
    """A checkpoint as published: ``model`` with codec and transformer, ``ema`` with other weights of the latter."""
    codec = within_vq_diffusion(published_state(network))
    model = {name: value for name, value in codec["model"].items() if name.startswith("content_codec.")}  # type: ignore[attr-defined]
    state = transformer_state(form, codes=codes)
    model |= {f"transformer.transformer.{name}": value for name, value in state.items()}
    tables = {"log_at": torch.zeros(STEPS), "Lt_history": torch.zeros(STEPS)}
    model |= {f"transformer.{name}": value for name, value in tables.items()}
    averaged = transformer_state(form, codes=codes, seed=1)
    ema = {**{f"transformer.{name}": value for name, value in averaged.items()}, **tables}
    scheduler = {"optimizer": {"state": {}}, "scheduler": {"cooldown": 0}}
    return {"last_epoch": 3, "last_iter": 9, "model": model, "ema": ema, "optimizer_and_scheduler": scheduler}
