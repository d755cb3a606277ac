"""Unpacks zip and tar archives of strangers: nothing leaves the folder, nothing grows without bound, no links."""

import contextlib
import lzma
import os
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from speech2img.errors import DataError
from speech2img.storage.atomic import disk_errors, disk_full, fsync
from speech2img.storage.bounded import open_bounded
from speech2img.storage.foreign.tars import open_tar
from speech2img.storage.foreign.zips import TooManyEntriesError, open_zip
from speech2img.storage.progress import track

_CHUNK = 1 << 20
_JUNK = frozenset(("__MACOSX", ".DS_Store"))
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_FIX = "fetch the archive again from its official page"


@dataclass(frozen=True, kw_only=True)
class ArchiveLimits:
    """What an archive may hold; anything beyond is an error before it is written."""

    max_members: int = 200_000
    """Files and folders."""
    max_bytes: int = 30 << 30
    """All files together, unpacked."""
    max_ratio: float = 100.0
    """Unpacked size over the archive's own, beyond the first 64 MiB."""


_FREE_BYTES = 64 << 20
_MAX_PARTS = 64
_MAX_PART_BYTES = 255


def extract_archive(
    path: str | Path, folder: str | Path, *, limits: ArchiveLimits | None = None, progress: bool = True
) -> list[Path]:
    """Unpack an archive into a folder: all of it or nothing.

    Parameters
    ----------
    path : path
        A zip, or a tar (plain, gzip, bzip2 or xz), whatever it is named.
    folder : path
        Made if absent. What is unpacked lies in a hidden folder in it until it is complete.
    limits : ArchiveLimits, optional
        Other limits than the usual ones.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    list of Path
        The files and folders that appeared in ``folder``.

    Raises
    ------
    DataError
        If the archive is damaged, holds absolute paths, ``..``, links, devices or more than the limits allow, or
        would overwrite something. Nothing is left behind.
    DiskFullError
        If the disk has no room.
    """
    path, folder = Path(path), Path(folder)
    # Unpack beside the target, so that nothing half unpacked is ever seen.
    with open_bounded(path) as file:
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            temp = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder))
        try:
            with disk_errors(folder), archive_errors(path):
                # All members together may not outgrow their budget.
                budget = _Budget(path, os.fstat(file.fileno()).st_size, limits or ArchiveLimits(), folder)
                is_zip = zipfile.is_zipfile(file)
                file.seek(0)
                members = _zip_members(file, budget) if is_zip else _tar_members(file, budget)
                for name, source in track(members, what=f"unpacking {path.name}", unit="file", progress=progress):
                    budget.member()
                    _write(temp, name, source, budget)
            return _move(path, temp, folder)
        finally:
            shutil.rmtree(temp, ignore_errors=True)


class _Budget:
    """Counts what comes out of an archive against its limits."""

    def __init__(self, path: Path, size: int, limits: ArchiveLimits, folder: Path) -> None:
        self.path, self.limits, self.folder = path, limits, folder
        self.most = min(limits.max_bytes, int(limits.max_ratio * size) + _FREE_BYTES)
        self.members = self.bytes = 0

    def member(self, count: int = 1) -> None:
        """Count members; DataError if there are too many."""
        self.members += count
        if self.members > self.limits.max_members:
            raise self.too_many()

    def too_many(self) -> DataError:
        """Build the error of too many members."""
        return DataError.about(self.path, f"holds more than {self.limits.max_members:,} files", _FIX)

    def room(self, size: int) -> None:
        """Check that so many more bytes are within the limits and fit on the disk."""
        if self.bytes + size > self.most:
            reason = f"would grow beyond {self.most:,} bytes, {self.limits.max_ratio:g} times its own size"
            raise DataError.about(self.path, reason, _FIX)
        if size > shutil.disk_usage(self.folder).free:
            raise disk_full(self.folder, size)

    def spend(self, size: int) -> None:
        """Count bytes that were written."""
        self.room(0)
        self.bytes += size


Member = tuple[str, IO[bytes] | None]
"""Name, and content; None for a folder."""


def _zip_members(file: IO[bytes], budget: _Budget) -> Iterator[Member]:
    try:
        archive = open_zip(file, max_members=budget.limits.max_members)
    except TooManyEntriesError:
        raise budget.too_many() from None
    with archive:
        infos = archive.infolist()
        # Links, devices, encryption and rare methods are refused before a byte is read.
        budget.room(sum(info.file_size for info in infos))
        for info in infos:
            kind = info.external_attr >> 28
            if info.create_system == 3 and kind not in (0, 4, 8):
                raise DataError.about(budget.path, f"{_shown(info.filename)} is a link or a device", _FIX)
            if info.flag_bits & 1:
                raise DataError.about(budget.path, f"{_shown(info.filename)} is encrypted", _FIX)
            if info.compress_type not in _ZIP_METHODS:
                reason = f"{_shown(info.filename)} is compressed in a way that is not read"
                raise DataError.about(budget.path, reason, _FIX)
            if info.is_dir():
                yield info.filename, None
            else:
                with archive.open(info) as source:
                    yield info.filename, source


def _tar_members(file: IO[bytes], budget: _Budget) -> Iterator[Member]:
    with open_tar(file) as archive:
        for member in archive:
            if not (member.isreg() or member.isdir()):
                raise DataError.about(budget.path, f"{_shown(member.name)} is a link or a device", _FIX)
            yield member.name, archive.extractfile(member) if member.isreg() else None


def _shown(name: str) -> str:
    """A name for a message: short, and of characters that can be written."""
    return name[:80].encode("utf-8", "backslashreplace").decode()


def _write(temp: Path, name: str, source: IO[bytes] | None, budget: _Budget) -> None:
    # The path must stay below the folder, on any system.
    plain = PurePosixPath(name.replace("\\", "/"))
    target = temp / plain
    drive = bool(plain.parts) and plain.parts[0].endswith(":")
    if plain.is_absolute() or drive or ".." in plain.parts or "\0" in name or not target.is_relative_to(temp):
        raise DataError.about(budget.path, f"holds the path {name[:80]!r}, which leaves the folder", _FIX)
    if len(plain.parts) > _MAX_PARTS or any(len(os.fsencode(part)) > _MAX_PART_BYTES for part in plain.parts):
        raise DataError.about(budget.path, f"holds the path {_shown(name)!r}, which is too long", _FIX)
    # Junk of other systems is read away: it counts, and is not kept.
    if target == temp or _JUNK & set(plain.parts):
        target = Path(os.devnull)  # it is read and counted all the same: it may have no end
    elif source is None:
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
    if source is None:
        return
    # Written in pieces, each counted.
    with target.open("wb" if target == Path(os.devnull) else "xb") as file:
        while data := source.read(_CHUNK):
            budget.room(len(data))
            file.write(data)
            budget.spend(len(data))


def _move(path: Path, temp: Path, folder: Path) -> list[Path]:
    entries = sorted(temp.iterdir())
    if not entries:
        raise DataError.about(path, "holds no files", _FIX)
    for entry in entries:
        if (folder / entry.name).exists():
            raise DataError.about(folder / entry.name, "is there already", "move it away, then unpack again")
    moved = []
    for entry in entries:
        moved.append(entry.rename(folder / entry.name))
    fsync(folder)
    return moved


@contextlib.contextmanager
def archive_errors(path: Path, *, fix: str = _FIX) -> Iterator[None]:
    """Turn whatever a damaged archive raises into one error that names it.

    Parameters
    ----------
    path : Path
        The archive.
    fix : str
        What the user can do about it.

    Raises
    ------
    DataError
        In the place of what ``zipfile``, ``tarfile`` and the decoders raise; an error of the disk passes.
    """
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, struct.error) as error:
        raise DataError.about(path, f"damaged or not an archive ({error})", fix) from error
    except (NotImplementedError, RuntimeError, ValueError, LookupError, OverflowError, TypeError) as error:
        raise DataError.about(path, f"damaged or of a kind that is not read ({error})", fix) from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise DataError.about(path, f"holds a name twice ({Path(str(error.filename)).name})", fix) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise DataError.about(path, f"damaged ({error})", fix) from error
