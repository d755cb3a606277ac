"""The section of data/README.md on own pictures and recordings, run line by line on a folder of eight pictures."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.own_folder import write_file
from PIL import Image

from speech2img.corpora.folder.guide import EXAMPLE
from speech2img.corpora.records.manifest import Manifest

from .documents import DATA, commands, run, section

TEXT = section(DATA, "Your own pictures and recordings")
LINES = commands(TEXT)
BLOCKS = [commands(block) for block in re.findall(r"```bash\n(.*?)```", TEXT, re.S)]
INSTEAD = next(line for line in LINES if line not in sum(BLOCKS, []))


def _eight(root: Path, *, flat: bool = False) -> None:
    """The example of ``prepare folder --help``, in folders of classes or all in one folder."""
    pytest.importorskip("espeakng_loader", reason="the tts extra is not installed: captions cannot be spoken")
    for number, name in enumerate(re.findall(r"\S+/\S+\.\w+", EXAMPLE)):
        write_file(root / (name.replace("/", "_") if flat else name), number)


def _report(path: Path) -> dict[str, float]:
    report = json.loads((path / "report.json").read_text())
    return {row["name"]: row["value"] for row in report["metrics"]}


def test_the_section_goes_from_a_folder_to_a_report_and_to_tuned_weights() -> None:
    verbs = [[line.split()[1] for line in block] for block in BLOCKS]
    whole = "prepare synthesize train features train extract train generate evaluate"
    assert verbs == [whole.split(), "features train generate extract train evaluate".split()]
    assert [line for line in BLOCKS[1] if "initial=songbirds" in line] == [BLOCKS[1][1]]
    assert "--set generator=songbirds" in BLOCKS[1][4]


def test_every_line_on_eight_pictures_in_classes(tmp_path: Path) -> None:
    _eight(tmp_path / "mybirds")
    for line in BLOCKS[0] + BLOCKS[1]:
        assert run(line, tmp_path) == 0, line
    assert len(Manifest.load(tmp_path / "mybirds").items) == 8
    assert Image.open(tmp_path / "pictures" / "one_0.png").size == (128, 128)  # of the shipped generator
    for name in ("report", "tuned-report"):
        assert np.isfinite(_report(tmp_path / "runs" / "mybirds" / name)["kernel_distance"])


def test_every_line_on_eight_pictures_without_classes(tmp_path: Path) -> None:
    """The two lines of the teacher make way for the one that the text names; only the recording's name is another."""
    _eight(tmp_path / "mybirds", flat=True)
    lines = [line.replace("robin/one_0", "robin_one_0") for line in BLOCKS[0]]
    teacher = [number for number, line in enumerate(lines) if "runs/mybirds/teacher" in line]
    assert teacher == [2, 3]
    for line in [*lines[:2], INSTEAD, *lines[4:]]:
        assert run(line, tmp_path) == 0, line
    assert {item.split for item in Manifest.load(tmp_path / "mybirds").items} == {"train", "val", "test"}
    assert "kernel_distance" in _report(tmp_path / "runs" / "mybirds" / "report")


def test_the_teachers_line_says_what_to_take_where_there_are_no_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _eight(tmp_path / "mybirds", flat=True)
    for line in BLOCKS[0][:2]:
        assert run(line, tmp_path) == 0, line
    capsys.readouterr()
    assert run(BLOCKS[0][2], tmp_path) != 0
    said = capsys.readouterr().err
    assert INSTEAD.removeprefix("speech2img ") in said and len(said.splitlines()) == 1


def test_lines_that_are_left_out_name_the_one_that_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _eight(tmp_path / "mybirds")
    for line in BLOCKS[0][:2]:
        assert run(line, tmp_path) == 0, line
    capsys.readouterr()
    for line, named in ((BLOCKS[0][4], "speech2img features"), (BLOCKS[0][6], "speech2img extract")):
        assert run(line, tmp_path) != 0
        said = capsys.readouterr().err
        assert named in said and len(said.splitlines()) == 1, said
