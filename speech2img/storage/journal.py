"""The list of finished work: one JSON line an item, on the disk before the item counts, read back after any crash."""

import json
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from speech2img.storage.atomic import disk_errors, plain_json


class Journal:
    """An append-only JSONL file of finished items; one writer at a time.

    Parameters
    ----------
    path : path
        Made with its folder if absent. A torn last line, as a crash leaves it, is cut off; a damaged line elsewhere
        is warned of and its item counts as not done.

    Attributes
    ----------
    done : dict of str to dict
        Finished items by key, with the fields they were added with; a later line of a key wins.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.done: dict[str, dict[str, Any]] = {}
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                file.seek(0)
                data = file.read()
                whole = data.rfind(b"\n") + 1
                file.truncate(whole)
        damaged = sum(not self._remember(line) for line in data[:whole].splitlines())
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
        with disk_errors(self.path, len(lines)), self.path.open("ab", buffering=0) as file:
            size = file.tell()
            try:
                view = memoryview(lines)
                while view:
                    view = view[file.write(view) :]
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise
        self.done.update({key: dict(fields) for key, fields in items})

    def _remember(self, line: bytes) -> bool:
        try:
            fields = json.loads(line)
            self.done[fields.pop("key")] = fields
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return False
        return True
