"""The list of finished work: one JSON line an item, on the disk before the item counts, read back after any crash."""

import contextlib
import fcntl
import json
import os
import warnings
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any

from speech2img.storage.atomic import disk_errors, plain_json


class Journal:
    """An append-only JSONL file of finished items; one writer at a time, or several that share it.

    Parameters
    ----------
    path : path
        Made with its folder if absent. A torn last line, as a crash leaves it, is cut off; a damaged line elsewhere
        is warned of and its item counts as not done.
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
        """Read the file again from its beginning."""
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._open() as file:
                data = _whole_lines(file)
        self.done.clear()
        damaged = sum(not self._remember(line) for line in data.splitlines())
        if damaged:
            warnings.warn(f"{self.path}: {damaged} damaged lines; their items count as not done", stacklevel=2)

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
        items = list(items)
        rows = (json.dumps({"key": key, **fields}, allow_nan=False, default=plain_json) for key, fields in items)
        lines = "".join(f"{row}\n" for row in rows).encode()
        with disk_errors(self.path, len(lines)), self._open() as file:
            size = file.seek(0, os.SEEK_END)
            if self.shared and size and os.pread(file.fileno(), 1, size - 1) != b"\n":
                size = len(_whole_lines(file))  # another process died in the middle of a line
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
        with FileIO(self.path, "ab+") as file:
            if self.shared:
                fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def _remember(self, line: bytes) -> bool:
        try:
            fields = json.loads(line)
            self.done[fields.pop("key")] = fields
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return False
        return True


def _whole_lines(file: FileIO) -> bytes:
    """Content of a journal up to its last complete line; the rest is cut off."""
    file.seek(0)
    data = file.readall()
    whole = data.rfind(b"\n") + 1
    file.truncate(whole)
    return data[:whole]
