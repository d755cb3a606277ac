"""How often does the judge read the digit that was spoken? On all held-out recordings, with a grid to look at.

Called by 06_evaluate.sh and 07_unheard_speakers.sh.
"""

import argparse
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from speech2img import SpeechToImage
from speech2img.corpora.records.manifest import Caption, Item, Manifest
from speech2img.features.attributes import AttributeClassifier
from speech2img.images.grid import image_grid
from speech2img.images.io import read_image
from speech2img.images.store import square_thumbnail
from speech2img.storage.atomic import atomic_path, write_json
from speech2img.storage.releases.find_release import find_release

SPLIT = "test_seen"
GRID_DRAWS = 3
Z_95 = 1.959964
Pair = tuple[Item, Caption]


def wilson(right: int, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    share, square = right / count, Z_95**2 / count
    middle = (share + square / 2) / (1 + square)
    half = Z_95 / (1 + square) * np.sqrt(share * (1 - share) / count + square / count / 4)
    return round(float(middle - half), 4), round(float(middle + half), 4)


def score(right: list[bool]) -> dict[str, object]:
    """Accuracy with its number of recordings and interval."""
    return {"accuracy": round(sum(right) / len(right), 4), "n": len(right), "interval": wilson(sum(right), len(right))}


def measure(pairs: list[Pair], read: list[str], real: list[str], draws: list[list[str]]) -> dict[str, object]:
    """All accuracies: of one picture a recording, of real pictures, by speaker, by digit, over several draws."""
    groups: dict[str, list[bool]] = defaultdict(list)
    confused: dict[str, int] = defaultdict(int)
    for (item, caption), digit in zip(pairs, read, strict=True):
        right = digit == item.class_name
        number = int(re.findall(r"\d+", caption.audio or "")[-1])
        names = ["all", f"speaker {caption.speaker}", f"digit {item.class_name}"]
        for name in [*names, "numbers 0-4"] if number < 5 else names:
            groups[name].append(right)
        if not right:
            confused[f"{item.class_name} read as {digit}"] += 1
    shares = [np.mean([a == item.class_name for a, (item, _) in zip(digits, pairs, strict=True)]) for digits in draws]
    return {
        "one picture a recording": {name: score(right) for name, right in sorted(groups.items())},
        "real pictures": score([digit == item.class_name for digit, (item, _) in zip(real, pairs, strict=True)]),
        f"each of {len(draws)} draws": [round(float(share), 4) for share in shares],
        "confused": dict(sorted(confused.items(), key=lambda entry: -entry[1])),
    }


def grid(pairs: list[Pair], pictures: np.ndarray, real: np.ndarray) -> Image.Image:
    """A row a digit: for each speaker the first held-out recording, its real picture, then draws."""
    tiles: list[np.ndarray] = []
    columns = 0
    for digit in sorted({item.class_name for item, _ in pairs}):
        chosen: dict[str | None, int] = {}
        for row, (item, caption) in enumerate(pairs):
            if item.class_name == digit:
                chosen.setdefault(caption.speaker, row)
        rows = [row for _, row in sorted(chosen.items(), key=lambda entry: str(entry[0]))]
        columns = len(rows) * (1 + GRID_DRAWS)
        for row in rows:
            tiles += [real[row], *pictures[row, :GRID_DRAWS]]
    return image_grid(tiles, columns)


def main() -> None:
    """Write ``accuracy.json`` and ``samples.png`` and print the main number."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="run of the prior")
    parser.add_argument("--judge", required=True, help="run of the judge")
    parser.add_argument("--root", type=Path, required=True, help="corpus folder")
    parser.add_argument("--out", type=Path, required=True, help="where the results go")
    parser.add_argument("--draws", type=int, default=4, help="pictures a recording (default 4)")
    args = parser.parse_args()
    manifest = Manifest.load(args.root)
    pipe = SpeechToImage.load(args.model, device="cpu")
    judge = AttributeClassifier.load(find_release(args.judge))
    pairs = [(item, caption) for item in manifest.split(SPLIT) for caption in item.captions]
    embeddings = pipe.encode_paths([manifest.root / str(caption.audio) for _, caption in pairs])
    pictures = pipe.generate(embeddings, seed=0, num_images=args.draws, first_index=0)
    real = np.stack([square_thumbnail(read_image(manifest.root / item.image), pipe.image_size) for item, _ in pairs])
    draws = [judge.predict(pictures[:, number])["class"] for number in range(args.draws)]
    result = measure(pairs, draws[0], judge.predict(real)["class"], draws)
    write_json(
        args.out / "accuracy.json",
        {
            **result,
            "judge alone, on its own held-out pictures": judge.accuracy,
            "weights_sha256": pipe.weights_sha256,
            "judge_sha256": judge.weights_sha256,
        },
    )
    with atomic_path(args.out / "samples.png") as path:
        grid(pairs, pictures, real).quantize(128).save(path, format="PNG", optimize=True)
    print(result["one picture a recording"]["all"], "real:", result["real pictures"])


if __name__ == "__main__":
    main()
