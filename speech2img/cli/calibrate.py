"""``speech2img calibrate``: let a release tell how sure it is of what it hears."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from speech2img.cli.parsing import add_device, add_verb, positive


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "calibrate",
        summary="let a model tell how sure it is of what it hears",
        description=(
            "Learns from recordings that a model should understand and from others (speech about other things, noise,\n"
            "music) to tell them apart by their speech embeddings, and writes that into the model's release. Then\n"
            "'generate' says where an image may have nothing to do with a recording, and pipe.confidence gives it.\n"
            "The release's hash changes: calibrate a whole model, or an encoder before its embeddings are extracted."
        ),
        examples=(
            "speech2img calibrate --model models/hear-anyone --inside descriptions --outside other-speech noise",
        ),
    )
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="run or release folder to write into")
    # What it should be sure of, and what not.
    for name, what in (
        ("inside", "that it should understand; best none it was trained on"),
        ("outside", "of all else"),
    ):
        parser.add_argument(
            f"--{name}",
            type=Path,
            nargs="+",
            required=True,
            metavar="PATH",
            help=f"recordings, or folders of them, {what}",
        )
    parser.add_argument(
        "--components", type=positive, default=64, metavar="N", help="directions of the embeddings (default 64)"
    )
    add_device(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Learn the confidence, write it, and say what counts as low."""
    from speech2img.errors import CheckpointError
    from speech2img.storage.releases.find_release import find_release
    from speech2img.storage.releases.release import release_sha256
    from speech2img.training.encoder.confidence import add_confidence

    # Weights of the package are nobody's to change.
    inside, outside = recordings(args.inside), recordings(args.outside)
    if not args.model.is_dir():
        fix = "give a run or release folder; 'speech2img compose' makes one of shipped weights"
        raise CheckpointError.about(args.model, "no such folder", fix)
    head = add_confidence(args.model, inside, outside, components=args.components, device=args.device)
    print(f"{args.model}: {len(inside)} recordings inside, {len(outside)} outside; low is below {float(head.low):.0%}")
    print(f"sha256 {release_sha256(find_release(args.model))}")
    return 0


def recordings(places: Sequence[Path]) -> list[Path]:
    """Files, and those in folders and below, in the order of their names.

    Raises
    ------
    DataError
        If one is not there, or a folder has no recording.
    """
    from speech2img.errors import DataError
    from speech2img.metrics.evaluate.conditions.recordings import SUFFIXES

    found: list[Path] = []
    for place in places:
        if place.is_dir():
            inside = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES)
            if not inside:
                raise DataError.about(place, "no recordings in it", f"give a folder with {', '.join(SUFFIXES)}")
            found += inside
        elif place.is_file():
            found.append(place)
        else:
            raise DataError.about(place, "no such file or folder", "give recordings, or folders of them")
    return found
