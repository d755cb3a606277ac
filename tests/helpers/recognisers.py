"""A small recogniser of random weights as a release, and a package that looks like faster-whisper."""

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from speech2img.models.recognisers.speech_transformer import SpeechTransformer
from speech2img.models.text_encoders.registry import build_text_encoder
from speech2img.storage.releases.writing import save_release

SETTINGS: dict[str, Any] = {
    "n_mels": 40,
    "width": 16,
    "head_width": 8,
    "feed_forward": 24,
    "encoder_layers": 1,
    "kernel": 3,
    "strides": [2, 2, 1],
    "max_characters": 40,
}


def recogniser_state(seed: int = 0, **changes: Any) -> SpeechTransformer:
    """The network with random weights that write letters at once: its outputs are spread."""
    torch.manual_seed(seed)
    network = SpeechTransformer(**{**SETTINGS, **changes}).eval()
    with torch.no_grad():
        network.classifier.weight.mul_(5)
    return network


def recogniser_release(folder: Path, *, seed: int = 0) -> Path:
    """A release of that recogniser, by the mel preset li2020."""
    tensors = {f"recogniser.{name}": value for name, value in recogniser_state(seed).state_dict().items()}
    config = {"kind": "recogniser", "mel_preset": "li2020", "recogniser": SETTINGS}
    save_release(folder, tensors, config, "# Recogniser\n", half=False)
    return folder


class _Written(NamedTuple):
    text: str
    start: float
    end: float
    avg_logprob: float


def fake_whisper(monkeypatch: pytest.MonkeyPatch, texts: list[str] | Callable[[int], list[str]], folder: Path) -> Path:
    """Install a module ``faster_whisper`` whose model writes these texts, or what a function of the number of samples
    gives; a model folder with its files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("model.bin", "config.json", "vocabulary.txt"):
        (folder / name).write_text("{}")

    class WhisperModel:
        def __init__(self, path: str, **options: Any) -> None:
            assert options["local_files_only"] is True, "nothing may be downloaded"
            if (Path(path) / "model.bin").read_text() != "{}":
                raise RuntimeError("unexpected\nmodel version")

        def transcribe(self, wave: Any, **options: Any) -> Any:
            assert wave.dtype.name == "float32" and options["language"] == "en"
            written = texts(len(wave)) if callable(texts) else texts
            return iter([_Written(f" {text}", float(n), n + 0.5, -0.1) for n, text in enumerate(written)]), None

    module = types.ModuleType("faster_whisper")
    module.WhisperModel = WhisperModel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "faster_whisper", module)
    return folder


def text_encoder_release(folder: Path, *, embedding_dim: int = 16, kind: str = "text-encoder") -> Path:
    """A release of a text encoder over letters with random weights."""
    torch.manual_seed(1)
    settings = {"network": "char-cnn-rnn", "width": 8, "embedding_dim": embedding_dim}
    network = build_text_encoder(**settings)
    tensors = {f"text_encoder.{name}": value for name, value in network.state_dict().items()}
    config = {"kind": kind, "text_encoder": settings, "trained_with": {"imitated encoder": "0" * 64}}
    save_release(folder, tensors, config, "# Text encoder\n", half=False)
    return folder
