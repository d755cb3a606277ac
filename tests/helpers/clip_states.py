"""A small text side of CLIP under its published names, and a vocabulary of byte pairs by a rule."""

import torch
from torch import Tensor

MERGES = ("t h", "th e</w>", "b i", "bi r", "bir d</w>", "r e", "re d</w>", "i s</w>")
"""Pairs in the order in which they are merged."""
VOCABULARY = "\n".join(["#version: 0.2", *MERGES, ""])
TOKENS = 512 + len(MERGES) + 2
WIDTH, EMBEDDING, LAYERS = 64, 32, 2


def clip_text_state(*, tokens: int = TOKENS, embedding: int = EMBEDDING) -> dict[str, Tensor]:
    """State of the text side alone, one head a layer."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) / (shape[-1] ** 0.5 if len(shape) > 1 else 10)

    state = {
        "positional_embedding": draw(77, WIDTH),
        "text_projection": draw(WIDTH, embedding),
        "token_embedding.weight": draw(tokens, WIDTH),
        "ln_final.weight": 1 + draw(WIDTH),
        "ln_final.bias": draw(WIDTH),
    }
    for layer in range(LAYERS):
        name = f"transformer.resblocks.{layer}"
        for part, (outside, inside) in {
            "attn.out_proj": (WIDTH, WIDTH),
            "mlp.c_fc": (4 * WIDTH, WIDTH),
            "mlp.c_proj": (WIDTH, 4 * WIDTH),
        }.items():
            state |= {f"{name}.{part}.weight": draw(outside, inside), f"{name}.{part}.bias": draw(outside)}
        state |= {f"{name}.attn.in_proj_weight": draw(3 * WIDTH, WIDTH), f"{name}.attn.in_proj_bias": draw(3 * WIDTH)}
        for norm in ("ln_1", "ln_2"):
            state |= {f"{name}.{norm}.weight": 1 + draw(WIDTH), f"{name}.{norm}.bias": draw(WIDTH)}
    return state
