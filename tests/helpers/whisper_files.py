"""A small Whisper of random weights, in the names and the files of OpenAI, Hugging Face and CTranslate2."""

import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from speech2img.models.encoders.whisper import sinusoids

WIDTH, LAYERS, POSITIONS, WORDS = 64, 2, 30, 11

_TO_HUGGING_FACE = {
    "positional_embedding": "embed_positions.weight",
    "token_embedding": "embed_tokens",
    "ln_post": "layer_norm",
    "blocks": "layers",
    "attn.query": "self_attn.q_proj",
    "attn.key": "self_attn.k_proj",
    "attn.value": "self_attn.v_proj",
    "attn.out": "self_attn.out_proj",
    "attn_ln": "self_attn_layer_norm",
    "mlp_ln": "final_layer_norm",
    "mlp.0": "fc1",
    "mlp.2": "fc2",
}
_TO_CTRANSLATE2 = {
    "attn.out": "self_attention/linear_1",
    "attn_ln": "self_attention/layer_norm",
    "mlp_ln": "ffn/layer_norm",
    "mlp.0": "ffn/linear_0",
    "mlp.2": "ffn/linear_1",
}


def openai_state(*, layers: int = LAYERS, dtype: torch.dtype = torch.float16) -> dict[str, Tensor]:
    """Encoder and a bit of a decoder, as ``model_state_dict`` of OpenAI's file."""
    generator = torch.Generator().manual_seed(3)
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.conv1.weight": (WIDTH, 80, 3),
        "encoder.conv2.weight": (WIDTH, WIDTH, 3),
        "encoder.ln_post.weight": (WIDTH,),
        "decoder.token_embedding.weight": (WORDS, WIDTH),
        "decoder.blocks.0.attn.key.weight": (WIDTH, WIDTH),
    }
    for block in (f"encoder.blocks.{number}" for number in range(layers)):
        shapes |= {f"{block}.attn.{name}.weight": (WIDTH, WIDTH) for name in ("query", "key", "value", "out")}
        shapes |= {f"{block}.{name}.weight": (WIDTH,) for name in ("attn_ln", "mlp_ln")}
        shapes |= {f"{block}.mlp.0.weight": (4 * WIDTH, WIDTH), f"{block}.mlp.2.weight": (WIDTH, 4 * WIDTH)}
    biases = {
        name.replace("weight", "bias"): shape[:1]
        for name, shape in shapes.items()
        if ".key." not in name and "token" not in name
    }
    state = {name: 0.1 * torch.randn(shape, generator=generator) for name, shape in {**shapes, **biases}.items()}
    state["encoder.positional_embedding"] = sinusoids(POSITIONS, WIDTH)
    return {name: value.to(dtype) for name, value in state.items()}


def hugging_face_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same under the names of ``transformers``."""
    renamed = {}
    for name, value in state.items():
        for theirs, ours in _TO_HUGGING_FACE.items():
            name = name.replace(theirs, ours)
        renamed[f"model.{name}"] = value
    return renamed


def ctranslate2_arrays(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The encoder, and the decoder's words, under the names of CTranslate2."""
    arrays = {"decoder/embeddings/weight": state["decoder.token_embedding.weight"]}
    arrays["encoder/num_heads"] = torch.tensor(WIDTH // 64, dtype=torch.int16)
    for name, value in state.items():
        if not name.startswith("encoder."):
            continue
        if ".attn.query" in name:
            arrays[name.replace("attn.query", "self_attention/linear_0")] = torch.cat(
                [
                    value,
                    state.get(name.replace("query", "key"), torch.zeros_like(value)),
                    state[name.replace("query", "value")],
                ]
            )
        elif ".attn.key" not in name and ".attn.value" not in name:
            arrays[name] = value
    return {_ctranslate2_name(name): value for name, value in arrays.items()}


def _ctranslate2_name(name: str) -> str:
    if name == "encoder.positional_embedding":
        return "encoder/position_encodings/encodings"
    for theirs, ours in _TO_CTRANSLATE2.items():
        name = name.replace(theirs, ours)
    name = name.replace("encoder.blocks.", "encoder/layer_").replace("ln_post", "layer_norm").replace(".", "/")
    if "norm/" in name:
        name = name.replace("/weight", "/gamma").replace("/bias", "/beta")
    return name


_CODES = {torch.float32: 0, torch.int8: 1, torch.int16: 2, torch.int32: 3, torch.float16: 4}


def text(value: str) -> bytes:
    """A text of the format."""
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def ctranslate2_bytes(arrays: Mapping[str, Tensor], *, spec: str = "WhisperSpec", version: int = 6) -> bytes:
    """Content of a ``model.bin``."""
    content = struct.pack("<I", version) + text(spec) + struct.pack("<II", 3, len(arrays))
    for name, value in sorted(arrays.items()):
        data = value.contiguous().numpy().tobytes()
        content += text(name) + struct.pack(f"<B{value.dim()}I", value.dim(), *value.shape)
        content += struct.pack("<BI", _CODES[value.dtype], len(data)) + data
    return content + struct.pack("<I", 1) + text("decoder/projection/weight") + text("decoder/embeddings/weight")


def whisper_files(folder: Path) -> dict[str, Path]:
    """Publisher -> file of the same weights: OpenAI's and CTranslate2's in float16, Hugging Face's in float32."""
    folder.mkdir(exist_ok=True)
    files = {
        "openai": folder / "tiny.pt",
        "hugging face": folder / "model.safetensors",
        "ctranslate2": folder / "model.bin",
    }
    state = openai_state()
    dims = {"n_mels": 80, "n_audio_ctx": POSITIONS, "n_audio_state": WIDTH, "n_audio_head": 1, "n_audio_layer": LAYERS}
    torch.save({"dims": dims, "model_state_dict": state}, files["openai"])
    full = {name: value.float() for name, value in hugging_face_state(state).items()}
    save_file(full, files["hugging face"], metadata={"format": "pt"})
    files["ctranslate2"].write_bytes(ctranslate2_bytes(ctranslate2_arrays(state)))
    return files
