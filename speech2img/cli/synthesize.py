"""``speech2img synthesize``: speak the captions of a corpus."""

import argparse

from speech2img.cli.parsing import add_root, add_verb, add_workers

ENGINES = ("espeak",)


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "synthesize",
        summary="speak the captions of a corpus",
        description=(
            "Speaks every caption of the manifest in its own voice, speed and pitch, as 16 kHz wav files.\n"
            "Finished files are journalled: an interrupted call goes on where it was."
        ),
        examples=("speech2img synthesize --root data/songbirds --engine espeak",),
    )
    add_root(parser)
    parser.add_argument("--engine", choices=ENGINES, default="espeak", help="speech engine (default espeak)")
    add_workers(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Speak what is not spoken yet and print the counts."""
    from speech2img.corpora.manifest import Manifest
    from speech2img.tts.corpus import synthesize_corpus
    from speech2img.tts.espeak import EspeakSynthesizer

    manifest = Manifest.load(args.root)
    counts = synthesize_corpus(manifest, engine=EspeakSynthesizer(), workers=args.workers)
    print(f"{args.root}: {counts}")
    return 0
