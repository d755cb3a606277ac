"""Settings of the recogniser's training."""

from dataclasses import dataclass, field
from typing import Literal

from speech2img.audio.augmentation.augment import AugmentationSettings
from speech2img.audio.mel import MEL_PRESETS
from speech2img.errors import ConfigError
from speech2img.models.recognisers.characters import ALPHABET, CharacterTable, Form
from speech2img.training.run import LoopSettings, demand_ranges

RecogniserSchedule = Literal["cosine", "constant", "step", "published"]
PUBLISHED_PRESET = "waveform_22050"
PUBLISHED_EPOCHS, RISING_EPOCHS, HIGHEST_EPOCHS = 100, 14, 15
"""Epochs of the published schedule: in all, until the rate is highest, and until it falls."""
MOST_WARPED = 0.5
"""Largest change of vocal tract and tempo that makes sense."""
LOWEST_SHARE = 0.01
"""Published lowest rate as a part of the highest: 1e-5 of 1e-3."""


def published_rate(progress: float, *, base: float) -> float:
    """Rate of the Keras example ``transformer_asr``, which changes by whole epochs.

    Parameters
    ----------
    progress : float
        How far the run is, 0..1; it has 100 epochs, as published.
    base : float
        Highest rate.
    """
    low, epoch = LOWEST_SHARE * base, int(progress * PUBLISHED_EPOCHS + 1e-9)
    rising = low + (base - low) / RISING_EPOCHS * epoch
    falling = base - (epoch - HIGHEST_EPOCHS) * (base - low) / (PUBLISHED_EPOCHS - HIGHEST_EPOCHS)
    return min(rising, max(low, falling))


@dataclass(frozen=True)
class RecogniserModelSettings:
    """The network's sizes; the defaults are the published ones, but for the last stride."""

    width: int = 200
    """Of convolutions, encoder and decoder."""
    num_heads: int = 2
    """Heads of every attention."""
    head_width: int = 200
    """Width of a head; need not be width / num_heads."""
    feed_forward: int = 400
    """Inner width of the feed-forward networks."""
    encoder_layers: int = 4
    """Layers of the encoder."""
    decoder_layers: int = 1
    """Layers of the decoder."""
    strides: tuple[int, ...] = (2, 2, 1)
    """Of the convolutions. Published 2, 2, 2 on frames 3.6 ms apart; on frames 10 ms apart that is a step every 80 ms,
    too few for the characters of quick speech."""
    kernel: int = 11
    """Of the convolutions; odd."""
    max_characters: int = 200
    """Longest text, start and end included; utterances with longer ones are left out."""
    dropout: float = 0.1
    """Rate; the published form has 0.5 in the decoder's self-attention whatever stands here."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name != "dropout" and min(value if isinstance(value, tuple) else (value,), default=0) < 1:
                raise ConfigError.about(f"model.{name}", f"{value} is not positive", "set it to 1 or more")
        if self.kernel % 2 == 0:
            raise ConfigError.about("model.kernel", f"{self.kernel} is even", "use an odd number")
        if self.max_characters < 3:
            raise ConfigError.about("model.max_characters", f"{self.max_characters}", "set it to 3 or more")


@dataclass(frozen=True)
class RecogniserSettings:
    """Settings of the recogniser's training; [recogniser] of a system, or a run of its own."""

    mel_preset: str = "whisper"
    """Front-end; it travels with the weights. The published form has its own and takes waveform_22050."""
    form: Form = "corrected"
    """Published: its own spectrogram, every recording filled with zeros to 9.99 s that count as speech, no positions in
    the encoder, a loss divided by padding too. Corrected: any log-mel, normalised by band, padding masked."""
    alphabet: str = ALPHABET
    """Characters that it writes; what is not among them becomes a blank. The published form has its own."""
    model: RecogniserModelSettings = field(default_factory=RecogniserModelSettings)
    """The network."""
    initial: str | None = None
    """Run or release of a recogniser to start from; network, front-end and characters are taken over from it."""
    label_smoothing: float = 0.1
    """Part of each label that is spread over all characters."""
    ctc: float = 0.3
    """Weight of a loss by connectionist temporal classification on the encoder (Watanabe et al. 2017); 0 for none, as
    published. It shows attention the way."""
    augment: bool = False
    """Change the recordings in training as [augmentation] says, each time another way."""
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    """How recordings are changed."""
    mask_bands: int = 0
    """Most mel bands masked in training; 0 for none."""
    mask_time: float = 0.0
    """Largest part of an utterance masked in training; 0 for none."""
    warp_tract: float = 0.0
    """Largest change of the speaker's vocal tract in training (Jaitly and Hinton 2013), up to 0.5; 0 for none."""
    warp_tempo: float = 0.0
    """Largest change of the tempo in training, up to 0.5; 0 for none."""
    max_frames: int = 3000
    """Longer utterances are left out; the published form hears 9.99 s."""
    held_out: int = 0
    """Of recordings in the layout of LJ Speech: how many at the end of the list are kept for evaluation; 0 for 1 %."""
    evaluation_utterances: int = 200
    """Most utterances of the validation part that are written down in an evaluation."""
    batch_size: int = 64
    """Utterances a step."""
    learning_rate: float = 1e-3
    """Highest rate of Adam."""
    weight_decay: float = 0.0
    """Weight decay of Adam."""
    schedule: RecogniserSchedule = "cosine"
    """Course of the rate: cosine, constant, step, or published (100 epochs: rising for 14, falling from 15 on)."""
    warmup: float = 0.1
    """Part of the run in which the rate rises; the published schedule has its own."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    workers: int = 2
    """Processes that make a missing mel store."""
    loop: LoopSettings = field(default_factory=lambda: LoopSettings(max_steps=20_000))
    """How long and how often."""

    def __post_init__(self) -> None:
        # Numbers, then what does not go together.
        for name in ("batch_size", "evaluation_utterances"):
            if getattr(self, name) < 1:
                raise ConfigError.about(name, f"{getattr(self, name)} is not positive", "set it to 1 or more")
        if not 0 <= self.mask_time < 1 or self.mask_bands < 0:
            raise ConfigError.about("mask_time, mask_bands", "out of range", "use 0..1 and 0 or more")
        if not (0 <= self.warp_tract <= MOST_WARPED and 0 <= self.warp_tempo <= MOST_WARPED):
            raise ConfigError.about("warp_tract, warp_tempo", "out of range", f"use 0 to {MOST_WARPED}")
        if not self.clip > 0 or self.ctc < 0 or self.held_out < 0:
            raise ConfigError.about("clip, ctc, held_out", "out of range", "use more than 0, and 0 or more")
        demand_ranges(self)
        if self.mel_preset not in MEL_PRESETS:
            fix = f"choose among {', '.join(MEL_PRESETS)}"
            raise ConfigError.about("mel_preset", f"'{self.mel_preset}' is unknown", fix)
        self._demand_form()
        try:
            CharacterTable(self.alphabet)
        except ValueError as error:
            raise ConfigError.about("alphabet", error, "give lower case, each character once, and a blank") from error

    def _demand_form(self) -> None:
        """Raise ConfigError where form, front-end and losses contradict each other."""
        waveform = MEL_PRESETS[self.mel_preset].log == "none"
        if self.form == "published":
            if self.mel_preset != PUBLISHED_PRESET:
                reason = f"the published form takes samples, not {self.mel_preset}"
                raise ConfigError.about("mel_preset", reason, f"set it to {PUBLISHED_PRESET}, or form to corrected")
            if self.ctc or self.mask_bands or self.mask_time or self.warp_tract or self.warp_tempo:
                reason = "the published form has one loss, and nothing is masked or warped"
                raise ConfigError.about("ctc, mask_bands, mask_time, warp_tract, warp_tempo", reason, "set them to 0")
        elif waveform:
            reason = f"{self.mel_preset} has no bands, and the corrected form takes a log-mel"
            raise ConfigError.about("mel_preset", reason, "use whisper, li2020, s2igan or tacotron2")
