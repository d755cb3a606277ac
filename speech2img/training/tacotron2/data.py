"""Batches of clips in the layout of LJ Speech, as Tacotron 2 learns from them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import torch
from torch import Tensor

from speech2img.audio.io import read_audio
from speech2img.audio.mel import log_mel, mel_preset
from speech2img.batches.sampler import ResumableSampler
from speech2img.corpora.readers.ljspeech import LAYOUT, Clip
from speech2img.errors import DataError
from speech2img.tts.tacotron2.symbols import text_to_ids


class ClipBatch(NamedTuple):
    """Padded texts and log-mels."""

    ids_BS: Tensor
    """int64, symbol numbers, padded with 0."""
    lengths_B: Tensor
    """int64, symbols."""
    mel_BMT: Tensor
    """float32, log-mel frames, padded with silence."""
    mel_lengths_B: Tensor
    """int64, frames; a whole number of decoder steps."""
    indices_B: np.ndarray
    """Places of the clips in the corpus."""


class ClipBatches:
    """Texts and log-mels of clips, read when they are asked for.

    Parameters
    ----------
    clips : list of Clip
        From `read_clips`.
    preset : str
        Mel preset.
    cleaner : str
        As for ``text_to_ids``.
    frames_per_step : int
        Clips are padded with silence to a multiple of it.
    batch_size : int
        Clips a batch.
    seed : int
        Seed of the order.
    held_out : int
        Clips at the end of the list that `next` does not draw.

    Raises
    ------
    DataError
        If a text has no symbol or a recording cannot be opened.
    """

    def __init__(
        self,
        clips: list[Clip],
        *,
        preset: str,
        cleaner: str,
        frames_per_step: int,
        batch_size: int,
        seed: int,
        held_out: int = 0,
    ) -> None:
        self.clips, self._preset, self._frames_per_step = clips, mel_preset(preset), frames_per_step
        self._ids = [text_to_ids(clip.text, cleaner=cleaner) for clip in clips]
        for clip, ids in zip(clips, self._ids, strict=True):
            if not ids:
                raise DataError.about(clip.path, f"nothing of its text {clip.text[:40]!r} can be spoken", LAYOUT)
        seconds = np.array([_seconds(clip.path) for clip in clips])[: len(clips) - held_out]
        self.sampler = ResumableSampler(len(seconds), batch_size, seed=seed, lengths=seconds)

    def next(self) -> ClipBatch:
        """Draw clips of similar length."""
        indices, _ = self.sampler.next()
        return self.take(indices)

    def take(self, indices: np.ndarray) -> ClipBatch:
        """Put chosen clips into one batch."""
        ids = [torch.tensor(self._ids[index]) for index in indices]
        mels = [self._mel(self.clips[index].path) for index in indices]
        lengths, frames = (torch.tensor([part.shape[-1] for part in parts]) for parts in (ids, mels))
        ids_BS = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
        mel_BMT = torch.full((len(mels), self._preset.n_mels, int(frames.max())), self._preset.pad_value)
        for row, mel in enumerate(mels):
            mel_BMT[row, :, : mel.shape[1]] = mel
        return ClipBatch(ids_BS, lengths, mel_BMT, frames, indices)

    def _mel(self, path: Path) -> Tensor:
        mel = torch.from_numpy(log_mel(read_audio(path, sample_rate=self._preset.sample_rate), preset=self._preset))
        return torch.nn.functional.pad(mel, (0, -mel.shape[1] % self._frames_per_step), value=self._preset.pad_value)


def _seconds(path: Path) -> float:
    try:
        return float(soundfile.info(path).duration)
    except (soundfile.LibsndfileError, OSError) as error:
        raise DataError.about(path, f"not a readable recording ({error})", "get the whole file") from error
