"""Whisper by the package faster-whisper, from a model folder on this machine."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from speech2img.errors import CheckpointError, ConfigError
from speech2img.recognition.base import Segment, Transcript

SAMPLE_RATE = 16_000
MODEL_FILE = "model.bin"
CONFIG_FILE = "config.json"
VOCABULARIES = ("vocabulary.txt", "vocabulary.json", "tokenizer.json")
FIX = "give a folder of Whisper in CTranslate2's form: model.bin, config.json and a vocabulary"


class FasterWhisperRecogniser:
    """Recordings to texts by Whisper; it divides long recordings by itself.

    Parameters
    ----------
    folder : path
        Model in CTranslate2's form; nothing is ever downloaded.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    language : str
        Of the speech, as ``en``.
    beams : int
        Beginnings that are kept.

    Raises
    ------
    ConfigError
        If faster-whisper is not installed.
    CheckpointError
        If the folder is no such model, or a damaged one.
    """

    def __init__(self, folder: str | Path, *, device: str = "auto", language: str = "en", beams: int = 5) -> None:
        # What can be told without the package.
        folder = Path(folder)
        require_model_folder(folder)
        self._language, self._beams = language, beams
        self.name, self.sample_rate = f"faster-whisper {folder.name}", SAMPLE_RATE
        # The package, which is an extra; whatever it says of the folder is one line.
        try:
            from faster_whisper import WhisperModel
        except ImportError as error:
            fix = 'pip install "speech2img[whisper]"'
            raise ConfigError.about("faster-whisper", f"is not installed ({error})", fix) from error
        kind = "cuda" if device.startswith("cuda") else device
        try:
            self._model: Any = WhisperModel(str(folder), device=kind, compute_type="default", local_files_only=True)
        except (RuntimeError, ValueError, OSError) as error:
            raise CheckpointError.about(folder, f"cannot be opened ({_line(error)})", FIX) from error

    def transcribe(self, waves: Sequence[np.ndarray]) -> list[Transcript]:
        """Recognise recordings; see `speech2img.recognition.base.Recogniser.transcribe`."""
        return [self._one(wave) for wave in waves]

    def _one(self, wave: np.ndarray) -> Transcript:
        if not wave.any():
            return Transcript()
        # Its segments are computed as they are asked for: errors may come with any of them.
        try:
            segments, _ = self._model.transcribe(
                wave, language=self._language, beam_size=self._beams, condition_on_previous_text=False, temperature=0.0
            )
            found = list(segments)
        except (RuntimeError, ValueError) as error:
            raise CheckpointError.about(self.name, f"failed ({_line(error)})", FIX) from error
        written = [
            Segment(one.text.strip(), float(one.start), float(one.end), math.exp(min(0.0, float(one.avg_logprob))))
            for one in found
        ]
        return Transcript(tuple(one for one in written if one.text))


def require_model_folder(folder: Path) -> None:
    """Raise CheckpointError unless a folder has the files of a model in CTranslate2's form."""
    if not folder.is_dir():
        raise CheckpointError.about(folder, "no such folder", FIX)
    missing = [name for name in (MODEL_FILE, CONFIG_FILE) if not (folder / name).is_file()]
    if not missing and not any((folder / name).is_file() for name in VOCABULARIES):
        missing = [" or ".join(VOCABULARIES)]
    if missing:
        raise CheckpointError.about(folder, f"is no model of Whisper: it has no {missing[0]}", FIX)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
