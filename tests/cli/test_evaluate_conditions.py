"""``evaluate --conditions`` and ``--recordings``: what is refused before anything is heard."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.plain_colors import ColorJudge

from speech2img.cli import evaluate_model
from speech2img.cli.main import main


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    try:
        status = main(["evaluate", *words])
    except SystemExit as end:
        status = int(end.code or 0)
    assert status == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


@pytest.mark.parametrize(
    ("value", "reason"), [("clean,nois20", "no condition 'nois20'; known: clean, noise20"), (",", "no condition;")]
)
def test_an_unknown_condition_is_named_with_those_there_are(
    value: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reason in refused(["--model", "songbirds", "--root", "x", "--conditions", value], capsys)


def test_folders_of_pictures_have_no_conditions(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--conditions: only for --model" in refused(["--generated", "x", "--conditions", "room"], capsys)


def test_the_help_names_every_condition_without_loading_what_makes_them() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from speech2img.cli.main import main\n"
        "try: main(['evaluate', '--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'scipy.signal', 'soxr'} & set(sys.modules), 'heavy imports'"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for name in ("noise20", "8khz", "room", "silence"):
        assert name in shown


@pytest.fixture
def judged(
    corpus: Path, tmp_path: Path, make_release: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """The words of a call that a judge of colours grades, up to the folder of its report."""
    monkeypatch.setattr(evaluate_model, "_judge", lambda *_: ColorJudge())
    model = make_release(tmp_path / "model")
    return ["evaluate", "--model", str(model), "--root", str(corpus), "--device", "cpu", "--out"]


def test_a_damaged_recording_is_named_and_the_report_is_written(
    corpus: Path, judged: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(corpus / "audio", tmp_path / "festival" / "audio")
    words = [*judged, str(tmp_path / "report"), "--recordings", str(tmp_path / "festival")]
    assert main(words) == 0
    (tmp_path / "festival" / "audio" / "3_1.wav").write_bytes(b"RIFF, and no more")
    capsys.readouterr()
    assert main(words) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("speech2img:")]
    assert "3_1.wav" in line and "bug" not in line
    notes = json.loads((tmp_path / "report" / "report.json").read_text())["notes"]
    assert len([note for note in notes if "festival: 1 of 12 recordings could not be used" in note]) == 1


def test_a_damaged_recording_of_the_corpus_is_left_out_and_the_others_count(
    corpus: Path, judged: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*judged, str(tmp_path / "whole")]) == 0
    recordings = sorted((corpus / "audio").rglob("*.wav"))
    for damaged in recordings[1::5]:
        damaged.write_bytes(b"RIFF, and no more")
    capsys.readouterr()
    assert main([*judged, str(tmp_path / "report"), "--conditions", "clean"]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("speech2img:")]
    assert len(lines) == len(recordings[1::5]) and all("bug" not in line for line in lines)
    whole, part = (json.loads((tmp_path / name / "utterances.json").read_text()) for name in ("whole", "report"))
    left_out = len(recordings[1::5])
    assert {one["id"] for one in part} < {one["id"] for one in whole} and len(part) == len(whole) - left_out
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    (note,) = [note for note in report["notes"] if "are not counted" in note]
    assert f": {left_out} of {len(whole)} recordings could not be used and are not counted; the first: " in note
    assert report["corpus"]["utterances"] == len(part)
    # Where fewer than two are left there is nothing to measure.
    for damaged in recordings[:-1]:
        damaged.write_bytes(b"RIFF, and no more")
    assert main([*judged, str(tmp_path / "none")]) == 1
    assert not (tmp_path / "none").exists()
