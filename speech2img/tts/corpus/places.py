"""Where the recordings of a corpus belong: inside it, one a caption, and never over what the driver did not make."""

import contextlib
import hashlib
import os
import stat
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from speech2img.audio.wav import encode_wav
from speech2img.corpora.records.manifest import MANIFEST_NAME, Manifest
from speech2img.errors import DataError
from speech2img.storage.atomic import disk_errors, write_json
from speech2img.storage.names import same_name, some_of
from speech2img.storage.rank import SINGLE, Rank
from speech2img.storage.reading import read_json
from speech2img.tts.corpus.jobs import CORPUS_SAMPLE_RATE, spoken_captions

DERIVED = "derived"
"""The folder of stores and journals: no recording belongs there."""
_CLAIMS = "derived/speech/places.json"
_FORMAT_BYTES = slice(8, 36)
"""What a wav file's first bytes say of its format: kind, channels, rate, bits."""


def check_places(manifest: Manifest) -> None:
    """Refuse a corpus in which a caption that is to be spoken names what can be no recording of its own.

    Parameters
    ----------
    manifest : Manifest
        The corpus, in the voices that will speak.

    Raises
    ------
    DataError
        If such a caption's ``audio`` is no wav file, is spelled in another way than the manifest spells paths, lies
        under ``derived/``, leads out of the corpus by a link, or is a picture, a recording of a person or another
        caption's recording, also by another spelling of the same name (case, composed letters, links).
    """
    # Files that a recording may not replace: images, and recordings of people.
    path = manifest.root / MANIFEST_NAME
    others = {_key(item.image): item.image for item in manifest.items}
    others |= {_key(c.audio): c.audio for item in manifest.items for c in item.captions if c.recorded and c.audio}
    seen: dict[str, str] = {}
    folders = _Folders(manifest.root)
    # Each caption has a file of its own, on any file system and through any link.
    for caption in spoken_captions(manifest):
        audio = str(caption.audio)
        if reason := _fault(audio):
            raise DataError.about(path, f'the "audio" {audio!r} of a caption to be spoken {reason}', _FIX)
        key = _key(folders.real(audio))
        twin = seen.get(key) or others.get(key)
        if twin is not None:
            what = "two captions have the same recording" if key in seen else "a recording would replace another file"
            raise DataError.about(path, f"{what}: {some_of([twin, audio])}", "give each its own name")
        if key.startswith(f"{DERIVED}/"):
            raise DataError.about(path, f'the "audio" {audio!r} of a caption lies under {DERIVED}/', _FIX)
        seen[key] = audio


_FIX = 'name a wav file of its own, or prepare the corpus again; "recorded": true keeps what a person spoke'


def _fault(audio: str) -> str | None:
    plain = PurePosixPath(audio)
    if str(plain) != audio or plain.is_absolute() or ".." in plain.parts or "\0" in audio:
        return "is no plain path within the corpus"
    return None if audio[-4:].lower() == ".wav" and len(plain.name) > 4 else "is no wav file"


def _key(path: str) -> str:
    """What two spellings of one name have in common, on disks that tell no case or compose letters."""
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", same_name(path).casefold())


class _Folders:
    """Where the folders of a corpus really are; DataError for a link out of it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._real: dict[str, str] = {}

    def real(self, audio: str) -> str:
        """The path of a recording, relative to the corpus, without links to folders."""
        folder, _, name = audio.rpartition("/")
        if folder not in self._real:
            real = os.path.realpath(self._root / folder)
            if real != self._real_root and not real.startswith(self._real_root.rstrip("/") + "/"):
                reason = f"is a link out of the corpus, to {real}"
                raise DataError.about(self._root / folder, reason, "put a folder there, or link the whole corpus")
            self._real[folder] = os.path.relpath(real, self._real_root).removeprefix(".")
        return f"{self._real[folder]}/{name}".removeprefix("/")


class Places:
    """The files that the driver may write and remove: those it made, and those that were not there.

    A recording is known to be the driver's by its line in the journal, or by ``derived/speech/places.json``, where
    every place is noted before it is first filled: a kill between a recording and its line changes nothing.

    Parameters
    ----------
    root : Path
        The corpus folder.
    reported : collection of str
        Recordings with a line in the journal.
    rank : Rank
        This process's place in the job; each rank has a list of its own.
    """

    def __init__(self, root: Path, reported: Collection[str], *, rank: Rank = SINGLE) -> None:
        self._root = root
        claims = root / _CLAIMS
        self._path = claims if rank.index == 0 else claims.with_stem(f"{claims.stem}-{rank.index}")
        self._own = set(reported)
        for path in claims.parent.glob(f"{claims.stem}*.json"):
            self._own |= _read_claims(path)
        self._claimed = _read_claims(self._path)

    def claim(self, audio: Sequence[str]) -> None:
        """Note that these places are the driver's from now on; their folders are made.

        Raises
        ------
        DataError
            If something is at such a place that the driver cannot have made. Nothing is noted then.
        """
        new = [place for place in audio if place not in self._own]
        present = [place for place in new if os.path.lexists(self._root / place)]
        if strangers := [place for place in present if not _may_be_ours(self._root / place)]:
            raise self._strangers(strangers)
        for folder in {self._root / PurePosixPath(place).parent for place in audio}:
            with disk_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
        free = set(new).difference(present)
        if free:
            self._own |= free
            self._claimed |= free
            write_json(self._path, sorted(self._claimed))

    def put(self, audio: str, wav: bytes) -> None:
        """Write a recording as a whole.

        Raises
        ------
        DataError
            If another file is there that the driver has not made, or the file cannot be written.
        DiskFullError
            If the disk has no room; nothing half is left.
        """
        path = self._root / audio
        if audio not in self._own and os.path.lexists(path):
            # No journal knows it: it is the driver's own only if it is what would be written.
            if not _may_be_ours(path) or path.read_bytes() != wav:
                raise self._strangers([audio])
            self._own.add(audio)
            return
        _write(path, wav)

    def remove(self, audio: str) -> None:
        """Remove a recording that says something else by now, if the driver made it."""
        if audio in self._own:
            with disk_errors(self._root / audio):
                (self._root / audio).unlink(missing_ok=True)

    def _strangers(self, places: list[str]) -> DataError:
        reason = f"what was not made here is at the place of {len(places)} recordings: {some_of(places)}"
        fix = 'move them away, or mark their captions "recorded": true in the manifest'
        return DataError.about(self._root, reason, fix)


def _read_claims(path: Path) -> set[str]:
    """The places of a list; a damaged list claims nothing, so that nothing is replaced by mistake."""
    try:
        claims = read_json(path) if path.is_file() else []
    except DataError:
        return set()
    return {place for place in claims if isinstance(place, str)} if isinstance(claims, list) else set()


def _may_be_ours(path: Path) -> bool:
    """Whether a file is a wav file as the driver writes them, whoever wrote it."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
        with path.open("rb") as file:
            return file.read(_FORMAT_BYTES.stop)[_FORMAT_BYTES] == _OUR_FORMAT
    except OSError:
        return False


_OUR_FORMAT = encode_wav(np.zeros(1, np.float32), sample_rate=CORPUS_SAMPLE_RATE)[_FORMAT_BYTES]


def _write(path: Path, wav: bytes) -> None:
    """Write a file as a whole; the driver brings all of a batch to the disk at once."""
    part = path.with_name(f".{hashlib.sha256(path.name.encode()).hexdigest()[:16]}.part")
    with disk_errors(path, len(wav)):
        try:
            part.unlink(missing_ok=True)
            with part.open("xb") as file:
                file.write(wav)
            part.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise
