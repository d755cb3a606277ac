"""``speech2img evaluate``: measure a model, or any two folders of pictures, and write the report."""

import argparse
from pathlib import Path

from speech2img.cli.evaluate_model import FEATURES, LIMIT
from speech2img.cli.parsing import add_device, add_option, add_seed, add_verb, positive
from speech2img.features.layers import DISTANCE_OUTPUTS
from speech2img.metrics.evaluate.conditions.registry import CONDITIONS
from speech2img.metrics.evaluate.registry import METRICS
from speech2img.metrics.images.fits import FITS
from speech2img.metrics.report.protocols import PROTOCOLS, WITH_CLASSES, WITHOUT_CLASSES

MODEL_OPTIONS = (
    "generator",
    "embeddings",
    "candidates",
    "steps",
    "judge",
    "features",
    "curves",
    "limit",
    "conditions",
    "recordings",
    "inception",
    "judge_encoder",
    "judge_features",
    "damsm",
    "damsm_encoder",
    "allow_same_judge",
)
FOLDER_OPTIONS = (
    "generated",
    "list_generated",
    "real",
    "list_real",
    "train",
    "save_stats",
    "taps",
    "fit",
    "side",
    "corpus",
    "ema",
)


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "evaluate",
        summary="measure a model or two folders of pictures, write report.json and report.md",
        description=(
            "With --model: generates pictures of utterances that the model never heard, measures them, and writes\n"
            "report.json, report.md and a page report.html with the utterances to listen to.\n"
            "With --generated and --real: compares any two folders of pictures, whichever model they are from: FID,\n"
            "KID, Inception Score, precision and recall. Folders are searched to any depth; a .npz stands for\n"
            "pictures that were read before. An interrupted call resumes.\n"
            "Every number stands with its protocol: how many pictures, seed, filter, crop, network, interval."
        ),
        examples=(
            "speech2img evaluate --model songbirds --root data/songbirds --split test --out reports/unseen-species",
            "speech2img evaluate --model runs/generator --judge runs/judge --root data/songbirds --split test_seen",
            "speech2img evaluate --model runs/generator --root data/cub --inception weights/fid-inception",
            "speech2img evaluate --model songbirds --root data/songbirds --conditions clean,noise20,8khz,room,silence",
            "speech2img evaluate --model songbirds --root data/songbirds --recordings voices/flite voices/kokoro",
            "speech2img evaluate --model weights/s2igan-generator --embeddings s2igan --root data/cub",
            "speech2img evaluate --model runs/attngan --root data/cub --damsm runs/damsm-2",
            "speech2img evaluate --generated samples --real data/cub/test --network weights/fid-inception",
            "speech2img evaluate --generated samples --root data/cub --network weights/fid-inception --protocol clean",
            "speech2img evaluate --generated samples --classifier runs/cub-classifier",
            "speech2img evaluate --real photos --network weights/fid-inception --save-stats photos.npz",
            "speech2img evaluate --generated samples --real photos.npz --network weights/fid-inception",
        ),
    )
    # What is measured, and where the report goes.
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="the corpus folder; without --real, real pictures are taken from it"
    )
    parser.add_argument(
        "--split",
        nargs="+",
        default=[],
        choices=("val", "test_seen", "test"),
        metavar="SPLIT",
        help="one or more of val, test_seen (seen classes, unseen pictures), test (unseen classes); default test, or "
        "test_seen where the corpus has no other",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the report (default: <root>/reports/<split>, or report)"
    )
    parser.add_argument(
        "--network",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="of two folders: Inception, as a release of 'import' or the published file; several give ratios of "
        "distances and, with --protocol A,B, each protocol its own. Of a model: GoogLeNet or Inception in either form, "
        "EfficientNet-Lite as a release, or an attribute network, behind Frechet distance and diversity (default: the "
        "judge; else the network that made --features)",
    )
    # Options of each of the two plans.
    _add_model(parser.add_argument_group("a model"))
    _add_folders(parser.add_argument_group("two folders of pictures"))
    _add_inception(parser.add_argument_group("what Inception measures"))
    add_seed(parser)
    add_device(parser)
    parser.set_defaults(run=run)


def _add_model(group: "argparse._ArgumentGroup") -> None:
    # The model.
    group.add_argument("--model", metavar="M", help="name of shipped weights, run or release folder")
    group.add_argument("--generator", metavar="M", help="take the generator from this release instead")
    group.add_argument(
        "--embeddings",
        metavar="NAME",
        help="hear nothing: give the generator the stored embeddings of that name, e.g. from 'extract --pickles'",
    )
    # Who measures it.
    group.add_argument(
        "--candidates", type=positive, metavar="N", help="generate N for each picture and keep the one that fits best"
    )
    group.add_argument(
        "--steps", type=positive, metavar="N", help="of weights that draw in steps (default: as released)"
    )
    group.add_argument(
        "--judge",
        metavar="M",
        help="attribute judge: name, run or release folder (default: the one that the corpus names)",
    )
    # More measures, each with its own network.
    group.add_argument(
        "--features",
        metavar="NAME",
        help=f"teacher features of the corpus for retrieval, <root>/derived/features-NAME.h5 (default {FEATURES})",
    )
    group.add_argument("--curves", nargs="+", type=Path, metavar="RUN", help="run folders whose loss curves to show")
    group.add_argument("--limit", type=positive, metavar="N", help=f"utterances of each split (default {LIMIT})")
    group.add_argument(
        "--conditions",
        type=_conditions,
        metavar="A,B",
        help="also hear the recordings as if they were made otherwise, and show relative accuracy by voices and "
        f"condition: {', '.join(CONDITIONS)}",
    )
    group.add_argument(
        "--recordings",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="also hear other recordings of the captions, a row a folder: named by the utterance's id with '__' for "
        "'/', or at their places in the corpus, as a copy of it has that another engine spoke; one that cannot be used "
        "is named and left out, and the status is 1",
    )
    # The two sides.
    group.add_argument(
        "--inception", type=Path, metavar="FILE", help="also measure FID, KID, ... with this Inception (see --network)"
    )
    group.add_argument(
        "--judge-encoder",
        metavar="M",
        help="also measure R-precision, recall and mAP with this speech encoder and the network that taught it; "
        "refused if the model was trained with either",
    )
    group.add_argument(
        "--judge-features", metavar="NAME", help="features that --judge-encoder was trained with (default: --features)"
    )
    group.add_argument(
        "--damsm",
        nargs="+",
        metavar="M",
        help="also measure R-precision as AttnGAN did, among 100 descriptions, with a run of 'train damsm' (two: one "
        "of the speech form, one of the text form); refused if the generator was trained with it",
    )
    group.add_argument(
        "--damsm-encoder",
        metavar="M",
        help="the encoder that a --damsm was trained with, where it is not the model's own: of speech, or for an "
        "imported one of text",
    )
    # What is read of them.
    group.add_argument(
        "--allow-same-judge", action="store_true", help="mark such numbers in the report instead of refusing them"
    )


def _conditions(text: str) -> tuple[str, ...]:
    """Names of conditions, parted by commas."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if wrong := [name for name in names if name not in CONDITIONS] or not names:
        shown = "no condition" if wrong is True else f"no condition {wrong[0]!r:.40}"
        raise argparse.ArgumentTypeError(f"{shown}; known: {', '.join(CONDITIONS)}")
    return names


def _protocols(text: str) -> tuple[str, ...]:
    """Names of protocols, parted by commas."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if wrong := [name for name in names if name not in PROTOCOLS] or not names:
        shown = "no protocol" if wrong is True else f"no protocol {wrong[0]!r:.40}"
        raise argparse.ArgumentTypeError(f"{shown}; known: {', '.join(PROTOCOLS)}")
    return names


def _add_folders(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--generated", nargs="+", type=Path, metavar="DIR", help="folders with generated pictures, or one .npz of them"
    )
    group.add_argument(
        "--real", nargs="+", type=Path, metavar="DIR", help="folders with real pictures, or one .npz of them"
    )
    for which in ("generated", "real"):
        group.add_argument(
            f"--list-{which}",
            type=Path,
            metavar="FILE",
            help=f"text file with one picture a line, from the folder of --{which} or its own",
        )
    # More measures.
    group.add_argument(
        "--train",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="folders with real pictures that the model was trained on: measured like the generated ones, and who is "
        "nearest to whom; of a corpus with --root they are known",
    )
    group.add_argument(
        "--save-stats",
        type=Path,
        metavar="FILE",
        help="write the real pictures' statistics (.npz) at every output that is read",
    )
    group.add_argument(
        "--taps",
        nargs="+",
        choices=DISTANCE_OUTPUTS,
        metavar="TAP",
        help=f"outputs of the network, of {', '.join(DISTANCE_OUTPUTS)} (default: the protocol's, else all that the "
        "file reaches)",
    )
    # How they are measured.
    group.add_argument(
        "--fit",
        choices=tuple(FITS),
        help="pictures of unequal sizes: refused (equal), each straight to 299 px (each), first squashed to a square "
        "of --side pixels (squash), or its middle square (middle); default: the protocol's, else equal",
    )
    group.add_argument("--side", type=positive, metavar="N", help="pixels for --fit squash and middle")
    # Speed.
    group.add_argument(
        # What is told of them in the report.
        "--corpus",
        choices=(*WITH_CLASSES, *WITHOUT_CLASSES),
        help="show the published numbers of this corpus beside ours",
    )
    group.add_argument(
        "--ema", choices=("yes", "no"), help="whether averaged weights made the generated pictures: told in the report"
    )


def _add_inception(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--classifier",
        metavar="RUN",
        help="also measure the Inception Score by this run of 'train classifier'; alone with --generated, that only",
    )
    group.add_argument(
        "--retrieval",
        action="store_true",
        help="also rank real and generated pictures by Inception's features: recall at K, and mAP where there are "
        "classes; of two folders, NAME_0.png and NAME_1.png belong to NAME.jpg, and a folder is a class",
    )
    group.add_argument(
        "--protocol",
        type=_protocols,
        metavar="A,B",
        help=f"one of {', '.join(PROTOCOLS)}. clean: recommended; the others as these papers and programs did it, "
        "quirks told (default: resized as pytorch-fid does, at all outputs; photographs upright). Several, parted by "
        "commas: one table of the same pictures as each would count them",
    )
    for option in dict.fromkeys(option for metric in METRICS.values() for option in metric.options):
        add_option(group, option)
    group.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="bfloat16 is faster and inexact: not for publication (default float32)",
    )
    group.add_argument("--batch-size", type=positive, default=16, metavar="N", help="pictures at a time (default 16)")
    group.add_argument("--workers", type=positive, default=2, metavar="N", help="threads that decode (default 2)")


def run(args: argparse.Namespace) -> int:
    """Measure, write the report and print it."""
    from speech2img.errors import ConfigError

    # A split named twice counts once; of several protocols and networks, one of each is the usual case.
    args.split = list(dict.fromkeys(args.split))
    args.protocols, args.networks = args.protocol or (), args.network or []
    args.protocol = args.protocols[0] if len(args.protocols) == 1 else None
    args.network = args.networks[0] if args.networks else None

    def given(options: tuple[str, ...]) -> list[str]:
        return [f"--{name.replace('_', '-')}" for name in options if getattr(args, name)]

    # A model, or two folders: options of the other one are refused.
    if args.model is not None:
        from speech2img.cli.evaluate_model import run_model

        if wrong := given(FOLDER_OPTIONS):
            raise ConfigError.about(wrong[0], "not for --model", "give either a model or two folders of pictures")
        if args.root is None:
            raise ConfigError.about("--model", "no corpus to measure it on", "give --root")
        if len(args.protocols) > 1 or len(args.networks) > 1:
            what = "--protocol" if len(args.protocols) > 1 else "--network"
            fix = "measure the model by one, then the folder 'pictures' of its report by several: --generated"
            raise ConfigError.about(what, "several at once are for folders of pictures", fix)
        return run_model(args)
    from speech2img.cli.evaluate_folders import run_folders

    if not given(FOLDER_OPTIONS):
        raise ConfigError.about(
            "evaluate", "nothing to measure", "give --model with --root, or --generated with --real"
        )
    if wrong := given(MODEL_OPTIONS):
        raise ConfigError.about(wrong[0], "only for --model", "leave it out")
    return run_folders(args)
