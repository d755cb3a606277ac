"""One picture of all systems: a row for each utterance nobody heard in training, the real picture first."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from speech2img import SpeechToImage
from speech2img.corpora.records.manifest import Caption, Item, Manifest
from speech2img.errors import DataError
from speech2img.images.grid import image_grid
from speech2img.storage.atomic import write_text


def main() -> None:
    """Write the grid, and beside it what was said."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", required=True, help="run or release folders: the columns")
    parser.add_argument("--root", type=Path, required=True, help="the corpus")
    parser.add_argument("--split", default="test", help="part of the corpus (default test)")
    parser.add_argument("--rows", type=int, default=8, help="utterances, each of another species (default 8)")
    parser.add_argument("--noises", type=int, default=3, help="pictures of each model (default 3)")
    parser.add_argument("--generated-only", action="store_true", help="leave the real pictures out")
    parser.add_argument("--seed", type=int, default=0, help="of the choice and of the noise")
    parser.add_argument("--out", type=Path, required=True, help="PNG to write; beside it .md: what was said")
    args = parser.parse_args()
    manifest = Manifest.load(args.root)
    chosen = choose(manifest, args.split, args.rows, np.random.default_rng(args.seed))
    paths = [manifest.root / caption.audio for _, caption in chosen if caption.audio is not None]
    columns = []
    for model in args.models:
        pipe = SpeechToImage.load(model)
        columns.append(pipe.generate(pipe.encode_paths(paths), seed=args.seed, num_images=args.noises, first_index=0))
    size = columns[0].shape[2]
    tiles: list[Image.Image | np.ndarray] = []
    real = "" if args.generated_only else "real picture, then "
    lines = [f"Columns: {real}{args.noises} each of {', '.join(Path(m).name for m in args.models)}.", ""]
    lines += ["| row | species | said | voice |", "|---|---|---|---|"]
    for row, (item, caption) in enumerate(chosen):
        if not args.generated_only:
            with Image.open(manifest.root / item.image) as picture:
                tiles.append(picture.convert("RGB").resize((size, size), Image.Resampling.LANCZOS))
        tiles += [tile for column in columns for tile in column[row]]
        lines.append(f"| {row + 1} | {item.class_name} | {caption.text} | {caption.voice} |")
    image_grid(tiles, (not args.generated_only) + args.noises * len(columns)).save(args.out, optimize=True)
    write_text(args.out.with_suffix(".md"), "\n".join(lines) + "\n")


def choose(manifest: Manifest, split: str, count: int, rng: np.random.Generator) -> list[tuple[Item, Caption]]:
    """An utterance about a picture of each of some species, drawn at random.

    Raises
    ------
    DataError
        If the split has no pictures.
    """
    by_class: dict[int, list[Item]] = {}
    for item in manifest.split(split):
        by_class.setdefault(item.class_id, []).append(item)
    if not by_class:
        raise DataError.about(manifest.root, f"no pictures in split {split}", "name another split")
    pairs = []
    for number in rng.permutation(sorted(by_class)).tolist()[:count]:
        item = by_class[number][int(rng.integers(len(by_class[number])))]
        pairs.append((item, item.captions[int(rng.integers(len(item.captions)))]))
    return pairs


if __name__ == "__main__":
    main()
