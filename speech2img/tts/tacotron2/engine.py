"""The Tacotron 2 engine: texts to frames to sound, from released weights, many at once."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from speech2img.audio.io import resample
from speech2img.audio.mel import MEL_PRESETS
from speech2img.errors import CheckpointError, ConfigError, SynthesisError
from speech2img.models.tts.alignment import alignment_scores
from speech2img.models.tts.inference import Utterance, speak_texts
from speech2img.models.tts.tacotron2 import NUM_SYMBOLS, Tacotron2
from speech2img.storage.releases.networks import build_network
from speech2img.tts.base import SpeechRequest, SpeechUnfinishedError
from speech2img.tts.tacotron2.griffin_lim import GriffinLim
from speech2img.tts.tacotron2.symbols import CLEANERS, text_to_ids
from speech2img.tts.tacotron2.vocoder import HifiGanVocoder, Vocoder, load_voice_release

MAX_CHARACTERS = 600
NORMAL_RATE, NORMAL_PITCH = 175, 50
GET_MODEL = (
    "get tacotron2_statedict.pt (linked in the README of github.com/NVIDIA/tacotron2) and run: speech2img import"
    " tacotron2 tacotron2_statedict.pt --out DIR; or train a voice: speech2img train tacotron2"
)
_SEMITONES = 4.0


@dataclass(frozen=True, kw_only=True)
class Tacotron2Options:
    """How a voice is used."""

    rows: int = 16
    """Texts in the decoder at a time. Speech depends on it (in its last bits); 1 is fastest for single texts, 16 for
    many."""
    max_steps: int = 2000
    """Decoder steps after which an utterance counts as unfinished (23 s at one frame a step)."""
    gate_threshold: float = 0.5
    """Probability of being the last step above which an utterance ends; 0.1 helps where it does not (published 0.5)."""
    min_coverage: float = 0.6
    """Share of the text that the attention must have read; 0 accepts everything."""
    final_stop: bool = True
    """Put a full stop behind a text that ends without punctuation: without one the decoder may not find its end."""
    attempts: int = 3
    """How often a text may be tried, each time with other noise in the prenet."""
    seed: int = 0
    """Chooses the noise of all texts."""

    def __post_init__(self) -> None:
        if min(self.rows, self.max_steps, self.attempts) < 1:
            raise ConfigError.about("Tacotron 2", "rows, max_steps or attempts below 1", "use 1 or more")
        if not 0.0 < self.gate_threshold < 1.0 or not 0.0 <= self.min_coverage <= 1.0:
            raise ConfigError.about("Tacotron 2", "gate_threshold or min_coverage out of range", "use shares, 0 to 1")


class Tacotron2Synthesizer:
    """Speech by Tacotron 2 and a vocoder: the same samples for the same request in whatever company it is spoken.

    A voice has its own pitch range, and ``pitch_range`` changes nothing. ``rate`` stretches the frames, ``pitch`` (up
    to four semitones) the sound; at 175 and 50 the voice speaks as it was recorded.

    Parameters
    ----------
    model : str or Path
        Release of kind ``tacotron2``: from ``speech2img import tacotron2`` or a run of ``speech2img train tacotron2``.
    vocoder : str or Path, optional
        Release of ``speech2img import hifigan``; without one, Griffin-Lim.
    voice : str
        What the voice is called.
    options : Tacotron2Options
        How it is used.
    device : torch.device or str
        Where it computes. Bit-equality is a promise for the CPU.

    Raises
    ------
    SynthesisError
        If a release is missing; the message says where it is officially available.
    CheckpointError
        If one is damaged, of another kind, or the two do not belong together.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        vocoder: str | Path | None = None,
        voice: str = "tacotron2",
        options: Tacotron2Options | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self._options = options or Tacotron2Options()
        tensors, config, digest = load_voice_release(model, "tacotron2", GET_MODEL)
        # However it was trained: masked is what the published network does with one text alone.
        arguments = {**dict(config.get("tacotron2") or {}), "masked": True}
        self._network = build_network(Tacotron2, arguments, tensors, name=str(model), fix="import it again")
        self._network.eval().to(device)
        # Its mels and symbols must be those that can be spoken.
        preset = MEL_PRESETS.get(str(config.get("mel_preset")))
        self._cleaner = str(config.get("cleaner"))
        symbols = self._network.embedding.num_embeddings
        if preset is None or preset.n_mels != self._network.n_mels:
            reason = f"its config fits no voice (mel preset {config.get('mel_preset')})"
            raise CheckpointError.about(model, reason, "import it again")
        if self._cleaner not in CLEANERS or symbols != NUM_SYMBOLS:
            reason = f"cleaner {self._cleaner} and {symbols} symbols"
            raise CheckpointError.about(model, reason, f"only the {NUM_SYMBOLS} published symbols can be spoken")
        # From mels to sound.
        self._vocoder: Vocoder = (
            GriffinLim(preset)
            if vocoder is None
            else HifiGanVocoder(vocoder, preset=preset, device=torch.device(device))
        )
        self._voice = voice
        self.sample_rate = preset.sample_rate
        self.languages: tuple[str, ...] = ("en",)
        self.batch_size = 4 * self._options.rows
        self.attempts = self._options.attempts
        chosen = self._options
        # Every option that changes the sound is in the name.
        self.name = (
            f"tacotron2 {digest} {self._vocoder.name} rows={chosen.rows} steps={chosen.max_steps}"
            f" gate={chosen.gate_threshold:g} stop={int(chosen.final_stop)} seed={chosen.seed}"
        )

    def voices(self) -> list[str]:
        """Return the one voice there is."""
        return [self._voice]

    def voice_for(self, voice: str) -> str:
        """Return the one voice there is, whatever voice it stands for."""
        return self._voice

    def close(self) -> None:
        """Nothing is held that a later call could not use."""

    def synthesize(
        self, text: str, *, voice: str, rate: int = 175, pitch: int = 50, pitch_range: int = 50
    ) -> np.ndarray:
        """Speak one text; see :meth:`speech2img.tts.base.Synthesizer.synthesize`.

        Raises
        ------
        SpeechUnfinishedError
            If the decoder reached its last step.
        SynthesisError
            If an argument is out of range, nothing of the text can be spoken, or part of it was skipped.
        """
        (sound,) = self.synthesize_batch([SpeechRequest(text, voice, rate, pitch, pitch_range)])
        if isinstance(sound, SynthesisError):
            raise sound
        return sound

    def synthesize_batch(self, requests: Sequence[SpeechRequest]) -> list[np.ndarray | SynthesisError]:
        """Speak several texts; see :meth:`speech2img.tts.base.BatchSynthesizer.synthesize_batch`."""
        # Texts that cannot be spoken fail by themselves.
        results: list[np.ndarray | SynthesisError | None] = []
        texts: list[Tensor] = []
        for request in requests:
            try:
                texts.append(torch.tensor(self._ids(request)))
                results.append(None)
            except SynthesisError as error:
                results.append(error)
        # The others together.
        spoken = iter(
            speak_texts(
                self._network,
                texts,
                [self._seed(request) for request, result in zip(requests, results, strict=True) if result is None],
                rows=self._options.rows,
                max_steps=self._options.max_steps,
                gate_threshold=self._options.gate_threshold,
            )
        )
        return [
            self._finish(request, next(spoken)) if result is None else result
            for request, result in zip(requests, results, strict=True)
        ]

    def _ids(self, request: SpeechRequest) -> list[int]:
        # Words and voice.
        text = request.text.strip()
        subject = f"text {text[:40]!r}"
        if not text or len(text) > MAX_CHARACTERS:
            raise SynthesisError.about(subject, f"{len(text)} characters", f"give 1 to {MAX_CHARACTERS}")
        if request.voice != self._voice:
            raise SynthesisError.about(f'voice "{request.voice}"', "no such voice", f'use "{self._voice}"')
        # Manner.
        ranges = (
            ("rate", request.rate, 80, 450),
            ("pitch", request.pitch, 0, 99),
            ("pitch_range", request.pitch_range, 0, 99),
        )
        for name, value, low, high in ranges:
            if not low <= value <= high:
                raise SynthesisError.about(f"{name} {value}", "out of range", f"give {low} to {high}")
        # Symbols; a full stop tells the decoder where to end.
        if self._options.final_stop and text[-1] not in ".!?;:,":
            text += "."
        ids = text_to_ids(text, cleaner=self._cleaner)
        if not any(number > text_to_ids(" ")[0] for number in ids):
            raise SynthesisError.about(subject, "nothing of it can be spoken", "use English words")
        return ids

    def _seed(self, request: SpeechRequest) -> int:
        """A text's own noise: of the text, the attempt and the engine's seed, not of its place in a batch."""
        asked = f"{self._options.seed} {request.seed} {request.text}"
        return int.from_bytes(hashlib.sha256(asked.encode("utf-8", "replace")).digest()[:8], "little")

    def _finish(self, request: SpeechRequest, spoken: Utterance) -> np.ndarray | SynthesisError:
        # The decoder must have stopped by itself, having read the text.
        subject = f"text {request.text[:60]!r}"
        if not spoken.stopped:
            return SpeechUnfinishedError.about(
                subject,
                f"hit the maximum of {self._options.max_steps} decoder steps",
                "shorten it, end it with a full stop, or lower the gate threshold",
            )
        read = alignment_scores(spoken.alignment_TS).coverage if len(spoken.alignment_TS) > 1 else 0.0
        if read < self._options.min_coverage:
            return SynthesisError.about(subject, f"only {read:.0%} of it was read", "shorten it or try another seed")
        # Rate and pitch: stretched, then played faster or slower.
        raised = 2.0 ** (_SEMITONES * (request.pitch - NORMAL_PITCH) / NORMAL_PITCH / 12.0)
        frames = max(1, round(spoken.mel_MT.shape[1] * NORMAL_RATE / request.rate * raised))
        mel_MT = spoken.mel_MT.float()
        if frames != mel_MT.shape[1]:
            mel_MT = F.interpolate(mel_MT[None], size=frames, mode="linear", align_corners=False)[0]
        # To sound.
        sound = self._vocoder(mel_MT)
        if request.pitch != NORMAL_PITCH:
            sound = resample(sound, round(self.sample_rate * raised), self.sample_rate)
        if not np.isfinite(sound).all():
            return SynthesisError.about(subject, "the sound is not finite", "import the weights again")
        return sound / max(1.0, float(np.abs(sound).max()))
