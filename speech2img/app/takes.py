"""``Takes``: recordings with their pictures, in a folder that ends with the process unless the operator says where.

    FOLDER/<32 hex digits>/  take.json  recording.wav  0.png  1.png ...  0_attention.png  1_attention.png ...

Who has the digits can see a take; they are not to be guessed.
"""

import contextlib
import re
import secrets
import shutil
import threading
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from speech2img.errors import ConfigError, DataError
from speech2img.storage.atomic import disk_errors, write_json
from speech2img.storage.media_type import HEAD_BYTES, media_type
from speech2img.storage.reading import read_json

MOST_BYTES = 1 << 30
"""Of a folder that ends with the process; the oldest takes make room."""
SUFFIXES = {
    "audio/wav": ".wav",
    "audio/aiff": ".aiff",
    "audio/flac": ".flac",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/quicktime": ".mov",
    "video/3gpp": ".3gp",
    "audio/aac": ".aac",
    "audio/amr": ".amr",
}
"""Names that recordings get, by what they are."""
_NAME = re.compile(r"[0-9a-f]{32}")
_FILE = re.compile(r"(?:[0-9]{1,4}(?:_attention)?\.png|recording\.[0-9a-z]{3,4})")
_FACTS = "take.json"


@dataclass(frozen=True)
class Take:
    """A recording and its pictures on the disk."""

    name: str
    """32 hex digits."""
    folder: Path
    facts: dict[str, Any]
    """What `Provenance.facts` says, and when."""

    @property
    def recording(self) -> Path:
        """The recording as it came."""
        return self.folder / str(self.facts["recording"])

    @property
    def pictures(self) -> list[Path]:
        """Its pictures in their order."""
        return [self.folder / f"{number}.png" for number in range(int(self.facts["num_images"]))]

    @property
    def sheets(self) -> list[Path]:
        """What each picture listened to; empty where the model attends to nothing."""
        count = int(self.facts["num_images"]) if self.facts.get("attention") else 0
        return [self.folder / f"{number}_attention.png" for number in range(count)]


class Takes:
    """What visitors made.

    Parameters
    ----------
    folder : Path
        Made if absent.
    most_bytes : int, optional
        What it may hold; older takes make room. None: anything (the operator's own folder).
    """

    def __init__(self, folder: Path, *, most_bytes: int | None = MOST_BYTES) -> None:
        self.folder = folder
        self._most_bytes = most_bytes
        self._sizes: dict[str, int] = {}
        self._lock = threading.Lock()
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def keep(
        self, recording: bytes, pictures: Sequence[bytes], facts: dict[str, Any], *, sheets: Sequence[bytes] = ()
    ) -> Take:
        """Write a take.

        Parameters
        ----------
        recording : bytes
            The file as it came.
        pictures : sequence of bytes
            PNG files.
        facts : dict
            With ``recording``, the name that its file gets, and ``num_images``.
        sheets : sequence of bytes
            PNG files of what each picture listened to, or none.

        Raises
        ------
        DiskFullError, DataError
            If it cannot be written; nothing of it stays.
        """
        name = secrets.token_hex(16)
        folder = self.folder / name
        facts = {**facts, **({"attention": True} if sheets else {}), "made": time.strftime("%Y-%m-%d %H:%M:%S")}
        try:
            with disk_errors(folder):
                folder.mkdir(mode=0o700)
                (folder / str(facts["recording"])).write_bytes(recording)
                for number, picture in enumerate(pictures):
                    (folder / f"{number}.png").write_bytes(picture)
                for number, sheet in enumerate(sheets):
                    (folder / f"{number}_attention.png").write_bytes(sheet)
            write_json(folder / _FACTS, facts)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._make_room(name, len(recording) + sum(map(len, (*pictures, *sheets))))
        return Take(name, folder, facts)

    def get(self, name: str) -> Take:
        """A take by its name; DataError where it is not there any more."""
        folder = self.folder / name
        if _NAME.fullmatch(name) and (folder / _FACTS).is_file():
            return Take(name, folder, read_json(folder / _FACTS))
        raise DataError.about("this take", "is no longer kept here", "record it again")

    def found(self, names: Sequence[str]) -> list[Take]:
        """Those of some takes that are still there."""
        takes = []
        for name in names:
            try:
                takes.append(self.get(str(name)))
            except DataError:
                continue
        return takes

    def opened(self, name: str, file: str) -> BinaryIO:
        """A file of a take, open: it is read to its end whoever deletes it. DataError for any other name."""
        path = self.get(name).folder / file
        if _FILE.fullmatch(file) and not path.is_symlink():
            with contextlib.suppress(FileNotFoundError):
                return open(path, "rb")
        raise DataError.about(f"{file[:40]}", "is not of this take", "reload the page")

    def delete(self, name: str) -> None:
        """Remove a take, whether it is there or not."""
        if _NAME.fullmatch(name):
            self._remove(name)
            with self._lock:
                self._sizes.pop(name, None)

    def write_zip(self, names: Sequence[str], target: IO[bytes]) -> None:
        """Write takes as one zip file, but none that is deleted meanwhile; ConfigError where nothing is left."""
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for place, take in enumerate(self.found(names), start=1):
                with contextlib.suppress(FileNotFoundError):
                    paths = (take.recording, *take.pictures, *take.sheets, take.folder / _FACTS)
                    files = {path.name: path.read_bytes() for path in paths}
                    for file, data in files.items():
                        archive.writestr(f"speech2img/{place:02d}-{take.name[:6]}/{file}", data)
            if not archive.namelist():
                raise ConfigError.about("the zip", "none of these takes is kept here any more", "record them again")

    def _remove(self, name: str) -> None:
        """Delete a folder; its facts go first, so that nobody finds half a take."""
        with contextlib.suppress(OSError):
            (self.folder / name / _FACTS).unlink()
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def _make_room(self, name: str, size: int) -> None:
        """Remove the oldest takes of this process until the rest fits."""
        with self._lock:
            self._sizes[name] = size
            while (
                self._most_bytes is not None and len(self._sizes) > 1 and sum(self._sizes.values()) > self._most_bytes
            ):
                oldest = next(iter(self._sizes))
                self._sizes.pop(oldest)
                self._remove(oldest)


def recording_name(data: bytes) -> str:
    """Name of a recording's file, by what it is."""
    return f"recording{SUFFIXES.get(media_type(data[:HEAD_BYTES]) or '', '.bin')}"
