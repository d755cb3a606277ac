"""Log-mels of speakers that nobody recorded: vocal tracts of another length, at another tempo (VTLP).

N. Jaitly and G. Hinton, Vocal Tract Length Perturbation (VTLP) improves speech recognition, 2013. Both changes
are made to the log-mel itself, by linear interpolation along bands and frames: hardly any work beside a waveform's.
"""

import numpy as np

from speech2img.audio.filter_bank import hertz_to_mel, mel_to_hertz
from speech2img.audio.mel import MelPreset
from speech2img.batches.speech import UtteranceSource, pad_batch

TURNING_HERTZ = 4800.0
"""Up to here frequencies are multiplied by the factor (Jaitly and Hinton, section 3); from here on they go straight on
to the highest one, which stays where it is."""


def warped_places(preset: MelPreset, factor: float) -> np.ndarray:
    """Where each band of a warped log-mel is read in the original one.

    Parameters
    ----------
    preset : MelPreset
        Its bands.
    factor : float > 0
        What frequencies are multiplied by: more than 1 is a shorter vocal tract.

    Returns
    -------
    ndarray of float64, shape (n_mels,), range 0..n_mels - 1
        In bands; not a whole number as a rule.
    """
    # Centres of the bands.
    low, high = hertz_to_mel(np.array([preset.fmin, preset.fmax])).tolist()
    step = (high - low) / (preset.n_mels + 1)
    hertz = mel_to_hertz(low + step * np.arange(1, preset.n_mels + 1))
    # The frequency that comes to lie at each of them.
    turning = min(TURNING_HERTZ, 0.8 * preset.fmax) * min(factor, 1.0)
    slope = (preset.fmax - turning / factor) / (preset.fmax - turning)
    unwarped = np.where(hertz <= turning, hertz / factor, preset.fmax - slope * (preset.fmax - hertz))
    places: np.ndarray = (hertz_to_mel(unwarped) - low) / step - 1.0
    return np.clip(places, 0.0, preset.n_mels - 1.0)


def read_between(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows of an array at places between its rows, by linear interpolation.

    Parameters
    ----------
    values : ndarray of float, shape (N, D)
        At least one row.
    places : ndarray of float, shape (K,), range 0..N - 1
        Where to read.

    Returns
    -------
    ndarray of float32, shape (K, D)
    """
    first = np.minimum(places.astype(np.int64), len(values) - 1)
    part = (places - first).astype(np.float32)[:, None]
    between: np.ndarray = values[first] * (1 - part) + values[np.minimum(first + 1, len(values) - 1)] * part
    return between


class WarpedMels:
    """Another source of utterances, whose training utterances are warped in each draw.

    Parameters
    ----------
    source : UtteranceSource
        Stored or augmented log-mels.
    preset : MelPreset
        Their front-end.
    tract : float, 0..0.5
        Largest change of the vocal tract: 0.1 multiplies frequencies by 0.9 to 1.1.
    tempo : float, 0..0.5
        Largest change of the tempo.
    max_frames : int
        Utterances that become longer are cut.
    """

    def __init__(
        self, source: UtteranceSource, *, preset: MelPreset, tract: float, tempo: float, max_frames: int
    ) -> None:
        self._source, self._preset, self._tract, self._tempo = source, preset, tract, tempo
        self._max_frames = max_frames
        self.lengths, self.n_mels = source.lengths, source.n_mels

    def batch(self, rows: np.ndarray, *, frames: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Utterances as recorded; as `Mels.batch`."""
        return self._source.batch(rows, frames=frames)

    def draw(
        self, rows: np.ndarray, *, generator: np.random.Generator, frames: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Utterances of speakers and tempos that are drawn; as `Mels.draw`."""
        mel_BMT, lengths = self._source.draw(rows, generator=generator)
        factors, rates = (1 + most * generator.uniform(-1, 1, len(rows)) for most in (self._tract, self._tempo))
        warped = []
        for mel_MT, length, factor, rate in zip(mel_BMT, lengths.tolist(), factors, rates, strict=True):
            bands_MT = read_between(mel_MT[:, :length], warped_places(self._preset, factor))
            frame_places = np.linspace(0, length - 1, max(1, round(length / rate)))
            warped.append(read_between(bands_MT.T, frame_places)[: self._max_frames])
        return pad_batch(warped, pad_value=self._preset.pad_value, frames=frames)
