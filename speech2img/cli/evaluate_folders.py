"""``speech2img evaluate --generated``: from the command line's words to the two sides of a comparison."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from speech2img.metrics.evaluate.folders import Side
    from speech2img.metrics.images.sources import FileImages

OUT = Path("report")


def run_folders(args: argparse.Namespace) -> int:
    """Compare two folders, write the report and print it."""
    from speech2img.device import resolve_device
    from speech2img.features.image_classifier import load_image_classifier
    from speech2img.features.inception import load_inception
    from speech2img.metrics.evaluate.folder_plan import FolderSettings
    from speech2img.metrics.evaluate.folders import evaluate_folders, notes_on_files
    from speech2img.metrics.report.protocols import find_protocol

    # Both sides; the protocol says how photographs are turned.
    rule = None if args.protocol is None else find_protocol(args.protocol)
    upright = rule is None or rule.upright
    generated = _side(args.generated, args.list_generated, "generated", upright=upright)
    real = _side(args.real, args.list_real, "real", upright=upright)
    from_corpus = real is None and args.root is not None
    if from_corpus:
        real = _corpus(args)
    # Who looks at them.
    reader = classifier = None
    if args.network is not None:
        reader = load_inception(args.network, precision=args.precision, device=resolve_device(args.device))
    if args.classifier is not None:
        classifier = load_image_classifier(args.classifier, device=resolve_device(args.device))
    # Of a corpus the protocol says how images are made equal; else each is resized by itself.
    squashed = rule is not None and rule.frechet.squash is not None
    settings = FolderSettings(
        protocol=args.protocol,
        taps=tuple(args.taps or ()),
        side=args.side,
        fit=args.fit or ("each" if from_corpus and not squashed else None),
        allow_small=args.allow_small,
        retrieval=args.retrieval,
        corpus=args.corpus or "",
        seed=args.seed,
        batch_size=args.batch_size,
        workers=args.workers,
        **({"ema": args.ema} if args.ema else {}),
    )
    # Measure, and show the report.
    out = args.out or OUT
    report = evaluate_folders(
        generated, real, reader=reader, classifier=classifier, settings=settings, out=out, save_stats=args.save_stats
    )
    if report is not None:
        print((out / "report.md").read_text(encoding="utf-8"))
        print(f"report: {out / 'report.md'}")
    else:
        notes, unused = notes_on_files(generated, real)
        for line in (*notes, *unused):
            print(line)
    if args.save_stats is not None:
        print(f"statistics of the real pictures: {args.save_stats}")
    return 0


def _side(folders: list[Path] | None, listed: Path | None, which: str, *, upright: bool) -> "Side | None":
    """Pictures of folders or a list, or the path of statistics; None where neither is given."""
    from speech2img.errors import ConfigError
    from speech2img.metrics.images.sources import folder_images, listed_images

    files = [path for path in folders or () if path.suffix.lower() == ".npz"]
    if files and (len(folders or ()) > 1 or listed is not None):
        raise ConfigError.about(files[0], "statistics beside other pictures", f"give it alone as --{which}")
    if files:
        return files[0]
    if listed is not None:
        if folders is not None and len(folders) > 1:
            raise ConfigError.about(f"--list-{which}", "several folders to start from", f"give one --{which}")
        return listed_images(listed, root=folders[0] if folders else None, upright=upright)
    return None if folders is None else folder_images(folders, upright=upright)


def _corpus(args: argparse.Namespace) -> "FileImages":
    """Real pictures of a corpus: of its splits, or all where the protocol has them so; cropped as in training."""
    from speech2img.cli.evaluate_model import default_split
    from speech2img.corpora.records.manifest import Manifest
    from speech2img.errors import ConfigError
    from speech2img.metrics.images.sources import manifest_images
    from speech2img.metrics.report.protocols import find_protocol

    # The protocol says which images of the corpus are the real ones.
    if len(args.split) > 1:
        raise ConfigError.about("--split", "several", "compare with one split at a time")
    protocol = None if args.protocol is None else find_protocol(args.protocol)
    whole = protocol is not None and protocol.frechet.real_images == "all"
    manifest = Manifest.load(args.root)
    return manifest_images(
        manifest,
        split=None if whole else (args.split or [default_split(manifest)])[0],
        crop=protocol is None or protocol.frechet.real_crop == "box",
        upright=protocol is None or protocol.upright,
    )
