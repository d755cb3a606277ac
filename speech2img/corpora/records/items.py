"""A picture and its captions: the two records a corpus is made of, and how they stand in a line of the manifest."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, make_dataclass
from pathlib import PurePosixPath
from typing import Any, TypeVar, cast

T = TypeVar("T")

MAX_CLASSES = 1_000_000
CLASS_HEADS = ("species", "class")
"""What a question for a picture's class is called: beside attributes, and in a corpus that has none."""
UNKNOWN_SPEAKER = "unknown speaker"
_UNSAFE = ("", "/", "\\")
SPLITS: tuple[str, ...] = ("train", "val", "test_seen", "test")


@dataclass(frozen=True, slots=True)
class Caption:
    """One caption of a picture and the way it is spoken."""

    index: int
    """Number of the caption within its picture, from 0."""
    text: str
    """The words; empty where a person spoke and nobody wrote them down."""
    voice: str
    """Name of the voice, in the synthesizer's own words (``en-us+f3``); of a person, the speaker."""
    audio: str | None
    """Path of the recording relative to the corpus folder, or None where nothing is to be spoken."""
    rate: int
    """Speed in words a minute; 0 for a person."""
    pitch: int
    """Base pitch of the voice, 0-99."""
    pitch_range: int
    """How far the pitch moves, 0-99."""
    mentions: dict[str, str]
    """Attribute -> value, as far as this utterance gives them, in words or (``light``) by its manner."""
    manner: str | None
    """Name of the manner of speaking, or None where all captions are spoken alike."""
    language: str = "en"
    """Language of the words."""
    held_out_voice: bool = False
    """Whether no training utterance is spoken by this voice."""
    recorded: bool = False
    """Whether a person spoke it: no engine ever makes or replaces its recording."""
    speaker: str | None = None
    """Which person; None where that is unknown, or no person spoke."""


def recorded_caption(
    index: int,
    audio: str,
    *,
    text: str = "",
    speaker: str | None = None,
    language: str = "en",
    mentions: dict[str, str] | None = None,
    held_out_voice: bool = False,
) -> Caption:
    """A caption that a person spoke.

    Parameters
    ----------
    index : int
        Number of the caption within its picture, from 0.
    audio : str
        Path of the recording relative to the corpus folder, in any format that ``read_audio`` reads.
    text : str
        The words, where they are known.
    speaker : str, optional
        Who spoke, where that is known.
    language : str
        Language of the words.
    mentions : dict of str to str, optional
        Attribute -> value, as far as the utterance is known to give them.
    held_out_voice : bool
        Whether this speaker speaks in no training utterance.
    """
    return Caption(
        index,
        text,
        speaker or UNKNOWN_SPEAKER,
        audio,
        0,
        0,
        0,
        mentions or {},
        None,
        language,
        held_out_voice,
        True,
        speaker,
    )


@dataclass(frozen=True, slots=True)
class Item:
    """One picture with its captions."""

    id: str
    """``class folder/name without ending``, as in CUB's ``images.txt``."""
    image: str
    """Path of the picture relative to the corpus folder."""
    class_id: int
    """Class number from 0."""
    class_name: str
    """Name of the class folder (``001.Crested_Marshlark``)."""
    split: str
    """One of ``SPLITS``."""
    box: tuple[float, float, float, float] | None
    """Bounding box x, y, width, height in pixels, or None where unknown."""
    attributes: dict[str, str] | None
    """What the picture shows, or None where that is unknown (photographs)."""
    captions: tuple[Caption, ...]
    """The captions in the order of their index."""


def _unguarded(record: type[T]) -> Callable[..., T]:
    """A maker of frozen records that fills an open twin of them and then turns it into one.

    Filling a frozen record goes through its guard field by field: for 400,000 captions that is a fifth of the loading.
    """

    def close(twin: Any) -> None:
        twin.__class__ = record

    columns = [(entry.name, Any, field(default=entry.default)) for entry in fields(cast(Any, record))]
    return make_dataclass(f"Open{record.__name__}", columns, slots=True, namespace={"__post_init__": close})


_new_caption, _new_item = _unguarded(Caption), _unguarded(Item)


def utterance_id(item: Item, caption: Caption) -> str:
    """Name of one utterance, the same in every store: ``<item id>_<caption index>``."""
    return f"{item.id}_{caption.index}"


def item_to_dict(item: Item) -> dict[str, Any]:
    """An item as plain JSON."""
    return {
        "id": item.id,
        "image": item.image,
        "class_id": item.class_id,
        "class_name": item.class_name,
        "split": item.split,
        "box": item.box,
        "attributes": item.attributes,
        "captions": [_caption_to_dict(caption) for caption in item.captions],
    }


def _caption_to_dict(caption: Caption) -> dict[str, Any]:
    if caption.recorded:
        return _recorded_to_dict(caption)
    # A caption that an engine speaks.
    fields: dict[str, Any] = {
        "index": caption.index,
        "text": caption.text,
        "voice": caption.voice,
        "audio": caption.audio,
        "rate": caption.rate,
        "pitch": caption.pitch,
        "pitch_range": caption.pitch_range,
        "mentions": caption.mentions,
        "manner": caption.manner,
        "language": caption.language,
    }
    if caption.held_out_voice:
        fields["held_out_voice"] = True
    return fields


def _recorded_to_dict(caption: Caption) -> dict[str, Any]:
    """What a person spoke has no settings of an engine: only what is known is written."""
    fields: dict[str, Any] = {"index": caption.index, "recorded": True, "audio": caption.audio}
    optional = {
        "text": caption.text,
        "speaker": caption.speaker,
        "mentions": caption.mentions,
        "held_out_voice": caption.held_out_voice,
    }
    return {**fields, "language": caption.language, **{key: value for key, value in optional.items() if value}}


def item_from_dict(fields: Any, share: dict[str, str]) -> Item:
    """Build an item from plain JSON.

    Parameters
    ----------
    fields : Any
        What one line of the manifest holds.
    share : dict
        Texts seen so far: equal ones become one object, which saves a third of the memory.

    Raises
    ------
    KeyError, TypeError, ValueError, AttributeError
        If ``fields`` is not an item.
    """
    box = fields["box"]
    if box is not None:
        x, y, width, height = (_number(value) for value in box)
        box = (x, y, width, height)
    attributes = fields["attributes"]
    return _new_item(
        _text(fields["id"]),
        _inside(fields["image"]),
        _whole(fields["class_id"], 0, MAX_CLASSES),
        _shared(fields["class_name"], share),
        _shared(fields["split"], share),
        box,
        None if attributes is None else _strings(attributes, share),
        tuple([_caption_from_dict(caption, share) for caption in fields["captions"]]),
    )


def _caption_from_dict(fields: Any, share: dict[str, str]) -> Caption:
    if fields.get("recorded") is True:
        return _recorded_from_dict(fields, share)
    audio, manner = fields["audio"], fields["manner"]
    return _new_caption(
        _whole(fields["index"], 0, MAX_CLASSES),
        _text(fields["text"]),
        _shared(fields["voice"], share),
        None if audio is None else _inside(audio),
        _whole(fields["rate"], 1, 1000),
        _whole(fields["pitch"], 0, 99),
        _whole(fields["pitch_range"], 0, 99),
        _strings(fields["mentions"], share),
        None if manner is None else _shared(manner, share),
        _shared(fields["language"], share),
        fields.get("held_out_voice", False) is True,
    )


def _recorded_from_dict(fields: Any, share: dict[str, str]) -> Caption:
    text, speaker, mentions = fields.get("text"), fields.get("speaker"), fields.get("mentions")
    known = _shared(speaker, share) if speaker else None
    return _new_caption(
        _whole(fields["index"], 0, MAX_CLASSES),
        _text(text) if text else "",
        known or UNKNOWN_SPEAKER,
        _inside(fields["audio"]),
        0,
        0,
        0,
        _strings(mentions, share) if mentions else {},
        None,
        _shared(fields["language"], share),
        fields.get("held_out_voice", False) is True,
        True,
        known,
    )


def _text(value: Any) -> str:
    if type(value) is not str or not value:
        raise TypeError(f"expected a text, found {value!r:.60}")
    if not value.isascii():
        value.encode()
    return value


def _shared(value: Any, share: dict[str, str]) -> str:
    if type(value) is str and value in share:
        return share[value]
    return share.setdefault(_text(value), value)


def _inside(value: Any) -> str:
    """The one spelling of a relative path that stays inside the corpus folder: ``a/b.wav`` for ``./a//b.wav``."""
    if type(value) is str and value.isascii() and value[:1] not in _UNSAFE and _is_spelled_plainly(value):
        return value
    path = PurePosixPath(_text(value))
    if not path.parts or path.parts[0][0] in _UNSAFE or ".." in path.parts or "\0" in value:
        raise ValueError(f"the path {value[:200]!r} leaves the corpus folder")
    return str(path)


def _is_spelled_plainly(path: str) -> bool:
    """Whether a path has nothing that `PurePosixPath` would spell otherwise, or refuse; may be False for others."""
    return not (path[0] == "." or path[-1] == "/" or "//" in path or "/." in path or ".." in path or "\0" in path)


def _whole(value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise TypeError(f"expected a whole number from {least} to {most}, found {value!r:.60}")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not abs(value) < 1e9:
        raise TypeError(f"expected a number, found {value!r:.60}")
    return float(value)


def _strings(value: Any, share: dict[str, str]) -> dict[str, str]:
    if type(value) is not dict:
        raise TypeError(f"expected an object of texts, found {value!r:.60}")
    return {_shared(key, share): _shared(entry, share) for key, entry in value.items()}
