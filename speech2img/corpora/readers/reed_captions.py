"""Reed et al.'s captions (2016) as they are handed on: a text file a picture, a caption a line, in folders or a zip.

Their archives hold ``text_c10/<class>/<picture>.txt`` (beside Torch files, which are not needed); StackGAN's and
AttnGAN's hold the same texts as ``text/...`` or ``text.zip``. Li et al.'s JSON files repeat the texts, and are taken
where there is nothing else. Of a tar archive only the texts are read, without unpacking it.
"""

import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from speech2img.corpora.records.text import counted
from speech2img.errors import ConfigError, DataError
from speech2img.storage.bounded import open_bounded
from speech2img.storage.foreign.archives import archive_errors
from speech2img.storage.foreign.tars import open_tar
from speech2img.storage.names import some_of
from speech2img.storage.reading import read_bytes

CAPTIONS_PER_IMAGE = 10
MAX_TEXT_BYTES = 1 << 20
MAX_MEMBERS = 200_000
MAX_ARCHIVE_BYTES = 128 << 20
NAMES = ("text_c10", "text")
_CHUNK = 1 << 16
_WORD = re.compile(r"\w")
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError, KeyError, struct.error)


@dataclass(frozen=True, slots=True)
class CaptionFiles:
    """Where the captions of a corpus lie."""

    path: Path
    """A folder or a zip archive."""
    has: Callable[[str], bool]
    """Whether there are captions of an item id."""
    read: Callable[[str], bytes]
    """The text file of an item id; DataError where it cannot be read."""
    file_of: Callable[[str], str | None]
    """Path of the text file relative to the corpus folder, or None inside an archive."""


def find_captions(root: Path, prefixes: Sequence[str]) -> CaptionFiles | None:
    """Find the captions in a corpus folder.

    Parameters
    ----------
    root : Path
        The corpus folder.
    prefixes : sequence of str
        Folders of it where the archives may have been unpacked, for example ``("", "birds")``.

    Returns
    -------
    CaptionFiles or None
        The first of ``<prefix>/text_c10/``, ``<prefix>/text/``, ``<prefix>/text_c10.zip``, ``<prefix>/text.zip`` that
        holds ``<class>/<picture>.txt``.

    Raises
    ------
    DataError
        If an archive is damaged, or too large to be one of captions.
    """
    for prefix in prefixes:
        for name in NAMES:
            folder = root / prefix / name
            if next(folder.glob("*/*.txt"), None):
                return _in_folder(root, folder)
            archive = folder.with_suffix(".zip")
            if archive.is_file():
                return _in_archive(archive)
    return None


def _in_folder(root: Path, folder: Path) -> CaptionFiles:
    relative = folder.relative_to(root).as_posix()
    return CaptionFiles(
        folder,
        lambda item_id: os.path.isfile(folder / f"{item_id}.txt"),
        lambda item_id: read_bytes(folder / f"{item_id}.txt", max_bytes=MAX_TEXT_BYTES),
        lambda item_id: f"{relative}/{item_id}.txt",
    )


def _in_archive(path: Path) -> CaptionFiles:
    fix = "fetch it again, or unpack it beside itself"
    texts: dict[str, bytes] = {}
    # The archive is not trusted: sizes and methods are checked before a byte is read.
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".txt")]
            if len(members) > MAX_MEMBERS or sum(info.file_size for info in members) > MAX_ARCHIVE_BYTES:
                raise DataError.about(path, "far too large for captions", fix)
            for info in members:
                parts = PurePosixPath(info.filename.replace("\\", "/")).parts
                if len(parts) < 2 or parts[0] == "__MACOSX":
                    continue
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise DataError.about(path, f"{info.filename} is packed in a rare way", "unpack it beside itself")
                if info.file_size > MAX_TEXT_BYTES:
                    raise DataError.about(path, f"{info.filename} is larger than {MAX_TEXT_BYTES:,} bytes", fix)
                # By class and image, wherever in the archive they lie.
                texts["/".join(parts[-2:]).removesuffix(".txt")] = archive.read(info)
    except _ZIP_ERRORS as error:
        raise DataError.about(path, f"damaged, locked or no zip archive ({error})", fix) from error
    return CaptionFiles(path, texts.__contains__, texts.__getitem__, lambda item_id: None)


def captions_in_tar(path: Path, *, fix: str) -> CaptionFiles:
    """Read the captions of a tar archive (plain, gzip, bzip2 or xz) once, from front to back.

    Parameters
    ----------
    path : Path
        An archive with ``<class>/<picture>.txt`` wherever in it; other files and links are passed over.
    fix : str
        What the user can do if it is damaged.

    Returns
    -------
    CaptionFiles
        The texts, byte for byte.

    Raises
    ------
    DataError
        If it is missing, damaged, cut off, holds a text twice, or is too large to be one of captions.
    """
    texts: dict[str, bytes] = {}
    size = 0
    # The archive is not trusted: nothing is kept beyond the limits, whatever it unfolds to.
    with open_bounded(path, max_bytes=MAX_ARCHIVE_BYTES) as file, archive_errors(path, fix=fix):
        with open_tar(file) as archive:
            for number, member in enumerate(archive, start=1):
                size += member.size
                if number > MAX_MEMBERS or size > MAX_ARCHIVE_BYTES:
                    raise DataError.about(path, "far too large for captions", fix)
                parts = PurePosixPath(member.name).parts
                if not member.isreg() or member.issparse() or len(parts) < 2 or not member.name.endswith(".txt"):
                    continue
                if member.size > MAX_TEXT_BYTES:
                    raise DataError.about(path, f"{member.name} is larger than {MAX_TEXT_BYTES:,} bytes", fix)
                item_id = "/".join(parts[-2:]).removesuffix(".txt")
                if item_id in texts:
                    raise DataError.about(path, f"holds the captions of {item_id} twice", fix)
                content = archive.extractfile(member)
                texts[item_id] = content.read() if content is not None else b""
            # To its very end: only there does a packed archive say whether all was as it had been.
            while archive.fileobj is not None and (rest := archive.fileobj.read(_CHUNK)):
                size += len(rest)
                if size > MAX_ARCHIVE_BYTES:
                    raise DataError.about(path, "far too large for captions", fix)
    return CaptionFiles(path, texts.__contains__, texts.__getitem__, lambda item_id: None)


def captions_of_lists(source: Path, texts: Mapping[str, Sequence[str]]) -> CaptionFiles:
    """Captions that came as lists, for example from Li et al.'s JSON files.

    Parameters
    ----------
    source : Path
        What to name in errors.
    texts : Mapping of str to sequence of str
        Item id -> captions.
    """
    lines = {
        item_id: "\n".join(" ".join(text.split()) for text in some).encode(errors="surrogatepass")
        for item_id, some in texts.items()
    }
    return CaptionFiles(source, lines.__contains__, lines.__getitem__, lambda item_id: None)


def read_captions(
    files: CaptionFiles, item_ids: Iterable[str], *, encoding: str = "utf-8", fix: str | None = None
) -> dict[str, list[str]]:
    """Read the captions of pictures.

    Parameters
    ----------
    files : CaptionFiles
        Where they lie; all ids must be there.
    item_ids : iterable of str
        The pictures.
    encoding : str
        What texts that are not in UTF-8 are in, as Python calls it; UTF-8 is always tried first.
    fix : str, optional
        What the user can do about texts that cannot be used, where there is no option for their encoding.

    Returns
    -------
    dict of str to list of str
        The first ten captions that have a word in them, white space and what is no character made one space.

    Raises
    ------
    DataError
        If texts are in neither (with the encoding that fits them all, where one does), or hold no caption.
    ConfigError
        If there is no such encoding.
    """
    # The encoding must be one that Python knows.
    try:
        "".encode(encoding)
    except (LookupError, ValueError) as error:
        known = "use utf-8, cp1252, latin-1 or another encoding that Python knows"
        raise ConfigError.about(f"encoding '{encoding}'", "is not known", known) from error
    # UTF-8 first, which other encodings cannot pass for by accident.
    captions: dict[str, list[str]] = {}
    broken: dict[str, bytes] = {}
    empty: list[str] = []
    for item_id in item_ids:
        data = files.read(item_id)
        text = _decode(data, "utf-8-sig")
        text = _decode(data, encoding) if text is None else text
        if text is None:
            broken[item_id] = data
        else:
            captions[item_id] = _captions(text)
            if not captions[item_id]:
                empty.append(item_id)
    # Say all that is wrong at once.
    if broken:
        reason = f"not in {encoding}: {counted(len(broken), 'text')} ({some_of(list(broken))})"
        raise DataError.about(files.path, reason, fix or _way_out(broken))
    if empty:
        reason = f"no caption in {counted(len(empty), 'text')} ({some_of(empty)})"
        raise DataError.about(files.path, reason, fix or "fetch them again")
    return captions


def notes_on_captions(captions: Mapping[str, Sequence[str]]) -> list[str]:
    """What to tell of the captions of a corpus: of which pictures there are fewer than ten."""
    sparse = [item_id for item_id, texts in captions.items() if len(texts) < CAPTIONS_PER_IMAGE]
    fewer = f"fewer than {CAPTIONS_PER_IMAGE} captions: {counted(len(sparse), 'picture')} ({some_of(sparse)})"
    return [fewer] if sparse else []


def _decode(data: bytes, codec: str) -> str | None:
    try:
        text = data.decode(codec)
    except (UnicodeError, ValueError):
        return None
    return None if "\0" in text else text


def _captions(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [" ".join(_readable(line).split()) for line in lines if _WORD.search(line)][:CAPTIONS_PER_IMAGE]


def _readable(line: str) -> str:
    if line.isprintable() and "\ufffd" not in line:
        return line
    return "".join(char if char.isprintable() and char != "\ufffd" else " " for char in line)


def _way_out(broken: Mapping[str, bytes]) -> str:
    codec = "utf-16" if all(b"\0" in data for data in broken.values()) else "cp1252"
    if all(_decode(data, codec) is not None for data in broken.values()):
        return f"convert them to UTF-8, or give --encoding {codec} if that is what they are in"
    return "convert them to UTF-8"
