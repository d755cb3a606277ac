"""Two sheets of what a model paints of songbirds: of unheard voices beside the real picture, and at random.

    python experiments/songbirds/sheets.py --model songbirds --root data/songbirds --out sheets

``samples.jpg``: eight utterances of ``test_seen`` in held-out voices, the real picture first, then six draws.
``random.jpg``: 200 utterances, half of each test part, one draw each: what is counted by eye (two heads, no bird).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from speech2img import SpeechToImage
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.utterances import UtteranceRecord, utterances_of
from speech2img.images.grid import image_grid
from speech2img.metrics.evaluate.model_groups import choose_utterances

UTTERANCES, DRAWS = 8, 6
RANDOM, COLUMNS = 200, 20
QUALITY = 82
"""Of both."""


def painted(pipe: SpeechToImage, records: Sequence[UtteranceRecord], *, draws: int, seed: int) -> np.ndarray:
    """Images (N, draws, S, S, 3) of what utterances say."""
    paths = [record.audio for record in records]
    speech = pipe.encode_speech(paths) if pipe.needs_frames else pipe.encode_paths(paths)
    return pipe.generate(speech, seed=seed, num_images=draws)


def main() -> None:
    """Write both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="songbirds", help="shipped weights, run or release folder")
    parser.add_argument("--root", type=Path, required=True, help="corpus folder, with recordings")
    parser.add_argument("--out", type=Path, required=True, help="folder of the sheets")
    parser.add_argument("--limit", type=int, default=200, help="utterances of each part that are chosen from")
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    args = parser.parse_args()
    manifest, pipe = Manifest.load(args.root), SpeechToImage.load(args.model)
    chosen = {
        split: choose_utterances(utterances_of(manifest, [split]), count=args.limit, seed=0)
        for split in ("test_seen", "test")
    }
    args.out.mkdir(parents=True, exist_ok=True)

    # Beside the real picture.
    unheard = [record for record in chosen["test_seen"] if record.held_out_voice][:UTTERANCES]
    place = {item.id: manifest.root / item.image for item in manifest.items}
    tiles: list[Image.Image | np.ndarray] = []
    for record, row in zip(unheard, painted(pipe, unheard, draws=DRAWS, seed=args.seed), strict=True):
        with Image.open(place[record.item_id]) as image:
            tiles += [image.convert("RGB").resize((pipe.image_size,) * 2, Image.Resampling.LANCZOS), *row]
    image_grid(tiles, DRAWS + 1).save(args.out / "samples.jpg", quality=QUALITY)

    # At random.
    half = RANDOM // 2
    some = [records[len(records) * number // half] for records in chosen.values() for number in range(half)]
    rows = painted(pipe, some, draws=1, seed=args.seed)[:, 0]
    image_grid(list(rows), COLUMNS).save(args.out / "random.jpg", quality=QUALITY)


if __name__ == "__main__":
    main()
