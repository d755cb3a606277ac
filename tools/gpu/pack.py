"""Pack photographs and the embeddings of their captions into one file, for a machine without the corpus.

    python tools/gpu/pack.py --root data/benchmark --embeddings shared --out gpu-data.npz [--size 128] [--most-mb 20]

JPEG at the highest quality that fits, one embedding a photograph (float16), its class, its part.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

QUALITIES = (92, 88, 84, 80, 75, 70, 60, 50)
PARTS = ("train", "test")


def jpegs(images: NDArray[np.uint8], quality: int) -> list[bytes]:
    """Each picture (N, S, S, 3) as JPEG."""
    files = []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, format="JPEG", quality=quality)
        files.append(buffer.getvalue())
    return files


def pack(
    images: NDArray[np.uint8],
    embeddings: NDArray[np.floating],
    classes: Sequence[int],
    parts: Sequence[str],
    out: Path,
    *,
    most_bytes: int,
) -> int:
    """Write the file at the highest quality that fits; the quality. ValueError if none does."""
    for quality in QUALITIES:
        files = jpegs(images, quality)
        buffer = io.BytesIO()
        np.savez(
            buffer,
            jpegs=np.frombuffer(b"".join(files), np.uint8),
            ends=np.cumsum([len(file) for file in files]),
            embeddings=embeddings.astype(np.float16),
            classes=np.asarray(classes, np.int64),
            parts=np.asarray([PARTS.index(part) for part in parts], np.int64),
        )
        if buffer.tell() <= most_bytes:
            out.write_bytes(buffer.getvalue())
            return quality
    raise ValueError(
        f"{len(images)} pictures do not fit into {most_bytes:,} bytes: give --most-mb, or fewer with --limit"
    )


def unpack(path: Path) -> dict[str, NDArray[np.generic]]:
    """Images (N, S, S, 3) uint8, embeddings (N, D) float32, classes and parts (N,) of a packed file."""
    with np.load(path, allow_pickle=False) as arrays:
        data, ends = arrays["jpegs"].tobytes(), arrays["ends"].tolist()
        starts = [0, *ends[:-1]]
        images = np.stack(
            [
                np.asarray(Image.open(io.BytesIO(data[start:end])).convert("RGB"))
                for start, end in zip(starts, ends, strict=True)
            ]
        )
        return {
            "images": images,
            "embeddings": arrays["embeddings"].astype(np.float32),
            "classes": arrays["classes"],
            "parts": arrays["parts"],
        }


def main() -> int:
    """Read the corpus and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--embeddings", default="shared")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--limit", type=int, default=3303, help="training photographs")
    parser.add_argument("--shown", type=int, default=64, help="test photographs")
    parser.add_argument("--most-mb", type=float, default=20.0)
    args = parser.parse_args()
    from speech2img.corpora.records.manifest import Manifest
    from speech2img.features.speech_embeddings import load_embeddings
    from speech2img.metrics.images.real_images import RealImages

    # The first caption of each photograph.
    manifest = Manifest.load(args.root)
    stored = load_embeddings(args.root, args.embeddings)
    row_of = {caption: row for row, caption in reversed(list(enumerate(stored.ids)))}
    first = {item.id: row_of.get(f"{item.id}_{item.captions[0].index}") for item in manifest.items if item.captions}
    chosen = [
        item
        for part, most in zip(PARTS, (args.limit, args.shown), strict=True)
        for item in [item for item in manifest.items if item.split == part and first.get(item.id) is not None][:most]
    ]
    images = RealImages(manifest, size=args.size).read([item.id for item in chosen])
    embeddings = np.asarray(stored.embeddings)[[first[item.id] for item in chosen]]
    quality = pack(
        images,
        embeddings,
        [item.class_id for item in chosen],
        [item.split for item in chosen],
        args.out,
        most_bytes=int(args.most_mb * 1e6),
    )
    print(
        f"{args.out}: {len(chosen)} photographs at {args.size} px, JPEG quality {quality}, "
        f"{args.out.stat().st_size:,} bytes"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
