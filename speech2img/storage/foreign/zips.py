"""Zip archives of any origin: opened only after their entries have been counted, and one error for all damage."""

import errno
import struct
import zipfile
import zlib
from typing import IO

ZIP_DAMAGE = (
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)
"""What ``zipfile`` raises at archives that were tampered with."""

_END, _END_SIZE = b"PK\5\6", 22
_END_64, _END_64_SIZE = b"PK\6\6", 56
_LOCATOR_64, _LOCATOR_64_SIZE = b"PK\6\7", 20
_ENTRY_SIZE = 46
_TAIL = (1 << 16) + _END_SIZE + _END_64_SIZE + _LOCATOR_64_SIZE


class TooManyEntriesError(ValueError):
    """An archive has more entries than its reader takes."""


def open_zip(file: IO[bytes], *, max_members: int) -> zipfile.ZipFile:
    """Open a zip archive whose entries are no more than so many.

    Parameters
    ----------
    file : binary file
        Can be sought in.
    max_members : int
        Most entries; a million of them would take a gigabyte before the first is seen.

    Raises
    ------
    TooManyEntriesError
        If it has more.
    ValueError
        If it is no zip archive or is damaged.
    """
    try:
        # Count before zipfile does, which takes memory for every entry.
        if _count_entries(file, max_members) > max_members:
            raise TooManyEntriesError(f"an archive of more than {max_members:,} files")
        archive = zipfile.ZipFile(file)
        size = file.seek(0, 2)
        if any(not 0 <= member.header_offset < size for member in archive.infolist()):
            raise ValueError("a part lies outside of it")
        return archive
    except TooManyEntriesError:
        raise
    except ZIP_DAMAGE as error:
        raise ValueError(f"no intact zip archive ({error})") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the beginning, as a damaged directory has it
            raise
        raise ValueError("no intact zip archive (a part lies outside of it)") from error


def _count_entries(file: IO[bytes], enough: int) -> int:
    """Entries of an archive: what its end says or what its directory holds, whichever is more; 0 without an end."""
    # Find the record at the end as zipfile does, so that what is counted is what it will read.
    size = file.seek(0, 2)
    start = max(0, size - _TAIL)
    file.seek(start)
    tail = file.read(_TAIL)
    end_record = len(tail) - _END_SIZE
    if end_record < 0 or tail[end_record : end_record + 4] != _END or tail[-2:] != b"\0\0":
        end_record = tail.rfind(_END)
    if not 0 <= end_record <= len(tail) - _END_SIZE:
        return 0
    # The directory by the record, or by its 64-bit form where there is one.
    said, directory = struct.unpack_from("<HI", tail, end_record + 10)
    end = start + end_record
    large = end_record - _LOCATOR_64_SIZE - _END_64_SIZE
    if large >= 0 and tail[end_record - _LOCATOR_64_SIZE :][:4] == _LOCATOR_64 and tail[large : large + 4] == _END_64:
        said, directory = struct.unpack_from("<QQ", tail, large + 32)
        end -= _LOCATOR_64_SIZE + _END_64_SIZE
    # Walk the directory, entry by entry.
    count, offset = 0, max(0, end - directory)
    file.seek(offset)
    while offset < end and count <= enough:
        entry = file.read(_ENTRY_SIZE)
        if len(entry) < _ENTRY_SIZE:
            break
        extra = sum(struct.unpack_from("<HHH", entry, 28))
        file.seek(extra, 1)
        offset, count = offset + _ENTRY_SIZE + extra, count + 1
    return max(count, int(said))
