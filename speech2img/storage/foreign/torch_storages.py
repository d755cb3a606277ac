"""The two formats of torch files: a zip archive, and the one before it, in which storages follow the pickle."""

import io
import re
import struct
import zipfile
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from speech2img.storage.bounded import SPARE_BYTES
from speech2img.storage.foreign.pickle_names import RefusedError
from speech2img.storage.foreign.plain_values import demand_small
from speech2img.storage.foreign.restricted_unpickler import Machine
from speech2img.storage.foreign.torch_pickle import TorchMachine
from speech2img.storage.foreign.torch_programs import ProgramMachine, named_tensors
from speech2img.storage.foreign.zips import open_zip

MAX_MEMBERS = 200_000
"""Storages in one file; the largest networks have thousands."""

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_CHUNK = 1 << 20
_ZIP = b"PK\3\4"


def read_torch(file: IO[bytes], *, strangers: bool, programs: bool = False) -> Any:
    """Value of a torch file of either format.

    Parameters
    ----------
    file : binary file
        Can be sought in.
    strangers : bool
        As for `TorchMachine`.
    programs : bool
        Whether a TorchScript file gives its tensors by name (`named_tensors`) instead of an error.

    Raises
    ------
    RefusedError
        If it asks for more than data and tensors, or unfolds.
    Exception
        Any of `DAMAGE` and `ZIP_DAMAGE`, if it is damaged.
    """
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(len(_ZIP))
    file.seek(0)
    if head == _ZIP:
        return _read_zip(file, size, strangers=strangers, programs=programs)
    return _read_old(file, size, strangers)


def _read_zip(file: IO[bytes], size: int, *, strangers: bool, programs: bool) -> Any:
    with open_zip(file, max_members=MAX_MEMBERS) as archive:
        entries = archive.infolist()
        is_program = any(
            entry.filename.count("/") == 1 and entry.filename.endswith("/constants.pkl") for entry in entries
        )
        if is_program and not programs:
            raise ValueError("a TorchScript program; save its state_dict")
        if is_program:  # what is program is not looked at
            entries = [
                entry for entry in entries if re.fullmatch(r"[^/]+/(data\.pkl|byteorder|data/[^/]+)", entry.filename)
            ]
        members = {member.filename: member for member in entries}
        unfolded = sum(member.file_size for member in entries)
        # Nothing comes out of such an archive that does not lie in it as it is.
        stored = all(member.compress_type == zipfile.ZIP_STORED for member in members.values())
        if not stored or unfolded > size or len(members) < len(entries):
            raise RefusedError("is compressed, or holds a part twice, as torch never writes it")
        # Exactly one pickle, of little-endian numbers.
        pickles = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError("an archive without the parts of a torch file")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in members and archive.read(f"{folder}byteorder") == b"big":
            raise ValueError("written by a machine with big-endian numbers; save it on another")
        contents: dict[str, Tensor] = {}

        def read_storage(key: str, count: int, view: tuple[Any, ...] | None) -> Tensor:
            member = members.get(f"{folder}data/{key}")
            if view is not None or member is None or member.file_size != count:
                raise ValueError("a storage is missing or of another size")
            if key not in contents:
                with archive.open(member) as source:
                    contents[key] = _filled(torch.empty(count, dtype=torch.uint8), source)
            return contents[key]

        # Run it, then read to the end, where the checksum is compared.
        pickled = members[pickles[0]]
        most = 4 * size + SPARE_BYTES
        with archive.open(pickled) as source, io.BufferedReader(source) as reader:  # type: ignore[type-var]
            kind = ProgramMachine if is_program else TorchMachine
            machine = kind(reader, pickled.file_size, read_storage, tensor_bytes=most, strangers=strangers)
            value = _run(machine, pickled.file_size)
            while reader.read(_CHUNK):  # the check sum is compared at the end
                pass
            return named_tensors(value) if is_program else value


def _read_old(file: IO[bytes], size: int, strangers: bool) -> Any:
    # The head: a magic number, the version of the format and the machine that wrote it.
    first = Machine(file, size).run()
    if strangers and _holds_arrays(first):  # a plain pickle
        demand_small(first, 4 * size + SPARE_BYTES)
        return first
    if first != _MAGIC or Machine(file, size - file.tell()).run() != _PROTOCOL:
        raise ValueError("no torch file")
    system = Machine(file, size - file.tell()).run()
    if not isinstance(system, dict) or system.get("little_endian", True) is not True:
        raise ValueError("written by a machine with big-endian numbers; save it on another")
    # The pickle: storages are made empty, and cannot be larger than what follows.
    start = file.tell()
    contents: dict[str, Tensor] = {}
    left = size - start

    def read_storage(key: str, count: int, view: tuple[Any, ...] | None) -> Tensor:
        nonlocal left
        if key not in contents:
            left -= count
            if left < 0:
                raise ValueError("it ends before its storages do")
            contents[key] = torch.empty(count, dtype=torch.uint8)
        if contents[key].numel() != count:
            raise ValueError("a storage has two sizes")
        if view is None:
            return contents[key]
        raise RefusedError("has a storage that is a part of another; save it with a newer torch")

    # Run the pickle of the tensors.
    machine = TorchMachine(file, size - start, read_storage, tensor_bytes=4 * size + SPARE_BYTES, strangers=strangers)
    value = _run(machine, size - start)
    # The storages, in the order of their keys, each with its number of values.
    keys = Machine(file, size - file.tell()).run()
    if not isinstance(keys, list) or {str(key) for key in keys if isinstance(key, str | int)} != contents.keys():
        raise ValueError("its storages are not those of its tensors")
    if len(keys) != len(contents):
        raise ValueError("a storage comes twice")
    # Each must have the size it was made with.
    for key in map(str, keys):
        (count,) = struct.unpack("<q", file.read(8))
        if contents[key].numel() not in [count * width for width in (1, 2, 4, 8)]:
            raise ValueError("a storage is of another size")
        _filled(contents[key], file)
    return value


def _holds_arrays(value: Any) -> bool:
    """Whether a value is a state of arrays, or a mapping in which one lies."""
    level = [value]
    for _ in range(3):
        level = [part for item in level if isinstance(item, dict) for part in item.values()]
        if any(isinstance(part, np.ndarray) for part in level):
            return True
    return False


def _run(machine: TorchMachine, size: int) -> Any:
    value = machine.run()
    demand_small(value, 4 * size + SPARE_BYTES)
    return value


def _filled(content: Tensor, source: IO[bytes]) -> Tensor:
    """Bytes of a storage, read into the memory that its tensors will use."""
    view = content.numpy()
    for start in range(0, len(view), _CHUNK):
        piece = source.read(min(_CHUNK, len(view) - start))
        if len(piece) < min(_CHUNK, len(view) - start):
            raise ValueError("it ends too early")
        view[start : start + len(piece)] = np.frombuffer(piece, np.uint8)
    return content
