"""Log-mels of augmented copies of recordings, computed when they are asked for: the same copy is always the same."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speech2img.audio.augmentation.augment import AugmentationSettings, augment
from speech2img.audio.io import read_audio
from speech2img.audio.mel import MelPreset, log_mel
from speech2img.batches.speech import pad_batch
from speech2img.errors import AudioError

BABBLE_VOICES = 256
"""Most training utterances that babble is made of."""
NUM_COPIES = 1 << 31
"""Copies that training on the fly chooses from: practically every one is heard once."""


class AugmentedMels:
    """What `Mels` gives, of recordings that are augmented in each draw.

    Parameters
    ----------
    paths : sequence of Path
        Recording of each utterance.
    lengths : ndarray of int64, shape (N,)
        Frames of each utterance as recorded, for batches of similar length; speed and silence change them.
    preset : MelPreset
        Front-end.
    settings : AugmentationSettings
        How often each effect is used, and how strongly.
    seed : int
        Of the training.
    babble : sequence of int
        Utterances that babble may be made of: training utterances only; the first `BABBLE_VOICES` count.
    max_frames : int
        Longer utterances are cut.
    pad_value : float
        What stands behind an utterance.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        lengths: np.ndarray,
        *,
        preset: MelPreset,
        settings: AugmentationSettings,
        seed: int,
        babble: Sequence[int] = (),
        max_frames: int,
        pad_value: float,
    ) -> None:
        self._paths, self._preset, self._settings, self._seed = paths, preset, settings, seed
        self._babble, self._max_frames, self._pad_value = tuple(babble[:BABBLE_VOICES]), max_frames, pad_value
        self.lengths = np.minimum(np.asarray(lengths, dtype=np.int64), max_frames)
        self.n_mels = preset.n_mels

    def read(self, row: int, *, copy: int) -> np.ndarray:
        """Log-mel of one copy.

        Parameters
        ----------
        row : int
            Utterance.
        copy : int >= 0
            0 is the recording as it is.

        Returns
        -------
        ndarray of float32, shape (frames, n_mels)
            At most ``max_frames`` of them.

        Raises
        ------
        AudioError
            If the recording cannot be used; it is named.
        """
        path = self._paths[row]
        wave = read_audio(path, sample_rate=self._preset.sample_rate)
        try:
            if copy:
                others = _Recordings([self._paths[k] for k in self._babble if k != row], self._preset.sample_rate)
                wave = augment(
                    wave,
                    self._preset.sample_rate,
                    seed=self._seed,
                    index=row,
                    copy=copy,
                    settings=self._settings,
                    babble=others,
                )
            return log_mel(wave, preset=self._preset).T[: self._max_frames]
        except AudioError as error:
            raise AudioError(f"{path}: {error}") from error

    def batch(self, rows: np.ndarray, *, frames: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Pad a batch of recordings as they are; as `Mels.batch`."""
        return self.copies(rows, np.zeros(len(rows), dtype=np.int64), frames=frames)

    def draw(
        self, rows: np.ndarray, *, generator: np.random.Generator, frames: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pad a batch of copies that are drawn; as `Mels.draw`."""
        return self.copies(rows, generator.integers(1, NUM_COPIES, size=len(rows)), frames=frames)

    def copies(
        self, rows: np.ndarray, copies: np.ndarray, *, frames: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pad a batch of these copies; results as from `Mels.batch`."""
        mels = [self.read(int(row), copy=int(copy)) for row, copy in zip(rows, copies, strict=True)]
        return pad_batch(mels, pad_value=self._pad_value, frames=frames)


class _Recordings(Sequence[np.ndarray]):
    """Waveforms that are read when they are asked for."""

    def __init__(self, paths: Sequence[Path], rate: int) -> None:
        self._paths, self._rate = paths, rate

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, place: int) -> np.ndarray:  # type: ignore[override]
        return read_audio(self._paths[place], sample_rate=self._rate)
