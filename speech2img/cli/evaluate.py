"""``speech2img evaluate``: measure a model and write the report."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech2img.cli.parsing import add_device, add_root, add_seed, add_verb, positive

if TYPE_CHECKING:
    import numpy as np

    from speech2img.corpora.manifest import Manifest
    from speech2img.metrics.googlenet_reader import GoogLeNetReader
    from speech2img.metrics.judge import Judge
    from speech2img.metrics.measures import RetrievalArrays
    from speech2img.pipeline import SpeechToImage
    from speech2img.training.features import FeatureFile, Standard

SHIPPED_JUDGE = "songbirds-judge"


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "evaluate",
        summary="measure a model, write report.json, report.md and report.html",
        description=(
            "Generates pictures of utterances that the model never heard, measures them, and writes report.json,\n"
            "report.md and a page report.html with the utterances to listen to. Every number stands with its protocol."
        ),
        examples=(
            "speech2img evaluate --model songbirds --root data/songbirds --split test --out reports/unseen-species",
            "speech2img evaluate --model runs/generator --judge runs/judge --root data/songbirds --split test_seen",
            "speech2img evaluate --model runs/generator --root data/cub100 --features googlenet",
        ),
    )
    parser.add_argument("--model", required=True, metavar="M", help="name of shipped weights, run or release folder")
    parser.add_argument("--generator", metavar="M", help="take the generator from this release instead")
    parser.add_argument(
        "--candidates", type=positive, metavar="N", help="paint N for each picture and keep the one that fits best"
    )
    add_root(parser)
    parser.add_argument(
        "--split",
        nargs="+",
        default=["test"],
        choices=("val", "test_seen", "test"),
        metavar="SPLIT",
        help="one or more of val, test_seen (seen classes, unseen pictures), test (unseen classes); default test",
    )
    parser.add_argument(
        "--judge",
        metavar="M",
        help=f"attribute judge: name, run or release folder (default {SHIPPED_JUDGE} where attributes are known)",
    )
    parser.add_argument(
        "--network",
        type=Path,
        metavar="FILE",
        help="BVLC GoogLeNet's .npz, whose features stand behind Frechet distance, Inception Score and diversity "
        "(default: the judge; without a judge, the GoogLeNet that made --features)",
    )
    parser.add_argument(
        "--features",
        metavar="NAME",
        default="teacher",
        help="teacher features of the corpus for retrieval, <root>/derived/features-NAME.h5 (default teacher)",
    )
    parser.add_argument(
        "--curves", nargs="+", type=Path, default=[], metavar="RUN", help="run folders whose loss curves to show"
    )
    parser.add_argument(
        "--limit", type=positive, default=200, metavar="N", help="utterances of each split (default 200)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the report (default: <root>/reports/<split>)"
    )
    add_seed(parser)
    add_device(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, write the report and print its table."""
    from speech2img.corpora.manifest import Manifest
    from speech2img.metrics.evaluation import evaluate_pipeline
    from speech2img.pipeline import SpeechToImage
    from speech2img.training.stores import image_store

    manifest = Manifest.load(args.root)
    pipe = SpeechToImage.load(args.model, generator=args.generator, candidates=args.candidates, device=args.device)
    out = args.out or args.root / "reports" / "-".join(args.split)
    features = _features(args)
    judge = _judge(args, manifest, pipe)
    evaluate_pipeline(
        pipe,
        manifest,
        splits=args.split,
        judge=judge,
        network=_network(args, judge, features, pipe),
        renderer=_renderer(manifest),
        image_store=image_store(manifest, size=pipe.image_size),
        retrieval=_retrieval(args, manifest, features),
        curves=_curves(args),
        num_utterances=args.limit,
        seed=args.seed,
        out=out,
    )
    print((out / "report.md").read_text(encoding="utf-8"))
    print(f"page: {out / 'report.html'}")
    return 0


def _judge(args: argparse.Namespace, manifest: "Manifest", pipe: "SpeechToImage") -> "Judge | None":
    """The judge asked for, or the shipped one where the corpus knows what its pictures show."""
    from speech2img.metrics.judge import Judge
    from speech2img.storage.releases import find_release

    knows_attributes = any(item.attributes for item in manifest.items)
    if args.judge is None and not knows_attributes:
        return None
    return Judge.load(find_release(args.judge or SHIPPED_JUDGE), device=pipe.device)


def _renderer(manifest: "Manifest") -> Any:
    """Draws a bird of the corpus anew with another seed; None for photographs."""
    if manifest.corpus != "songbirds":
        return None
    import numpy as np
    from PIL import Image

    from speech2img.corpora.songbirds.render import render_bird

    def render(attributes: dict[str, str], seed: int, size: int) -> "np.ndarray":
        picture = Image.fromarray(render_bird(attributes, seed=seed, size=256))
        return np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS))

    return render


def _features(args: argparse.Namespace) -> "FeatureFile | None":
    """Teacher features of the corpus, where it has them."""
    from speech2img.training.features import feature_path, load_features

    return load_features(args.root, args.features) if feature_path(args.root, args.features).is_file() else None


def _network(
    args: argparse.Namespace, judge: "Judge | None", features: "FeatureFile | None", pipe: "SpeechToImage"
) -> "GoogLeNetReader | None":
    """The feature network asked for; where nothing judges, the GoogLeNet that the speech was taught by."""
    from speech2img.errors import MetricError
    from speech2img.metrics.googlenet_reader import GoogLeNetReader

    path = args.network
    if path is None:
        if judge is not None:
            return None
        usable = features is not None and features.kind == "caffe-googlenet" and features.source.suffix == ".npz"
        if features is None or not usable or not features.source.is_file():
            raise MetricError.about(
                args.root, "neither a judge nor a network reads these pictures, and no GoogLeNet .npz stands behind "
                f"the features '{args.features}'", "give --network googlenet_bvlc.npz, or --judge",
            )  # fmt: skip
        path = features.source
    return GoogLeNetReader.load(path, device=pipe.device)


def _retrieval(
    args: argparse.Namespace, manifest: "Manifest", features: "FeatureFile | None"
) -> "dict[str, RetrievalArrays]":
    """Teacher features of each split's pictures, in the space that the model's encoder learned to give."""
    from speech2img.metrics.measures import RetrievalArrays

    if features is None:
        return {}
    standard = _standard(args)
    arrays = {}
    for split in args.split:
        rows = [row for row, item in enumerate(manifest.items) if item.split == split]
        wanted = features.features[rows, 0]
        arrays[split] = RetrievalArrays(
            wanted if standard is None else standard(wanted),
            [manifest.items[row].class_id for row in rows],
            features.kind if standard is None else f"{features.kind}, features standardised as in training",
            features.sha256,
        )
    return arrays


def _standard(args: argparse.Namespace) -> "Standard | None":
    """What the encoder's targets were standardised with; None if they were not."""
    from speech2img.storage.releases import find_release
    from speech2img.storage.weights import load_release
    from speech2img.training.features import Standard

    tensors, _ = load_release(find_release(args.model))
    if "target.mean" not in tensors:
        return None
    return Standard(tensors["target.mean"].numpy(), tensors["target.std"].numpy())


def _curves(args: argparse.Namespace) -> dict[str, Path]:
    """``stats.jsonl`` by the run folder's name."""
    runs = [*args.curves, Path(args.model)]
    return {run.resolve().name: run / "stats.jsonl" for run in runs if (run / "stats.jsonl").is_file()}
