"""A speech encoder that writes down what is said and reads that: recogniser, then text encoder."""

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from speech2img.audio.mel import MEL_PRESETS, released_preset
from speech2img.audio.remarks import RecordingWarning
from speech2img.errors import CheckpointError, ConfigError
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.recognisers.speech_transformer import SpeechTransformer
from speech2img.recognition.base import Recogniser, Transcript
from speech2img.recognition.faster_whisper import MODEL_FILE, FasterWhisperRecogniser
from speech2img.recognition.reading import TextReader, plain_settings
from speech2img.recognition.transformer import TransformerRecogniser
from speech2img.storage.reading import file_sha256

WHISPER_FOLDER = "SPEECH2IMG_WHISPER"
"""Environment variable with the model folder of a cascade whose recogniser is Whisper: a release never names a path."""
KINDS = ("transformer", "faster-whisper")


class TranscribingEncoder(TextReader):
    """Samples to what a text encoder makes of the words in them.

    Parameters
    ----------
    recogniser : Mapping
        ``kind`` transformer: ``mel_preset``, ``beams``, and the settings of `SpeechTransformer` under ``network``.
        ``kind`` faster-whisper: ``model_sha256`` of its ``model.bin``, and ``beams``.
    text_encoder : Mapping
        As for `build_text_encoder`.
    network : str
        "cascade", as a release names it.

    Raises
    ------
    ValueError
        If the settings contradict each other.
    """

    def __init__(
        self, *, recogniser: Mapping[str, Any], text_encoder: Mapping[str, Any], network: Literal["cascade"] = "cascade"
    ) -> None:
        super().__init__(text_encoder)
        # A recogniser of ours is part of the network, so that a release holds it; Whisper lies elsewhere.
        if recogniser.get("kind") not in KINDS:
            raise ValueError(f"recogniser.kind must be one of {', '.join(KINDS)}, got {recogniser.get('kind')!r:.60}")
        self._settings = dict(recogniser)
        self.recogniser: SpeechTransformer | None = None
        if recogniser["kind"] == "transformer":
            self.recogniser = SpeechTransformer(**plain_settings(recogniser.get("network")))
        self._opened: Recogniser | None = None

    @property
    def opened(self) -> Recogniser:
        """The recogniser, opened when it is first needed.

        Raises
        ------
        ConfigError
            If it is Whisper, and the environment does not say where, or the package is missing.
        CheckpointError
            If it is another one than the cascade was put together with.
        """
        if self._opened is None:
            beams = self._settings.get("beams")
            beams = beams if type(beams) is int and 1 <= beams <= 100 else 1
            self._opened = self._open(beams)
        return self._opened

    def _open(self, beams: int) -> Recogniser:
        if self.recogniser is not None:
            name = self._settings.get("mel_preset")
            mel = released_preset(name, n_mels=self.recogniser.n_mels, source="the cascade's recogniser")
            return TransformerRecogniser(self.recogniser, mel, name="the recogniser", beams=beams)
        # Whisper, where the user says it is, and no other one.
        folder = os.environ.get(WHISPER_FOLDER)
        if not folder:
            reason = "it reads speech with Whisper, and where that lies is not said"
            raise ConfigError.about("cascade", reason, f"set {WHISPER_FOLDER} to the model folder")
        opened = FasterWhisperRecogniser(folder, beams=beams)
        if file_sha256(Path(folder) / MODEL_FILE) != self._settings.get("model_sha256"):
            reason = "is another model than this cascade was put together with"
            raise CheckpointError.about(folder, reason, f"set {WHISPER_FOLDER} to that one, or compose it again")
        return opened

    def transcribe(self, wave_B1N: Tensor, lengths_B: Tensor) -> list[Transcript]:
        """What is recognised in samples; arguments as for `forward`.

        Warns
        -----
        RecordingWarning
            Where a recording was divided, because it is longer than is heard at once.
        """
        lengths = self.checked_lengths(wave_B1N, lengths_B).tolist()
        waves = [wave[0, :length].float().cpu().numpy() for wave, length in zip(wave_B1N, lengths, strict=True)]
        found = self.opened.transcribe(waves)
        for one, wave in zip(found, waves, strict=True):
            if one.parts > 1:
                seconds = len(wave) / self.opened.sample_rate
                reason = f"a recording of {seconds:.1f} s is longer than {self.opened.name} hears at once"
                warnings.warn(f"{reason}: divided at pauses into {one.parts}", RecordingWarning, stacklevel=2)
        return found

    @torch.inference_mode()
    def forward(self, mel_BMT: Tensor, lengths_B: Tensor) -> SpeechEncoding:
        """Recognise and read.

        Parameters
        ----------
        mel_BMT : Tensor [shape=(B, 1, N)]
            Samples, at the rate of the recogniser.
        lengths_B : Tensor [shape=(B,), int64]
            Samples of each.

        Returns
        -------
        TranscribedEncoding
        """
        return self.encode_texts([one.text for one in self.transcribe(mel_BMT, lengths_B)])


def waveform_preset(sample_rate: int) -> str:
    """Name of the front-end that gives samples at a recogniser's rate.

    Raises
    ------
    ConfigError
        If there is none.
    """
    for name, preset in MEL_PRESETS.items():
        if preset.log == "none" and preset.sample_rate == sample_rate:
            return name
    raise ConfigError.about("recogniser", f"it hears {sample_rate:,} Hz", "use one of 16,000 or 22,050 Hz")
