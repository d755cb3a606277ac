"""How well a model's confidence tells descriptions in unheard voices from other speech, noise and music.

Inside: 100 recordings of VOICES (03_test_sets.sh), the engines in turn. Outside: 100 clips of the project's data folder
(SpokenCOCO 50, Places 18, flowers 15, LJ Speech 8, digits 9), and 50 sounds that are made here (chords, drums, noise).
"""

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from speech2img.audio.wav import encode_wav
from speech2img.pipeline import SpeechToImage

RATE = 16_000
CLIPS = (
    ("spokencoco_10x5.zip", "", 50),
    ("li2020_demo.zip", "place", 18),
    ("li2020_demo.zip", "flower", 15),
    ("ljspeech8.zip", "", 8),
    ("fsdd_3speakers.zip", "_0.wav", 9),
)
"""Archive, what a name in it contains, how many."""


def clips(data: Path) -> list[bytes]:
    """Recordings of other speech."""
    found: list[bytes] = []
    for archive, part, count in CLIPS:
        with zipfile.ZipFile(data / archive) as file:
            names = [name for name in file.namelist() if name.endswith((".wav", ".ogg", ".flac")) and part in name]
            if len(names) < count:
                raise SystemExit(f"{archive}: {len(names)} clips of {part!r}, {count} are needed")
            found += [file.read(name) for name in names[:: len(names) // count][:count]]
    return found


def sounds(count: int) -> list[bytes]:
    """Chords, drums and noise, encoded as wav."""
    made: list[bytes] = []
    for number in range(count):
        rng = np.random.default_rng([7, number])
        time = np.arange(4 * RATE) / RATE
        if number % 3 == 0:
            root = 110 * 2 ** (rng.integers(24) / 12)
            wave = sum(np.sin(2 * np.pi * root * 2 ** (step / 12) * time) for step in (0, 4, 7))
        elif number % 3 == 1:
            beat = time % 0.5
            wave = np.sin(2 * np.pi * 60 * beat) * np.exp(-12 * beat) + rng.standard_normal(len(time)) * np.exp(
                -40 * beat
            )
        else:
            wave = np.cumsum(rng.standard_normal(len(time))) * 0.99 ** rng.integers(5) + rng.standard_normal(len(time))
            wave = wave - wave.mean()
        made.append(encode_wav(np.float32(0.3 * wave / np.abs(wave).max()), sample_rate=RATE))
    return made


def confidence(pipe: SpeechToImage, recordings: list[Path] | list[bytes]) -> np.ndarray:
    """Confidence of each recording; what cannot be heard at all has none, 0."""
    given = [io.BytesIO(one) if isinstance(one, bytes) else one for one in recordings]
    unheard: list[int] = []
    sure = pipe.confidence(pipe.encode_speech(given, on_error=lambda number, error: unheard.append(number)))
    if sure is None:
        raise SystemExit(f"{pipe.name} has no confidence: run 'speech2img calibrate' first")
    sure[unheard] = 0.0
    return sure


def area(inside: np.ndarray, outside: np.ndarray) -> float:
    """Area under the ROC curve."""
    ranks = rankdata(np.concatenate([inside, outside]))[: len(inside)].sum()
    return float((ranks - len(inside) * (len(inside) + 1) / 2) / (len(inside) * len(outside)))


def main() -> None:
    """Print the areas."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="model with a confidence")
    parser.add_argument("--voices", type=Path, required=True, help="folder of the test sets")
    parser.add_argument("--realdata", type=Path, required=True, help="the project's data folder")
    options = parser.parse_args()

    pipe = SpeechToImage.load(options.model)
    folders = [sorted(folder.glob("*.flac")) for folder in sorted(options.voices.iterdir()) if folder.is_dir()]
    inside = [recordings[turn] for turn in range(100) for recordings in folders if turn < len(recordings)][:100]
    told = confidence(pipe, inside)
    speech, noise = confidence(pipe, clips(options.realdata)), confidence(pipe, sounds(50))
    print(f"{len(told)} descriptions, {len(speech)} clips of other speech, {len(noise)} of noise and music")
    for name, outside in (("all", np.concatenate([speech, noise])), ("speech", speech), ("noise and music", noise)):
        print(f"{name}: AUC {area(told, outside):.3f}")


if __name__ == "__main__":
    main()
