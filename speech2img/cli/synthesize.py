"""``speech2img synthesize``: speak the captions of a corpus."""

import argparse
from pathlib import Path
from typing import Any

from speech2img.cli.parsing import add_option, add_root, add_verb, positive
from speech2img.errors import ConfigError, SynthesisError
from speech2img.tts.registry import ENGINES

SPOKEN_AGAIN_COUNT = 2500
"""Captions that --again speaks."""
DESCRIPTION = """\
Speaks every caption of the manifest that has a place for its recording and none by a person, as 16 kHz wav files.

Each recording is checked (length for its text, level, clipping, silence) and noted in derived/speech/journal.jsonl
with its length, peak, SHA-256, engine and voice. An interrupted call resumes where it was. A caption that cannot be
spoken is listed in derived/speech/failures.jsonl with the reason, the others go on, and the exit status is 1.
Nothing is ever replaced or removed but recordings that earlier calls have made, with --overwrite neither.
Captions keep their own voice, speed and pitch as far as the engine has them: a voice of another engine becomes one
that stands for it, and manifest.jsonl then names that one.

With --again, N training captions are spoken once more, into a folder of their own: other voices, for 'train encoder
--set spoken_again=DIR'. It needs none of the pictures.

Several processes share the work under torchrun; they make what one makes:
  torchrun --nproc-per-node 4 -m speech2img synthesize --root DIR

Engines:
"""


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb: its own options, and a group a speech engine."""
    width = max(map(len, ENGINES)) + 2
    default = next(iter(ENGINES))
    parser = add_verb(
        verbs,
        "synthesize",
        summary="speak the captions of a corpus",
        description=DESCRIPTION + "\n".join(f"  {name:{width}}{engine.summary}" for name, engine in ENGINES.items()),
        examples=[engine.example for engine in ENGINES.values()],
    )
    # What every engine takes.
    add_root(parser)
    parser.add_argument("--engine", choices=tuple(ENGINES), default=default, help=f"speech engine (default {default})")
    parser.add_argument("--voice", metavar="V", help="one voice for all captions (default: the manifest's)")
    parser.add_argument("--retry-failed", action="store_true", help="try again what failed for good in earlier calls")
    parser.add_argument(
        "--overwrite", action="store_true", help="speak everything again; replaces recordings of another engine too"
    )
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="texts at a time (default: as many as suit the engine)"
    )
    parser.add_argument(
        "--again",
        type=Path,
        metavar="DIR",
        help="speak some training captions again, into this folder, beside ROOT's own",
    )
    parser.add_argument(
        "--captions",
        type=positive,
        metavar="N",
        help="with --again: how many captions, chosen by seed 0 (default 2500)",
    )
    # What only some take.
    known: set[str] = set()
    for name, engine in ENGINES.items():
        group = parser.add_argument_group(f"--engine {name}", engine.description)
        for option in engine.options:
            if option.name not in known:
                add_option(group, option)
            known.add(option.name)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Speak what is not spoken yet and print the counts."""
    options = _given_options(args)
    from speech2img.corpora.records.manifest import Manifest
    from speech2img.storage.rank import this_rank
    from speech2img.tts.corpus.again import captions_to_speak_again
    from speech2img.tts.corpus.synthesize import FAILURES_NAME, synthesize_corpus

    # Speak.
    rank = this_rank()
    if args.captions is not None and args.again is None:
        raise ConfigError.about("--captions", "goes with --again", "add --again DIR, or leave it out")
    manifest = Manifest.load(args.root)
    if args.again is not None:
        manifest = captions_to_speak_again(manifest, args.again, count=args.captions or SPOKEN_AGAIN_COUNT, seed=0)
    engine = ENGINES[args.engine].open(rank, **options)
    try:
        counts = synthesize_corpus(
            manifest,
            engine=engine,
            voice=args.voice,
            retry_failed=args.retry_failed,
            overwrite=args.overwrite,
            workers=args.workers or ENGINES[args.engine].workers(rank, **options),
            rank=rank,
        )
    finally:
        engine.close()
    # Say what could not be spoken.
    print(f"{manifest.root}: {'' if rank.count == 1 else f'{rank}: '}{counts}")
    lost = counts.failed + counts.given_up
    if lost and rank.count == 1:  # a rank that fails would make torchrun end the others
        fix = "change those captions or the voice, or give --retry-failed"
        raise SynthesisError.about(
            manifest.root, f"{lost} captions could not be spoken, all others are; {FAILURES_NAME} has the reasons", fix
        )
    return 0


def _given_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options that were given, all of the engine that was chosen; ConfigError for one of another engine."""
    chosen = ENGINES[args.engine]
    given: dict[str, Any] = {}
    for name, engine in ENGINES.items():
        for option in engine.options:
            value = getattr(args, option.name)
            if chosen.takes(option.name):
                given |= {} if value is None else {option.name: value}
            elif value not in (option.default, False):
                reason = f"is an option of --engine {name}"
                raise ConfigError.about(option.flag, reason, "leave it out, or name that engine")
    return given
