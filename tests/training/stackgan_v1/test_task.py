"""Training of StackGAN-v1: stage I, and stage II on it, from any embeddings to a release that draws."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import painted_corpus, tiny_trainings

from speech2img.errors import CheckpointError, ConfigError
from speech2img.generation import EmbeddingsToImage
from speech2img.models.generators.stackgan_v1.generator import StackGANv1
from speech2img.storage.releases.release import load_own
from speech2img.training.stackgan_v1.settings import StackGANv1ModelSettings, StackGANv1Settings
from speech2img.training.train import train

LOOP = replace(tiny_trainings.LOOP, max_steps=2)
SETTINGS = replace(tiny_trainings.STACKGAN_V1, batch_size=4, loop=LOOP)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return painted_corpus.build(tmp_path_factory.mktemp("stackgan-v1") / "corpus")


@pytest.fixture(scope="module")
def first(root: Path) -> Path:
    folder = root.parent / "stage1"
    assert train("generator", root, folder, SETTINGS, device="cpu", progress=False).finished
    return folder


def second_settings(first: Path) -> StackGANv1Settings:
    """Of stage II: only what differs from the defaults is said, the sizes of stage I are taken over."""
    model = StackGANv1ModelSettings(stage=2, discriminator_width=2, residual_blocks=1)
    return replace(SETTINGS, model=model, initial=str(first), augmentation="none")


def loud(model: EmbeddingsToImage) -> EmbeddingsToImage:
    """The same with images of stage I that are not nearly grey, as those of fresh weights are."""
    generator = model.require_generator().generator
    assert isinstance(generator, StackGANv1)
    with torch.no_grad():
        for stage in (generator.first, generator.second):
            if stage is not None:
                stage.to_image.weight.mul_(30_000)
    return model


def test_both_stages_end_in_releases_that_draw(root: Path, first: Path, tmp_path: Path) -> None:
    tensors, config = load_own(first / "export")
    assert config["generator"]["network"] == "stackgan-v1" and config["generator"]["stage"] == 1
    assert not any(name.startswith("generator.second") for name in tensors)
    terms = painted_corpus.losses(first)[0]
    assert {"discriminator", "generator", "kl"} <= terms.keys() and all(np.isfinite(list(terms.values())))

    # Stage II has stage I as it was, and moves beside it.
    folder = tmp_path / "stage2"
    assert train("generator", root, folder, second_settings(first), device="cpu", progress=False).finished
    both, config = load_own(folder / "export")
    assert config["generator"]["width"] == 4 and config["image_size"] == 256
    for name, value in tensors.items():
        if name.startswith("generator.first."):
            assert torch.equal(both[name], value), name
    state = painted_corpus.final_state(folder, steps=LOOP.max_steps)
    live, average = state["generator"], state["average"]["module"]
    for part, moves in (("second.joint.conv.weight", True), ("first.ups.0.conv.weight", False)):
        assert torch.equal(live[part], average[part]) is not moves

    # It draws, the same from the same seed, on what stage I alone draws.
    model, small = (loud(EmbeddingsToImage.load(run, device="cpu")) for run in (folder, first))
    assert model.image_sizes == (64, 256)
    embeddings = np.random.default_rng(0).standard_normal((2, painted_corpus.FEATURES))
    one, again = (model.generate(embeddings, seed=3) for _ in range(2))
    assert one.shape == (2, 1, 256, 256, 3) and np.array_equal(one, again)
    stages = model.generate(embeddings, seed=3, return_stages=True)
    drawn, other = (small.generate(embeddings, seed=seed).astype(int) for seed in (3, 4))
    assert drawn.std() > 5 and np.abs(stages[0].astype(int) - drawn).max() <= 1 and not np.array_equal(drawn, other)


def test_what_does_not_fit_is_named(root: Path, first: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="initial: stage 2 draws on stage I; name the run or release"):
        replace(SETTINGS, model=replace(SETTINGS.model, stage=2))
    with pytest.raises(ConfigError, match="initial: stage 1 starts afresh"):
        replace(SETTINGS, initial="x")
    with pytest.raises(ConfigError, match=r"model\.width: 6 is no multiple of 4"):
        StackGANv1ModelSettings(width=6)
    other = replace(second_settings(first), model=StackGANv1ModelSettings(stage=2, noise_dim=7))
    with pytest.raises(ConfigError, match=r"its weights have model\.noise_dim 4 \(set: 7\)"):
        train("generator", root, tmp_path / "a", other, device="cpu", progress=False)
    stackgan = root.parent / "stackgan"
    settings = replace(painted_corpus.SETTINGS, loop=replace(LOOP, max_steps=1))
    assert train("generator", root, stackgan, settings, device="cpu", progress=False).finished
    with pytest.raises(CheckpointError, match="it holds no stage I of StackGAN-v1; give a run of model.stage 1"):
        train("generator", root, tmp_path / "b", second_settings(stackgan), device="cpu", progress=False)
