"""What an error means to the user: his file, his memory, his disk, or a bug of this package."""

import errno
import os
from pathlib import Path

import pytest

from speech2img.cli import complaints
from speech2img.cli.complaints import complaint
from speech2img.errors import AudioError


def _system_error(number: int, *names: str) -> OSError:
    return OSError(number, os.strerror(number), *names[:1], *([None, names[1]] if len(names) > 1 else []))


def _caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "none left"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"), "allocate"),
        (RuntimeError("can't start new thread"), "thread"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "CUDA"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "libtorch_cpu.so"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "Cannot allocate memory"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "unavailable"),
        (OSError("Unable to synchronously open file (memory allocation failed)"), "open file"),
        (_caused(ImportError("READ THIS\nno numpy"), ImportError("a.so: failed to map segment")), "memory: a.so"),
    ],
)
def test_a_lack_of_memory_has_status_four(error: Exception, words: str) -> None:
    message, status = complaint(error)
    assert status == 4 and message.startswith("memory: ") and words in message and "bug" not in message


def test_what_may_mean_memory_means_it_where_memory_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(complaints, "address_space", lambda: None)
    assert complaint(RuntimeError("could not create a primitive"))[1] == 70
    monkeypatch.setattr(complaints, "address_space", lambda: 10**9)
    assert complaint(RuntimeError("could not create a primitive"))[1] == 4


@pytest.mark.parametrize(
    "number",
    [
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EEXIST,
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENAMETOOLONG,
        errno.ELOOP,
        errno.ENOENT,
        errno.EIO,
        errno.EBUSY,
        errno.ESTALE,
        errno.ENOTEMPTY,
        errno.ENODEV,
    ],
)
def test_a_place_that_cannot_be_used_is_named_and_no_bug(number: int) -> None:
    message, status = complaint(_system_error(number, "runs/a"))
    assert status == 1 and message.startswith(f"runs/a: {os.strerror(number).lower()}") and "bug" not in message


def test_both_paths_of_a_move_are_named() -> None:
    assert complaint(_system_error(errno.EXDEV, "a", "b"))[0].startswith("a -> b: ")


def test_limits_of_the_system_say_how_to_raise_them() -> None:
    message, status = complaint(_system_error(errno.EMFILE, "x.h5"))
    assert status == 1 and "ulimit -n" in message
    message, status = complaint(_system_error(errno.ENOSPC))
    assert status == 5 and "the disk is full" in message
    assert complaint(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))[1] == 1


def test_a_system_without_a_temporary_folder_says_how_to_name_one() -> None:
    message, status = complaint(FileNotFoundError(2, "No usable temporary directory found in ['/tmp']"))
    assert status == 1 and "set TMPDIR" in message and "bug" not in message


def test_names_that_are_not_utf_8_are_shown_escaped(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError) as caught:
        (tmp_path / "names.txt").write_text("caf\udce9.wav", encoding="utf-8")
    message, status = complaint(caught.value)
    assert status == 1 and message.startswith(r"caf\udce9.wav: ") and message.isascii()


def test_a_zero_byte_in_a_path_is_the_users() -> None:
    with pytest.raises(ValueError, match="null byte") as caught:
        os.stat("a\0b")
    assert complaint(caught.value)[1] == 1


def test_ours_speak_for_themselves_and_the_rest_is_a_bug() -> None:
    assert complaint(AudioError.about("a", "b", "c")) == ("a: b; c", 1)
    message, status = complaint(KeyError("x" * 5000))
    assert status == 70 and "this is a bug" in message and len(message) < 1000
