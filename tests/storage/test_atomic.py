"""Atomic files: whole or absent, whatever happens meanwhile."""

import errno
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.errors import DataError, DiskFullError
from speech2img.storage.atomic import (
    atomic_path,
    atomic_write_bytes,
    disk_errors,
    remove_leftovers,
    temp_name,
    write_json,
    write_text,
)
from speech2img.storage.reading import read_json


def test_a_file_appears_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    write_text(path, "é\n")
    assert path.read_bytes() == b"\xc3\xa9\n"
    assert os.listdir(path.parent) == ["b.txt"]


def test_the_temp_file_keeps_the_suffix_and_the_folder(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "x.wav") as temp:
        assert temp.suffix == ".wav"
        assert temp.parent == tmp_path
        assert not (tmp_path / "x.wav").exists()
        temp.write_bytes(b"new")
    assert (tmp_path / "x.wav").read_bytes() == b"new"


def test_a_failing_block_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with pytest.raises(KeyError), atomic_path(path) as temp:
        temp.write_bytes(b"half")
        raise KeyError
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_limits_that_are_no_lack_of_space_are_named(tmp_path: Path) -> None:
    words = {errno.EFBIG: "'ulimit -f'", errno.EDQUOT: "raise the quota", errno.ENOSPC: "free some space"}
    for number, word in words.items():
        with pytest.raises(DiskFullError, match=word), disk_errors(tmp_path / "x", 1000):
            raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_too_many_open_files_are_not_blamed_on_the_path(tmp_path: Path, number: int) -> None:
    with pytest.raises(DataError, match="x: too many open files; raise 'ulimit -n'"), disk_errors(tmp_path / "x"):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_named_with_the_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="x: the disk is full .1,000 bytes are needed, [0-9,]+ bytes are free"):
        atomic_write_bytes(path, b"n" * 1000)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_a_real_size_limit_is_a_full_disk(tmp_path: Path, in_child: Callable[[Callable[[], object]], int]) -> None:
    def write() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
        with pytest.raises(DiskFullError):
            atomic_write_bytes(tmp_path / "x", bytes(1 << 17))
        assert os.listdir(tmp_path) == []

    assert in_child(write) == 0


def test_a_kill_at_any_moment_leaves_old_or_new(
    tmp_path: Path, killed_at: Callable[[Callable[[], object], int], int]
) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old" * 1000)
    seen, moment = set(), 0
    while killed_at(lambda: atomic_write_bytes(path, b"new" * 1000), moment) != 0:
        seen.add(path.read_bytes()[:3])
        assert len(path.read_bytes()) == 3000
        moment += 1
    assert moment >= 5
    assert seen == {b"old", b"new"}
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == ["x"]


def test_folders_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="file/x: .*check the path"):
        atomic_write_bytes(tmp_path / "file" / "x", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="folder: Is a directory"):
        atomic_write_bytes(tmp_path / "folder", b"")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_leftovers_are_known_by_name(tmp_path: Path) -> None:
    temp_name(tmp_path / "x.wav").write_bytes(b"")
    temp_name(tmp_path / "step-00000001").mkdir()
    (tmp_path / ".keep").write_bytes(b"")
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == [".keep"]


@settings(max_examples=30)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    )
)
def test_json_reads_back_equal(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value)
    assert read_json(path) == value


def test_json_takes_numpy_values_and_paths(tmp_path: Path) -> None:
    write_json(tmp_path / "x", {"a": np.float32(0.5), "b": np.arange(3), "c": Path("d/e")})
    assert read_json(tmp_path / "x") == {"a": 0.5, "b": [0, 1, 2], "c": "d/e"}


@pytest.mark.parametrize("value", [float("nan"), object(), {1j: 2}])
def test_what_is_no_json_is_not_written(tmp_path: Path, value: object) -> None:
    with pytest.raises(DataError, match="cannot be written as JSON"):
        write_json(tmp_path / "x", value)
    assert os.listdir(tmp_path) == []


def test_plain_storage_does_not_import_torch() -> None:
    modules = (
        "errors",
        "config",
        *(
            f"storage.{name}"
            for name in ("atomic", "checksums", "foreign.pickles", "foreign.peer_embeddings", "journal", "lock")
        ),
    )
    code = f"import sys, {', '.join(f'speech2img.{name}' for name in modules)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_texts_with_names_that_are_no_utf_8_are_written(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    write_text(tmp_path / "x.txt", name)
    assert (tmp_path / "x.txt").read_bytes() == b"caf\\udce9"
    write_json(tmp_path / "x.json", {name: [name]})
    assert read_json(tmp_path / "x.json") == {name: [name]}


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EIO])
def test_a_folder_that_cannot_be_synced_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    sync = os.fsync

    def of_files_only(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", of_files_only)
    if number == errno.EIO:
        with pytest.raises(DataError, match="Input/output error"):
            write_text(tmp_path / "a", "x")
    else:
        write_text(tmp_path / "a", "x")
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["a" * 250 + ".wav", "é" * 127, "a." + "b" * 250, "." + "c" * 254])
def test_the_longest_names_that_a_file_may_have_are_written(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, "x")
    assert os.listdir(tmp_path) == [name]
    assert remove_leftovers(tmp_path) is None and os.listdir(tmp_path) == [name]


def test_a_name_that_is_too_long_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="File name too long"):
        write_text(tmp_path / ("a" * 256), "x")
    assert os.listdir(tmp_path) == []


def test_leftovers_are_those_of_this_package(tmp_path: Path) -> None:
    theirs = [".notes.tmp-draft", ".a.tmp-12", "a.tmp-01234567", ".b.tmp-0123abcd.tar.gz"]
    for name in [*theirs, ".a.tmp-0123abcd", ".a.tmp-0123abcd.wav"]:
        (tmp_path / name).write_text("x")
    (tmp_path / ".c.tmp-0123abcd").symlink_to(tmp_path)
    remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(theirs)
