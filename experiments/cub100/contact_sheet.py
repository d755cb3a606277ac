"""Two sheets of pictures of unheard utterances: generated beside the real photograph, and generated only."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from speech2img import SpeechToImage
from speech2img.corpora.records.manifest import Caption, Item, Manifest
from speech2img.images.grid import image_grid

NOISES = 7
BESIDE = {"test": 5, "val": 3}
UTTERANCES = 12


def main() -> None:
    """Write ``beside_real.png``, ``generated.png`` and what was said, ``sheets.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="run or release folder of the generator")
    parser.add_argument("--root", type=Path, required=True, help="the corpus")
    parser.add_argument("--out", type=Path, required=True, help="folder of the sheets")
    parser.add_argument("--seed", type=int, default=0, help="of the choice and of the noise")
    args = parser.parse_args()
    manifest = Manifest.load(args.root)
    pipe = SpeechToImage.load(args.model)
    rng = np.random.default_rng(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)

    chosen = [pair for split, count in BESIDE.items() for pair in _one_a_species(manifest, split, rng)[:count]]
    pictures = _paint(pipe, manifest, chosen, num_images=NOISES, seed=args.seed)
    tiles: list[Image.Image | np.ndarray] = []
    for (item, _), row in zip(chosen, pictures, strict=True):
        with Image.open(manifest.root / item.image) as photograph:
            tiles += [photograph.convert("RGB").resize((pipe.image_size,) * 2, Image.Resampling.LANCZOS), *row]
    image_grid(tiles, NOISES + 1).save(args.out / "beside_real.png", optimize=True)

    lines = ["| row | split | species | said | voice |", "|---|---|---|---|---|"]
    for number, (item, caption) in enumerate(chosen, start=1):
        lines.append(f"| {number} | {item.split} | {item.class_name} | {caption.text} | {caption.voice} |")
    (args.out / "sheets.md").write_text("\n".join(lines) + "\n", encoding="utf-8")

    rows = [
        pair for _ in range(UTTERANCES) for pair in sorted(_one_a_species(manifest, "test", rng), key=_species)
    ]  # every pass draws another utterance of each species
    rows.sort(key=_species)
    image_grid([few[0] for few in _paint(pipe, manifest, rows, num_images=1, seed=args.seed)], UTTERANCES).save(
        args.out / "generated.png", optimize=True
    )


def _species(pair: tuple[Item, Caption]) -> int:
    return pair[0].class_id


def _one_a_species(manifest: Manifest, split: str, rng: np.random.Generator) -> list[tuple[Item, Caption]]:
    """An utterance about a picture of each species of a split, all drawn at random, in random order."""
    by_class: dict[int, list[Item]] = {}
    for item in manifest.split(split):
        by_class.setdefault(item.class_id, []).append(item)
    pairs = []
    for number in rng.permutation(sorted(by_class)).tolist():
        item = by_class[number][int(rng.integers(len(by_class[number])))]
        pairs.append((item, item.captions[int(rng.integers(len(item.captions)))]))
    return pairs


def _paint(
    pipe: SpeechToImage, manifest: Manifest, pairs: list[tuple[Item, Caption]], *, num_images: int, seed: int
) -> np.ndarray:
    """Pictures (N, num_images, S, S, 3) of utterances."""
    paths = [manifest.root / caption.audio for _, caption in pairs if caption.audio is not None]
    pictures: np.ndarray = pipe.generate(pipe.encode_paths(paths), seed=seed, num_images=num_images, first_index=0)
    return pictures


if __name__ == "__main__":
    main()
