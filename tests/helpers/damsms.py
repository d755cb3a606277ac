"""DAMSMs with random weights, as releases: of speech, of images alone as imports are, and with a text encoder."""

from pathlib import Path
from typing import Any

import torch

from speech2img.models.generators.attngan.damsm import DAMSM
from speech2img.models.text_encoders.registry import build_text_encoder
from speech2img.storage.releases.writing import save_release

VOCABULARY = "<end> a bird red blue green wings small"
TEXT_ENCODER = {"network": "word-lstm", "vocabulary": VOCABULARY, "embedding_dim": 8, "word_dim": 4}


def damsm_release(
    folder: Path, *, speech_dim: int | None = 16, with_words: bool = False, seed: int = 0, **config: Any
) -> Path:
    """A DAMSM on EfficientNet-Lite0; `with_words` adds a text encoder of its own."""
    torch.manual_seed(seed)
    arguments: dict[str, Any] = {"embedding_dim": 8, "trunk": "efficientnet-lite0"}
    if speech_dim is not None:
        arguments["speech_dim"] = speech_dim
    tensors = dict(DAMSM(**arguments).state_dict())
    settings: dict[str, Any] = {"kind": "damsm", "damsm": arguments, **config}
    if with_words:
        words = build_text_encoder(**TEXT_ENCODER).state_dict()
        tensors |= {f"text_encoder.{name}": value for name, value in words.items()}
        settings = {"text_encoder": TEXT_ENCODER, **settings}
    save_release(folder, tensors, settings, "# DAMSM\n", half=False)
    return folder


def word_encoder_release(folder: Path, *, embedding_dim: int = 8) -> Path:
    """A text encoder over `VOCABULARY` of its own release."""
    torch.manual_seed(1)
    settings = {**TEXT_ENCODER, "embedding_dim": embedding_dim}
    tensors = {f"text_encoder.{name}": value for name, value in build_text_encoder(**settings).state_dict().items()}
    save_release(folder, tensors, {"kind": "text-encoder", "text_encoder": settings}, "# Text\n", half=False)
    return folder
