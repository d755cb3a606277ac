"""Finished parts of an extraction: they count, and are read, only as they were written."""

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.errors import DataError
from speech2img.storage.chunks import Chunk, Chunks, StoredChunks, open_chunks

Damage = Callable[[bytes, int], Iterator[bytes]]
PART = Chunk({"a": np.arange(12, dtype=np.float32).reshape(4, 3), "b": np.ones((4, 2), np.float32)}, tuple("wxyz"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with open_chunks(tmp_path / "work") as chunks:
        chunks.add(0, PART)
        chunks.add(4, PART)
    return tmp_path / "work"


def everything(folder: Path) -> object:
    """What is there of two parts; a part that does not count is made again, which is as good as an error."""
    with warnings.catch_warnings(action="ignore"):
        chunks = StoredChunks(folder)
    if 0 not in chunks or 4 not in chunks:
        raise DataError("made again")
    return [(chunks.hashes(start), chunks.features(tap, start).tobytes()) for start in (0, 4) for tap in "ab"]


@pytest.mark.parametrize("name", ["chunk-0000004.safetensors", "journal.jsonl"])
def test_damage_never_becomes_a_feature(
    name: str, folder: Path, flipped: Damage, damaged: Damage, hold_contract: Callable[..., int]
) -> None:
    path, expected = folder / name, everything(folder)
    whole = path.read_bytes()
    hold_contract(path, flipped(whole, 300), lambda: everything(folder), expected)
    hold_contract(path, damaged(whole, 100), lambda: everything(folder), expected)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5), st.lists, max_leaves=4
)


@given(
    fields=st.dictionaries(st.sampled_from(["sha256", "hashes", "hashes_sha256", "more"]), VALUES),
    key=st.text(max_size=4) | st.sampled_from(["0", "-1", "00", "٣", "9" * 400]),
)
def test_any_line_of_the_journal_is_a_part_or_none(
    fields: dict[str, object], key: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    (folder / "journal.jsonl").write_text(json.dumps({**fields, "key": key}) + "\n")
    with warnings.catch_warnings(action="ignore"):
        assert 0 not in StoredChunks(folder)


def test_a_part_that_changes_under_the_reader_is_refused(folder: Path) -> None:
    chunks = StoredChunks(folder)
    path = folder / "chunk-0000004.safetensors"
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    np.testing.assert_array_equal(chunks.features("a", 0), PART.features["a"])
    with pytest.raises(DataError, match=r"chunk-0000004.* can no longer be read .*checksum.*; run the same command"):
        chunks.features("a", 4)
    with pytest.raises(DataError, match="can no longer be read"):
        chunks.features("c", 0)
    assert 4 not in StoredChunks(folder)


def test_lines_of_earlier_versions_count(folder: Path) -> None:
    """They have no checksum of the pictures' hashes."""
    journal = folder / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert all(line.pop("hashes_sha256") for line in lines)
    journal.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert 0 in StoredChunks(folder) and 4 in StoredChunks(folder)


def test_without_a_folder_parts_are_in_memory() -> None:
    with open_chunks(None) as chunks:
        chunks.add(0, PART)
        assert type(chunks) is Chunks and 0 in chunks and chunks.hashes(0) == PART.hashes
        assert chunks.features("a", 0) is PART.features["a"]
