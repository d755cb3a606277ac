"""The same said in every language: one row a bird, one column a language, in voices of training; and what was said."""

import argparse
import random
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from speech2img import SpeechToImage
from speech2img.corpora.songbirds.languages.registry import LANGUAGES
from speech2img.corpora.songbirds.manner import MANNERS
from speech2img.images.grid import image_grid
from speech2img.storage.atomic import write_text
from speech2img.tts.espeak.engine import EspeakSynthesizer

ROWS = (
    ({"body_color": "red", "size": "small"}, "day"),
    ({"body_color": "blue", "background": "snow"}, "noon"),
    ({"body_color": "yellow", "pose": "flying"}, "dusk"),
    ({"body_color": "black", "direction": "left"}, "day"),
    ({"body_color": "green", "background": "water"}, "night"),
    ({"body_color": "white", "pose": "swimming"}, "dusk"),
)
"""What is said in words, and the light, which only the manner says."""


def main() -> None:
    """Write ``languages.png`` and ``languages.md``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="folder with <language>/prior")
    parser.add_argument("--out", type=Path, required=True, help="folder of the grid")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of words and of the noise")
    args = parser.parse_args()
    columns: list[list[np.ndarray | Image.Image]] = []
    lines = ["| row | light | language | said |", "|---|---|---|---|"]
    with EspeakSynthesizer() as engine, tempfile.TemporaryDirectory() as folder:
        for code, language in LANGUAGES.items():
            if not (args.runs / code / "prior").is_dir():
                continue
            recordings = []
            for number, (mentions, light) in enumerate(ROWS, start=1):
                text = language.write(mentions, random.Random(args.seed), 1.0)
                manner = MANNERS[light]
                voices = language.voices.training_whispers if manner.whispered else language.voices.training
                y = engine.synthesize(
                    text, voice=voices[0], rate=manner.rate, pitch=manner.pitch, pitch_range=manner.pitch_range
                )
                recordings.append(Path(folder) / f"{code}-{number}.wav")
                soundfile.write(recordings[-1], y, engine.sample_rate)
                lines.append(f"| {number} | {light} | {language.name} | {text} |")
            pipe = SpeechToImage.load(args.runs / code / "prior")
            columns.append(pipe.generate(pipe.encode_paths(recordings), seed=args.seed, first_index=0)[:, 0])
    tiles = [picture for row in zip(*columns, strict=True) for picture in row]
    args.out.mkdir(parents=True, exist_ok=True)
    image_grid(tiles, len(columns)).save(args.out / "languages.png", optimize=True)
    write_text(args.out / "languages.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
