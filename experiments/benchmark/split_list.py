"""Write the pictures of a part of a corpus into a text file, a line each, as ``evaluate --list-generated`` reads it."""

import argparse
import random
from pathlib import Path

from speech2img.corpora.records.manifest import SPLITS, Manifest
from speech2img.corpora.records.splits import IMAGES
from speech2img.errors import Speech2ImgError
from speech2img.storage.atomic import write_text


def main() -> None:
    """Write the list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the corpus")
    parser.add_argument("--split", choices=SPLITS, required=True, help="which part")
    parser.add_argument("--out", type=Path, required=True, help="text file to write")
    parser.add_argument("--limit", type=int, help="so many of them, drawn at random (default all)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default 0)")
    args = parser.parse_args()
    if args.limit is not None and args.limit < 1:
        parser.error(f"--limit {args.limit}: use 1 or more")
    try:
        items = Manifest.load(args.root).split(args.split)
        if args.limit is not None and args.limit < len(items):
            items = random.Random(args.seed).sample(items, args.limit)
        write_text(args.out, "".join(f"{item.image.removeprefix(f'{IMAGES}/')}\n" for item in items))
    except Speech2ImgError as error:
        parser.exit(error.exit_code, f"split_list: {error}\n")


if __name__ == "__main__":
    main()
