"""A small speech Transformer under Keras's names: as `.weights.h5`, and as the golden file's keys."""

import re
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor


def keras_name(golden: str) -> str:
    """Path in a ``.weights.h5`` file of a key of the golden values."""
    layer, parameter = golden.rsplit("/", 1)
    number = {"kernel": 0, "embeddings": 0, "gamma": 0, "bias": 1, "beta": 1}[parameter]
    if match := re.fullmatch(r"encoder/(\d)/(.+)", layer):
        end = "" if match[1] == "0" else f"_{match[1]}"
        layer = f"encoder/layers/transformer_encoder{end}/{match[2]}"
    layer = re.sub(r"/(query|key|value|output)$", r"/\1_dense", layer)
    layer = re.sub(r"/ffn/0$", "/ffn/layers/dense", layer)
    layer = re.sub(r"/ffn/1$", "/ffn/layers/dense_1", layer)
    return f"{layer}/vars/{number}"


def keras_state(
    *, width: int = 8, head: int = 6, inner: int = 12, encoders: int = 2, positions: int = 30, seed: int = 0
) -> dict[str, Tensor]:
    """Random weights of a small network under Keras's names and in Keras's layouts."""
    generator = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {}
    for number, before in enumerate((129, width, width), start=1):
        shapes |= {f"enc_input/conv{number}/vars/0": (11, before, width), f"enc_input/conv{number}/vars/1": (width,)}
    shapes |= {"dec_input/emb/vars/0": (34, width), "dec_input/pos_emb/vars/0": (positions, width)}
    shapes |= {"classifier/vars/0": (width, 34), "classifier/vars/1": (34,)}

    def attention(name: str) -> dict[str, tuple[int, ...]]:
        parts = {f"{name}/{part}_dense/vars/0": (width, 2, head) for part in ("query", "key", "value")}
        parts |= {f"{name}/{part}_dense/vars/1": (2, head) for part in ("query", "key", "value")}
        return parts | {f"{name}/output_dense/vars/0": (2, head, width), f"{name}/output_dense/vars/1": (width,)}

    def rest(name: str, norms: int) -> dict[str, tuple[int, ...]]:
        parts = {f"{name}/layernorm{n}/vars/{k}": (width,) for n in range(1, norms + 1) for k in (0, 1)}
        parts |= {f"{name}/ffn/layers/dense/vars/0": (width, inner), f"{name}/ffn/layers/dense/vars/1": (inner,)}
        return parts | {
            f"{name}/ffn/layers/dense_1/vars/0": (inner, width),
            f"{name}/ffn/layers/dense_1/vars/1": (width,),
        }

    for number in range(encoders):
        layer = f"encoder/layers/transformer_encoder{f'_{number}' if number else ''}"
        shapes |= attention(f"{layer}/att") | rest(layer, 2)
    shapes |= attention("dec_layer_0/self_att") | attention("dec_layer_0/enc_att") | rest("dec_layer_0", 3)
    return {
        name: torch.from_numpy((generator.standard_normal(shape) * 0.3).astype(np.float32))
        for name, shape in shapes.items()
    }


def write_weights(path: Path, state: Mapping[str, Tensor], **more: np.ndarray) -> Path:
    """A ``.weights.h5`` as Keras 3 writes it, with random states of dropout and whatever else beside the weights."""
    with h5py.File(path, "w") as file:
        for name, value in state.items():
            file[name] = value.numpy()
        file["encoder/layers/transformer_encoder/dropout1/seed_generator/vars/0"] = np.zeros(2, np.uint32)
        for name, array in more.items():
            file[name] = array
    return path
