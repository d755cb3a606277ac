"""Batches of utterances: log-mels padded only to the longest of the batch, with classes and teacher features."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from speech2img.batches.sampler import ResumableSampler

_ROUND = 32


class MelSource(Protocol):
    """What a mel store offers here."""

    @property
    def lengths(self) -> np.ndarray:
        """Frames of each utterance."""

    def read(self, index: int) -> np.ndarray:
        """Log-mel of one utterance, (frames, n_mels)."""


class UtteranceSource(Protocol):
    """Where batches of utterances come from: stored log-mels, augmented ones, or frames of a frozen front-end."""

    lengths: np.ndarray
    """int64, frames of each utterance as recorded."""
    n_mels: int
    """Bands of a log-mel, or width of a front-end's frames."""

    def batch(self, rows: np.ndarray, *, frames: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Utterances as recorded (B, n_mels, T) float32, padded to ``frames`` or the longest; and lengths (B,)."""

    def draw(
        self, rows: np.ndarray, *, generator: np.random.Generator, frames: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same for training: of each utterance the form that the generator draws."""


class SpeechBatch(NamedTuple):
    """Utterances and what they speak about."""

    mel_BMT: Tensor
    """float32, (B, n_mels, T)."""
    lengths_B: Tensor
    """int64, frames of each utterance."""
    features_BD: Tensor
    """float32, teacher features of one view of each utterance's picture."""
    classes_B: Tensor
    """int64, class numbers."""
    indices_B: np.ndarray
    """Rows of the utterances in the mel store."""
    spans_B4: Tensor | None = None
    """int64, what is still to be masked, as `draw_spans` gives it; None where nothing is."""


class Mels:
    """Log-mels of utterances in padded batches, read when they are asked for.

    Parameters
    ----------
    store : MelSource
        Mel store of the corpus.
    max_frames : int
        Longer utterances are cut.
    pad_value : float
        What stands behind an utterance.
    """

    def __init__(self, store: MelSource, *, max_frames: int, pad_value: float) -> None:
        self._store, self._max_frames, self._pad_value = store, max_frames, pad_value
        self.lengths = np.minimum(np.asarray(store.lengths, dtype=np.int64), max_frames)
        self.n_mels = store.read(0).shape[1]

    def batch(self, rows: np.ndarray, *, frames: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Pad a batch.

        Parameters
        ----------
        rows : ndarray of int
            Utterances.
        frames : int, optional
            Pad to this many frames; None to the longest of the batch, rounded up to a multiple of 32 so that few
            different shapes occur.

        Returns
        -------
        mel : ndarray of float32, shape (B, n_mels, T)
        lengths : ndarray of int64, shape (B,)
        """
        mels = [self._store.read(int(row))[:length] for row, length in zip(rows, self.lengths[rows], strict=True)]
        return pad_batch(mels, pad_value=self._pad_value, frames=frames)

    def draw(
        self, rows: np.ndarray, *, generator: np.random.Generator, frames: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pad a training batch: as `batch`, since of each utterance there is one form; nothing is drawn."""
        return self.batch(rows, frames=frames)


def pad_batch(
    mels: Sequence[np.ndarray], *, pad_value: float, frames: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Pad utterances to a batch.

    Parameters
    ----------
    mels : sequence of ndarray of float32, shape (frames, n_mels)
        One or more.
    pad_value : float
        What stands behind an utterance.
    frames : int, optional
        Pad to this many frames; None to the longest, rounded up to a multiple of 32.

    Returns
    -------
    mel : ndarray of float32, shape (B, n_mels, T)
    lengths : ndarray of int64, shape (B,)
    """
    lengths = np.array([len(mel) for mel in mels], dtype=np.int64)
    frames = frames or -(-int(lengths.max()) // _ROUND) * _ROUND
    padded = np.full((len(mels), frames, mels[0].shape[1]), pad_value, dtype=np.float32)
    for out, mel in zip(padded, mels, strict=True):
        out[: len(mel)] = mel
    return np.ascontiguousarray(padded.transpose(0, 2, 1)), lengths


def draw_spans(
    lengths_B: np.ndarray, *, n_mels: int, bands: int, time: float, generator: np.random.Generator
) -> np.ndarray:
    """Draw one span of bands and one span of time of each utterance (SpecAugment, Park et al. 2019).

    Parameters
    ----------
    lengths_B : ndarray of int64
        Frames of each utterance.
    n_mels : int
        Mel bands.
    bands : int
        Most bands masked.
    time : float
        Largest part of an utterance masked, 0..1.
    generator : numpy.random.Generator
        Where the spans come from.

    Returns
    -------
    ndarray of int64, shape (B, 4)
        First band, end of the bands, first frame, end of the frames.
    """
    batch = len(lengths_B)
    width = generator.integers(0, bands + 1, size=batch)
    first = (generator.random(batch) * (n_mels - width + 1)).astype(np.int64)
    span = (generator.random(batch) * time * lengths_B).astype(np.int64)
    start = (generator.random(batch) * (lengths_B - span + 1)).astype(np.int64)
    return np.stack([first, first + width, start, start + span], axis=1)


def mask_mels(mel_BMT: np.ndarray, lengths_B: np.ndarray, spans_B4: np.ndarray) -> np.ndarray:
    """Replace the spans of each utterance by its mean.

    Parameters
    ----------
    mel_BMT : ndarray of float32, shape (B, n_mels, T)
        Padded log-mels; changed in place.
    lengths_B : ndarray of int64
        Frames of each utterance.
    spans_B4 : ndarray of int64
        As from `draw_spans`.
    """
    _, n_mels, frames = mel_BMT.shape
    valid = np.arange(frames) < lengths_B[:, None]
    mean = (mel_BMT * valid[:, None]).sum(axis=(1, 2)) / (n_mels * lengths_B)
    first, end, start, stop = spans_B4.T[:, :, None]
    band, frame = np.arange(n_mels), np.arange(frames)
    masked = ((band >= first) & (band < end))[:, :, None] | ((frame >= start) & (frame < stop))[:, None]
    np.copyto(mel_BMT, mean[:, None, None].astype(np.float32), where=masked & valid[:, None])
    return mel_BMT


def mask_spans(mel_BMT: Tensor, lengths_B: Tensor, spans_B4: Tensor) -> Tensor:
    """Do what `mask_mels` does on the device where all three lie; not in place.

    Parameters
    ----------
    mel_BMT, lengths_B, spans_B4 : Tensor
        As for `mask_mels`.
    """
    band = torch.arange(mel_BMT.shape[1], device=mel_BMT.device)
    frame = torch.arange(mel_BMT.shape[2], device=mel_BMT.device)
    valid = (frame < lengths_B[:, None])[:, None]
    mean = (mel_BMT * valid).sum(dim=(1, 2)) / (len(band) * lengths_B)
    first, end, start, stop = spans_B4.T[:, :, None]
    masked = ((band >= first) & (band < end))[:, :, None] | ((frame >= start) & (frame < stop))[:, None]
    return torch.where(masked & valid, mean[:, None, None].to(mel_BMT.dtype), mel_BMT)


class SpeechBatches:
    """Shuffled batches of utterances, bucketed by length.

    Parameters
    ----------
    mels : UtteranceSource
        Log-mels of the training utterances, or what else an encoder takes.
    rows : ndarray of int
        The training utterances.
    images : ndarray of int
        Row in ``features`` of each of them.
    classes : ndarray of int64
        Class of each of them.
    features : ndarray of float32, shape (pictures, views, D)
        Teacher features; one view is drawn at random for each utterance.
    batch_size, seed : int
        Of the sampler.
    frames : int, optional
        Fixed length of every batch (published: 2048); None pads to the longest.
    mask_bands : int
        Most mel bands masked; 0 for none.
    mask_time : float
        Largest part of an utterance masked; 0 for none.
    per_image : bool
        An epoch goes over the pictures, with one utterance of each at random (S2IGAN), instead of all utterances;
        batches are not bucketed by length then.

    Attributes
    ----------
    leaves_masks : bool
        Give the spans that are to be masked (`mask_spans`) instead of masked log-mels.
    """

    def __init__(
        self,
        mels: UtteranceSource,
        rows: np.ndarray,
        images: np.ndarray,
        classes: np.ndarray,
        features: np.ndarray,
        *,
        batch_size: int,
        seed: int,
        frames: int | None = None,
        mask_bands: int = 0,
        mask_time: float = 0.0,
        per_image: bool = False,
    ) -> None:
        self._mels, self._rows, self._images, self._classes, self._features = mels, rows, images, classes, features
        self._frames, self._mask_bands, self._mask_time = frames, mask_bands, mask_time
        self.leaves_masks = False
        self._spoken: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        count, lengths = len(rows), mels.lengths[rows] if frames is None else None
        if per_image:
            order = np.argsort(images, kind="stable")
            distinct_images, starts, counts = np.unique(images[order], return_index=True, return_counts=True)
            self._spoken = order, starts, counts
            count, lengths = len(distinct_images), None
        self.sampler = ResumableSampler(count, batch_size, seed=seed, lengths=lengths)

    def next(self) -> SpeechBatch:
        """Draw a batch."""
        # Utterances of this step; one of each image where images are drawn.
        drawn, generator = self.sampler.next()
        if self._spoken is not None:
            order, starts, counts = self._spoken
            drawn = order[starts[drawn] + (generator.random(len(drawn)) * counts[drawn]).astype(np.int64)]
        mel, lengths = self._mels.draw(self._rows[drawn], generator=generator, frames=self._frames)
        spans = None
        if self._mask_bands or self._mask_time:
            spans = draw_spans(
                lengths, n_mels=mel.shape[1], bands=self._mask_bands, time=self._mask_time, generator=generator
            )
            if not self.leaves_masks:
                mel, spans = mask_mels(mel, lengths, spans), None
        # One view of each image.
        views = generator.integers(self._features.shape[1], size=len(drawn))
        return SpeechBatch(
            torch.from_numpy(mel),
            torch.from_numpy(lengths),
            torch.from_numpy(self._features[self._images[drawn], views]),
            torch.from_numpy(self._classes[drawn]),
            self._rows[drawn],
            None if spans is None else torch.from_numpy(spans),
        )
