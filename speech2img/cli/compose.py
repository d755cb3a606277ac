"""``speech2img compose``: a whole model from the speech encoder of one release and the generator of another."""

import argparse
from pathlib import Path

from speech2img.cli.parsing import add_verb, positive
from speech2img.errors import ConfigError


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
            "--generator to 'generate' and 'evaluate'.\n"
            "A cascade writes down what is said and reads that: --recogniser (a run, or a folder of Whisper, which\n"
            "SPEECH2IMG_WHISPER in the environment names at use) and --text-encoder take the place of --encoder.\n"
            "--text-encoder alone makes a model of text: it reads what 'generate --text' gives, and hears nothing."
        ),
        examples=(
            "speech2img compose --encoder runs/hear-anyone --generator songbirds --out models/hear-anyone",
            "speech2img compose --recogniser runs/asr --text-encoder runs/text --generator songbirds --out cascade",
            "speech2img generate --model runs/hear-anyone --generator songbirds bird.wav --out pictures",
        ),
    )
    # What hears, or reads what was recognised.
    parser.add_argument("--encoder", metavar="M", help="run, release or shipped weights that hear")
    parser.add_argument("--recogniser", metavar="M", help="of a cascade instead: what writes down speech")
    parser.add_argument("--text-encoder", metavar="M", help="of a cascade, or alone: a text encoder, which reads")
    parser.add_argument("--beams", type=positive, default=1, metavar="N", help="of its recogniser (default 1)")
    # What paints, and where the release goes.
    parser.add_argument(
        "--generator",
        metavar="M",
        help="run, release or shipped weights that generate (with --text-encoder: may come later)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="release folder to write")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check that both fit, write the release, and say so where the generator does not know the encoder."""
    from speech2img.storage.releases.release import release_sha256
    from speech2img.storage.releases.writing import require_release_place
    from speech2img.storage.scratch import scratch_folder

    # What hears or reads: one encoder, a text encoder, or a recogniser before that.
    require_release_place(args.out)
    reads = args.text_encoder is not None
    if reads == (args.encoder is not None) or (args.recogniser is not None and not reads):
        fix = "give --encoder, --text-encoder, or --recogniser and --text-encoder"
        raise ConfigError.about("compose", "it is not clear what hears or reads", fix)
    if args.generator is None and not reads:
        raise ConfigError.about("compose", "nothing generates", "give --generator")
    if not reads:
        _compose(args.encoder, args.encoder, args.generator, args.out)
    elif args.generator is None:
        _save_reader(args, args.out)
    else:
        with scratch_folder() as folder:
            _save_reader(args, folder / "reader")
            _compose(str(folder / "reader"), args.text_encoder, args.generator, args.out)
    print(f"{args.out}: sha256 {release_sha256(args.out)}")
    return 0


def _save_reader(args: argparse.Namespace, out: Path) -> None:
    """Write the encoder that reads: a cascade, or where nothing recognises speech the text encoder alone."""
    from speech2img.recognition.cascade import save_cascade_encoder, save_reading_encoder

    if args.recogniser is None:
        save_reading_encoder(args.text_encoder, out)
    else:
        save_cascade_encoder(args.recogniser, args.text_encoder, out, beams=args.beams)


def _compose(encoder: str, name: str, generator: str, out: Path) -> None:
    """Put an encoder and a generator together, and say where the second does not know the first."""
    from speech2img.loading import load_speech_networks
    from speech2img.storage.notices import notice
    from speech2img.storage.releases.composition import compose_release

    load_speech_networks(encoder, generator=generator)
    if not compose_release(encoder, generator, out):
        notice(
            f"{name} did not learn to give what the encoder of {generator} gives: expect other images than"
            " what is said (train the encoder with --set imitate=NAME)"
        )
