"""How well image codecs give the same images back, side by side: PSNR in dB with its 95 % interval, and their time.

    python tools/benchmark/codecs.py CODEC [CODEC ...] --root CORPUS [--sizes 64 128] [--split val] [--limit 256]

Each CODEC is what `features --codec` takes: a run of `train codec`, or what `import taef2` wrote. The images are those
of one part of a corpus, spread evenly over it, each scaled to the sizes from its file; none may have been trained on.
Time is that of encoding and decoding together, once, on the CPU.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from common import machine, print_table, timed

from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import DataError
from speech2img.features.stores import image_store
from speech2img.images.codecs import ReleasedCodec, load_codec
from speech2img.metrics.functional.reconstruction import Reconstruction, reconstruction
from speech2img.training.codec.data import spread_rows
from speech2img.training.codec.reconstruction import reconstruct

HEAD = ("codec", "px", "numbers an image", "PSNR in dB", "95 % interval", "grey levels off", "n", "ms an image")


def part_of(root: Path, *, size: int, split: str, limit: int) -> np.ndarray:
    """Images (N, size, size, 3) of a part of a corpus; DataError where it has none."""
    manifest = Manifest.load(root)
    rows = np.array([row for row, item in enumerate(manifest.items) if item.split == split], dtype=np.int64)
    if not len(rows):
        raise DataError.about(f"split {split}", f"{root} has no image in it", "name another")
    return image_store(manifest, size=size).read(spread_rows(rows, limit))


def measure(codec: ReleasedCodec, images: np.ndarray) -> tuple[Reconstruction, float]:
    """How well images come back, and seconds of the processor for each."""
    codec.latent_side(images.shape[1])
    made: list[np.ndarray] = []
    used = timed(lambda: made.append(reconstruct(codec.network, images)))
    return reconstruction(images, made[0]), used["cpu"] / len(images)


def row_of(codec: ReleasedCodec, size: int, scores: Reconstruction, seconds: float) -> Sequence[object]:
    """A row of the table."""
    numbers = codec.network.channels * codec.latent_side(size) ** 2
    low, high = scores.interval or (scores.psnr, scores.psnr)
    interval, off, time = f"{low:.2f} to {high:.2f}", f"{scores.l1:.1f}", f"{1000 * seconds:.1f}"
    return codec.name, size, f"{numbers:,}", f"{scores.psnr:.2f}", interval, off, scores.num_images, time


def main() -> None:
    """Measure every codec at every size and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("codecs", nargs="+", metavar="CODEC", help="run, release or name of shipped weights")
    parser.add_argument("--root", type=Path, required=True, help="corpus folder")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128], metavar="PIXELS")
    parser.add_argument("--split", default="val", help="part of the corpus")
    parser.add_argument("--limit", type=int, default=256, help="most images")
    parser.add_argument("--out", type=Path, help="JSON file for all that was measured")
    args = parser.parse_args()
    rows = []
    for size in args.sizes:
        images = part_of(args.root, size=size, split=args.split, limit=args.limit)
        for codec in map(load_codec, args.codecs):
            rows.append(row_of(codec, size, *measure(codec, images)))
    print_table(f"Images of {args.root}, split {args.split}", rows, HEAD)
    machine().write(args.out, head=HEAD, rows=rows)


if __name__ == "__main__":
    main()
