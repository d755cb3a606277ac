"""Seals: any manifest is the one that was written, or damage."""

import json
import os
import time
from pathlib import Path

import pytest
from helpers.damage import mutants
from hypothesis import given
from hypothesis import strategies as st

from speech2img.errors import CheckpointError
from speech2img.storage.atomic import write_checksums
from speech2img.storage.checksums import MANIFEST, read_manifest, verify_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sealed")
    (path / "x").write_bytes(b"content")
    write_checksums(path, ["x"], format="f", step=3)
    return path


@given(data=st.data())
def test_any_manifest_is_the_one_that_was_written_or_damage(folder: Path, data: st.DataObject) -> None:
    whole = (folder / MANIFEST).read_bytes()
    changed = data.draw(st.binary(max_size=300) | mutants(whole))
    (folder / MANIFEST).write_bytes(changed)
    try:
        manifest = read_manifest(folder)
        if changed == whole:
            assert manifest == verify_folder(folder)
        else:
            assert manifest is None
            with pytest.raises(CheckpointError, match="is not intact") as caught:
                verify_folder(folder)
            assert "\n" not in str(caught.value)
    finally:
        (folder / MANIFEST).write_bytes(whole)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"seal": ' + "9" * 5000 + "}",
        '{"seal":' * 50_000,
        json.dumps({"seal": "x", "files": {"..": {"size": 1, "sha256": ""}}}),
        json.dumps({"seal": [], "files": {"a\0b": {}}}),
    ],
    ids=range(5),
)
def test_numbers_depth_and_names_without_end(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(CheckpointError, match="is not intact") as caught:
        verify_folder(tmp_path)
    assert len(str(caught.value)) < 500


def test_pipes_devices_and_holes_are_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"content")
    write_checksums(tmp_path, ["x"])
    os.truncate(tmp_path / "x", 1 << 40)
    start = time.monotonic()
    with pytest.raises(CheckpointError, match="x differs"):
        verify_folder(tmp_path)
    for make in (os.mkfifo, lambda path: Path(path).symlink_to("/dev/zero")):
        for name in ("x", MANIFEST):
            content = (tmp_path / MANIFEST).read_bytes()
            (tmp_path / name).unlink()
            make(tmp_path / name)
            with pytest.raises(CheckpointError, match="is not intact"):
                verify_folder(tmp_path)
            (tmp_path / name).unlink()
            (tmp_path / name).write_bytes(content)
    assert time.monotonic() - start < 5
