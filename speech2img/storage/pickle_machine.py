"""A pickle machine for plain data: it looks up no class or function and makes no array without its bytes."""

import codecs
import math
import pickle
import struct
import sys
from collections.abc import Callable
from enum import Enum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_SPARE_BYTES = 64 << 20
_ENTRY_BYTES = 100
_MAX_KEY = 1 << 60
KINDS = "biufSU"
_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")


class RefusedError(Exception):
    """The file asks for something that plain data never needs; the message ends a sentence that begins with "it"."""


class Name(Enum):
    """What a file may name; each is a token for the machine, never the function itself."""

    RECONSTRUCT = "_reconstruct"
    SCALAR = "scalar"
    FROMBUFFER = "_frombuffer"
    NDARRAY = "ndarray"
    DTYPE = "dtype"
    ENCODE = "encode"
    BYTES = "bytes"


NAMES = {
    **{(module, "_reconstruct"): Name.RECONSTRUCT for module in _MULTIARRAY},
    **{(module, "scalar"): Name.SCALAR for module in _MULTIARRAY},
    **{(module, "_frombuffer"): Name.FROMBUFFER for module in _NUMERIC},
    ("numpy", "ndarray"): Name.NDARRAY,
    ("numpy", "dtype"): Name.DTYPE,
    ("_codecs", "encode"): Name.ENCODE,
    ("__builtin__", "bytes"): Name.BYTES,
    ("builtins", "bytes"): Name.BYTES,
}


def run_pickle(data: bytes) -> Any:
    """Return the plain value of a pickle of any protocol; time and memory grow with its size only.

    Raises
    ------
    RefusedError
        If the pickle asks for more than plain data.
    ValueError, LookupError, TypeError, OverflowError, struct.error
        If it is damaged.
    """
    return _Machine(data).run()


class _Machine:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.unbuilt: dict[int, NDArray[Any]] = {}
        self.budget = 4 * len(data) + _SPARE_BYTES

    def run(self) -> Any:
        while (code := self.take(1)) != pickle.STOP:
            if code not in _OPERATIONS:
                raise RefusedError(f"holds operation {code!r}, which plain data never needs")
            _OPERATIONS[code](self)
        value = self.pop()
        if self.unbuilt:
            raise ValueError("an array has no content")
        _check_plain(value)
        return value

    def take(self, count: int) -> bytes:
        piece = self.data[self.at : self.at + count]
        if len(piece) < count:
            raise ValueError("it ends too early")
        self.at += count
        return piece

    def number(self, layout: str) -> Any:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def sized(self, layout: str) -> bytes:
        return self.take(self.number(layout))

    def long(self, layout: str) -> int:
        size = self.number(layout)
        if not 0 <= size <= 16:
            raise RefusedError("holds a giant number")
        return int.from_bytes(self.take(size), "little", signed=True)

    def line(self) -> bytes:
        end = self.data.index(b"\n", self.at)
        piece, self.at = self.data[self.at : end], end + 1
        return piece

    def spend(self, count: int) -> None:
        self.budget -= count
        if self.budget < 0:
            raise RefusedError("asks for far more memory than its size")

    def push(self, value: Any) -> None:
        self.spend(sys.getsizeof(value) + 8)
        self.stack.append(value)

    def pop(self) -> Any:
        if self.marks and self.marks[-1] >= len(self.stack):
            raise ValueError("a mark is in the way")
        return self.stack.pop()

    def pop_many(self, count: int) -> list[Any]:
        return [self.pop() for _ in range(count)][::-1]

    def mark(self) -> None:
        self.spend(_ENTRY_BYTES)
        self.marks.append(len(self.stack))

    def pop_mark(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def put(self, index: int) -> None:
        self.spend(_ENTRY_BYTES)
        self.memo[index] = self.stack[-1]

    def name(self, module: Any, name: Any) -> None:
        if (module, name) not in NAMES:
            raise RefusedError(f"names {module}.{name}"[:200])
        self.push(NAMES[module, name])

    def append(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise TypeError("a list is expected")
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict:
            raise TypeError("a dict is expected")
        self.spend(_ENTRY_BYTES * len(items))
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Equal hashes of tuples or giant ints could be chosen so that a small file takes hours.
            if not (type(key) is str or (type(key) is int and abs(key) < _MAX_KEY)):
                raise RefusedError(f"has a {type(key).__name__} as key")
            target[key] = value

    def new_dict(self, items: list[Any]) -> None:
        self.push({})
        self.set_items(items)

    def reduce(self) -> None:
        match tuple(self.pop_many(2)):
            case Name.RECONSTRUCT, (Name.NDARRAY, (0,), "b" | b"b"):
                array = np.ndarray((0,), np.int8)
                self.unbuilt[id(array)] = array
                self.push(array)
            case Name.DTYPE, (name, 0 | 1, 0 | 1):
                self.push(_DType(name))
            case Name.SCALAR, (_DType() as dtype, raw):
                self.push(np.ndarray((), dtype.value, buffer=self.content(raw, (), dtype)).item())
            case Name.FROMBUFFER, (raw, _DType() as dtype, shape, "C" | "F" as order):
                self.push(np.ndarray(shape, dtype.value, buffer=self.content(raw, shape, dtype), order=_order(order)))
            case Name.ENCODE, (str() as text, "latin1"):
                self.push(text.encode("latin1"))
            case Name.BYTES, ():
                self.push(b"")
            case function, _:
                raise RefusedError(f"calls {function!r:.40} as no array needs it")

    def build(self) -> None:
        match self.stack[-2], self.pop():
            case _DType() as dtype, (3 | 4, "<" | ">" | "=" | "|" as order, None, None, None, *_):
                dtype.value = dtype.value.newbyteorder(order)
            case np.ndarray() as array, (1, shape, _DType() as dtype, 0 | 1 as fortran, raw):
                del self.unbuilt[id(array)]
                content: Any = (1, shape, dtype.value, bool(fortran), bytes(self.content(raw, shape, dtype)))
                array.__setstate__(content)
            case target, _:
                raise RefusedError(f"sets the inside of a {type(target).__name__}")

    def content(self, raw: Any, shape: Any, dtype: "_DType") -> bytes | bytearray:
        """Return the bytes of an array if they are exactly what its shape needs."""
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        if not isinstance(shape, tuple) or len(shape) > 32 or not all(type(n) is int and n >= 0 for n in shape):
            raise RefusedError("has an array of no possible shape")
        if not isinstance(raw, (bytes, bytearray)) or len(raw) != math.prod(shape) * dtype.value.itemsize:
            raise RefusedError("has an array of another size than its bytes")
        if dtype.value.kind == "U" and raw and np.frombuffer(raw, f"{dtype.value.byteorder}u4").max() > sys.maxunicode:
            raise ValueError("a text holds no characters")
        self.spend(2 * len(raw))
        return raw


class _DType:
    """A dtype under construction: its byte order comes in a second step."""

    def __init__(self, name: Any) -> None:
        name = name.decode("latin1") if isinstance(name, bytes) else name
        self.value = np.dtype(name if isinstance(name, str) and len(name) <= 5 else object)
        if self.value.kind not in KINDS or self.value.itemsize > 4096:
            raise RefusedError(f"names the data type {name!r:.40}")


def _order(order: str) -> Literal["C", "F"]:
    return "F" if order == "F" else "C"


def _check_plain(value: Any) -> None:
    todo, seen = [value], set()
    while todo:
        item = todo.pop()
        if isinstance(item, (Name, _DType)):
            raise RefusedError("has a name where data belong")
        if isinstance(item, (list, tuple, dict)) and id(item) not in seen:
            seen.add(id(item))
            todo.extend(item.values() if isinstance(item, dict) else item)


def _old_text(line: bytes) -> str:
    """Read the quoted, escaped Latin-1 text of a Python 2 string."""
    line = line.strip()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in b"\"'":
        raise ValueError("a text has no quotes")
    return codecs.escape_decode(line[1:-1])[0].decode("latin1")


def _old_int(line: bytes) -> int | bool:
    return {b"00": False, b"01": True}.get(line, int(line))


_OPERATIONS: dict[bytes, Callable[["_Machine"], object]] = {
    pickle.PROTO: lambda m: m.take(1),
    pickle.FRAME: lambda m: m.take(8),
    pickle.MARK: _Machine.mark,
    pickle.NONE: lambda m: m.push(None),
    pickle.NEWTRUE: lambda m: m.push(True),
    pickle.NEWFALSE: lambda m: m.push(False),
    pickle.INT: lambda m: m.push(_old_int(m.line())),
    pickle.LONG: lambda m: m.push(int(m.line().removesuffix(b"L"))),
    pickle.LONG1: lambda m: m.push(m.long("<B")),
    pickle.LONG4: lambda m: m.push(m.long("<i")),
    pickle.BININT: lambda m: m.push(m.number("<i")),
    pickle.BININT1: lambda m: m.push(m.number("<B")),
    pickle.BININT2: lambda m: m.push(m.number("<H")),
    pickle.FLOAT: lambda m: m.push(float(m.line())),
    pickle.BINFLOAT: lambda m: m.push(m.number(">d")),
    pickle.STRING: lambda m: m.push(_old_text(m.line())),
    pickle.BINSTRING: lambda m: m.push(m.sized("<I").decode("latin1")),
    pickle.SHORT_BINSTRING: lambda m: m.push(m.sized("<B").decode("latin1")),
    pickle.UNICODE: lambda m: m.push(m.line().decode("raw-unicode-escape")),
    pickle.SHORT_BINUNICODE: lambda m: m.push(m.sized("<B").decode()),
    pickle.BINUNICODE: lambda m: m.push(m.sized("<I").decode()),
    pickle.BINUNICODE8: lambda m: m.push(m.sized("<Q").decode()),
    pickle.SHORT_BINBYTES: lambda m: m.push(m.sized("<B")),
    pickle.BINBYTES: lambda m: m.push(m.sized("<I")),
    pickle.BINBYTES8: lambda m: m.push(m.sized("<Q")),
    pickle.BYTEARRAY8: lambda m: m.push(bytearray(m.sized("<Q"))),
    pickle.EMPTY_LIST: lambda m: m.push([]),
    pickle.LIST: lambda m: m.push(m.pop_mark()),
    pickle.APPEND: lambda m: m.append(m.pop_many(1)),
    pickle.APPENDS: lambda m: m.append(m.pop_mark()),
    pickle.EMPTY_TUPLE: lambda m: m.push(()),
    pickle.TUPLE: lambda m: m.push(tuple(m.pop_mark())),
    pickle.TUPLE1: lambda m: m.push(tuple(m.pop_many(1))),
    pickle.TUPLE2: lambda m: m.push(tuple(m.pop_many(2))),
    pickle.TUPLE3: lambda m: m.push(tuple(m.pop_many(3))),
    pickle.EMPTY_DICT: lambda m: m.push({}),
    pickle.DICT: lambda m: m.new_dict(m.pop_mark()),
    pickle.SETITEM: lambda m: m.set_items(m.pop_many(2)),
    pickle.SETITEMS: lambda m: m.set_items(m.pop_mark()),
    pickle.PUT: lambda m: m.put(int(m.line())),
    pickle.BINPUT: lambda m: m.put(m.number("<B")),
    pickle.LONG_BINPUT: lambda m: m.put(m.number("<I")),
    pickle.MEMOIZE: lambda m: m.put(len(m.memo)),
    pickle.GET: lambda m: m.push(m.memo[int(m.line())]),
    pickle.BINGET: lambda m: m.push(m.memo[m.number("<B")]),
    pickle.LONG_BINGET: lambda m: m.push(m.memo[m.number("<I")]),
    pickle.GLOBAL: lambda m: m.name(m.line().decode(), m.line().decode()),
    pickle.STACK_GLOBAL: lambda m: m.name(*m.pop_many(2)),
    pickle.REDUCE: _Machine.reduce,
    pickle.BUILD: _Machine.build,
}
