"""A pickle machine for plain data: it looks up no class or function and makes no array without its bytes.

Nothing that recurses (``repr``, ``hash``, ``==``) is asked of what a file holds before `demand_small` has looked at it.
"""

import codecs
import io
import math
import pickle
import struct
import sys
from collections.abc import Callable, Mapping
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import with_article
from speech2img.storage.foreign.pickle_names import NAMES, DType, Name, RefusedError
from speech2img.storage.foreign.plain_values import demand_small

_SPARE_BYTES = 64 << 20
_ENTRY_BYTES = 100
_MAX_KEY = 1 << 60
_MAX_NUMBER = 32
_MAX_DIGITS = 80
_MAX_VALUES = 1 << 40


DAMAGE = (ValueError, LookupError, TypeError, AttributeError, OverflowError, struct.error)
"""What a damaged pickle makes the machine raise."""


def run_pickle(data: bytes | IO[bytes], size: int | None = None) -> Any:
    """Return the plain value of a pickle of any protocol; time and memory grow with its size only.

    Parameters
    ----------
    data : bytes or binary file
        The pickle.
    size : int, optional
        Bytes of the file from where it stands, if it is one.

    Returns
    -------
    Any
        Written out, with everything that it holds twice twice, it is no larger than a few times the pickle.

    Raises
    ------
    RefusedError
        If the pickle asks for more than plain data.
    ValueError, LookupError, TypeError, AttributeError, OverflowError, struct.error
        If it is damaged.
    """
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    size = len(data) if isinstance(data, bytes) else size or 0
    value = Machine(file, size).run()
    demand_small(value, 4 * size + _SPARE_BYTES)
    return value


class Machine:
    """Runs one pickle from a file; what it may name and call is in methods that a subclass can widen.

    Parameters
    ----------
    file : binary file
        Stands where the pickle begins, and afterwards where it ends.
    size : int
        Bytes that are left in it.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.file, self.left = file, size
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.unbuilt: dict[int, NDArray[Any]] = {}
        self.budget = 4 * size + _SPARE_BYTES

    def run(self) -> Any:
        """Return the value that the pickle leaves."""
        operations = self.operations()
        while (code := self.take(1)) != pickle.STOP:
            if code not in operations:
                raise RefusedError(f"holds operation {code!r}, which plain data never needs")
            operations[code](self)
        value = self.pop()
        if self.unbuilt:
            raise ValueError("an array has no content")
        return value

    def operations(self) -> Mapping[bytes, Callable[[Any], object]]:
        """What the machine can do."""
        return BASIC_OPERATIONS

    def take(self, count: int) -> bytes:
        """Read so many bytes; never more are asked of the file than it has."""
        if count > self.left:
            raise ValueError("it ends too early")
        piece = self.file.read(count)
        if len(piece) < count:
            raise ValueError("it ends too early")
        self.left -= count
        return piece

    def number(self, layout: str) -> Any:
        """Read one number of a layout of ``struct``."""
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def sized(self, layout: str) -> bytes:
        """Read bytes that begin with their length."""
        return self.take(self.number(layout))

    def long(self, layout: str) -> int:
        """Read a whole number of up to 256 bits that begins with its length."""
        size = self.number(layout)
        if not 0 <= size <= _MAX_NUMBER:
            raise RefusedError("holds a giant number")
        return int.from_bytes(self.take(size), "little", signed=True)

    def line(self) -> bytes:
        """Read up to the end of the line."""
        piece = self.file.readline(self.left)
        self.left -= len(piece)
        if not piece.endswith(b"\n"):
            raise ValueError("it ends too early")
        return piece[:-1]

    def spend(self, count: int) -> None:
        """Count bytes of memory against what the size of the pickle allows."""
        self.budget -= count
        if self.budget < 0:
            raise RefusedError("asks for far more memory than its size")

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.spend(sys.getsizeof(value) + 8)
        self.stack.append(value)

    def pop(self) -> Any:
        """Take the last value from the stack."""
        if self.marks and self.marks[-1] >= len(self.stack):
            raise ValueError("a mark is in the way")
        return self.stack.pop()

    def pop_many(self, count: int) -> list[Any]:
        """Take so many values from the stack."""
        return [self.pop() for _ in range(count)][::-1]

    def mark(self) -> None:
        """Remember the height of the stack."""
        self.spend(_ENTRY_BYTES)
        self.marks.append(len(self.stack))

    def pop_mark(self) -> list[Any]:
        """Take all values down to the last mark."""
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def put(self, index: int) -> None:
        """Remember the last value under a number."""
        self.spend(_ENTRY_BYTES)
        self.memo[index] = self.stack[-1]

    def name(self, module: Any, name: Any) -> None:
        """Push the token of a function or class."""
        if type(module) is not str or type(name) is not str:
            raise RefusedError("names something by what is no text")
        self.push(self.resolve(module, name))

    def resolve(self, module: str, name: str) -> Any:
        """Return the token that stands for a function or class."""
        if (module, name) not in NAMES:
            raise RefusedError(f"names {ascii(f'{module}.{name}'[:200])[1:-1]}")
        return NAMES[module, name]

    def append(self, items: list[Any]) -> None:
        """Add values to the list on the stack."""
        if type(self.stack[-1]) is not list:
            raise TypeError("a list is expected")
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        """Add keys and values, in turn, to the dict on the stack."""
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise TypeError("a dict is expected")
        self.spend(_ENTRY_BYTES * len(items))
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[self.key(key)] = value

    def key(self, key: Any) -> Any:
        """Return a value as a key of a dict, if it can be one."""
        # Equal hashes of tuples or giant ints could be chosen so that a small file takes hours.
        if not (type(key) is str or (type(key) is int and abs(key) < _MAX_KEY)):
            raise RefusedError(f"has {with_article(type(key).__name__)} as key")
        return key

    def new_dict(self, items: list[Any]) -> None:
        """Push a dict of keys and values, in turn."""
        self.push({})
        self.set_items(items)

    def reduce(self) -> None:
        """Call what lies on the stack."""
        self.call(*self.pop_many(2))

    def call(self, function: Any, arguments: Any) -> None:
        """Push what a named function makes of its arguments."""
        # Only the few calls that numpy's arrays are made of.
        match (function, arguments):
            case Name.RECONSTRUCT, (Name.NDARRAY, (0,), "b" | b"b"):
                array = np.ndarray((0,), np.int8)
                self.unbuilt[id(array)] = array
                self.push(array)
            case Name.DTYPE, (name, 0 | 1, 0 | 1):
                self.push(DType(name))
            case Name.SCALAR, (DType() as dtype, raw):
                self.push(np.ndarray((), dtype.value, buffer=self.content(raw, (), dtype)).item())
            case Name.FROMBUFFER, (raw, DType() as dtype, shape, "C" | "F" as order):
                self.push(np.ndarray(shape, dtype.value, buffer=self.content(raw, shape, dtype), order=_order(order)))
            case Name.ENCODE, (str() as text, "latin1"):
                self.push(text.encode("latin1"))
            case Name.BYTES, ():
                self.push(b"")
            case Name(), _:
                raise RefusedError(f"calls {function.value} as no array needs it")
            case _:
                raise RefusedError(f"calls {with_article(type(function).__name__)}, which is no function")

    def build(self) -> None:
        """Give a state to what lies on the stack."""
        state = self.pop()
        self.set_state(self.stack[-1], state)

    def set_state(self, target: Any, state: Any) -> None:
        """Finish what a call began."""
        match target, state:
            case DType() as dtype, (3 | 4, "<" | ">" | "=" | "|" as order, None, None, None, *_):
                dtype.value = dtype.value.newbyteorder(order)
            case np.ndarray() as array, (1, shape, DType() as dtype, 0 | 1 as fortran, raw):
                del self.unbuilt[id(array)]
                content: Any = (1, shape, dtype.value, bool(fortran), bytes(self.content(raw, shape, dtype)))
                array.__setstate__(content)
            case target, _:
                raise RefusedError(f"sets the inside of {with_article(type(target).__name__)}")

    def content(self, raw: Any, shape: Any, dtype: "DType") -> bytes | bytearray:
        """Return the bytes of an array if they are exactly what its shape needs."""
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        if not isinstance(shape, tuple) or len(shape) > 32 or not all(type(n) is int and n >= 0 for n in shape):
            raise RefusedError("has an array of no possible shape")
        if math.prod(max(n, 1) for n in shape) > _MAX_VALUES:
            raise RefusedError("has an array of no possible shape")
        if not isinstance(raw, (bytes, bytearray)) or len(raw) != math.prod(shape) * dtype.value.itemsize:
            raise RefusedError("has an array of another size than its bytes")
        if dtype.value.kind == "U" and raw and np.frombuffer(raw, f"{dtype.value.byteorder}u4").max() > sys.maxunicode:
            raise ValueError("a text holds no characters")
        self.spend(2 * len(raw))
        return raw


def _order(order: str) -> Literal["C", "F"]:
    return "F" if order == "F" else "C"


def _old_text(line: bytes) -> str:
    """Read the quoted, escaped Latin-1 text of a Python 2 string."""
    line = line.strip()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in b"\"'":
        raise ValueError("a text has no quotes")
    return codecs.escape_decode(line[1:-1])[0].decode("latin1")


def _old_int(line: bytes) -> int | bool:
    return {b"00": False, b"01": True}.get(line, _old_long(line))


def _old_long(line: bytes) -> int:
    if len(line) > _MAX_DIGITS:
        raise RefusedError("holds a giant number")
    return int(line)


def _old_unicode(line: bytes) -> str:
    text = line.decode("raw-unicode-escape")
    text.encode()  # lone surrogates are no text
    return text


BASIC_OPERATIONS: Mapping[bytes, Callable[[Any], object]] = {
    pickle.PROTO: lambda m: m.take(1),
    pickle.FRAME: lambda m: m.take(8),
    pickle.MARK: Machine.mark,
    pickle.NONE: lambda m: m.push(None),
    pickle.NEWTRUE: lambda m: m.push(True),
    pickle.NEWFALSE: lambda m: m.push(False),
    pickle.INT: lambda m: m.push(_old_int(m.line())),
    pickle.LONG: lambda m: m.push(_old_long(m.line().removesuffix(b"L"))),
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
    pickle.UNICODE: lambda m: m.push(_old_unicode(m.line())),
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
    pickle.REDUCE: Machine.reduce,
    pickle.BUILD: Machine.build,
}
