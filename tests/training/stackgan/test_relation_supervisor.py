"""Relation supervisor in training: what it sees and teaches, exact resumption, and encoders that cannot serve."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import pytest
import torch

from speech2img.errors import CheckpointError, ConfigError, DataError
from speech2img.features.image_features import load_features
from speech2img.precision import resolve_precision
from speech2img.storage.releases.release import load_release
from speech2img.systems.registry import preset as find_preset
from speech2img.training.stackgan.relation_supervisor import RelationSupervisor, load_relation_features
from speech2img.training.stackgan.settings import RelationSettings, StackGANSettings
from speech2img.training.stackgan.task import StackGANTask
from speech2img.training.train import train

CPU = torch.device("cpu")


class Killed(BaseException):
    """Nothing of ours catches it, as nothing catches a kill."""


@pytest.fixture(scope="module")
def root(painted: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return painted.build(tmp_path_factory.mktemp("corpus"))


def settings(painted: ModuleType, **relation: Any) -> StackGANSettings:
    return replace(painted.SETTINGS, relation=RelationSettings(**{"weight": 1.0, "width": 8} | relation))


@pytest.fixture(scope="module")
def trained(painted: ModuleType, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "generator"
    train("generator", root, run, settings(painted), device="cpu", progress=False)
    return run


def test_both_sides_are_logged_and_the_release_names_what_is_behind_it(
    painted: ModuleType, root: Path, trained: Path
) -> None:
    steps = painted.losses(trained)
    assert all({"relation", "relation_classifier", "discriminator", "generator"} <= step.keys() for step in steps)
    assert 0 < steps[0]["relation"] < 3 and 2 < steps[0]["relation_classifier"] < 9
    _, config = load_release(trained / "export")
    behind = config["trained_with"]
    assert behind["relation's feature network"] == load_features(root, "teacher").sha256
    assert len(behind["image head"]) == 64 and behind["image head"] != behind["feature network"]


@pytest.mark.parametrize("how", ["killed", "published"])
def test_a_killed_run_ends_bit_for_bit_the_same(
    how: str,
    painted: ModuleType,
    toy: ModuleType,
    root: Path,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted, whole = settings(painted), trained
    if how == "published":
        wanted, whole = settings(painted, positive="picture", form="published"), tmp_path / "whole"
        train("generator", root, whole, wanted, device="cpu", progress=False)
    original: Callable[..., Any] = StackGANTask.train_step
    calls = 0

    def dying(self: StackGANTask, batch: Any, progress: float) -> Any:
        nonlocal calls
        calls += 1
        terms = original(self, batch, progress)
        if calls in (2, 4):
            raise Killed
        return terms

    monkeypatch.setattr(StackGANTask, "train_step", dying)
    for _ in range(2):
        with pytest.raises(Killed):
            train("generator", root, tmp_path / "again", wanted, device="cpu", progress=False)
    assert train("generator", root, tmp_path / "again", wanted, device="cpu", progress=False).finished and calls == 6
    states = [painted.final_state(run) for run in (whole, tmp_path / "again")]
    assert "relation" in states[0]
    assert [toy.digest(state) for state in states][0] == toy.digest(states[1])
    assert painted.losses(whole) == painted.losses(tmp_path / "again")


def supervisor(root: Path, relation: RelationSettings, *, seed: int = 0) -> RelationSupervisor:
    torch.manual_seed(seed)
    precision = resolve_precision("fp32", CPU)
    features = load_relation_features(
        root, root / "derived" / "embeddings" / "encoder" / "encoder", relation, device=CPU
    )
    return RelationSupervisor(relation, features, rate=1e-2, precision=precision, scaler=precision.scaler(), device=CPU)


def pictures(count: int = 4) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(count, 3, 64, 64, generator=generator) * 2 - 1 for _ in range(4)]


def test_pairs_by_hand(root: Path) -> None:
    taught = supervisor(root, RelationSettings(weight=0.5, width=8))
    real, positive, wrong, generated = pictures()
    pairs = taught.embed(real, positive, wrong, generated.requires_grad_())
    assert list(pairs.others) == ["identical", "same_class", "generated", "other_class"]
    assert torch.equal(pairs.others["identical"], pairs.truth_BD)
    torch.testing.assert_close(pairs.others["other_class"], taught.features(wrong))
    torch.testing.assert_close(pairs.truth_BD.norm(dim=1), torch.ones(4))
    scores = taught.network(pairs.truth_BD, torch.stack(list(pairs.others.values()))).softmax(dim=2)
    right = [-scores[row, :, relation].log().mean() for row, relation in enumerate((0, 1, 1, 2))]
    torch.testing.assert_close(taught.generator_term(pairs), 0.5 * right[2])
    torch.testing.assert_close(taught.step(pairs), sum(right).detach())


def test_the_generator_gets_gradients_and_the_frozen_parts_none(root: Path) -> None:
    taught = supervisor(root, RelationSettings(weight=1.0, width=8))
    real, positive, wrong, generated = pictures()
    pairs = taught.embed(real, positive, wrong, generated.requires_grad_())
    before = [parameter.clone() for parameter in taught.network.parameters()]
    taught.step(pairs)
    assert generated.grad is None
    assert all(not torch.equal(a, b) for a, b in zip(before, taught.network.parameters(), strict=True))
    taught.optimizer.zero_grad()
    taught.generator_term(pairs).backward()
    assert generated.grad is not None and generated.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in taught.network.parameters())
    assert all(parameter.requires_grad for parameter in taught.network.parameters())
    assert all(parameter.grad is None for parameter in taught.features.head.parameters())


def test_the_published_form_is_an_option_of_its_own(root: Path) -> None:
    by_picture = supervisor(root, RelationSettings(weight=1.0, positive="picture"))
    assert list(by_picture.embed(*pictures()).others) == ["same_class", "generated", "other_class"]
    assert by_picture.network.output.out_features == 3 and by_picture.network.joint_norm
    published = supervisor(root, RelationSettings(weight=1.0, positive="picture", form="published"))
    assert published.network.output.out_features == 4 and not published.network.joint_norm
    trained_head = by_picture.features.head.linear.weight
    assert not torch.equal(published.features.head.linear.weight, trained_head)
    other = supervisor(root, published.settings, seed=1)
    assert not torch.equal(other.features.head.linear.weight, published.features.head.linear.weight)
    other.load_state_dict(published.state_dict())
    assert torch.equal(other.features.head.linear.weight, published.features.head.linear.weight)
    assert "image head" not in published.features.trained_with
    with_classes = supervisor(root, RelationSettings(weight=1.0, form="published"))
    assert torch.equal(with_classes.features.head.linear.weight, trained_head) and not with_classes.network.joint_norm


def test_encoders_that_cannot_serve_are_named(painted: ModuleType, root: Path, tmp_path: Path) -> None:
    ours = load_features(root, "teacher").sha256
    painted.encoder_release(tmp_path / "large", features_sha256=ours, feature_dim=20)
    painted.encoder_release(tmp_path / "other", features_sha256="cd" * 32)
    painted.teacher_release(tmp_path / "teacher")
    for name, words in (
        ("large", "takes 20 features, 'teacher' of .* has 16"),
        ("other", "another teacher"),
        ("teacher", "'attribute-network' without an image head"),
        ("nothing", "nothing"),
    ):
        wanted = settings(painted, encoder=str(tmp_path / name))
        with pytest.raises((CheckpointError, ConfigError), match=words):
            train("generator", root, tmp_path / "run" / name, wanted, device="cpu", progress=False)


def test_a_run_of_another_corpus_is_refused(painted: ModuleType, root: Path, tmp_path: Path) -> None:
    other = painted.build(tmp_path / "other", seed=4)
    encoder = other / "derived" / "embeddings" / "encoder" / "encoder"
    with pytest.raises(CheckpointError, match="another teacher"):
        train(
            "generator", root, tmp_path / "run", settings(painted, encoder=str(encoder)), device="cpu", progress=False
        )


def test_settings_that_contradict_each_other(painted: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="relation.weight"):
        settings(painted, weight=-1.0)
    with pytest.raises(ConfigError, match="relation.positive"):
        replace(settings(painted, positive="picture"), augmentation="none")
    with pytest.raises(ConfigError, match="wrong_same_class"):
        replace(settings(painted), wrong_same_class=0.5)
    alone = painted.build(tmp_path / "alone", classes=14)
    with pytest.raises(DataError, match="12 classes have one training picture"):
        train("generator", alone, tmp_path / "run", settings(painted), device="cpu", progress=False)
    wanted = settings(painted, positive="picture")
    assert train("generator", alone, tmp_path / "crops", wanted, device="cpu", progress=False).finished


def test_preset() -> None:
    preset = find_preset("generator", "s2igan")
    assert preset.model.dense and preset.relation == RelationSettings(weight=1.0)
    assert (
        not find_preset("generator", "stackgan-v2").model.dense
        and not find_preset("generator", "stackgan-v2").relation.weight
    )
    published = find_preset("generator", "s2igan-published")
    assert published == replace(preset, relation=RelationSettings(weight=1.0, form="published"))
    assert preset.losses.kl == 2.0 and preset.losses.color == 0.0 and preset.image_size == 256
    assert find_preset("generator", "s2igan") is preset
    with pytest.raises(ConfigError, match="choose among stackgan-v1, .*, li2020, s2igan, s2igan-published, .*, ours, "):
        find_preset("generator", "li2021")


def test_speech_that_was_not_learned_as_features_is_no_target_for_them(
    painted: ModuleType, root: Path, tmp_path: Path
) -> None:
    folder = root / "derived" / "embeddings" / "narrow"
    shutil.copytree(root / "derived" / "embeddings" / "encoder", folder)
    with h5py.File(folder / "embeddings.h5", "r+") as file:
        narrow = file["embeddings"][:, :6]
        del file["embeddings"]
        file["embeddings"] = narrow
    wanted = replace(settings(painted), embeddings="narrow", losses=replace(painted.SETTINGS.losses, feature=1.0))
    with pytest.raises(ConfigError, match="16 features, the speech 6; set it to image"):
        train("generator", root, tmp_path / "speech", wanted, device="cpu", progress=False)
    wanted = replace(wanted, losses=replace(wanted.losses, feature_target="image"))
    assert train("generator", root, tmp_path / "image", wanted, device="cpu", progress=False).finished
    with pytest.raises(ConfigError, match="embeddings of 6 cannot be fitted to 16 features"):
        train(
            "generator",
            root,
            tmp_path / "again",
            replace(wanted, initial=str(tmp_path / "image")),
            device="cpu",
            progress=False,
        )
