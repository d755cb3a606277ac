"""Recordings of a gallery: the twelve of the package, with their table of voices and licences, or one's own."""

import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from speech2img.storage.reading import read_json

FOLDER = Path(str(importlib.resources.files("speech2img"))) / "gallery" / "recordings"
"""The recordings that come with the package."""
TABLE = "recordings.json"
"""What is said in each of them, and by whom."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks: a voice of a speech engine, its licence, and whose work it is."""

    name: str
    engine: str
    speaker: str
    licence: str
    credit: str


@dataclass(frozen=True, slots=True)
class GalleryRecording:
    """One recording on the page; of one's own only the file is known."""

    path: Path
    text: str = ""
    """What is said; no model gets it."""
    voice: Voice | None = None
    spoken: str = ""
    """How: plainly, or in the manner that stands for another light."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What the words mention: attribute -> value."""

    @property
    def name(self) -> str:
        """What its pictures are called."""
        return self.path.stem


def packaged_recordings() -> list[GalleryRecording]:
    """The twelve recordings of the package, in voices that no training of the shipped weights heard.

    Returns
    -------
    list of GalleryRecording
        Ogg, 16 kHz, mono, in the order of their table.
    """
    table = read_json(FOLDER / TABLE)
    voices = {name: Voice(name, **facts) for name, facts in table["voices"].items()}
    return [
        GalleryRecording(FOLDER / row["file"], row["text"], voices[row["voice"]], row["spoken"], row["attributes"])
        for row in table["recordings"]
    ]


def own_recordings(paths: Sequence[Path]) -> list[GalleryRecording]:
    """Recordings of which only the files are known."""
    return [GalleryRecording(path) for path in paths]
