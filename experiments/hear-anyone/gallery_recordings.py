"""Speak the recordings that ``speech2img gallery`` shows, in voices that no training hears, as its table of them says.

The table (``speech2img/gallery/recordings/recordings.json``) gives text, voice and speed of each. A speed other than 1
is a tape that runs slower or faster, so that the voice is lower or higher as well: so dusk and noon are spoken.
Written as Ogg Vorbis, 16 kHz, mono; what is there stays. What an engine needs: see test_sets.py.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from test_sets import ENGINES, RATE, Speak

from speech2img.audio.io import resample
from speech2img.audio.trimming import trim_silence
from speech2img.gallery.recordings_table import FOLDER, TABLE
from speech2img.tts.kokoro.voices import HELD_OUT_VOICES


def voice_of(name: str, models: Path) -> Callable[[str], tuple[np.ndarray, int]]:
    """A voice of the table: samples and rate of a text."""
    engine, _, voice = name.partition("-")
    speak: Speak = ENGINES[engine if engine == "kokoro" else name](models)
    number = sorted(HELD_OUT_VOICES).index(voice) if engine == "kokoro" else 0
    return lambda text: speak(text, number)


def main() -> None:
    """Speak what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=Path("weights"), help="folder with kokoro/ (default weights)")
    options = parser.parse_args()
    for row in json.loads((FOLDER / TABLE).read_text(encoding="utf-8"))["recordings"]:
        path = FOLDER / row["file"]
        if path.exists():
            continue
        samples, rate = voice_of(row["voice"], options.models)(row["text"])
        wave = trim_silence(resample(samples.astype(np.float32), round(rate * row["speed"]), RATE), RATE).y
        wave = wave * min(4.0, 0.9 / float(np.abs(wave).max()))
        soundfile.write(path, wave, RATE, format="OGG", subtype="VORBIS", compression_level=0.9)
        print(f"{path.name}: {len(wave) / RATE:.1f} s, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
