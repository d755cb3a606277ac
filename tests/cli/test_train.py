"""The status of ``train``: finished, stopped by Ctrl-C, or by another signal, for which scripts may choose one."""

import signal
from pathlib import Path

import pytest

from speech2img.cli.main import main
from speech2img.training import train as training
from speech2img.training.loop import TrainingResult

VARIABLE = "SPEECH2IMG_STOPPED_STATUS"


def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, finished: bool, received: int | None) -> int:
    """Status of a training that ended so."""
    result = TrainingResult(tmp_path / "run", 7, 70, finished, {}, received)
    monkeypatch.setattr(training, "train", lambda *given, **options: result)
    return main(["train", "teacher", "--root", str(tmp_path), "--out", str(tmp_path / "run")])


@pytest.mark.parametrize(
    ("finished", "received", "wished", "status"),
    [
        (True, None, None, 0),
        (True, None, "75", 0),
        (True, signal.SIGTERM, "75", 0),
        (False, signal.SIGTERM, None, 0),
        (False, signal.SIGTERM, "75", 75),
        (False, signal.SIGINT, "75", 130),
    ],
)
def test_what_the_status_says(
    finished: bool,
    received: int | None,
    wished: str | None,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if wished is not None:
        monkeypatch.setenv(VARIABLE, wished)
    assert trained(tmp_path, monkeypatch, finished=finished, received=received) == status
    assert ("step 7, finished" if finished else "stopped early; the same command resumes") in capsys.readouterr().out


@pytest.mark.parametrize("wished", ["-1", "256", "1e2", "seventy", "٧", "99999999999999999999"])
def test_a_status_that_is_none_is_one_line(
    wished: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, wished)
    assert trained(tmp_path, monkeypatch, finished=True, received=None) == 2
    said = capsys.readouterr().err
    assert VARIABLE in said and "set it to 0..255, or not" in said and said.count("\n") == 1
