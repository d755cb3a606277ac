"""Inspection: every file is read once, its state remembered, and whatever changed or cannot be read is named."""

import hashlib
import json
import os

import pytest

from speech2img.corpora.checks import file_records as inspection
from speech2img.corpora.checks.file_records import Needed, changed_files, demand_files, inspect_files
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import DataError


@pytest.fixture
def root(tmp_path):
    from PIL import Image

    for k in range(6):
        Image.new("RGB", (4 + k, 3), (k, 0, 0)).save(tmp_path / f"{k}.jpg")
    (tmp_path / "list.txt").write_text("a list")
    return tmp_path


PICTURES = [f"{k}.jpg" for k in range(6)]


def inspect(root, pictures=PICTURES):
    return inspect_files(root, images=pictures, others=["list.txt"], source="fetch them", progress=False)


def test_states(root):
    states = inspect(root)
    assert list(states) == [*PICTURES, "list.txt"]
    assert states["2.jpg"].sides == (6, 3) and states["list.txt"].sides is None
    assert states["list.txt"].size == 6
    assert states["list.txt"].sha256 == hashlib.sha256(b"a list").hexdigest()
    lines = [json.loads(line) for line in (root / "files.jsonl").read_text().splitlines()]
    assert {line["key"]: line["sha256"] for line in lines} == {path: state.sha256 for path, state in states.items()}


def test_sides_are_those_of_the_stored_pixels_to_which_boxes_refer(root):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (4, 3)).save(root / "0.jpg", exif=exif)
    assert inspect(root)["0.jpg"].sides == (4, 3)


def test_nothing_is_read_twice(root, monkeypatch):
    first = inspect(root)
    monkeypatch.setattr(inspection, "probe_image", None)
    monkeypatch.setattr(inspection, "file_sha256", None)
    assert inspect(root) == first


def test_goes_on_where_it_was_interrupted(root, monkeypatch):
    seen = []

    def probe(path, *, upright):
        if path.name == "4.jpg":
            raise KeyboardInterrupt
        seen.append(path.name)
        return (1, 1)

    monkeypatch.setattr(inspection, "_BATCH", 2)
    monkeypatch.setattr(inspection, "probe_image", probe)
    with pytest.raises(KeyboardInterrupt):
        inspect_files(root, images=PICTURES, source="", workers=1, progress=False)
    monkeypatch.undo()
    before = len((root / "files.jsonl").read_text().splitlines())
    assert before == 4
    inspect(root)
    assert len((root / "files.jsonl").read_text().splitlines()) == 7


def test_changed_files(root):
    inspect(root)
    Manifest(root, "cub", []).save()
    assert changed_files(root) == []
    os.utime(root / "1.jpg", ns=(5, 5))
    assert changed_files(root) == [] and len(inspect(root)) == 7
    (root / "list.txt").write_text("A list")
    (root / "0.jpg").unlink()
    assert changed_files(root) == ["0.jpg", "list.txt"]
    with pytest.raises(DataError, match=r"changed since the manifest was written: 1 file \(list.txt\); put"):
        inspect(root, PICTURES[1:])
    (root / "list.txt").write_text("a list")
    inspect(root, PICTURES[1:])
    (root / "list.txt").write_text("A list")
    (root / "manifest.jsonl").unlink()
    inspect(root, PICTURES[1:])
    assert changed_files(root) == ["0.jpg"]


def test_without_a_record_nothing_is_known(tmp_path):
    assert changed_files(tmp_path) == []


def test_damaged_pictures_are_counted(root):
    for k in range(5):
        (root / f"{k}.jpg").write_bytes(b"x")
    with pytest.raises(
        DataError, match=r"cannot be read: 5 of 6 \w+ \(0.jpg: .*; 1.jpg: .*; 2.jpg: .*; ... and 2 more\); f"
    ):
        inspect(root)


def test_foreign_lines_of_the_record_are_passed_over(root, capsys):
    lines = ['{"key": "0.jpg", "size": "big"}', '{"key": "1.jpg"}', "nonsense", '{"key": "2.jpg", "sides": [1]}']
    (root / "files.jsonl").write_text("\n".join(lines) + "\n")
    assert inspect(root)["0.jpg"].sides == (4, 3)
    assert "1 damaged line" in capsys.readouterr().err


def test_missing(root):
    demand_files(root, [Needed("pictures", tuple(PICTURES), "fetch them")])
    (root / "0.jpg").write_bytes(b"")
    needed = [
        Needed("pictures", tuple(PICTURES), "fetch pictures"),
        Needed("captions", tuple(f"{k}.txt" for k in range(6)), "fetch captions", frozenset({"3.txt"})),
    ]
    with pytest.raises(DataError) as caught:
        demand_files(root, needed)
    assert str(caught.value) == (
        f"{root}: missing or empty: 1 of 6 pictures (0.jpg): fetch pictures; missing or empty: 5 of 6 captions "
        "(0.txt, 1.txt, 2.txt, ... and 2 more): fetch captions; the whole list is in derived/prepare/missing.txt; "
        "then run it again"
    )
    listing = root / "derived/prepare/missing.txt"
    assert listing.read_text().split() == ["0.jpg", "0.txt", "1.txt", "2.txt", "4.txt", "5.txt"]
    demand_files(root, [Needed("pictures", ("1.jpg",), "")])
    assert not listing.exists()
