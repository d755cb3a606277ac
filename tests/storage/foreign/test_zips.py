"""Zip archives: counted before they are opened, one error for all damage, whatever their end says."""

import io
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.storage.foreign.zips import ZIP_DAMAGE, TooManyEntriesError, open_zip


def archive(count: int, *, comment: bytes = b"", before: bytes = b"") -> bytes:
    file = io.BytesIO()
    file.write(before)
    with zipfile.ZipFile(file, "a" if before else "w") as written:
        for number in range(count):
            written.writestr(f"{number}", b"x" * number)
        written.comment = comment
    return file.getvalue()


@pytest.mark.parametrize("data", [archive(5), archive(5, comment=b"words " * 99), archive(5, before=b"#! a program\n")])
def test_entries_are_counted_as_zipfile_finds_them(data: bytes) -> None:
    with open_zip(io.BytesIO(data), max_members=5) as opened:
        assert len(opened.infolist()) == 5 and opened.read("4") == b"xxxx"
    with pytest.raises(TooManyEntriesError, match="more than 4 files"):
        open_zip(io.BytesIO(data), max_members=4)


def test_an_archive_of_more_than_16_bits_say_is_counted() -> None:
    data = archive(1)
    start, end = data.find(b"PK\1\2"), data.rfind(b"PK\5\6")
    directory = data[start:end] * 66_000
    end_64 = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 66_000, 66_000, len(directory), start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, start + len(directory), 1)
    last = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    data = data[:start] + directory + end_64 + locator + last
    with open_zip(io.BytesIO(data), max_members=66_000) as opened:
        assert len(opened.infolist()) == 66_000
    with pytest.raises(TooManyEntriesError):
        open_zip(io.BytesIO(data), max_members=65_999)


def test_an_end_that_lies_is_not_believed() -> None:
    data = bytearray(archive(30))
    end = data.rfind(b"PK\5\6")
    data[end + 8 : end + 12] = struct.pack("<HH", 1, 1)
    with pytest.raises(TooManyEntriesError):
        open_zip(io.BytesIO(bytes(data)), max_members=29)


def test_parts_outside_of_a_file_are_damage(tmp_path: Path) -> None:
    data = archive(3)
    end = data.rfind(b"PK\5\6")
    for place, value in ((end + 16, 0xFFFFFF), (end + 12, 0xFFFF), (data.find(b"PK\1\2") + 42, 0xFFFFFF)):
        mutant = bytearray(data)
        mutant[place : place + 4] = struct.pack("<I", value)
        (tmp_path / "a.zip").write_bytes(mutant)
        with (tmp_path / "a.zip").open("rb") as file, pytest.raises(ValueError, match="no intact zip archive"):
            open_zip(file, max_members=10)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=5),
    st.integers(0, 30),
    st.binary(max_size=40),
)
def test_mutants_are_opened_or_one_error(changes: list[tuple[int, int]], cut: int, more: bytes) -> None:
    data = bytearray(archive(4, comment=b"a"))
    for place, value in changes:
        data[place % len(data)] = value
    try:
        with open_zip(io.BytesIO(bytes(data[: len(data) - cut]) + more), max_members=10) as opened:
            for name in opened.namelist():
                opened.read(name)
    except ZIP_DAMAGE:
        pass
