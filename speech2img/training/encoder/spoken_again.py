"""Captions of the corpus spoken again, in other voices and another folder: further utterances for the training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from speech2img.corpora.records.items import Caption, utterance_id
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import DataError
from speech2img.features.stores import mel_store
from speech2img.training.encoder.data import Utterances

_SPEAK = "make it by 'speech2img synthesize --again'"


@dataclass(frozen=True)
class SpokenAgain:
    """Recordings of training utterances in other voices, numbered behind the utterances of the corpus."""

    ids: list[str]
    """Name of each, unlike any of the corpus's: ``<folder>:<utterance>``."""
    paths: list[Path]
    """Their recordings."""
    lengths: np.ndarray
    """int64, log-mel frames of each."""
    utterances: np.ndarray
    """int64, row of the corpus's utterance that each says again."""
    folders: tuple[Path, ...]
    """Where they lie, folder by folder."""
    counts: tuple[int, ...]
    """Recordings of each folder."""
    sources: tuple[str, ...]
    """Digest of each folder's recordings."""


def open_spoken_again(
    manifest: Manifest, folders: Sequence[str], *, preset: str, workers: int, progress: bool
) -> SpokenAgain:
    """Recordings of folders that `speech2img synthesize --again` made; their log-mels are made where they are missing.

    Parameters
    ----------
    manifest : Manifest
        The corpus whose captions they say.
    folders : sequence of str
        Corpus folders.
    preset : str
        Mel preset.
    workers : int
        Processes that compute log-mels.
    progress : bool
        Show progress.

    Raises
    ------
    DataError
        If an utterance is none of the corpus's training utterances in known voices, has other words there, was
        spoken in a voice that is held out, or has no recording.
    """
    # The training utterances by name.
    known: dict[str, tuple[int, Caption]] = {}
    row = 0
    for item in manifest.items:
        for caption in item.captions:
            if item.split == "train" and not caption.held_out_voice:
                known[utterance_id(item, caption)] = (row, caption)
            row += 1

    # Each folder's utterances, and which of the corpus's each of them says.
    ids: list[str] = []
    paths: list[Path] = []
    lengths: list[np.ndarray] = []
    rows: list[int] = []
    sources: list[str] = []
    for number, folder in enumerate(folders):
        again = Manifest.load(folder)
        for item in again.items:
            for caption in item.captions:
                name = utterance_id(item, caption)
                rows.append(_row_of(again.root, name, caption, known))
                ids.append(f"{number}:{name}")
                paths.append(again.root / str(caption.audio))
        store = mel_store(again, preset=preset, workers=workers, progress=progress)
        lengths.append(store.lengths)
        sources.append(store.source)
    frame_counts = np.concatenate([np.zeros(0, dtype=np.int64), *lengths]).astype(np.int64)
    counts = tuple(len(part) for part in lengths)
    homes = tuple(Path(folder) for folder in folders)
    return SpokenAgain(ids, paths, frame_counts, np.array(rows, dtype=np.int64), homes, counts, tuple(sources))


def with_spoken_again(utterances: Utterances, again: SpokenAgain, *, share: float, count: int) -> Utterances:
    """Training utterances of a corpus and those that were spoken again; these have the same targets.

    Parameters
    ----------
    utterances : Utterances
        Of the corpus.
    again : SpokenAgain
        Other recordings.
    share : float
        Part of the training in other recordings, 0 <= share < 1; 0 has each of them as often as the corpus's own.
    count : int
        Utterances of the corpus: the others are numbered behind them.
    """
    if not len(again.utterances):
        return utterances

    # How often each one counts: all of them in turn, until they are that share.
    numbers = np.arange(len(again.utterances))
    if share:
        numbers = np.resize(numbers, round(share / (1 - share) * len(utterances.rows)))
    place_of = np.full(count, -1, dtype=np.int64)
    place_of[utterances.rows] = np.arange(len(utterances.rows))
    places = place_of[again.utterances[numbers]]
    imitated = utterances.imitated
    return replace(
        utterances,
        rows=np.concatenate([utterances.rows, count + numbers]),
        images=np.concatenate([utterances.images, utterances.images[places]]),
        labels=np.concatenate([utterances.labels, utterances.labels[places]]),
        imitated=None if imitated is None else np.concatenate([imitated, imitated[again.utterances]]),
    )


def _row_of(root: Path, name: str, caption: Caption, known: dict[str, tuple[int, Caption]]) -> int:
    """Row of the utterance that a caption says again; DataError where it may not be trained on."""
    row, original = known.get(name, (-1, caption))
    if row < 0:
        reason = f"{name} is no training utterance of the corpus in a voice that training hears"
        raise DataError.about(root, reason, _SPEAK)
    if caption.text != original.text:
        raise DataError.about(root, f"{name} has other words than in the corpus", _SPEAK)
    if caption.held_out_voice:
        raise DataError.about(root, f"{name} is spoken in a voice that is held out", _SPEAK)
    return row
