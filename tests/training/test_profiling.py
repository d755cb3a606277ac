"""Traces of training steps."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from speech2img.cli.main import main
from speech2img.errors import ConfigError
from speech2img.training.run import LoopSettings


def steps_in(trace: Path) -> int:
    """Training steps that a trace shows."""
    events: list[dict[str, Any]] = json.loads(trace.read_text())["traceEvents"]
    assert any(event.get("name") == "aten::addmm" for event in events)
    return sum(event.get("name") == "train_step" and event.get("ph") == "X" for event in events)


def test_traced_steps_are_written_and_the_run_is_the_same(toy: ModuleType, tmp_path: Path) -> None:
    _, plain = toy.train_toy(tmp_path / "plain", toy.toy_settings(6))
    _, traced = toy.train_toy(tmp_path / "traced", toy.toy_settings(6, profile_steps=3))
    assert toy.digest(traced.state_dict()) == toy.digest(plain.state_dict())
    (trace,) = (tmp_path / "traced" / "profile").iterdir()
    assert trace.name == "steps-00000003-00000005.json"
    assert steps_in(trace) == 3
    assert not (tmp_path / "plain" / "profile").exists()


def test_a_run_that_ends_early_leaves_what_there_was_and_a_later_sitting_adds_its_own(
    toy: ModuleType, tmp_path: Path
) -> None:
    toy.train_toy(tmp_path, toy.toy_settings(4, profile_steps=9))
    toy.train_toy(tmp_path, toy.toy_settings(8, profile_steps=1))
    names = sorted(path.name for path in (tmp_path / "profile").iterdir())
    assert names == ["steps-00000003-00000004.json", "steps-00000007-00000007.json"]
    assert [steps_in(tmp_path / "profile" / name) for name in names] == [2, 1]


@pytest.mark.parametrize(("flags", "steps"), [([], 0), (["--profile"], 5), (["--profile", "3"], 3)])
def test_the_flag_sets_the_steps(flags: list[str], steps: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: list[Any] = []

    def train(stage: str, root: Path, out: Path, settings: Any, **options: Any) -> Any:
        given.append(settings)
        raise ConfigError.about("test", "seen enough", "stop")

    from speech2img.training import train as training

    monkeypatch.setattr(training, "train", train)
    monkeypatch.setenv("SPEECH2IMG_TUNED", "1")
    main(["train", "encoder", "--root", str(tmp_path), "--out", str(tmp_path / "run"), *flags])
    assert given[0].loop.profile_steps == steps


def test_a_negative_number_of_steps_is_refused() -> None:
    with pytest.raises(ConfigError, match="profile_steps"):
        LoopSettings(profile_steps=-1)
