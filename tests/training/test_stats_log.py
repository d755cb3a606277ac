"""The log of a run: it goes on after any lines, and is not written into what is no file."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.damage import mutants
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from speech2img.errors import DataError, DiskFullError
from speech2img.training.stats_log import StatsLog

LINES = b"""{"kind": "train", "step": 5, "loss": 0.5}
{"kind": "evaluation", "step": 10}
{"kind": "train", "step": 15}
"""


def kept(folder: Path) -> list[bytes]:
    StatsLog(folder, step=10, evaluated=10).close()
    return (folder / "stats.jsonl").read_bytes().splitlines()


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b'{"kind": "train", "step": 1' + b"0" * 400 + b"}",
        b'{"kind": "train", "step": ' + b"9" * 5000 + b"}",
        b'{"kind": "train", "step": "x"}',
        b'{"kind": "train", "step": [3]}',
        b"null",
        b"[]",
        b"7",
        b"\xff",
        b'{"kind": "tra',
    ],
    ids=range(10),
)
def test_a_damaged_line_is_dropped_and_the_run_goes_on(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "stats.jsonl").write_bytes(LINES + line + b"\n" + LINES)
    assert kept(tmp_path) == 2 * LINES.splitlines()[:2]


@settings(max_examples=50)
@given(st.data())
def test_any_bytes_are_a_log(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "stats.jsonl").write_bytes(data.draw(st.binary(max_size=300) | mutants(LINES)))
    assert all(json.loads(line)["step"] <= 10 for line in kept(folder))


def test_pipes_devices_and_holes_are_named(tmp_path: Path) -> None:
    makes = (
        os.mkfifo,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: (path.write_bytes(b""), os.truncate(path, 1 << 40)),
    )
    for make in makes:
        make(tmp_path / "stats.jsonl")
        with pytest.raises(DataError, match="stats.jsonl"):
            StatsLog(tmp_path, step=0, evaluated=0)
        (tmp_path / "stats.jsonl").unlink()


@pytest.mark.parametrize("what", ["stats.jsonl", "tensorboard"])
def test_a_full_disk_is_named_with_the_file_that_fills_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    log = StatsLog(tmp_path, step=0, evaluated=-1)
    if what == "tensorboard":
        for name in ("add_scalar", "add_image", "flush", "close"):
            monkeypatch.setattr(log._writer, name, full)
        calls = [lambda: log.add_image("grid", 1, Image.new("RGB", (2, 2))), log.close]
    else:
        monkeypatch.setattr(os, "fsync", full)
        monkeypatch.setattr(log, "_file", SimpleNamespace(write=full, flush=full, close=full))
        calls = [log.close]
    for call in (lambda: log.add("train", 1, {"loss": 1.0}), log.sync, *calls):
        with pytest.raises(DiskFullError, match=f"{what}: the disk is full"):
            call()


def test_lines_of_an_earlier_sitting_get_the_new_names(tmp_path: Path) -> None:
    lines = [b'{"kind": "evaluation", "step": 2, "said_and_shown": 0.5}', b'{"kind": "train", "step": 2,  "kl": 1}']
    (tmp_path / "stats.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    StatsLog(tmp_path, step=2, evaluated=2).close()
    found = (tmp_path / "stats.jsonl").read_bytes().splitlines()
    assert found == [b'{"kind": "evaluation", "step": 2, "attribute_recall": 0.5}', lines[1]]
