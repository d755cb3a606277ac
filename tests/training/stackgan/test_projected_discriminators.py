"""Discriminators that look through the teacher, in training: they replace or join the others, and resume to the bit."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

from speech2img.errors import CheckpointError, ConfigError, MetricError
from speech2img.features.base import with_maps
from speech2img.features.googlenet import GoogLeNetExtractor
from speech2img.features.registry import load_teacher
from speech2img.metrics.evaluate.judges import check_judges
from speech2img.models.vision.efficientnet_lite import EfficientNetLite
from speech2img.storage.releases.release import load_release, release_sha256
from speech2img.storage.releases.writing import save_release
from speech2img.systems.registry import preset as find_preset
from speech2img.training.stackgan.settings import StackGANSettings
from speech2img.training.train import train

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def root(painted: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return painted.build(tmp_path_factory.mktemp("corpus"))


@pytest.mark.parametrize(
    ("kind", "terms"),
    [
        ("features", {"feature_discriminator", "feature_generator"}),
        ("both", {"discriminator", "generator", "feature_discriminator", "feature_generator"}),
    ],
)
def test_a_run_of_each_kind(kind: str, terms: set[str], painted: ModuleType, root: Path, tmp_path: Path) -> None:
    plain = painted.SETTINGS
    model = replace(plain.model, discriminators=kind, feature_discriminator_width=8)
    settings = replace(plain, model=model, losses=replace(plain.losses, class_aware=0.0))
    train("generator", root, tmp_path / "whole", settings, device="cpu", progress=False)
    found = painted.losses(tmp_path / "whole")
    assert all(step.keys() == {"kl", *terms} for step in found)
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    for step in (3, 4):
        shutil.rmtree(tmp_path / "cut" / "checkpoints" / f"step-{step:08d}")
    train("generator", root, tmp_path / "cut", settings, device="cpu", progress=False)
    whole, resumed = (painted.final_state(tmp_path / name) for name in ("whole", "cut"))
    torch.testing.assert_close(resumed["projected"], whole["projected"], rtol=0, atol=0)
    torch.testing.assert_close(resumed["generator"], whole["generator"], rtol=0, atol=0)


def test_they_look_through_another_network(painted: ModuleType, root: Path, tmp_path: Path) -> None:
    other = painted.teacher_release(tmp_path / "other", seed=9)
    plain = painted.SETTINGS
    losses = replace(plain.losses, class_aware=0.0)

    def looking_through(path: str) -> StackGANSettings:
        model = replace(plain.model, discriminators="features", projection_network=path, feature_discriminator_width=8)
        return replace(plain, model=model, features=None, losses=losses)

    with pytest.raises(ConfigError, match="no such teacher"):
        train("generator", root, tmp_path / "none", looking_through("nowhere"), device="cpu", progress=False)
    train("generator", root, tmp_path / "run", looking_through(str(other)), device="cpu", progress=False)
    _, config = load_release(tmp_path / "run" / "export")
    assert config["trained_with"]["discriminators' network"] == release_sha256(other)


def test_they_look_through_efficientnet_lite_which_judges_them_no_more(
    painted: ModuleType, root: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    config = {"kind": "efficientnet-lite", "efficientnet": {"variant": "lite0"}, "source_sha256": "1e" * 32}
    save_release(tmp_path / "lite0", EfficientNetLite().state_dict(), config, "# card", half=False)
    plain = painted.SETTINGS
    model = replace(
        plain.model,
        discriminators="features",
        projection_network=str(tmp_path / "lite0"),
        feature_discriminator_width=8,
    )
    settings = replace(plain, model=model, features=None, losses=replace(plain.losses, class_aware=0.0))
    train("generator", root, tmp_path / "run", settings, device="cpu", progress=False)
    losses = painted.losses(tmp_path / "run")
    assert all(step.keys() == {"kl", "feature_discriminator", "feature_generator"} for step in losses)
    _, exported = load_release(tmp_path / "run" / "export")
    judge = load_teacher(tmp_path / "lite0", device=CPU)
    with pytest.raises(MetricError, match="R-precision.*own discriminators' network in training"):
        check_judges({"feature network": judge.sha256}, [exported], own_sha256="", allow=False)


@pytest.mark.parametrize(("first", "then"), [("pixels", "features"), ("features", "pixels"), ("both", "both")])
def test_a_generator_goes_on_under_other_discriminators(
    first: str, then: str, painted: ModuleType, root: Path, tmp_path: Path
) -> None:
    plain = painted.SETTINGS
    losses = replace(plain.losses, class_aware=0.0)
    seen = {
        name: replace(
            plain, losses=losses, model=replace(plain.model, discriminators=name, feature_discriminator_width=8)
        )
        for name in (first, then)
    }
    train("generator", root, tmp_path / "first", seen[first], device="cpu", progress=False)
    idle = replace(seen[then], initial=str(tmp_path / "first"), learning_rate=0.0, discriminator_learning_rate=0.0)
    train("generator", root, tmp_path / "then", idle, device="cpu", progress=False)
    before, after = (painted.final_state(tmp_path / name) for name in ("first", "then"))
    taken = [key for key in after["generator"] if key.endswith("weight") and "augment" not in key]
    assert taken
    for key in taken:
        torch.testing.assert_close(after["generator"][key], before["average"]["module"][key], rtol=0, atol=0)
    if first == then:
        pixel, same = (state["pixel"]["networks"] for state in (after, before))
        assert all(torch.equal(pixel[key], same[key]) for key in pixel if key.endswith("weight"))


def test_a_generator_goes_on_from_a_release(painted: ModuleType, root: Path, tmp_path: Path) -> None:
    train("generator", root, tmp_path / "first", painted.SETTINGS, device="cpu", progress=False)
    released, _ = load_release(tmp_path / "first" / "export")
    idle = replace(painted.SETTINGS, initial=str(tmp_path / "first" / "export"), learning_rate=0.0)
    train("generator", root, tmp_path / "then", idle, device="cpu", progress=False)
    after = painted.final_state(tmp_path / "then")["generator"]
    taken = [key for key in after if key.endswith("weight") and "augment" not in key]
    assert taken
    for key in taken:
        torch.testing.assert_close(after[key], released[f"generator.{key}"].float(), rtol=0, atol=0)
    with pytest.raises(CheckpointError, match="holds no generator"):
        train(
            "generator",
            root,
            tmp_path / "none",
            replace(idle, initial=str(root / "teacher")),
            device="cpu",
            progress=False,
        )
    with pytest.raises(CheckpointError, match="nowhere"):
        train("generator", root, tmp_path / "none", replace(idle, initial="nowhere"), device="cpu", progress=False)


def test_they_need_a_teacher(painted: ModuleType) -> None:
    plain = painted.SETTINGS
    with pytest.raises(ConfigError, match="need a network"):
        replace(plain, features=None, model=replace(plain.model, discriminators="features"))
    with pytest.raises(ConfigError, match="no maps"):
        with_maps(None)


def test_the_side_that_googlenet_gets(realdata: Path, root: Path) -> None:
    path = realdata / "weights" / "googlenet_bvlc.npz"
    small = load_teacher(path, device=CPU, side=96)
    assert isinstance(small, GoogLeNetExtractor)
    pictures = torch.rand(2, 3, 96, 96) * 2 - 1
    prepared = (pictures + 1).mul(127.5).flip(1) - torch.tensor([104.0, 117.0, 123.0]).view(3, 1, 1)
    torch.testing.assert_close(small.features(pictures), small.network.features(prepared))
    with pytest.raises(ConfigError, match="64 px or more"):
        load_teacher(path, device=CPU, side=32)
    with pytest.raises(ConfigError, match="one size only"):
        load_teacher(root / "teacher", device=CPU, side=96)


def test_presets_of_the_published_generator_and_of_ours() -> None:
    li, ours = find_preset("generator", "li2020"), find_preset("generator", "ours")
    assert li.losses.class_aware == 50.0 and li.model.discriminators == "pixels" and li.model.num_stages == 3
    assert ours.embeddings == "picture" and ours.model.discriminators == "features" and ours.features == "googlenet"
