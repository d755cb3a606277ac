"""Reading torch files of any origin: plain values and dense tensors on the CPU, and nothing that runs."""

from pathlib import Path
from typing import IO, Any

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from speech2img.errors import CheckpointError, DataError, UnsafeFileError
from speech2img.storage.atomic import disk_errors
from speech2img.storage.bounded import open_unpacked
from speech2img.storage.foreign.dense_tensors import check_plain
from speech2img.storage.foreign.pickle_names import RefusedError
from speech2img.storage.foreign.restricted_unpickler import DAMAGE
from speech2img.storage.foreign.torch_storages import read_torch
from speech2img.storage.foreign.zips import ZIP_DAMAGE
from speech2img.storage.reading import demand_short_header


def load_torch_file(path: str | Path) -> Any:
    """Load a file of ``torch.save`` without running anything in it.

    Parameters
    ----------
    path : path
        Zip format of torch >= 1.6, or the older one; compressed with gzip or not.

    Returns
    -------
    value : plain containers, numbers, strings and dense strided CPU tensors
        Numbers of NumPy become plain ones.

    Raises
    ------
    UnsafeFileError
        If the file asks for any other object, for a tensor that is not dense and strided, or for far more memory than
        its size.
    CheckpointError
        If it is missing, damaged, a pipe or a device.
    """
    value = _load(path, strangers=False)
    check_plain(value, Path(path))
    return value


def load_published_file(path: str | Path, *, programs: bool = False) -> Any:
    """Load a file of ``torch.save``, ``pickle.dump`` or safetensors that others wrote, with all that is beside tensors.

    Parameters
    ----------
    path : path
        The file.
    programs : bool
        Whether a TorchScript file gives its tensors, by the names of the modules they lie in, instead of an error; its
        program is never run.

    Returns
    -------
    value : as `load_torch_file`, arrays of numbers, and `Foreign` instead of any other object
        Settings of trainers and the like: none of them is made, nothing of them runs.

    Raises
    ------
    UnsafeFileError, CheckpointError
        As `load_torch_file`; of other objects only those that could do harm elsewhere are an error.
    """
    return _load(path, strangers=True, programs=programs)


def read_published_file(file: IO[bytes], *, name: str | Path, programs: bool = False) -> Any:
    """Do what `load_published_file` does, with a file that is open and can be sought in."""
    return _read(file, name, strangers=True, programs=programs)


def _load(path: str | Path, *, strangers: bool, programs: bool = False) -> Any:
    try:
        with open_unpacked(path) as file:
            return _read(file, path, strangers=strangers, programs=programs)
    except DataError as error:
        raise CheckpointError(str(error)) from error


def _read(file: IO[bytes], name: str | Path, *, strangers: bool, programs: bool = False) -> Any:
    try:
        with disk_errors(name):
            if strangers and is_safetensors(file):
                return _read_safetensors(file)
            return read_torch(file, strangers=strangers, programs=programs)
    except RefusedError as error:
        raise UnsafeFileError.about(name, f"is refused: it {error}", "do not use it") from error
    except (*DAMAGE, *ZIP_DAMAGE) as error:
        if isinstance(error, RuntimeError) and "allocate memory" in str(error):  # the machine is at fault, not the file
            raise
        reason = f"is no intact torch file ({error if isinstance(error, ValueError) else type(error).__name__})"
        raise CheckpointError.about(name, reason, "fetch it again or use an older one") from error


def is_safetensors(file: IO[bytes]) -> bool:
    """Whether a file begins as safetensors do: the length of a header in JSON, and the header."""
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(9)
    file.seek(0)
    return head[8:] == b"{" and int.from_bytes(head[:8], "little") <= size - 8


def _read_safetensors(file: IO[bytes]) -> dict[str, Tensor]:
    demand_short_header(file)
    try:
        return load(file.read())
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"safetensors: {error}") from error
