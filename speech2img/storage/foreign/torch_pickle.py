"""A pickle machine for torch files: plain data and dense tensors; it looks up no class or function either."""

import math
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import IO, Any

import torch
from torch import Tensor

from speech2img.errors import with_article
from speech2img.storage.foreign.pickle_names import RefusedError
from speech2img.storage.foreign.restricted_unpickler import BASIC_OPERATIONS, Machine
from speech2img.storage.foreign.torch_names import STRANGERS_NAMES, TORCH_NAMES, Foreign, TorchName, is_harmless

ReadStorage = Callable[[str, int, tuple[Any, ...] | None], Tensor]
"""Bytes of a storage, as a one-dimensional uint8 tensor, by its key, its size in bytes and, in old files, its view."""

_MAX_AXES = 32
_MAX_EXTENT = 1 << 48
_MAX_KEY = 1 << 60
_MAX_TUPLE_KEYS = 10_000


class _Storage:
    """Bytes of a file and the type of number that they are said to be; None where they are not."""

    def __init__(self, content: Tensor, dtype: torch.dtype | None) -> None:
        self.content, self.dtype = content, dtype


class TorchMachine(Machine):
    """Runs the pickle of a torch file.

    Parameters
    ----------
    file, size
        As for `Machine`.
    read_storage : callable
        Gives the bytes of storages.
    tensor_bytes : int
        How large all tensors may be together, those that share their storage included.
    strangers : bool
        Whether objects of other kinds become `Foreign`, which do nothing, instead of an error.
    """

    def __init__(
        self, file: IO[bytes], size: int, read_storage: ReadStorage, *, tensor_bytes: int, strangers: bool = False
    ) -> None:
        super().__init__(file, size)
        self.read_storage, self.tensor_bytes, self.strangers = read_storage, tensor_bytes, strangers
        self.tuple_keys = 0

    def operations(self) -> Mapping[bytes, Callable[[Any], object]]:
        """What the machine can do: with strangers' files, all that makes an object, which does nothing here."""
        return _STRANGERS_OPERATIONS if self.strangers else _TORCH_OPERATIONS

    def resolve(self, module: str, name: str) -> Any:
        """Token of a function or class of torch, or of plain data."""
        # Names that tensors need.
        if name.endswith("Storage"):  # older files name those of a graphics card after it
            module = module.removesuffix(".cuda")
        if (module, name) in TORCH_NAMES:
            return TORCH_NAMES[module, name]
        if not self.strangers:
            return super().resolve(module, name)
        # Others become objects that do nothing, where the caller allows strangers.
        if (module, name) in STRANGERS_NAMES:
            return STRANGERS_NAMES[module, name]
        try:
            return super().resolve(module, name)
        except RefusedError:
            if not is_harmless(module, name):
                raise
            return Foreign(ascii(f"{module}.{name}"[:100])[1:-1])

    def call(self, function: Any, arguments: Any) -> None:
        """Push what a function of torch, or of plain data, makes of its arguments."""
        try:
            self._call(function, arguments)
        except RefusedError as error:
            if not self.strangers:
                raise
            self.push(Foreign(function.name if isinstance(function, Foreign) else f"something that {error}"))

    def _call(self, function: Any, arguments: Any) -> None:
        # Only the few calls that tensors and their containers are made of.
        match function, arguments:
            case TorchName.TENSOR, (_Storage() as storage, offset, shape, stride, *_):
                self.push(self.tensor(storage, storage.dtype, offset, shape, stride))
            case TorchName.TYPED_TENSOR, (_Storage() as storage, offset, shape, stride, _, _, dtype, *_):
                self.push(self.tensor(storage, dtype, offset, shape, stride))
            case TorchName.TENSOR | TorchName.TYPED_TENSOR, (Foreign() as storage, *_):
                raise RefusedError(f"holds a tensor in {storage.name}")
            case TorchName.PARAMETER, (Tensor() as tensor, *_):
                self.push(tensor)
            case TorchName.ORDERED_DICT, ():
                self.push(OrderedDict())
            case TorchName.ORDERED_DICT, (list() as pairs,):
                self.push(OrderedDict())
                if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
                    raise TypeError("an ordered dict has pairs")
                self.set_items([part for pair in pairs for part in pair])
            case TorchName.DEFAULT_DICT, (_,) | ():
                self.push({})
            case TorchName.SIZE, (list() | tuple() as axes,):
                self.push(tuple(axes))
            case TorchName.SET, (list() as items,):
                self.push(set())
                self.add(items)
            case TorchName() | torch.dtype(), _:
                raise RefusedError(f"calls {function} as no tensor needs it")
            case Foreign(), _:
                raise RefusedError(f"calls {function.name}")
            case _:
                super().call(function, arguments)

    def tensor(self, storage: _Storage, dtype: Any, offset: Any, shape: Any, stride: Any) -> Tensor:
        """Make a tensor over bytes of the file, if it lies within them and repeats none of them."""
        # Type, offset, shape and stride are numbers of a possible tensor.
        if isinstance(dtype, Foreign):
            raise RefusedError(f"holds a tensor of {dtype.name}")
        if not isinstance(dtype, torch.dtype) or type(offset) is not int or not 0 <= offset < _MAX_EXTENT:
            raise TypeError("a tensor has no type or place")
        for axes in (shape, stride):
            if not isinstance(axes, tuple) or len(axes) > _MAX_AXES or len(axes) != len(shape):
                raise TypeError("a tensor has no shape")
            if not all(type(n) is int and 0 <= n < _MAX_EXTENT for n in axes):
                raise ValueError("a tensor has no possible shape")
        if math.prod(max(n, 1) for n in shape) >= _MAX_EXTENT:
            raise RefusedError("holds a tensor of no possible shape")
        # It lies within its storage.
        count, available = math.prod(shape), storage.content.numel() // dtype.itemsize
        if count > available:
            raise ValueError("a tensor is larger than its storage")
        if not count:
            return torch.empty(shape, dtype=dtype)
        if offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True)) >= available:
            raise ValueError("a tensor goes beyond its storage")
        # Tensors may share a storage, but not ask for far more than the file holds.
        self.tensor_bytes -= count * dtype.itemsize
        if self.tensor_bytes < 0:
            raise RefusedError("asks for far more memory than its size")
        typed = storage.content[: available * dtype.itemsize].view(dtype)
        return typed.as_strided(shape, stride, typed.storage_offset() + offset)

    def persistent(self, identity: Any) -> None:
        """Push a storage; of a network saved with its source code, the name of its class."""
        # A storage in the file, or a whole module where strangers are allowed.
        match identity:
            case "storage", (torch.dtype() | TorchName.BYTES_OF_NO_TYPE) as kind, key, _, int() as count, *view:
                dtype = kind if isinstance(kind, torch.dtype) else None
                if not isinstance(key, str | int) or not 0 <= count < _MAX_EXTENT or len(view) > 1:
                    raise ValueError("a storage has no key or size")
                size = count * (1 if dtype is None else dtype.itemsize)
                view_of = view[0] if view and isinstance(view[0], tuple) else None
                self.push(_Storage(self.read_storage(str(key), size, view_of), dtype))
            case "module", Foreign() as network, *_ if self.strangers:
                self.push(network)
            case _ if self.strangers and isinstance(identity, tuple) and len(identity) > 1:
                kind = identity[1].name if isinstance(identity[1], Foreign) else "another kind"
                self.push(Foreign(f"a storage of {kind}"))
            case _:
                raise RefusedError("refers to something outside the file")

    def set_state(self, target: Any, state: Any) -> None:
        """Finish an array; what an ordered dict or a stranger's object is told besides is left out."""
        if isinstance(target, OrderedDict):
            return
        try:
            super().set_state(target, state)
        except RefusedError:
            if not self.strangers:
                raise
            self.unbuilt.pop(id(target), None)

    def append(self, items: list[Any]) -> None:
        """Add values to the list on the stack; a stranger's object takes none."""
        if not isinstance(self.stack[-1], Foreign):
            super().append(items)

    def set_items(self, items: list[Any]) -> None:
        """Add keys and values to the dict on the stack; a stranger's object takes none."""
        if not isinstance(self.stack[-1], Foreign):
            super().set_items(items)

    def add(self, items: list[Any]) -> None:
        """Add values to the set on the stack."""
        if not isinstance(self.stack[-1], Foreign):
            self.stack[-1].update(self.key(item) for item in items)

    def key(self, key: Any) -> Any:
        """Return a value as a key: numbers and texts, a few short tuples of them, and of a stranger any object."""
        if _is_atom(key) or isinstance(key, Foreign):
            return key
        if type(key) is tuple and len(key) <= 8 and all(map(_is_atom, key)) and self.tuple_keys < _MAX_TUPLE_KEYS:
            self.tuple_keys += 1
            return key
        if self.strangers:
            return Foreign(with_article(type(key).__name__))
        return super().key(key)

    def new_object(self, function: Any, arguments: Any) -> None:
        """Push what stands for an object of a class; of the classes of torch files only a parameter is one."""
        if not self.strangers and function is not TorchName.PARAMETER:
            raise RefusedError("makes an object, as no tensor needs it")
        self.call(function, arguments)

    def old_object(self, parts: list[Any]) -> None:
        """Push what stands for an object as Python 2 wrote it."""
        self.new_object(parts[0], tuple(parts[1:]))


def _is_atom(value: Any) -> bool:
    return value is None or type(value) in (str, bytes, bool, float) or (type(value) is int and abs(value) < _MAX_KEY)


def _name_and_make(machine: TorchMachine) -> None:
    module, name = machine.line().decode(), machine.line().decode()
    arguments = machine.pop_mark()
    machine.new_object(machine.resolve(module, name), tuple(arguments))


_TORCH_OPERATIONS: Mapping[bytes, Callable[[Any], object]] = {
    **BASIC_OPERATIONS,
    pickle.BINPERSID: lambda m: m.persistent(m.pop()),
    pickle.EMPTY_SET: lambda m: m.push(set()),
    pickle.ADDITEMS: lambda m: m.add(m.pop_mark()),
    pickle.NEWOBJ: lambda m: m.new_object(*m.pop_many(2)),
}
_STRANGERS_OPERATIONS: Mapping[bytes, Callable[[Any], object]] = {
    **_TORCH_OPERATIONS,
    pickle.FROZENSET: lambda m: m.push(frozenset(map(m.key, m.pop_mark()))),
    pickle.NEWOBJ_EX: lambda m: m.new_object(*m.pop_many(3)[:2]),
    pickle.OBJ: lambda m: m.old_object(m.pop_mark()),
    pickle.INST: _name_and_make,
    pickle.POP: lambda m: m.pop(),
    pickle.POP_MARK: lambda m: m.pop_mark(),
    pickle.DUP: lambda m: m.push(m.stack[-1]),
}
