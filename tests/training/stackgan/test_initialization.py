"""A generator that starts from weights: its network is taken over, and a resumed run needs the start no more."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from speech2img.errors import CheckpointError, ConfigError
from speech2img.features.speech_embeddings import extract_embeddings
from speech2img.storage.releases.release import load_release
from speech2img.storage.releases.writing import save_release
from speech2img.training.prior.data import load_generator
from speech2img.training.stackgan.initialization import normalize_input_, started
from speech2img.training.stackgan.settings import StackGANModelSettings, StackGANSettings
from speech2img.training.train import train


def released(folder: Path, generator: dict[str, object]) -> str:
    """A release of a generator's config, of which nothing else is read here."""
    config = {"kind": "image-generator", "generator": generator}
    save_release(folder, {"generator.a": torch.ones(1)}, config, "# Generator\n")
    return str(folder)


def test_the_network_of_released_weights_is_taken_over(tmp_path: Path) -> None:
    sizes = {"embedding_dim": 1024, "width": 24, "num_stages": 1, "noise_dim": 32, "condition_dim": 128}
    initial = released(tmp_path / "start", sizes)
    settings, config = started(StackGANSettings(initial=initial), tmp_path)
    model = settings.model
    assert (model.width, model.num_stages, model.noise_dim, model.condition_dim) == (24, 1, 32, 128)
    assert config["kind"] == "image-generator"
    wrong = StackGANSettings(initial=initial, model=StackGANModelSettings(width=32, noise_dim=50))
    with pytest.raises(ConfigError, match=r"model.width 24 \(set: 32\), model.noise_dim 32 \(set: 50\)"):
        started(wrong, tmp_path)
    assert started(StackGANSettings(), tmp_path) == (StackGANSettings(), {})
    with pytest.raises(CheckpointError, match="songbird"):
        started(StackGANSettings(initial="songbird"), tmp_path)


def test_a_generator_of_another_family_is_no_start(tmp_path: Path) -> None:
    initial = released(tmp_path / "start", {"network": "latent-flow", "width": 192})
    with pytest.raises(CheckpointError, match="its generator is a latent-flow; give a stackgan, or set family"):
        started(StackGANSettings(initial=initial), tmp_path)


def test_a_run_goes_on_without_its_start(painted: ModuleType, tmp_path: Path) -> None:
    root, plain = painted.build(tmp_path / "corpus"), painted.SETTINGS
    train("generator", root, tmp_path / "first", plain, device="cpu", progress=False)
    shutil.copytree(tmp_path / "first" / "export", tmp_path / "start")
    bare = replace(plain, initial=str(tmp_path / "start"), model=StackGANModelSettings(discriminator_width=4))
    loop = replace(plain.loop, max_steps=2)
    train("generator", root, tmp_path / "whole", replace(bare, loop=loop), device="cpu", progress=False)
    train(
        "generator",
        root,
        tmp_path / "then",
        replace(bare, loop=replace(loop, max_steps=1)),
        device="cpu",
        progress=False,
    )
    shutil.rmtree(tmp_path / "start")
    train("generator", root, tmp_path / "then", replace(bare, loop=loop), device="cpu", progress=False)
    whole, then = (load_release(tmp_path / run / "export")[1] for run in ("whole", "then"))
    assert whole["trained_with"] == then["trained_with"]
    assert any(role.startswith("initial generator's ") for role in then["trained_with"])
    assert then["generator"] == load_release(tmp_path / "first" / "export")[1]["generator"]


def test_embeddings_that_are_all_the_same_are_named() -> None:
    layer, noise = nn.Linear(4, 4), np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    normalize_input_(layer, 0.5 + 0.01 * noise)
    for same in (0.5 + 1e-5 * noise, np.full((9, 4), 0.5, np.float32), np.zeros((9, 4), np.float32)):
        with pytest.raises(ConfigError, match="embeddings: they are the same for every utterance.*train the encoder"):
            normalize_input_(layer, same)


def test_the_prior_and_extract_take_shipped_weights_by_name(painted: ModuleType, tmp_path: Path) -> None:
    network, standard, config = load_generator(Path("songbirds"))
    assert network.embedding_dim == standard.mean.size and config["kind"] == "speech-to-image"
    with pytest.raises(CheckpointError, match="songbird"):
        load_generator(Path("songbird"))
    with pytest.raises(CheckpointError, match="songbird"):
        extract_embeddings(Path("songbird"), painted.build(tmp_path / "corpus"), progress=False)
