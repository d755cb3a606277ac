"""Kokoro-82M by the package ``kokoro-onnx``: natural English voices, the same samples for the same request."""

import hashlib
import importlib
import importlib.metadata
import importlib.util
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from speech2img.audio.io import resample
from speech2img.errors import CheckpointError, SynthesisError
from speech2img.storage.scratch import scratch_folder
from speech2img.tts.casting import espeak_speaker, stand_in
from speech2img.tts.kokoro.model_folder import GET_MODEL, KokoroFiles, read_model_folder
from speech2img.tts.kokoro.voices import ALLOW, HELD_OUT_VOICES, chosen_voices
from speech2img.tts.kokoro.whispering import whispered

INSTALL_HINT = 'install it with: pip install "kokoro-onnx>=0.6" (or, in the checkout: pip install ".[kokoro]")'
MAX_CHARACTERS = 1000
SAMPLE_RATE = 24_000
WHISPER = "+whisper"
"""End of the name of a voice that whispers: ``"am_adam+whisper"``."""

_PLAIN_RATE, _PLAIN_PITCH = 175, 50
_SEMITONES = 4.0
_SLOWEST, _FASTEST = 0.5, 2.0
_ANY_VOICE = re.compile(r"[a-z][fm]_\w+", re.ASCII)


class KokoroSynthesizer:
    """Speech by Kokoro-82M, bit-identical for the same arguments whatever was spoken before.

    Voices are Kokoro's English ones (``"af_sky"``), each of them also as a whisper (``"af_sky+whisper"``, made of the
    voice: :mod:`speech2img.tts.kokoro.whispering`). Other engines' voices are replaced by the chosen ones: a man's by a
    man's, a whisper by a whisper, and a name that training never hears by a held-out voice, where those may speak.

    Parameters
    ----------
    model : str or Path
        The model folder (:func:`speech2img.tts.kokoro.model_folder.read_model_folder`).
    voices : sequence of str, optional
        Which voices speak (:func:`speech2img.tts.kokoro.voices.chosen_voices`); None: the training voices.
    allow_held_out : bool
        Whether the voices that are held out for measuring may speak.

    Raises
    ------
    SynthesisError
        If the package or a file is missing; the message says where to get it.
    CheckpointError
        If a file is damaged or of another model.
    ConfigError
        If a voice does not exist or may not speak.

    Notes
    -----
    The package phonemises by espeak-ng (GPL-3.0-or-later): it is an optional extra, found at run time, never bundled.
    """

    def __init__(self, model: str | Path, *, voices: Sequence[str] | None = None, allow_held_out: bool = False) -> None:
        package = _load_package()
        files = read_model_folder(model)
        self._chosen = chosen_voices(voices, files.voices, allow_held_out=allow_held_out)
        self._styles = {name: files.voices[name] for name in self._chosen}
        self._there, self._allow_held_out = tuple(files.voices), allow_held_out
        self._kokoro = _open(package, files)
        self.name = f"kokoro {importlib.metadata.version('kokoro-onnx')} {files.digest}"
        self.sample_rate = SAMPLE_RATE
        self.languages: tuple[str, ...] = ("en",)

    def __enter__(self) -> "KokoroSynthesizer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held that a later call could not use; an utterance under way is spoken to its end."""

    def voices(self) -> list[str]:
        """Return the chosen voices, plain and whispering."""
        return sorted([*self._chosen, *(name + WHISPER for name in self._chosen)])

    def voice_for(self, voice: str) -> str:
        """Return the voice that stands for one of a manifest; see :meth:`speech2img.tts.base.Synthesizer.voice_for`."""
        # A voice of its own.
        subject = f'voice "{voice[:80]}"'
        plain = voice.removesuffix(WHISPER)
        if plain in self._chosen:
            return voice
        if plain in self._there:
            if plain in HELD_OUT_VOICES and not self._allow_held_out:
                raise SynthesisError.about(subject, "is held out, for measuring only", f"name another one, or {ALLOW}")
            fix = f"name it there, or prepare the corpus again to have it in {', '.join(self._chosen)}"
            raise SynthesisError.about(subject, "is not among --voices", fix)
        # A voice of espeak-ng has a voice that stands for it.
        speaker = None if _ANY_VOICE.fullmatch(plain) else espeak_speaker(voice)
        if speaker is None or speaker.language != "en":
            fix = f"give --voice with one of {', '.join(self._chosen)}"
            raise SynthesisError.about(subject, "no English voice of Kokoro has or stands for this name", fix)
        # Heard by unheard, women by women, as far as both are among the chosen.
        voices = _preferred(self._chosen, lambda name: (name in HELD_OUT_VOICES) == speaker.is_held_out)
        voices = _preferred(voices, lambda name: (name[1] == "f") == speaker.is_woman)
        return stand_in(voice, voices) + (WHISPER if speaker.whispers else "")

    def synthesize(
        self, text: str, *, voice: str, rate: int = 175, pitch: int = 50, pitch_range: int = 50
    ) -> np.ndarray:
        """Speak one text; see :meth:`speech2img.tts.base.Synthesizer.synthesize`.

        Parameters
        ----------
        text : str
            1 to 1,000 characters of English.
        voice : str
            One of :meth:`voices`.
        rate : int
            Words per minute, 80 to 450; 175 is Kokoro's own speed, and it speaks at half to twice of that.
        pitch : int
            0 to 99: up to four semitones below and above the voice's own.
        pitch_range : int
            0 to 99; not used, the model has nothing like it.

        Returns
        -------
        np.ndarray [shape=(n,), float32, range -1..1]
            Mono sound at 24,000 Hz.
        """
        subject = f"text {text[:60]!r}"
        self._check(text, voice=voice, rate=rate, pitch=pitch, pitch_range=pitch_range)
        plain = voice.removesuffix(WHISPER)
        # Spoken slower or faster by what the change of pitch takes or gives.
        raised = 2.0 ** (_SEMITONES * (pitch - _PLAIN_PITCH) / _PLAIN_PITCH / 12.0)
        speed = min(_FASTEST, max(_SLOWEST, rate / _PLAIN_RATE / raised))
        accent = "en-gb" if plain[0] == "b" else "en-us"
        try:
            samples, sample_rate = self._kokoro.create(text, self._styles[plain], speed=speed, lang=accent)
        except Exception as error:  # whatever the package and its runtime raise: it is this text that fails
            raise SynthesisError.about(subject, f"Kokoro failed ({error})", "change the text") from error
        # What it gave must be sound.
        y = np.asarray(samples, np.float32).reshape(-1)
        if not y.size or not np.isfinite(y).all() or sample_rate != SAMPLE_RATE:
            raise SynthesisError.about(subject, "Kokoro made no finite sound at 24,000 Hz", "change the text")
        # Pitch by another rate, whisper by another source.
        if pitch != _PLAIN_PITCH:
            y = resample(y, round(SAMPLE_RATE * raised), SAMPLE_RATE)
        if voice != plain:
            y = whispered(y, sample_rate=SAMPLE_RATE, seed=_seed(text))
        return y / np.float32(max(1.0, float(np.abs(y).max())))

    def _check(self, text: str, *, voice: str, rate: int, pitch: int, pitch_range: int) -> None:
        if not text.strip() or len(text) > MAX_CHARACTERS:
            fix = f"give 1 to {MAX_CHARACTERS} characters of text"
            raise SynthesisError.about(f"text {text[:40]!r}", f"{len(text)} characters", fix)
        if voice.removesuffix(WHISPER) not in self._styles:
            raise SynthesisError.about(f'voice "{voice[:80]}"', "no such voice", f"use {', '.join(self._chosen)}")
        for name, value, low, high in (
            ("rate", rate, 80, 450),
            ("pitch", pitch, 0, 99),
            ("pitch_range", pitch_range, 0, 99),
        ):
            if not low <= value <= high:
                raise SynthesisError.about(f"{name} {value}", "out of range", f"give {low} to {high}")


def _preferred(voices: Sequence[str], suits: Callable[[str], bool]) -> Sequence[str]:
    """Those that suit, or all where none does."""
    return [name for name in voices if suits(name)] or voices


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8], "little")


def _load_package() -> ModuleType:
    if importlib.util.find_spec("kokoro_onnx") is None:
        raise SynthesisError.about("--engine kokoro", "the package kokoro-onnx is not installed", INSTALL_HINT)
    try:
        return importlib.import_module("kokoro_onnx")
    except (ImportError, OSError, RuntimeError) as error:
        raise SynthesisError.about("--engine kokoro", f"kokoro-onnx does not load ({error})", INSTALL_HINT) from error


def _open(package: ModuleType, files: KokoroFiles) -> Any:
    """The package's ``Kokoro`` over a session of one thread: texts are spoken side by side, and repeatably."""
    onnxruntime = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what is wrong is said once, below
    try:
        session = onnxruntime.InferenceSession(str(files.model), options, providers=["CPUExecutionProvider"])
        inputs = {entry.name: entry.type for entry in session.get_inputs()}
    except Exception as error:  # the runtime has classes of its own for each kind of damage
        raise CheckpointError.about(files.model, f"is no ONNX model that runs ({error})", GET_MODEL) from error
    if not {"style", "speed"} <= set(inputs) or not {"tokens", "input_ids"} & set(inputs):
        reason = f"is another model than Kokoro's: it asks for {', '.join(sorted(inputs))}"
        raise CheckpointError.about(files.model, reason, GET_MODEL)
    if "int" in inputs["speed"]:
        raise CheckpointError.about(files.model, "an export that knows whole numbers as speed only", GET_MODEL)
    # The package reads voices from a file; it is given one, and speaks in styles that are handed over.
    with scratch_folder() as folder:
        path = folder / "voices.npz"
        np.savez(path, any=next(iter(files.voices.values())))
        try:
            return package.Kokoro.from_session(session, str(path))
        except Exception as error:
            reason = f"kokoro-onnx does not take it ({error})"
            raise SynthesisError.about(files.model, reason, INSTALL_HINT) from error
