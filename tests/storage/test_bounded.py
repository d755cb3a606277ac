"""Files that unfold: holes, gzip, and what no file of that size can become."""

import errno
import gzip
import os
from pathlib import Path

import pytest

from speech2img.errors import DataError
from speech2img.storage import bounded
from speech2img.storage.bounded import MAX_RATIO, SPARE_BYTES, most_bytes, open_bounded, open_unpacked


def test_a_small_file_may_become_a_little_and_a_large_one_a_multiple() -> None:
    assert most_bytes(0) == SPARE_BYTES
    assert most_bytes(1 << 30) == SPARE_BYTES + MAX_RATIO * (1 << 30)


@pytest.mark.parametrize("opened", [open_bounded, open_unpacked])
def test_a_regular_file_is_read_from_its_beginning(tmp_path: Path, opened: object) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    with opened(tmp_path / "a") as file:  # type: ignore[operator]
        assert file.read() == b"0123456789"
        assert file.seek(3) == 3 and file.read(2) == b"34"
    with pytest.raises(DataError, match="a: is larger than 9 bytes"), opened(tmp_path / "a", max_bytes=9):  # type: ignore[operator]
        pass


def test_what_is_no_file_is_named_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, reason in (
        (tmp_path / "pipe", "regular file"),
        (tmp_path, "directory"),
        (tmp_path / "none", "No such file"),
    ):
        with pytest.raises(DataError, match=reason), open_bounded(path):
            pass
    with pytest.raises(DataError, match="regular file"), open_bounded("/dev/zero"):
        pass


def sparse(path: Path, *, size: int, data: int) -> Path:
    """A file of which only so many bytes at its end take room."""
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(size - data)
        file.write(b"x" * data)
    return path


def test_files_of_holes_are_named_and_files_with_some_are_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holes: consists of holes: of its 3,221,225,472 bytes"):
        with open_bounded(sparse(tmp_path / "holes", size=3 << 30, data=4096)):
            pass
    with (
        pytest.raises(DataError, match="consists of holes"),
        open_bounded(sparse(tmp_path / "all", size=1 << 30, data=0)),
    ):
        pass
    with open_bounded(sparse(tmp_path / "some", size=200 << 20, data=4 << 20)) as file:
        assert file.read(1) == b"\0"


def test_a_file_system_that_knows_no_holes_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> int:
        raise OSError(22, "Invalid argument")

    path = sparse(tmp_path / "holes", size=3 << 30, data=0)
    monkeypatch.setattr(bounded.os, "lseek", unknown)
    with open_bounded(path) as file:
        assert file.read(1) == b"\0"


def test_gzip_is_unpacked_whatever_its_name_and_only_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pth").write_bytes(gzip.compress(b"one") + gzip.compress(b"two"))
    with open_unpacked(tmp_path / "a.pth") as file:
        assert file.read() == b"onetwo" and file.seek(0, 2) == 6
    monkeypatch.setattr(bounded, "SPARE_BYTES", 1 << 20)
    (tmp_path / "bomb").write_bytes(gzip.compress(bytes(8 << 20)))
    with pytest.raises(DataError, match="bomb: would grow beyond"), open_unpacked(tmp_path / "bomb"):
        pass
    for cut in (3, 12, 25):
        (tmp_path / "cut").write_bytes((tmp_path / "a.pth").read_bytes()[:cut])
        with pytest.raises(DataError, match="cut: is compressed and damaged"), open_unpacked(tmp_path / "cut"):
            pass


def test_a_disk_that_fails_while_it_is_read_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with pytest.raises(DataError, match=r"file: Input/output error; check the path"), open_bounded(path):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(OSError, match="of a format"), open_bounded(path):
        raise OSError("of a format")
