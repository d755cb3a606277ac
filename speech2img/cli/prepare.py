"""``speech2img prepare``: make or verify a corpus folder."""

import argparse
import os
from pathlib import Path

from speech2img.cli.parsing import add_root, add_seed, add_verb, add_workers
from speech2img.errors import ConfigError

CORPORA = ("songbirds", "cub", "cub100")


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "prepare",
        summary="make or verify a corpus folder",
        description=(
            "Makes a corpus folder, or verifies one, and writes its manifest.jsonl and its splits.\n\n"
            "  songbirds  rendered birds with captions; made here, nothing to download\n"
            "  cub        CUB-200-2011 as its authors packed it, with captions in text/: verified\n"
            "  cub100     4,540 CUB photographs of the project's data folder; captions written from the attributes\n\n"
            "An interrupted call goes on where it was."
        ),
        examples=(
            "speech2img prepare songbirds --size small --root data/songbirds",
            "speech2img prepare cub --root data/cub",
            "speech2img prepare cub100 --root data/cub100 --realdata DIR",
        ),
    )
    parser.add_argument("corpus", choices=CORPORA, metavar="CORPUS", help=", ".join(CORPORA))
    add_root(parser)
    parser.add_argument(
        "--size",
        choices=("tiny", "small", "full"),
        default="small",
        help="songbirds: how many pictures; tiny for tests, small for a quick look, full for training (default small)",
    )
    parser.add_argument(
        "--realdata",
        type=Path,
        metavar="DIR",
        help="cub100: the data folder (default: environment SPEECH2IMG_REALDATA)",
    )
    add_seed(parser)
    add_workers(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the corpus and say what it holds."""
    if args.corpus == "songbirds":
        from speech2img.corpora.songbirds.build import prepare_songbirds

        manifest = prepare_songbirds(args.root, size=args.size, seed=args.seed, workers=args.workers)
    elif args.corpus == "cub":
        from speech2img.corpora.cub import prepare_cub

        manifest = prepare_cub(args.root)
    else:
        from speech2img.corpora.cub100 import prepare_cub100

        realdata = args.realdata or os.environ.get("SPEECH2IMG_REALDATA")
        if not realdata:
            raise ConfigError.about(
                "prepare cub100", "no data folder", "give --realdata DIR or set SPEECH2IMG_REALDATA"
            )
        manifest = prepare_cub100(args.root, Path(realdata), seed=args.seed)
    splits = ", ".join(f"{len(manifest.split(name))} {name}" for name in manifest.splits)
    captions = sum(len(item.captions) for item in manifest.items)
    print(f"{args.root}: {len(manifest)} pictures ({splits}), {len(manifest.class_names)} classes, {captions} captions")
    return 0
