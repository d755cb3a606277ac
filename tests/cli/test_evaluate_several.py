"""``speech2img evaluate`` with several protocols, several networks, and training pictures: numbers and refusals."""

from pathlib import Path

import pytest
from helpers.folder_evaluations import Run, StubReader, random_pictures, refused_line

from speech2img.cli.main import main
from speech2img.metrics.evaluate.several.protocols import TITLE


def test_the_command_line_parts_protocols_by_commas(
    folders: tuple[Path, Path], tmp_path: Path, stub: type[StubReader], capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["evaluate", "--generated", str(folders[0]), "--real", str(folders[1]), "--network", "net"]
    assert main([*argv, "--protocol", "clean,pytorch-fid,sta", "--allow-small", "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert f"## {TITLE}" in out and "| clean |" in out and "| pytorch-fid |" in out
    fids = {
        line.split(" | ")[0]: line.split(" | ")[1] for line in out.splitlines() if line.startswith(("| sta", "| pyt"))
    }
    assert len(set(fids.values())) == 2  # squashed to 256 px first, or not
    with pytest.raises(SystemExit):
        main([*argv, "--protocol", "clean,none-such"])
    assert "no protocol 'none-such'" in capsys.readouterr().err


def test_bad_input_is_one_line(
    folders: tuple[Path, Path], tmp_path: Path, stub: type[StubReader], capsys: pytest.CaptureFixture[str]
) -> None:
    both = ("--network", "net", "--protocol", "clean,sta")
    line = refused_line(capsys, tmp_path, "--generated", folders[0], *both)
    assert "several protocols need pictures of both sides" in line and "--real is lacking" in line
    line = refused_line(capsys, tmp_path, "--generated", folders[0], "--real", folders[1], *both, "--taps", "pool64")
    assert "--taps: not with several protocols" in line
    line = refused_line(capsys, tmp_path, "--model", "songbirds", "--root", tmp_path, *both)
    assert "several at once are for folders of pictures" in line


def test_several_networks_and_training_pictures(
    folders: tuple[Path, Path], tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    two = ("--generated", folders[0], "--real", folders[1])
    line = refused_line(capsys, tmp_path, *two, "--network", "net", "net2")
    assert "--network net2: it and net are both called" in line
    training = random_pictures(tmp_path / "training", 30, seed=9)
    report = run(*two, "--train", training, "--taps", "pool64")
    assert (tmp_path / "out" / "nearest-1.png").is_file()
    assert "Nearest training pictures" in report["sections"]
    names = {row["name"] for row in report["metrics"]}
    assert {"mind_of_training_pictures", "nearer_to_training", "suspected_copies", "mind_of_test_halves"} <= names
