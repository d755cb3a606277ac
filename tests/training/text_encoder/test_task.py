"""Training of a text encoder: captions give what speech gives, and what it cannot learn from is a line."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from helpers.tiny_trainings import LOOP, build

from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import DataError
from speech2img.features.speech_embeddings import load_embeddings
from speech2img.models.text_encoders.registry import build_text_encoder
from speech2img.storage.releases.composition import IMITATED
from speech2img.storage.releases.release import load_release, strip_prefix
from speech2img.training.text_encoder.settings import TextEncoderSettings
from speech2img.training.train import train

SMALL = TextEncoderSettings(
    word_dim=16, width=16, batch_size=8, dropout=0.0, learning_rate=2e-2, loop=replace(LOOP, max_steps=4)
)
COLOURS = ("red", "blue", "green", "white")


def written(root: Path, text: str | None = None) -> Path:
    """The tiny corpus with a colour in every caption, or one text everywhere."""
    manifest = Manifest.load(build(root))
    items = [
        replace(
            item,
            captions=tuple(
                replace(one, text=f"a {COLOURS[item.class_id % 4]} bird" if text is None else text)
                for one in item.captions
            ),
        )
        for item in manifest.items
    ]
    Manifest(root, manifest.corpus, items).save()
    return root


@pytest.mark.parametrize("network", ["word-lstm", "char-cnn-rnn"])
def test_the_release_gives_embeddings(network: Literal["word-lstm", "char-cnn-rnn"], tmp_path: Path) -> None:
    root = written(tmp_path / "corpus")
    steps: dict[str, Any] = {"max_steps": 60, "evaluate_every": 30, "checkpoint_minutes": 10}
    settings = replace(SMALL, network=network, loop=replace(LOOP, **steps) if network == "word-lstm" else SMALL.loop)
    assert train("text-encoder", root, tmp_path / "run", settings, progress=False).finished
    tensors, config = load_release(tmp_path / "run" / "export")
    stored = load_embeddings(root, "encoder")
    assert config["kind"] == "text-encoder" and config["trained_with"][IMITATED] == stored.sha256
    encoder = build_text_encoder(**config["text_encoder"])
    encoder.load_state_dict(strip_prefix(tensors, "text_encoder."))
    given = encoder.eval().encode(["a red bird", "a blue bird"]).sentence
    assert given.shape == (2, stored.width) and bool(given.isfinite().all())
    assert not torch.allclose(given[0], given[1])
    if network == "word-lstm":  # of captions that are alike it gives the mean of what is said of them
        manifest = Manifest.load(root)
        rows = [(caption.text, split) for item in manifest.items for caption in item.captions for split in [item.split]]
        of_red = [k for k, (text, split) in enumerate(rows) if split == "train" and "red" in text]
        mean = stored.embeddings[of_red].mean(axis=0)
        spread = np.abs(stored.embeddings[of_red] - mean).mean()
        assert np.abs(given[0].detach().numpy() - mean).mean() < spread


def test_an_unwritten_language_has_none(tmp_path: Path) -> None:
    root = written(tmp_path / "corpus", " ")
    with pytest.raises(DataError, match="without writing has no text encoder"):
        train("text-encoder", root, tmp_path / "run", SMALL, progress=False)


def test_captions_of_no_letter_and_missing_embeddings_are_a_line(tmp_path: Path) -> None:
    root = written(tmp_path / "corpus", "\u9ce5")
    with pytest.raises(DataError, match="Latin letters") as caught:
        train("text-encoder", root, tmp_path / "run", SMALL, progress=False)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="nobody"):
        train("text-encoder", root, tmp_path / "other", replace(SMALL, embeddings="nobody"), progress=False)
