"""``speech2img evaluate --generated``: from the command line's words to the two sides of a comparison."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from speech2img.features.inception import InceptionExtractor
    from speech2img.metrics.evaluate.folder_plan import FolderSettings
    from speech2img.metrics.evaluate.folders import Side
    from speech2img.metrics.images.sources import FileImages

OUT = Path("report")


def run_folders(args: argparse.Namespace) -> int:
    """Compare two folders, write the report and print it."""
    from speech2img.device import resolve_device
    from speech2img.features.image_classifier import load_image_classifier
    from speech2img.metrics.evaluate.folders import evaluate_folders, notes_on_files
    from speech2img.metrics.images.sources import folder_images
    from speech2img.metrics.report.protocols import find_protocol

    if len(args.protocols) > 1:
        return _run_protocols(args)
    # Both sides; the protocol says how photographs are turned.
    rule = None if args.protocol is None else find_protocol(args.protocol)
    upright = rule is None or rule.upright
    generated = _side(args.generated, args.list_generated, "generated", upright=upright)
    real = _side(args.real, args.list_real, "real", upright=upright)
    from_corpus = real is None and args.root is not None
    if from_corpus:
        real = _corpus(args)
    training = None if args.train is None else folder_images(args.train, upright=upright)
    if training is None and from_corpus and generated is not None and not isinstance(generated, Path):
        training = _corpus_training(args, most=len(generated.ids))
    # Who looks at them.
    readers, classifier = _readers(args), None
    reader = readers[0] if readers else None
    if args.classifier is not None:
        classifier = load_image_classifier(args.classifier, device=resolve_device(args.device))
    settings = _settings(args, from_corpus=from_corpus)
    # Measure, and show the report.
    out = args.out or OUT
    report = evaluate_folders(
        generated,
        real,
        reader=reader,
        classifier=classifier,
        settings=settings,
        out=out,
        training=None if reader is None else training,
        more_readers=readers[1:],
        save_stats=args.save_stats,
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


def _settings(args: argparse.Namespace, *, from_corpus: bool) -> "FolderSettings":
    """How two sets are compared: of a corpus the protocol says how images are made equal; else each by itself."""
    from speech2img.metrics.evaluate.folder_plan import FolderSettings
    from speech2img.metrics.report.protocols import find_protocol

    rule = None if args.protocol is None else find_protocol(args.protocol)
    squashed = rule is not None and rule.frechet.squash is not None
    return FolderSettings(
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


def _readers(args: argparse.Namespace) -> "list[InceptionExtractor]":
    """Every network given, of different names."""
    from speech2img.device import resolve_device
    from speech2img.features.inception import load_inception
    from speech2img.metrics.evaluate.several.networks import require_names_apart

    device = resolve_device(args.device)
    readers = [load_inception(path, precision=args.precision, device=device) for path in args.networks]
    require_names_apart(readers, args.networks)
    return readers


def _run_protocols(args: argparse.Namespace) -> int:
    """One table of the same pictures by several protocols."""
    from speech2img.device import resolve_device
    from speech2img.errors import ConfigError
    from speech2img.features.image_classifier import load_image_classifier
    from speech2img.metrics.evaluate.several.protocols import ProtocolSides, evaluate_protocols
    from speech2img.metrics.report.protocols import find_protocol

    # What several protocols cannot do.
    for option in ("taps", "save_stats", "train"):
        if getattr(args, option):
            name = f"--{option.replace('_', '-')}"
            raise ConfigError.about(name, "not with several protocols", "give one --protocol for it")
    # Each protocol crops and turns the same pictures in its own way.
    sides: dict[str, ProtocolSides] = {}
    for name in args.protocols:
        own = argparse.Namespace(**{**vars(args), "protocol": name})
        upright = find_protocol(name).upright
        generated = _side(args.generated, args.list_generated, "generated", upright=upright)
        real = _side(args.real, args.list_real, "real", upright=upright)
        if real is None and args.root is not None:
            real = _corpus(own)
        if generated is None or real is None or isinstance(generated, Path) or isinstance(real, Path):
            option, side = ("--generated", generated) if not _is_pictures(generated) else ("--real", real)
            reason = "none are given" if side is None else f"{side} holds statistics alone"
            fix = f"give folders as --generated and --real, or --root for the real ones ({option} is lacking)"
            raise ConfigError.about("--protocol", f"several protocols need pictures of both sides: {reason}", fix)
        sides[name] = ProtocolSides(generated, real)
    # Measure, and show the table.
    classifier = args.classifier and load_image_classifier(args.classifier, device=resolve_device(args.device))
    settings = _settings(args, from_corpus=False)
    out = args.out or OUT
    evaluate_protocols(sides, readers=_readers(args), classifier=classifier or None, settings=settings, out=out)
    print((out / "report.md").read_text(encoding="utf-8"))
    print(f"report: {out / 'report.md'}")
    return 0


def _is_pictures(side: "Side | None") -> bool:
    return side is not None and not isinstance(side, Path)


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


def _corpus_training(args: argparse.Namespace, *, most: int) -> "FileImages | None":
    """Training pictures of a corpus, cropped as the real ones; None where the real ones hold them, or it has none."""
    from speech2img.corpora.records.manifest import Manifest
    from speech2img.metrics.evaluate.yardsticks.training_images import training_ids
    from speech2img.metrics.images.sources import manifest_images
    from speech2img.metrics.report.protocols import find_protocol

    protocol = None if args.protocol is None else find_protocol(args.protocol)
    manifest = Manifest.load(args.root)
    if (protocol is not None and protocol.frechet.real_images == "all") or "train" not in manifest.splits:
        return None
    crop = protocol is None or protocol.frechet.real_crop == "box"
    ids = frozenset(training_ids(manifest, most=most, seed=args.seed))
    return manifest_images(manifest, ids=ids, crop=crop, upright=protocol is None or protocol.upright)
