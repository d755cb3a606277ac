"""``speech2img compose``: a whole model from the speech encoder of one release and the generator of another."""

import argparse
from pathlib import Path

from speech2img.cli.parsing import add_verb


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "compose",
        summary="put an encoder and a generator together to one model",
        description=(
            "Writes a release with the speech encoder of one model and the generator (with its prior) of another.\n"
            "The generator understands an encoder that learned to give what its own encoder gives: train it with\n"
            "--set imitate=NAME on embeddings of the generator's own encoder. To try a pair without writing it, give\n"
            "--generator to 'generate' and 'evaluate'."
        ),
        examples=(
            "speech2img compose --encoder runs/hear-anyone --generator songbirds --out models/hear-anyone",
            "speech2img generate --model runs/hear-anyone --generator songbirds bird.wav --out pictures",
        ),
    )
    parser.add_argument("--encoder", required=True, metavar="M", help="run, release or shipped weights that hear")
    parser.add_argument("--generator", required=True, metavar="M", help="run, release or shipped weights that generate")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="release folder to write")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check that both fit, write the release, and say so where the generator does not know the encoder."""
    from speech2img.loading import load_speech_networks
    from speech2img.storage.notices import notice
    from speech2img.storage.releases.composition import compose_release
    from speech2img.storage.releases.release import release_sha256
    from speech2img.storage.releases.writing import require_release_place

    require_release_place(args.out)
    load_speech_networks(args.encoder, generator=args.generator)
    if not compose_release(args.encoder, args.generator, args.out):
        notice(
            f"{args.encoder} did not learn to give what the encoder of {args.generator} gives: expect other images than"
            " what is said (train the encoder with --set imitate=NAME)"
        )
    print(f"{args.out}: sha256 {release_sha256(args.out)}")
    return 0
