"""Utterances with their texts: of a corpus's manifest or in the layout of LJ Speech, and the batches of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from speech2img.audio.mel import MEL_PRESETS
from speech2img.audio.store import MelStore, build_mel_store
from speech2img.batches.augmented_mels import AugmentedMels
from speech2img.batches.sampler import ResumableSampler
from speech2img.batches.speech import Mels, UtteranceSource, draw_spans, mask_mels
from speech2img.batches.warped_mels import WarpedMels
from speech2img.corpora.readers.ljspeech import clips_sha256, read_clips
from speech2img.corpora.records.manifest import MANIFEST_NAME, Manifest
from speech2img.distributed.collectives import is_main_process, main_process_first
from speech2img.errors import DataError
from speech2img.features.stores import derived, mel_store
from speech2img.models.recognisers.base import CharacterRecogniser
from speech2img.models.recognisers.characters import pad_texts
from speech2img.training.recogniser.settings import RecogniserSettings

LJSPEECH_MANIFEST = "metadata.csv"


@dataclass(frozen=True)
class Spoken:
    """One recording and its text."""

    id: str
    """Name."""
    path: Path
    """The recording."""
    text: str
    """What is said; empty where nobody wrote it down."""
    part: str
    """``train``, ``val``, or another one."""
    held_out_voice: bool = False
    """Whether training never hears the voice."""


class TextBatch(NamedTuple):
    """Padded log-mels and texts."""

    mel_BMT: Tensor
    """float32, log-mels (or samples)."""
    lengths_B: Tensor
    """int64, valid frames."""
    numbers_BN: Tensor
    """int64, characters from the start mark to the end mark, 0 behind."""
    indices_B: np.ndarray
    """Places of the utterances in the corpus."""


def read_spoken(root: Path) -> tuple[list[Spoken], str]:
    """Recordings of a folder with their texts, and a digest of both names and texts.

    Parameters
    ----------
    root : Path
        A corpus folder (``manifest.jsonl``), or one in the layout of LJ Speech (``metadata.csv``), whose recordings are
        all in part ``train``.

    Raises
    ------
    DataError
        If it is neither, a caption has no recording, or nothing in it was written down.
    """
    if (root / LJSPEECH_MANIFEST).is_file() and not (root / MANIFEST_NAME).is_file():
        clips = read_clips(root)
        return [Spoken(clip.name, clip.path, clip.text, "train") for clip in clips], clips_sha256(clips)
    # A corpus: every caption in the manifest's order, which is that of its mel store.
    manifest = Manifest.load(root)
    spoken = []
    for item in manifest.items:
        for caption in item.captions:
            name = f"{item.id}_{caption.index}"
            if caption.audio is None:
                raise DataError.about(name, "has no recording", "run speech2img synthesize first")
            path = root / caption.audio
            spoken.append(Spoken(name, path, caption.text, item.split, caption.held_out_voice))
    # Nothing written, nothing to recognise.
    if not any(one.text.strip() for one in spoken):
        reason = "no caption has a text: a language without writing cannot be recognised"
        raise DataError.about(root, reason, "train an encoder on its speech instead: 'speech2img train encoder'")
    digest = hashlib.sha256("\n".join(f"{one.id}|{one.text}|{one.part}" for one in spoken).encode()).hexdigest()
    return spoken, digest


def with_held_out(spoken: Sequence[Spoken], count: int) -> list[Spoken]:
    """The utterances; where none is for validation, the last ones are: ``count``, or 1 % for 0.

    Raises
    ------
    DataError
        If nothing would be left to train on.
    """
    if any(one.part == "val" for one in spoken):
        return list(spoken)
    count = count or max(1, len(spoken) // 100)
    if count >= len(spoken):
        reason = f"{len(spoken)} recordings, {count} of them held out"
        raise DataError.about("held_out", reason, "lower it, or get more recordings")
    first = len(spoken) - count
    held = [Spoken(one.id, one.path, one.text, "val", one.held_out_voice) for one in spoken[first:]]
    return [*spoken[:first], *held]


@dataclass(frozen=True)
class RecogniserData:
    """Everything that `RecogniserTask` reads."""

    mels: UtteranceSource
    """Log-mels of all utterances."""
    batches: "TextBatches"
    """Training batches."""
    held: np.ndarray
    """int64, places of the validation utterances."""
    held_texts: list[str]
    """Their texts, as written."""
    unheard: np.ndarray
    """bool, which of them are in voices that training never hears."""
    left_out: int
    """Training utterances that are too long, or have nothing to write."""


def recogniser_data(
    root: Path, spoken: Sequence[Spoken], network: CharacterRecogniser, settings: RecogniserSettings, *, progress: bool
) -> RecogniserData:
    """Training and validation utterances with their log-mels; a missing store of these is made.

    Parameters
    ----------
    root : Path
        As for `read_spoken`.
    spoken : sequence of Spoken
        From `with_held_out`.
    network : CharacterRecogniser
        Says how texts are written, and how long a recording it hears.
    settings : RecogniserSettings
        How to train.
    progress : bool
        Show progress.

    Raises
    ------
    DataError
        If recordings are missing, or no utterance is left to train or to evaluate on.
    """
    # Log-mels, augmented and warped where that is asked for.
    preset = MEL_PRESETS[settings.mel_preset]
    store = _store(root, spoken, settings, progress=progress)
    texts = [network.table.encode(one.text) for one in spoken]
    fits = np.array([2 < len(text) <= settings.model.max_characters for text in texts])
    max_frames = network.max_frames if settings.form == "published" else min(network.max_frames, settings.max_frames)
    fits &= store.lengths <= max_frames
    parts = np.array([one.part for one in spoken])
    unheard = np.array([one.held_out_voice for one in spoken])
    train = np.flatnonzero((parts == "train") & ~unheard)
    rows, held = train[fits[train]], np.flatnonzero((parts == "val") & fits)
    if not len(rows) or not len(held):
        reason = f"{len(rows)} utterances to train on, {len(held)} to evaluate on, that are short enough and written"
        raise DataError.about(root, reason, "check the splits, max_frames and model.max_characters")
    mels: UtteranceSource = Mels(store, max_frames=max_frames, pad_value=preset.pad_value)
    heard: UtteranceSource = mels
    if settings.augment:
        heard = AugmentedMels(
            [one.path for one in spoken],
            store.lengths,
            preset=preset,
            settings=settings.augmentation,
            seed=settings.loop.seed,
            babble=rows.tolist(),
            max_frames=max_frames,
            pad_value=preset.pad_value,
        )
    if settings.warp_tract or settings.warp_tempo:
        heard = WarpedMels(
            heard, preset=preset, tract=settings.warp_tract, tempo=settings.warp_tempo, max_frames=max_frames
        )

    # Batches, and an even choice of the validation utterances.
    batches = TextBatches(heard, rows, [texts[row] for row in rows], settings)
    chosen = np.unique(np.linspace(0, len(held) - 1, min(len(held), settings.evaluation_utterances)).astype(np.int64))
    held = held[chosen]
    left_out = len(train) - len(rows)
    return RecogniserData(mels, batches, held, [spoken[row].text for row in held.tolist()], unheard[held], left_out)


def _store(root: Path, spoken: Sequence[Spoken], settings: RecogniserSettings, *, progress: bool) -> MelStore:
    """Log-mels of all utterances, in their order."""
    if (root / MANIFEST_NAME).is_file():
        return mel_store(Manifest.load(root), preset=settings.mel_preset, workers=settings.workers, progress=progress)
    path = derived(root) / f"mels-{settings.mel_preset}.h5"
    entries = [(one.id, one.path) for one in spoken]
    with main_process_first():
        return build_mel_store(
            path,
            entries,
            preset=MEL_PRESETS[settings.mel_preset],
            workers=settings.workers,
            progress=progress and is_main_process(),
        )


class TextBatches:
    """Shuffled batches of utterances with their texts, bucketed by length.

    Parameters
    ----------
    mels : UtteranceSource
        Log-mels.
    rows : ndarray of int
        The training utterances.
    texts : sequence of list of int
        Characters of each.
    settings : RecogniserSettings
        Size of a batch, seed, and what is masked.
    """

    def __init__(
        self, mels: UtteranceSource, rows: np.ndarray, texts: Sequence[list[int]], settings: RecogniserSettings
    ) -> None:
        self._mels, self._rows, self._texts, self._settings = mels, rows, texts, settings
        self.sampler = ResumableSampler(
            len(rows), settings.batch_size, seed=settings.loop.seed, lengths=mels.lengths[rows]
        )

    def next(self) -> TextBatch:
        """Draw a batch."""
        drawn, generator = self.sampler.next()
        mel, lengths = self._mels.draw(self._rows[drawn], generator=generator)
        bands, time = self._settings.mask_bands, self._settings.mask_time
        if bands or time:
            spans = draw_spans(lengths, n_mels=mel.shape[1], bands=bands, time=time, generator=generator)
            mel = mask_mels(mel, lengths, spans)
        numbers = torch.tensor(pad_texts([self._texts[place] for place in drawn]))
        return TextBatch(torch.from_numpy(mel), torch.from_numpy(lengths), numbers, self._rows[drawn])
