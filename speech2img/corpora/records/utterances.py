"""Recorded utterances of a corpus: one plain record each, with the image that it describes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from speech2img.errors import DataError

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class UtteranceRecord:
    """One recorded utterance and the real picture that it describes."""

    id: str
    """Utterance id, unique in the corpus."""
    item_id: str
    """Id of the picture; the key of image stores."""
    audio: Path
    """The recording."""
    text: str
    """What is said. No model sees it; pages show it to the reader."""
    image: Path
    """The real picture."""
    class_id: int
    class_name: str
    split: str
    """``train``, ``val``, ``test_seen`` (held-out pictures of seen classes) or ``test`` (classes never seen)."""
    mentions: Mapping[str, str] = field(default_factory=dict)
    """Attribute -> value, said in words or by the manner of speaking; empty where the corpus does not know."""
    voice: str = ""
    manner: str | None = None
    """Name of the manner of speaking, where it carries meaning."""
    held_out_voice: bool = False
    """True if no training utterance is in this voice."""
    attributes: Mapping[str, str] | None = None
    """The truth about the picture, where it is known."""
    box: Box | None = None
    """Bounding box x, y, w, h in pixels of the real picture."""
    by_manner: frozenset[str] = frozenset()
    """Attributes that only the manner of speaking gives, in this corpus."""
    language: str = "en"
    """Language of the words."""


class ManifestLike(Protocol):
    """The part of a corpus manifest that metrics read."""

    @property
    def root(self) -> Path:
        """The corpus folder."""

    @property
    def corpus(self) -> str:
        """Name of the corpus."""

    @property
    def items(self) -> Sequence[Any]:
        """Its pictures: ``id, image, class_id, class_name, split, box, attributes, captions`` each."""


def utterances_of(
    manifest: ManifestLike, splits: Iterable[str], *, by_manner: frozenset[str] = frozenset()
) -> list[UtteranceRecord]:
    """All recorded utterances of some splits, in the manifest's order.

    Parameters
    ----------
    manifest : ManifestLike
        The corpus.
    splits : iterable of str
        Which splits.
    by_manner : frozenset of str
        Attributes that only the manner of speaking gives, in this corpus.

    Raises
    ------
    DataError
        If a split has no items, or none of its captions was recorded yet.
    """
    records: list[UtteranceRecord] = []
    # In the order of the manifest; a split without recordings is an error.
    for split in splits:
        items = [item for item in manifest.items if item.split == split]
        if not items:
            known = sorted({item.split for item in manifest.items})
            raise DataError.about(f"{manifest.root}, split {split}", "no items", f"choose among {', '.join(known)}")
        before = len(records)
        records.extend(
            _record(manifest.root, item, caption, by_manner)
            for item in items
            for caption in item.captions
            if caption.audio is not None
        )
        if len(records) == before:
            raise DataError.about(
                f"{manifest.root}, split {split}", "no caption has a recording", "run 'speech2img synthesize' first"
            )
    return records


def _record(root: Path, item: Any, caption: Any, by_manner: frozenset[str]) -> UtteranceRecord:
    return UtteranceRecord(
        id=f"{item.id}_{caption.index}",
        item_id=item.id,
        audio=root / caption.audio,
        text=caption.text,
        image=root / item.image,
        class_id=item.class_id,
        class_name=item.class_name,
        split=item.split,
        mentions=dict(caption.mentions),
        voice=caption.voice,
        manner=caption.manner,
        held_out_voice=caption.held_out_voice,
        attributes=item.attributes,
        box=item.box,
        by_manner=by_manner,
        language=caption.language,
    )
