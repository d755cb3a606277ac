"""Weights and a waveform by a rule, so that golden values of HuBERT need no weights beside them."""

import re
import zlib
from collections.abc import MutableMapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

WIDTH, LAYERS, CONV_WIDTH = 64, 3, 32
STATES, EMBEDDING = LAYERS + 1, 24
GOLDEN_FILE = Path(__file__).parents[1] / "models" / "published" / "hubert_golden.npz"


def fill_(state: MutableMapping[str, Tensor]) -> None:
    """Draw every array by its name: weights around 0 of a scale that keeps activations alive, norms around 1."""
    for name, value in state.items():
        draw = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(tuple(value.shape)).astype(np.float32)
        fan_in = max(1, value[0].numel()) if value.dim() > 1 else 1
        if name.endswith(("weight_g", "original0")):
            drawn = 1 + 0.1 * np.abs(draw)
        elif value.dim() > 1:
            drawn = draw / fan_in**0.5
        else:
            drawn = 0.1 * draw + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
        state[name] = torch.from_numpy(drawn.astype(np.float32))


def waveform(samples: int = 9_000) -> np.ndarray:
    """A gliding tone under noise."""
    time = np.arange(samples) / 16_000
    noise = np.random.default_rng(5).standard_normal(samples)
    return (0.3 * np.sin(2 * np.pi * (200 * time + 900 * time**2)) + 0.05 * noise).astype(np.float32)


def hugging_face_state(form: str) -> dict[str, Tensor]:
    """The weights behind the golden values."""
    shapes = dict(line.split(" ") for line in np.load(GOLDEN_FILE)[f"{form}/keys"].tolist())
    state = {name: torch.zeros([int(size) for size in shape.split("x")]) for name, shape in shapes.items()}
    fill_(state)
    return state


def fairseq_names(state: dict[str, Tensor], *, large: bool) -> dict[str, Tensor]:
    """The same under the names of fairseq, as SpeechCLIP's checkpoints have them."""
    patterns = {
        r"conv_layers\.(\d)\.conv": r"conv_layers.\1.0",
        r"conv_layers\.(\d)\.layer_norm": r"conv_layers.\1.2.1" if large else r"conv_layers.\1.2",
        r"^feature_projection\.layer_norm": "layer_norm",
        r"^feature_projection\.projection": "post_extract_proj",
        r"pos_conv_embed\.conv\.parametrizations\.weight\.original0": "pos_conv.0.weight_g",
        r"pos_conv_embed\.conv\.parametrizations\.weight\.original1": "pos_conv.0.weight_v",
        r"pos_conv_embed\.conv": "pos_conv.0",
        r"(layers\.\d)\.layer_norm": r"\1.self_attn_layer_norm",
        r"\.attention\.": ".self_attn.",
        r"feed_forward\.intermediate_dense": "fc1",
        r"feed_forward\.output_dense": "fc2",
        r"^masked_spec_embed": "mask_emb",
    }
    renamed = {}
    for name, value in state.items():
        for theirs, ours in patterns.items():
            name = re.sub(theirs, ours, name)
        renamed[name] = value
    return {**renamed, "final_proj.weight": torch.zeros(3, 3), "label_embs_concat": torch.zeros(5)}


def speechclip_state(*, large: bool) -> dict[str, Tensor]:
    """A small SpeechCLIP of random weights, as a checkpoint names it."""
    branch = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(WIDTH, 8, 4 * WIDTH, activation="gelu", batch_first=True), 1, nn.LayerNorm(WIDTH)
    )
    state = {f"parallel_branch.self_att.model.{name}": value for name, value in branch.state_dict().items()}
    state["parallel_branch.cls"] = torch.zeros(1, 1, WIDTH)
    state["parallel_branch.linear_proj.weight"] = torch.zeros(EMBEDDING, WIDTH)
    state["parallel_branch.linear_proj.bias"] = torch.zeros(EMBEDDING)
    state["audio_encoder.weightedsum_layer.weights"] = torch.zeros(STATES)
    fill_(state)
    hubert = fairseq_names(hugging_face_state("large" if large else "base"), large=large)
    return state | {f"audio_encoder.encoder.{name}": value for name, value in hubert.items()}
