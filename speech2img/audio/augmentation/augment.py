"""``augment``: one copy of an utterance as another room, line or microphone would have it, always the same copy.

    voice (speed, pitch) -> silence -> room -> noise -> microphone -> gain -> clipping -> band

The order is that of a recording: noise fills the pauses, the microphone colours both, the line comes last.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from speech2img.audio.augmentation.bands import BandSettings, band
from speech2img.audio.augmentation.effect import Babble, Effect, generator_of
from speech2img.audio.augmentation.level import ClippingSettings, GainSettings, clipping, gain, within_full_scale
from speech2img.audio.augmentation.microphone import MicrophoneSettings, microphone
from speech2img.audio.augmentation.noise import NoiseSettings, noise
from speech2img.audio.augmentation.room import RoomSettings, room
from speech2img.audio.augmentation.silence import SilenceSettings, silence
from speech2img.audio.augmentation.speed import PitchSettings, SpeedSettings, pitch, speed
from speech2img.errors import AudioError

EFFECTS: Mapping[str, Effect] = {
    "speed": speed,
    "pitch": pitch,
    "silence": silence,
    "room": room,
    "noise": noise,
    "microphone": microphone,
    "gain": gain,
    "clipping": clipping,
    "band": band,
}
"""Name -> effect, in the order in which they are applied; the name is that of its settings."""


@dataclass(frozen=True, kw_only=True)
class AugmentationSettings:
    """How often each effect is used, and how strongly; a probability of 0 switches it off."""

    checks_own_ranges: ClassVar[bool] = True
    """The effects refuse numbers that are out of range, some of which may be negative."""

    speed: SpeedSettings = field(default_factory=SpeedSettings)
    """Speed of speaking."""
    pitch: PitchSettings = field(default_factory=PitchSettings)
    """Pitch of the voice."""
    silence: SilenceSettings = field(default_factory=SilenceSettings)
    """Silence before, after and within."""
    room: RoomSettings = field(default_factory=RoomSettings)
    """Reverberation."""
    noise: NoiseSettings = field(default_factory=NoiseSettings)
    """White noise, pink noise, babble."""
    microphone: MicrophoneSettings = field(default_factory=MicrophoneSettings)
    """Frequency response."""
    gain: GainSettings = field(default_factory=GainSettings)
    """Loudness."""
    clipping: ClippingSettings = field(default_factory=ClippingSettings)
    """Overdriven peaks."""
    band: BandSettings = field(default_factory=BandSettings)
    """Narrow bands of low sample rates, telephones and codecs."""


def augment(
    wave: np.ndarray,
    rate: int,
    *,
    seed: int,
    index: int,
    copy: int,
    settings: AugmentationSettings = AugmentationSettings(),
    babble: Babble = (),
) -> np.ndarray:
    """One augmented copy of an utterance.

    Parameters
    ----------
    wave : np.ndarray [shape=(n,), n >= 1, float, finite]
        Speech of full scale 1; left as it is.
    rate : int
        Samples per second, at least 4,000.
    seed, index, copy : int >= 0
        Of the training, of the utterance in its corpus, of the copy: all that the result depends on besides the
        settings and the other arguments. Neither batch nor order nor resumption matters.
    settings : AugmentationSettings
        Probabilities and ranges.
    babble : sequence of np.ndarray
        Other utterances at the same rate, in a fixed order, without this one; empty: no babble.

    Returns
    -------
    np.ndarray [shape=(m,), float32, finite, range -1..1]
        Only speed and silence change the length. Silence stays silent.

    Raises
    ------
    AudioError
        If the waveform is not mono, empty or not finite.
    """
    wave = np.asarray(wave)
    if wave.ndim != 1 or not wave.size or wave.dtype.kind != "f" or not np.isfinite(wave).all():
        reason = f"{wave.dtype} of shape {wave.shape}, or not finite"
        raise AudioError.about("waveform to augment", reason, "give finite mono samples as floats of full scale 1")
    y = np.array(wave, dtype=np.float32)
    for name, effect in EFFECTS.items():
        chosen: Any = getattr(settings, name)
        rng = generator_of(name, seed=seed, index=index, copy=copy)
        if rng.random() < chosen.probability:
            y = within_full_scale(effect(y, rate, rng=rng, settings=chosen, babble=babble))
    return within_full_scale(y)
