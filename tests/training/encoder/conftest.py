"""Fixtures of the trainings on a pretrained front-end: corpus, small Whisper, settings of few steps, a finished run."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from helpers.pretrained_runs import FEATURE_DIM, LOOP, WHISPER

from speech2img.corpora.records.manifest import Manifest
from speech2img.models.encoders.whisper import WhisperEncoder
from speech2img.storage.releases.writing import save_release
from speech2img.training.encoder.settings import EncoderLossSettings, EncoderSettings, PretrainedSettings
from speech2img.training.train import train


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, make_corpus: Callable[[Path], Path]) -> Path:
    """The tiny corpus with features of 20 numbers that tell the class."""
    root = make_corpus(tmp_path_factory.mktemp("corpus"))
    items = Manifest.load(root).items
    generator = np.random.default_rng(1)
    features = 3 * np.eye(FEATURE_DIM)[[item.class_id for item in items]][:, None]
    features = features + generator.random((len(items), 1, FEATURE_DIM))
    (root / "derived").mkdir(exist_ok=True)
    with h5py.File(root / "derived" / "features-made.h5", "w") as file:
        file["features"] = features.astype(np.float32)
        file["ids"] = [item.id for item in items]
        file.attrs.update(kind="made", source="nowhere", sha256="cd" * 32, views=1)
    return root


@pytest.fixture(scope="module")
def front_end(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Whisper of random weights, as ``import whisper-encoder`` leaves it."""
    torch.manual_seed(0)
    config = {"kind": "acoustic-front-end", "network": "whisper", "front_end": WHISPER, "mel_preset": "whisper"}
    folder = tmp_path_factory.mktemp("weights") / "whisper"
    save_release(folder, WhisperEncoder(**WHISPER).state_dict(), config, "# Made up\n")
    return folder


@pytest.fixture(scope="module")
def settings(front_end: Path) -> EncoderSettings:
    """Few steps on a frozen front-end, with two augmented copies of each recording."""
    return EncoderSettings(
        mel_preset="whisper",
        network="pretrained",
        pretrained=PretrainedSettings(
            front_end=str(front_end),
            width=16,
            num_layers=1,
            num_heads=2,
            embedding_dim=FEATURE_DIM,
            manner=True,
            mix_utterances=20,
            mix_steps=3,
        ),
        augment=True,
        features="made",
        losses=EncoderLossSettings(contrastive=1.0),
        batch_size=8,
        workers=1,
        standardise=True,
        loop=LOOP,
    )


@pytest.fixture(scope="module")
def run(corpus: Path, settings: EncoderSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished training."""
    folder = tmp_path_factory.mktemp("runs") / "frozen"
    assert train("encoder", corpus, folder, settings, progress=False).finished
    return folder
