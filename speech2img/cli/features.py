"""``speech2img features``: everything that is computed once for a corpus."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from speech2img.cli.parsing import add_device, add_root, add_verb, add_workers, positive
from speech2img.errors import ConfigError

if TYPE_CHECKING:
    from speech2img.corpora.records.manifest import Manifest
    from speech2img.images.codecs import ReleasedCodec
    from speech2img.images.token_store import TokenStore


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "features",
        summary="compute mel store, image store and teacher features",
        description=(
            "Computes what training reads, into <root>/derived/: log-mels of all recordings, decoded pictures,\n"
            "with --teacher the image features that the speech encoder learns to give or meet (HDF5, and the pickle\n"
            "of Li et al.), and with --codec the latents of the pictures, or their tokens where the codec has a\n"
            "codebook. What is there already is kept; an interrupted call resumes.\n\n"
            "Under torchrun the processes divide the work of teacher and codec among them, and the first one makes\n"
            "the two stores with its --workers; the files are those of one process."
        ),
        examples=(
            "speech2img features --root data/songbirds",
            "speech2img features --root data/songbirds --teacher runs/teacher",
            "speech2img features --root data/cub100 --teacher googlenet_bvlc.npz --name googlenet",
            "speech2img features --root data/songbirds --codec weights/taef2 --image-size 128",
            "speech2img features --root data/cub --codec weights/vqgan --image-size 256 --mapping-out used.pth",
        ),
    )
    # The stores.
    add_root(parser)
    parser.add_argument("--mel-preset", default="li2020", metavar="NAME", help="front-end (default li2020)")
    parser.add_argument(
        "--image-size", type=positive, default=64, metavar="PIXELS", help="side of the stored pictures (default 64)"
    )
    # The teacher's features.
    parser.add_argument(
        "--teacher",
        type=Path,
        metavar="RUN|FILE|NAME",
        help="a teacher's run folder, shipped weights (songbirds), or GoogLeNet, Inception or EfficientNet-Lite from "
        "'import'",
    )
    parser.add_argument(
        "--name", metavar="NAME", help="what the features are called (default: the teacher folder's name)"
    )
    parser.add_argument(
        "--views",
        type=positive,
        metavar="N",
        help="views of each picture, 1 to 10 (default: 10 crops with GoogLeNet as published, 2 otherwise)",
    )
    parser.add_argument(
        "--side",
        type=positive,
        metavar="PIXELS",
        help="side of the pictures as GoogLeNet or EfficientNet-Lite gets them (default: as published, 224 or more; 96 "
        "costs a seventh)",
    )
    # Latents and tokens.
    parser.add_argument(
        "--codec",
        metavar="RUN|DIR|NAME",
        help="an image codec, a run of 'train codec' or from 'import taef2' or 'vqgan': latents of the stored "
        "pictures, or tokens where it has a codebook, called after its folder",
    )
    parser.add_argument(
        "--mirrored",
        action="store_true",
        help="with --codec: those of the mirror images too, where nobody speaks of left and right",
    )
    parser.add_argument(
        "--latents", action="store_true", help="with a codec that has a codebook: its latents beside the tokens"
    )
    parser.add_argument(
        "--mapping-out",
        type=Path,
        metavar="FILE",
        help="with a codec that has a codebook: write which of its codes the training pictures use, for "
        "'import vqgan --mapping'",
    )
    add_device(parser)
    add_workers(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compute what is missing and say where it is."""
    from speech2img.distributed.collectives import is_main_process, process_group
    from speech2img.storage.rank import this_rank

    with process_group(this_rank()):
        for line in _compute(args):
            if is_main_process():
                print(line)
    return 0


def _compute(args: argparse.Namespace) -> Iterator[str]:
    from speech2img.corpora.records.manifest import Manifest
    from speech2img.features.stores import demand_no_sides, image_store, mel_store
    from speech2img.storage.names import plain_name

    # A name that can be a file's, and a codec that can encode pictures of that size.
    if args.name is not None:
        plain_name(args.name, option="--name")
    for given, option in (
        (args.mirrored, "--mirrored"),
        (args.latents, "--latents"),
        (args.mapping_out, "--mapping-out"),
    ):
        if given and args.codec is None:
            raise ConfigError.about(option, "belongs to --codec", "give a codec, or omit it")
    codec = None if args.codec is None else _codec(args)
    manifest = Manifest.load(args.root)
    if args.mirrored:
        demand_no_sides(manifest)
    # What every training reads.
    mels = mel_store(manifest, preset=args.mel_preset, workers=args.workers)
    yield f"mel store: {len(mels.ids)} recordings, preset {args.mel_preset}"
    images = image_store(manifest, size=args.image_size, workers=args.workers)
    yield f"picture store: {len(images.ids)} pictures of {args.image_size} px"
    # What some learn from.
    if args.teacher is not None:
        from speech2img.features.image_features import build_teacher_features

        path = build_teacher_features(
            args.root,
            args.teacher,
            name=args.name,
            views=args.views,
            side=args.side,
            device=args.device,
            workers=args.workers,
        )
        yield f"teacher features: {path}"
    if codec is not None:
        yield from _encoded(args, manifest, codec)


def _encoded(args: argparse.Namespace, manifest: "Manifest", codec: "ReleasedCodec") -> Iterator[str]:
    """Tokens of a codec with a codebook, latents of another one or where they are asked for."""
    from speech2img.features.stores import latent_store, token_store

    size, options = args.image_size, {"mirrored": args.mirrored, "device": args.device, "workers": args.workers}
    if codec.has_codes:
        tokens = token_store(manifest, codec, size=size, **options)
        yield f"tokens: {tokens.path}"
        rows = [row for row, item in enumerate(manifest.items) if item.split == "train"]
        yield _usage(tokens, rows or list(range(len(tokens))), args.mapping_out)
    if args.latents or not codec.has_codes:
        yield f"latents: {latent_store(manifest, codec, size=size, **options).path}"


def _usage(tokens: "TokenStore", rows: list[int], mapping: Path | None) -> str:
    """How much of the codebook some pictures use; its mapping file is written where there is a place for it."""
    import torch

    from speech2img.distributed.collectives import on_main_process
    from speech2img.images.code_mapping import require_mapping_place, write_mapping
    from speech2img.models.codecs.code_reduction import kept_codes, reduction_table
    from speech2img.models.codecs.code_usage import code_usage

    counts = torch.from_numpy(tokens.count(rows))
    usage = code_usage(counts)
    line = (
        f"codes in use: {int((counts > 0).sum())} of {len(counts)} in {len(rows)} pictures, "
        f"perplexity {usage.perplexity:.1f}"
    )
    if mapping is None:
        return line
    table = reduction_table(counts > 0)
    on_main_process(lambda: write_mapping(require_mapping_place(mapping), table))
    return f"{line}; mapping of {len(kept_codes(table))} codes: {mapping}"


def _codec(args: argparse.Namespace) -> "ReleasedCodec":
    """The codec, if it can do what is asked of it."""
    from speech2img.images.code_mapping import require_mapping_place
    from speech2img.images.codecs import load_codec

    codec = load_codec(args.codec)
    codec.latent_side(args.image_size)
    if args.latents or args.mapping_out is not None:
        network = codec.token_network()
        if args.mapping_out is not None and network.reduction is not None:
            reason = f"codec {codec.name} has only the codes in use already"
            raise ConfigError.about("--mapping-out", reason, "give it as published")
    if args.mapping_out is not None:
        require_mapping_place(args.mapping_out)
    return codec
