"""Recordings with their texts in the layout of LJ Speech: ``metadata.csv`` and ``wavs/``."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from speech2img.errors import DataError
from speech2img.storage.lines import text_lines

MAX_METADATA_BYTES = 256 << 20
LAYOUT = 'LJ Speech is at https://keithito.com/LJ-Speech-Dataset; own clips: lines "name|text" beside wavs/name.wav'


@dataclass(frozen=True)
class Clip:
    """One recording and what is said in it."""

    name: str
    """File name without its end."""
    text: str
    """Normalised text where the metadata has one."""
    path: Path
    """The wav file."""


def read_clips(root: Path) -> list[Clip]:
    """List the clips of a folder.

    Parameters
    ----------
    root : Path
        Holds ``metadata.csv`` (UTF-8, ``name|text`` or ``name|text|normalised text``) and ``wavs/<name>.wav``.

    Raises
    ------
    DataError
        If the folder, a line or a recording is not as it should be; the message names it.
    """
    # Lines of the metadata.
    metadata = root / "metadata.csv"
    try:
        if metadata.stat().st_size > MAX_METADATA_BYTES:
            raise DataError.about(metadata, f"larger than {MAX_METADATA_BYTES >> 20} MB", LAYOUT)
        lines = text_lines(metadata.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError.about(metadata, f"cannot be read ({reason})", LAYOUT) from error

    # A clip a line.
    clips: dict[str, Clip] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name, *texts = (field.strip() for field in line.split("|"))
        line_name = f"{metadata}, line {number}"
        if not 1 <= len(texts) <= 2 or not texts[-1] or not name or name != Path(name).name or name in clips:
            raise DataError.about(line_name, "not a new name and its text, divided by |", LAYOUT)
        path = root / "wavs" / f"{name}.wav"
        if not path.is_file():
            raise DataError.about(line_name, f"no such recording: {path}", "get the missing wav, or take the line out")
        clips[name] = Clip(name, texts[-1], path)
    if not clips:
        raise DataError.about(metadata, "no clips", LAYOUT)
    return list(clips.values())


def clips_sha256(clips: list[Clip]) -> str:
    """Digest of all names and texts: what a run learns from."""
    return hashlib.sha256("\n".join(f"{clip.name}|{clip.text}" for clip in clips).encode()).hexdigest()
