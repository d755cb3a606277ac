"""Values of foreign files, looked at before anybody prints, compares, copies or converts them."""

from typing import Any

import numpy as np

from speech2img.storage.foreign.pickle_names import DType, Name, RefusedError

MAX_DEPTH = 500
"""Deepest nesting; Python itself gives up at about 1,000."""

_ENTRY_BYTES = 100
_CONTAINERS = (list, tuple, dict, set, frozenset)
_TEXTS = (str, bytes, bytearray)


def demand_small(value: Any, most: int) -> None:
    """Raise RefusedError unless a value is plain and no larger, written out, than so many bytes, nor nested deeply.

    A list that holds another ten times, which holds another ten times, and so on, takes no memory as it is; whoever
    prints, compares, copies or converts it would never come to an end.
    """
    sizes: dict[int, tuple[int, int]] = {}  # bytes and depth of the containers that are done
    todo, open_ones = [(value, False)], set()
    while todo:
        item, entered = todo.pop()
        if isinstance(item, (Name, DType)):
            raise RefusedError("has a name where data belong")
        if not isinstance(item, _CONTAINERS) or id(item) in sizes:
            continue
        parts = item.values() if isinstance(item, dict) else item
        # Containers are entered first and summed when their parts are done, without recursion.
        if not entered:
            if id(item) in open_ones:
                raise RefusedError("has a list that holds itself")
            open_ones.add(id(item))
            todo.append((item, True))
            todo.extend((part, False) for part in parts)
            continue
        # Its size as a tree: what is shared counts each time it is named.
        size, depth = _ENTRY_BYTES, 0
        for part in parts:
            inner = sizes[id(part)] if isinstance(part, _CONTAINERS) else (8 + _content_bytes(part), 0)
            size, depth = size + inner[0], max(depth, inner[1])
        if size > most:
            raise RefusedError("asks for far more memory than its size")
        if depth >= MAX_DEPTH:
            raise RefusedError(f"is nested deeper than {MAX_DEPTH}")
        sizes[id(item)] = size, depth + 1
        open_ones.discard(id(item))


def _content_bytes(value: Any) -> int:
    """Bytes of a text or an array; a number has none of its own."""
    return value.nbytes if isinstance(value, np.ndarray) else len(value) if isinstance(value, _TEXTS) else 0
