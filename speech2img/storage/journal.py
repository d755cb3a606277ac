"""The list of finished work: one JSON line an item, on the disk before the item counts, read back after any crash."""

import contextlib
import fcntl
import json
import os
import stat
from collections.abc import Iterable, Iterator
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

from speech2img.errors import DataError
from speech2img.storage.atomic import disk_errors, plain_json
from speech2img.storage.notices import notice
from speech2img.storage.reading import parse_json

MAX_LINE_BYTES = 1 << 20
MAX_JOURNAL_BYTES = 1 << 30
_BEGINNING = b'{"key": '


class Journal:
    """An append-only JSONL file of finished items; one writer at a time, or several that share it.

    Parameters
    ----------
    path : path
        Made with its folder if absent. A torn last line, as a crash leaves it, is cut off; damaged lines elsewhere
        are said on standard error and their items count as not done.
    shared : bool
        Whether other processes may add to the file at the same time; each then waits for its turn by a file lock.

    Attributes
    ----------
    shared : bool
        As given.
    done : dict of str to dict
        Finished items by key, with the fields they were added with; a later line of a key wins. What other processes
        add is seen after `reload`.
    """

    def __init__(self, path: str | Path, *, shared: bool = False) -> None:
        self.path = Path(path)
        self.shared = shared
        self.done: dict[str, dict[str, Any]] = {}
        self.reload()

    def reload(self) -> None:
        """Read the file again from its beginning.

        Raises
        ------
        DataError
            If it cannot be read, or is no journal; then it stays as it is.
        """
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._open() as file:
                whole = self._cut_torn_line(file)
                file.seek(0)
                self.done.clear()
                damaged = sum(not self._remember(line) for line in _lines(file, whole))
        if damaged:
            notice(f"{self.path}: {damaged} damaged lines; their items count as not done")

    def add(self, key: str, **fields: Any) -> None:
        """Record one finished item; it is on the disk when this returns.

        Raises
        ------
        DiskFullError
            If the disk has no room; the item then does not count.
        """
        self.add_many([(key, fields)])

    def add_many(self, items: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Record several finished items at the price of one; errors as `add`."""
        # All lines in one write, so that they land together.
        items = list(items)
        rows = (json.dumps({"key": key, **fields}, allow_nan=False, default=plain_json) for key, fields in items)
        lines = "".join(f"{row}\n" for row in rows).encode()
        with disk_errors(self.path, len(lines)), self._open() as file:
            size = file.seek(0, os.SEEK_END)
            # Only an owner of the lock may repair what another process left.
            if self.shared and size and os.pread(file.fileno(), 1, size - 1) != b"\n":
                size = self._cut_torn_line(file)  # another process died in the middle of a line
            # On a full disk the file is as it was.
            try:
                view = memoryview(lines)
                while view:
                    view = view[file.write(view) :]
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise
        self.done.update({key: dict(fields) for key, fields in items})

    @contextlib.contextmanager
    def _open(self) -> Iterator[FileIO]:
        with FileIO(self.path, "ab+", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DataError.about(self.path, "is not a regular file", "move it away")
            if self.shared:
                fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def _cut_torn_line(self, file: FileIO) -> int:
        """Length of a journal up to its last complete line; what a crash left behind that is cut off."""
        # Read backwards to the end of the last whole line.
        size = file.seek(0, os.SEEK_END)
        if size > MAX_JOURNAL_BYTES:
            raise DataError.about(self.path, f"is larger than {MAX_JOURNAL_BYTES:,} bytes", "move it away")
        end, tail = size, b""
        while end and b"\n" not in tail and len(tail) <= MAX_LINE_BYTES:
            start = max(0, end - (1 << 16))
            tail = os.pread(file.fileno(), end - start, start) + tail
            end = start
        torn = tail[tail.rfind(b"\n") + 1 :]
        # Cut only what can be the beginning of a line of ours.
        if torn:
            written = torn.rstrip(b"\0")  # a machine that lost its power leaves zeros
            whole_line = b"\n" in tail or not end
            if not whole_line or not (written.startswith(_BEGINNING) or _BEGINNING.startswith(written)):
                raise DataError.about(self.path, "does not end as a journal does", "move it away, if it is not one")
            file.truncate(size - len(torn))
        return size - len(torn)

    def _remember(self, line: bytes) -> bool:
        try:
            fields = parse_json(line)
            key = fields.pop("key")
        except (ValueError, LookupError, TypeError, AttributeError):
            return False
        if not isinstance(key, str):
            return False
        self.done[key] = fields
        return True


def _lines(file: FileIO, length: int) -> Iterator[bytes]:
    """Lines of the first so many bytes; of one that is too long its beginning, and its rest as more lines."""
    lines = BufferedReader(file)
    while length > 0 and (line := lines.readline(min(length, MAX_LINE_BYTES))):
        length -= len(line)
        yield line
    lines.detach()


def _open_at_once(name: str, flags: int) -> int:
    """Open a file to read and write without waiting for the other end of a pipe."""
    return os.open(name, flags | os.O_NONBLOCK, 0o666)
