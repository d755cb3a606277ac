"""Says of every file of a folder what it is, by its content: a picture, a recording, a text, or nothing of use."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from speech2img.audio.decoders.ffmpeg import KINDS as FOREIGN_SOUNDS
from speech2img.audio.decoders.ffmpeg import has_decoder
from speech2img.corpora.folder.entries import (
    IMAGE_SUFFIXES,
    OTHER_SOUND_SUFFIXES,
    RECORDING_SUFFIXES,
    TABLE_SUFFIXES,
    TEXT_SUFFIXES,
    UNREAD_IMAGE_SUFFIXES,
    suffix_of,
    without_suffix,
)
from speech2img.corpora.folder.unused import Unused
from speech2img.images.io import MEDIA_TYPES as IMAGE_TYPES
from speech2img.storage.atomic import disk_errors
from speech2img.storage.folders import FoundFile
from speech2img.storage.media_type import HEAD_BYTES
from speech2img.storage.names import same_name
from speech2img.storage.reading import open_regular

SOUND_TYPES = frozenset(("audio/wav", "audio/aiff", "audio/flac", "audio/ogg", "audio/mpeg"))
USUAL_SOUNDS = frozenset(("audio/wav", "audio/flac", "audio/ogg", "audio/mpeg"))
USUAL_TYPES = USUAL_SOUNDS | {"image/jpeg", "image/png", "image/bmp", "image/webp"}
"""Of two files of one name, those of these types are taken."""
RAW_SUFFIXES = frozenset((".cr2", ".nef", ".arw", ".dng", ".orf", ".rw2"))
VIDEO_TYPES = frozenset(("video/mp4", "video/quicktime", "video/x-msvideo"))
SOUND_SUFFIXES = frozenset((".m4a", ".m4b", ".aac"))
"""How sound is called in the container that films are in, too."""
VIDEO = "a film, as telephones take with a picture; save its sound as wav if it describes one"
TABLE = "a table, and none that was asked for (--table)"
OTHER = "neither picture nor recording nor text"
UNKNOWN_IMAGE = "called a picture, but none of a known format"
UNKNOWN_SOUND = "called a recording, but none of a known format"
TWIN = "has the name of a file beside it in a more usual format"
READ_TWIN = "a picture of its name lies beside it in a format that is read"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(slots=True)
class Kinds:
    """The files of a folder by what they are, each list by path."""

    images: list[str] = field(default_factory=list)
    recordings: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    unread_images: dict[str, str] = field(default_factory=dict)
    """Pictures of formats that are not read, and why: recordings may be theirs."""
    unread_recordings: dict[str, str] = field(default_factory=dict)
    """The same of recordings."""
    others: dict[str, str] = field(default_factory=dict)
    """All else."""

    def unread(self) -> list[Unused]:
        """Everything that is not used because of what it is."""
        reasons = self.unread_images | self.unread_recordings | self.others
        return [Unused(path, reason) for path, reason in reasons.items()]


def sort_by_kind(root: Path, files: Sequence[FoundFile]) -> Kinds:
    """Sort files by what their content says.

    Parameters
    ----------
    root : Path
        The folder.
    files : sequence of FoundFile
        Regular files in it.

    Returns
    -------
    Kinds
        A file is what its content says, whatever it is called. Where the content is not known (a damaged file), the
        name of a picture or recording counts, so that the file is looked at and its fault is told. Of two pictures or
        recordings that differ in their ending only, the one in a usual format is taken; a picture that is not read
        (cameras write raw pictures, and telephones HEIC, beside a JPEG) then owns nothing.
    """
    kinds = Kinds()
    types: dict[str, str | None] = {}
    sounds = SOUND_TYPES | (FOREIGN_SOUNDS.keys() if has_decoder() else frozenset())
    # By content; text by its name as well, since any bytes may be text.
    for file in files:
        types[file.path] = file.kind
        if suffix_of(file.path) in TEXT_SUFFIXES | TABLE_SUFFIXES and (file.kind is None or _is_text(root / file.path)):
            types[file.path] = "text/plain"
        _take(kinds, file.path, types[file.path], sounds)
    # The usual form counts where a file is there in two.
    for paths in (kinds.images, kinds.recordings):
        usual = {without_suffix(path) for path in paths if types[path] in USUAL_TYPES}
        twins = [path for path in paths if types[path] not in {None, *USUAL_TYPES} and without_suffix(path) in usual]
        kinds.others |= dict.fromkeys(twins, TWIN)
        paths[:] = [path for path in paths if path not in kinds.others]
    # A raw image beside the JPEG that a camera made of it belongs to nobody.
    read = {same_name(without_suffix(path)) for path in kinds.images}
    for path in [path for path in kinds.unread_images if same_name(without_suffix(path)) in read]:
        del kinds.unread_images[path]
        kinds.others[path] = READ_TWIN
    return kinds


def _is_text(path: Path) -> bool:
    """Whether a file begins like a text, even one that begins like a sound ("caff..." does, and so does UTF-16)."""
    with disk_errors(path), open_regular(path) as file:
        head = file.read(HEAD_BYTES)
    return head[:2] in _UTF16 or not any(byte < 32 and byte not in b"\t\n\r\v\f" for byte in head)


def _take(kinds: Kinds, path: str, media_type: str | None, sounds: Collection[str]) -> None:
    """Put a file of a media type (None where it is not known) where it belongs; ``sounds`` are types that are read."""
    # What names and bytes agree on comes first, what only a name says comes last.
    suffix = suffix_of(path)
    family = (media_type or "").partition("/")[0]
    if media_type == "text/plain" and suffix in TEXT_SUFFIXES:
        kinds.texts.append(path)
    elif suffix in TABLE_SUFFIXES and family not in ("image", "audio", "video"):
        kinds.others[path] = TABLE if suffix != ".json" else OTHER
    elif family == "image" and suffix in RAW_SUFFIXES:
        kinds.unread_images[path] = "camera raw pictures are not read; export them as JPEG"
    elif media_type in IMAGE_TYPES or (media_type is None and suffix in IMAGE_SUFFIXES):
        kinds.images.append(path)
    elif media_type in VIDEO_TYPES and suffix not in SOUND_SUFFIXES:
        kinds.others[path] = VIDEO
    elif media_type in sounds or (media_type is None and suffix in RECORDING_SUFFIXES):
        kinds.recordings.append(path)
    elif family == "image":
        kinds.unread_images[path] = f"{_format(media_type)} pictures are not read; convert them to JPEG or PNG"
    elif family in ("audio", "video"):
        known = FOREIGN_SOUNDS.get(media_type or "")
        needs = f"{known[1]} needs ffmpeg or PyAV, which is not here" if known else f"{_format(media_type)} is not read"
        kinds.unread_recordings[path] = f"{needs}; convert it to wav or flac"
    elif media_type is None and suffix in UNREAD_IMAGE_SUFFIXES:
        kinds.unread_images[path] = UNKNOWN_IMAGE
    elif media_type is None and suffix in OTHER_SOUND_SUFFIXES:
        kinds.unread_recordings[path] = UNKNOWN_SOUND
    else:
        kinds.others[path] = OTHER


def _format(media_type: str | None) -> str:
    return (media_type or "").partition("/")[2].removeprefix("x-").upper()
