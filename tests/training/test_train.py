"""The one training function and its table: a kind of training from outside is one row."""

from pathlib import Path
from types import ModuleType

import pytest

from speech2img.config import field_docs
from speech2img.errors import ConfigError
from speech2img.storage.releases.release import load_release
from speech2img.training.stages import STAGES, Stage, find_stage
from speech2img.training.task import Prepared
from speech2img.training.train import train


def test_a_kind_of_training_is_one_row(tmp_path: Path, toy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STAGES, "toy", Stage("a regression", {"": lambda: toy.ToyTask}))
    result = train("toy", tmp_path, tmp_path / "run", toy.toy_settings(4), device="cpu", progress=False)
    assert result.finished and load_release(tmp_path / "run" / "export")[1] == {"kind": "toy", "step": 4}
    alone, _ = toy.train_toy(tmp_path / "alone", toy.toy_settings(4))
    assert alone.metrics == result.metrics
    assert train("toy", tmp_path, tmp_path / "run", toy.toy_settings(6), device="cpu", progress=False).step == 6


def test_what_a_run_learns_from_may_not_change(
    tmp_path: Path, toy: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STAGES, "toy", Stage("a regression", {"": lambda: toy.ToyTask}))
    for content in ("first", "second"):
        prepared = Prepared(toy.toy_settings(4), {"data_sha256": content})
        monkeypatch.setattr(toy.ToyTask, "prepare", lambda *_, _prepared=prepared, **__: _prepared)
        if content == "first":
            train("toy", tmp_path, tmp_path / "run", toy.toy_settings(4), device="cpu", progress=False)
    with pytest.raises(ConfigError, match="data_sha256"):
        train("toy", tmp_path, tmp_path / "run", toy.toy_settings(4), device="cpu", progress=False)


def test_an_unknown_kind_or_family_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such kind of training; choose among teacher, judge, codec, encoder"):
        train("vocoder", tmp_path, tmp_path / "run", None, device="cpu", progress=False)
    with pytest.raises(ConfigError, match="no such family; choose among stackgan"):
        find_stage("generator").task("diffusion")
    assert find_stage("generator").task() is find_stage("generator").task("stackgan")


def test_the_family_in_a_file_or_an_override_picks_the_settings(
    tmp_path: Path, toy: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage("a regression", {"first": STAGES["generator"].families["stackgan"], "toy": lambda: toy.ToyTask})
    monkeypatch.setattr(toy.ToySettings, "family", "toy", raising=False)
    with pytest.raises(ConfigError, match="unknown setting 'family'"):
        stage.load_settings(overrides=["family=toy"])  # a class that forgot the field
    stage = STAGES["generator"]
    assert stage.load_settings().family == "stackgan"
    file = tmp_path / "generator.toml"
    file.write_text('family = "stackgan"\nbatch_size = 3\n')
    assert stage.load_settings(file=file).batch_size == 3
    for options in ({"overrides": ["family=x"]}, {"overrides": ['family = "x"']}, {"file": file}):
        file.write_text('family = "x"\n')
        with pytest.raises(ConfigError, match="^family x: no such family; choose among stackgan, latent-flow, "):
            stage.load_settings(**options)
    with pytest.raises(ConfigError, match="unknown setting 'family'"):
        STAGES["encoder"].load_settings(overrides=["family=x"])


@pytest.mark.parametrize("name", list(STAGES))
def test_the_name_of_a_stage_is_that_of_its_task(name: str) -> None:
    task = find_stage(name).task()
    assert task.name == name and "loop" in field_docs(task.Settings)
