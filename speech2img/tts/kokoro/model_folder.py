"""Kokoro's files: the ONNX model and its voices, as they are published in two forms, checked before anything runs."""

import hashlib
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech2img.errors import CheckpointError, DataError, SynthesisError
from speech2img.storage.reading import file_sha256, read_bytes

GET_MODEL = (
    "put kokoro-v1.0.onnx or kokoro-v1.0.int8.onnx and voices-v1.0.bin (releases of thewh1teagle/kokoro-onnx),"
    " or the folder voices/ of the npm package kokoro-js, into one folder; experiments/README.md has the commands"
)
_ENGLISH = re.compile(r"[ab][fm]_\w+", re.ASCII)
_STYLE = 256
_MAX_STYLES = 1024
_MAX_VOICES = 1000
_BROKEN = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, KeyError, OSError, NotImplementedError, RuntimeError)
"""What numpy and zipfile raise at files that are none of theirs."""


@dataclass(frozen=True, slots=True)
class KokoroFiles:
    """What a model folder has."""

    model: Path
    """The ONNX file."""
    voices: dict[str, np.ndarray]
    """English voices, sorted by name: (styles, 1, 256) float32; row n - 1 is for n phonemes."""
    digest: str
    """Of model and voices, in 16 hex digits."""


def read_model_folder(path: str | Path) -> KokoroFiles:
    """Find and read the files of a model folder.

    Parameters
    ----------
    path : str or Path
        A folder with one ``*.onnx``, and ``voices*.bin`` (an archive of numpy) or ``voices/NAME.bin`` (plain float32);
        or the ONNX file in it, where it has several.

    Raises
    ------
    SynthesisError
        If a file is missing, or there are several; the message says where they are published.
    CheckpointError
        If the voices are damaged or something else.
    """
    # Voices in one archive, or in a file each.
    model = _find_model(Path(path))
    folder = model.parent
    archives = sorted(folder.glob("voices*.bin"))
    if archives:
        voices = _read_archive(archives[0])
    elif (folder / "voices").is_dir():
        voices = {
            file.stem: _read_plain(file) for file in sorted((folder / "voices").glob("*.bin")) if _is_voice(file.stem)
        }
    else:
        raise SynthesisError.about(folder, "has no voices-v1.0.bin and no folder voices/", GET_MODEL)
    if not voices:
        raise SynthesisError.about(folder, "has no English voice (af_*.bin, am_*, bf_*, bm_*)", GET_MODEL)
    # Model and voices together name the engine.
    digest = hashlib.sha256(file_sha256(model).encode())
    for name, styles in voices.items():
        digest.update(name.encode() + styles.tobytes())
    return KokoroFiles(model, voices, digest.hexdigest()[:16])


def _find_model(path: Path) -> Path:
    if path.is_file() and path.suffix == ".onnx":
        return path
    if not path.is_dir():
        reason = "is no ONNX file" if path.exists() else "is not there"
        raise SynthesisError.about(f"--model {path}", reason, GET_MODEL)
    models = sorted(path.glob("*.onnx"))
    if not models:
        raise SynthesisError.about(f"--model {path}", "has no *.onnx", GET_MODEL)
    if len(models) > 1:
        names = ", ".join(file.name for file in models)
        raise SynthesisError.about(f"--model {path}", f"has several models ({names})", "give the file of one of them")
    return models[0]


def _is_voice(name: str) -> bool:
    return _ENGLISH.fullmatch(name) is not None


def _read_archive(path: Path) -> dict[str, np.ndarray]:
    """The English voices of an archive of numpy; sizes are checked before anything is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if _is_voice(info.filename.removesuffix(".npy"))]
        largest = max((info.file_size for info in members), default=0)
        if len(members) > _MAX_VOICES or largest > 4 * _STYLE * _MAX_STYLES + 1024:
            raise ValueError(f"{len(members)} voices of up to {largest:,} bytes")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: _checked(path, arrays[name]) for name in sorted(filter(_is_voice, arrays.files))}
    except _BROKEN as error:
        raise CheckpointError.about(path, f"is no archive of Kokoro's voices ({error})", GET_MODEL) from error


def _read_plain(path: Path) -> np.ndarray:
    try:
        data = read_bytes(path, max_bytes=4 * _STYLE * _MAX_STYLES)
    except DataError as error:
        raise CheckpointError(str(error)) from error
    if len(data) % (4 * _STYLE):
        raise CheckpointError.about(path, f"{len(data):,} bytes are no whole number of styles", GET_MODEL)
    return _checked(path, np.frombuffer(data, "<f4").reshape(-1, 1, _STYLE))


def _checked(path: Path, styles: np.ndarray) -> np.ndarray:
    if styles.dtype != np.float32 or styles.ndim != 3 or styles.shape[1:] != (1, _STYLE) or not len(styles):
        reason = f"a voice of {styles.dtype} {styles.shape}, not of float32 (510, 1, {_STYLE})"
        raise CheckpointError.about(path, reason, GET_MODEL)
    if not np.isfinite(styles).all():
        raise CheckpointError.about(path, "a voice with numbers that are not finite", GET_MODEL)
    return styles
