"""Two sheets of pictures of unheard utterances: generated beside the real photograph, and generated only.

With --teacher the last column is the training photograph that is nearest to the first generated picture of its row, by
the features that the corpus has of it: does the model draw birds that it has learned by heart?
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from speech2img import SpeechToImage
from speech2img.corpora.records.manifest import Caption, Item, Manifest
from speech2img.features.googlenet import GoogLeNetExtractor, load_googlenet
from speech2img.features.image_features import load_features
from speech2img.images.grid import image_grid

NOISES = 6
BESIDE = {"test": 5, "test_seen": 3}
"""Photographs of each part; with the nearest ones sixteen."""
QUALITY = 88
UTTERANCES = 12


def main() -> None:
    """Write ``beside_real.jpg``, ``generated.jpg`` and what was said, ``sheets.md``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="run or release folder of the generator")
    parser.add_argument("--root", type=Path, required=True, help="the corpus")
    parser.add_argument("--out", type=Path, required=True, help="folder of the sheets")
    parser.add_argument("--seed", type=int, default=0, help="of the choice and of the noise")
    parser.add_argument("--teacher", type=Path, help="GoogLeNet's file, for the nearest training photograph")
    parser.add_argument("--side", type=int, default=160, help="of the pictures as GoogLeNet got them (default 160)")
    args = parser.parse_args()
    manifest = Manifest.load(args.root)
    pipe = SpeechToImage.load(args.model)
    rng = np.random.default_rng(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)

    chosen = [pair for split, count in BESIDE.items() for pair in _one_a_species(manifest, split, rng)[:count]]
    pictures = _paint(pipe, manifest, chosen, num_images=NOISES, seed=args.seed)
    real = [_opened(manifest.root / item.image, pipe.image_size) for item, _ in chosen]
    tiles: list[Image.Image | np.ndarray] = []
    if args.teacher is None:
        for photograph, row in zip(real, pictures, strict=True):
            tiles += [photograph, *row]
    else:
        places = _nearest(manifest, pictures[:, 0], load_googlenet(args.teacher, side=args.side))
        for photograph, row, place in zip(real, pictures, places, strict=True):
            tiles += [photograph, *row, _opened(place, pipe.image_size)]
    sheet = image_grid(tiles, len(tiles) // len(chosen))
    sheet.save(args.out / "beside_real.jpg", quality=QUALITY)

    lines = ["| row | split | species | said | voice |", "|---|---|---|---|---|"]
    for number, (item, caption) in enumerate(chosen, start=1):
        lines.append(f"| {number} | {item.split} | {item.class_name} | {caption.text} | {caption.voice} |")
    (args.out / "sheets.md").write_text("\n".join(lines) + "\n", encoding="utf-8")

    rows = [
        pair for _ in range(UTTERANCES) for pair in sorted(_one_a_species(manifest, "test", rng), key=_species)
    ]  # every pass draws another utterance of each species
    rows.sort(key=_species)
    image_grid([few[0] for few in _paint(pipe, manifest, rows, num_images=1, seed=args.seed)], UTTERANCES).save(
        args.out / "generated.jpg", quality=QUALITY
    )


def _opened(path: Path, side: int) -> Image.Image:
    with Image.open(path) as photograph:
        return photograph.convert("RGB").resize((side,) * 2, Image.Resampling.LANCZOS)


def _nearest(manifest: Manifest, pictures: np.ndarray, teacher: GoogLeNetExtractor) -> list[Path]:
    """Training photographs with the features nearest to those of pictures (N, S, S, 3), by cosine."""
    size = (teacher.image_size,) * 2
    resized = [np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)) for picture in pictures]
    generated = teacher.views(np.stack(resized), 2)[:, 0].numpy()
    training = [row for row, item in enumerate(manifest.items) if item.split == "train"]
    known = load_features(manifest.root, "googlenet").features[training, 0]
    mean = known.mean(axis=0)
    generated, known = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (generated - mean, known - mean))
    return [manifest.root / manifest.items[training[row]].image for row in (generated @ known.T).argmax(axis=1)]


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
