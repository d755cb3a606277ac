"""``speech2img synthesize``: speak the captions of a corpus."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech2img.cli.parsing import add_root, add_verb, natural, positive
from speech2img.errors import ConfigError, SynthesisError

if TYPE_CHECKING:
    from speech2img.storage.rank import Rank
    from speech2img.tts.base import Synthesizer

DESCRIPTION = """\
Speaks every caption of the manifest that has a place for its recording and none by a person, as 16 kHz wav files.

Each recording is checked (length for its text, level, clipping, silence) and noted in derived/speech/journal.jsonl
with its length, peak, SHA-256, engine and voice. An interrupted call goes on where it was. A caption that cannot be
spoken is listed in derived/speech/failures.jsonl with the reason, the others go on, and the exit status is 1.
Nothing is ever replaced or removed but recordings that earlier calls have made, with --overwrite neither.
Captions keep their own voice, speed and pitch as far as the engine has them: a voice of another engine becomes one
that stands for it, and manifest.jsonl then names that one.

Several processes share the work under torchrun; they make what one makes:
  torchrun --nproc-per-node 4 -m speech2img synthesize --root DIR
"""
BAIDU = """\
Needs keys of ai.baidu.com, in the environment (BAIDU_API_KEY, BAIDU_SECRET_KEY) or in a file of mode 0600; never give
them on the command line. Speaks Chinese and English. Voices: baidu-0 (woman), baidu-1 (man), baidu-3 (man), baidu-4
(girl), and baidu-N for any other per=N that the account has bought; voices of espeak-ng become one of the first four.
Long texts are cut at sentences and joined. Whisper and range of pitch do not exist there."""
TACOTRON2 = """\
English, one voice a model. Needs weights: speech2img import tacotron2 FILE --out DIR, or speech2img train tacotron2."""
BAIDU_OPTIONS = ("keys", "qps", "aue", "vol", "spd", "pit")
TACOTRON2_OPTIONS = ("model", "vocoder", "device", "rows", "max_steps", "gate_threshold", "seed")


def add(verbs: "argparse._SubParsersAction") -> None:
    """Declare the verb."""
    parser = add_verb(
        verbs,
        "synthesize",
        summary="speak the captions of a corpus",
        description=DESCRIPTION,
        examples=(
            "speech2img synthesize --root data/songbirds --engine espeak",
            "speech2img synthesize --root data/cub --engine baidu --voice baidu-4 --keys baidu.toml",
            "speech2img synthesize --root data/cub --engine tacotron2 --model voices/lj --vocoder voices/hifigan",
        ),
    )
    add_root(parser)
    parser.add_argument("--engine", choices=tuple(ENGINES), default="espeak", help="speech engine (default espeak)")
    parser.add_argument("--voice", metavar="V", help="one voice for all captions (default: the manifest's)")
    parser.add_argument("--retry-failed", action="store_true", help="try again what failed for good in earlier calls")
    parser.add_argument(
        "--overwrite", action="store_true", help="speak everything again; replaces recordings of another engine too"
    )
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="texts at a time (default 2; baidu: twice --qps, 2 to 32)"
    )
    _add_baidu(parser.add_argument_group("options of --engine baidu", BAIDU))
    _add_tacotron2(parser.add_argument_group("options of --engine tacotron2", TACOTRON2))
    parser.set_defaults(run=run)


def _add_baidu(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--keys", type=Path, metavar="FILE", help='file with api_key = "..." and secret_key = "..." (mode 0600)'
    )
    group.add_argument(
        "--qps", type=float, metavar="N", help="requests a second, of all workers and processes together (default 2)"
    )
    group.add_argument("--aue", type=int, choices=(3, 4, 5, 6), help="3 mp3, 4 pcm, 5 pcm 8 kHz, 6 wav (default 6)")
    group.add_argument("--vol", type=int, metavar="0-15", help="volume; basic voices up to 9 (default 5)")
    group.add_argument("--spd", type=int, metavar="0-15", help="speed, 5 is plain (default: from each caption's)")
    group.add_argument("--pit", type=int, metavar="0-15", help="pitch, 5 is plain (default: from each caption's)")


def _add_tacotron2(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--model", metavar="DIR", help="the voice: a release or a run folder")
    group.add_argument("--vocoder", metavar="DIR", help="release of a HiFi-GAN (default: Griffin-Lim, no weights)")
    group.add_argument("--device", metavar="D", help="auto (CUDA, else CPU), cpu, cuda, cuda:1 ... (default auto)")
    group.add_argument("--rows", type=positive, metavar="N", help="texts in the decoder at a time (default 16)")
    group.add_argument(
        "--max-steps", type=positive, metavar="N", help="decoder steps after which a text has failed (default 2000)"
    )
    group.add_argument(
        "--gate-threshold", type=float, metavar="P", help="probability of the end that ends a text (default 0.5)"
    )
    group.add_argument("--seed", type=natural, metavar="N", help="same seed, same speech (default 0)")


def run(args: argparse.Namespace) -> int:
    """Speak what is not spoken yet and print the counts."""
    for owner, names in (("baidu", BAIDU_OPTIONS), ("tacotron2", TACOTRON2_OPTIONS)):
        given = [name for name in names if getattr(args, name) is not None]
        if given and args.engine != owner:
            option = f"--{given[0].replace('_', '-')}"
            raise ConfigError.about(option, f"is an option of --engine {owner}", "leave it out, or name that engine")
    from speech2img.corpora.records.manifest import Manifest
    from speech2img.storage.rank import this_rank
    from speech2img.tts.corpus.synthesize import FAILURES_NAME, synthesize_corpus

    rank = this_rank()
    manifest = Manifest.load(args.root)
    engine, workers = ENGINES[args.engine](args, rank)
    try:
        counts = synthesize_corpus(
            manifest,
            engine=engine,
            voice=args.voice,
            retry_failed=args.retry_failed,
            overwrite=args.overwrite,
            workers=args.workers or workers,
            rank=rank,
        )
    finally:
        engine.close()
    print(f"{args.root}: {'' if rank.count == 1 else f'{rank}: '}{counts}")
    lost = counts.failed + counts.given_up
    if lost and rank.count == 1:  # a rank that fails would make torchrun end the others
        fix = "change those captions or the voice, or give --retry-failed"
        raise SynthesisError.about(
            args.root, f"{lost} captions could not be spoken, all others are; {FAILURES_NAME} has the reasons", fix
        )
    return 0


def _espeak(args: argparse.Namespace, rank: "Rank") -> "tuple[Synthesizer, int]":
    from speech2img.tts.espeak.engine import EspeakSynthesizer

    return EspeakSynthesizer(), 2


def _baidu(args: argparse.Namespace, rank: "Rank") -> "tuple[Synthesizer, int]":
    from speech2img.tts.baidu.client import ServiceSettings
    from speech2img.tts.baidu.credentials import default_token_file, read_keys
    from speech2img.tts.baidu.engine import BaiduSettings, BaiduSynthesizer

    service = ServiceSettings(**_given(args, ("qps",)))
    settings = BaiduSettings(**_given(args, ("aue", "vol", "spd", "pit")))
    engine = BaiduSynthesizer(
        read_keys(args.keys), settings, service=service, rank=rank, token_file=default_token_file()
    )
    return engine, min(32, max(2, round(2 * service.qps / rank.count)))


def _tacotron2(args: argparse.Namespace, rank: "Rank") -> "tuple[Synthesizer, int]":
    if args.model is None:
        fix = "give the folder of speech2img import tacotron2 FILE --out DIR, or a run of speech2img train tacotron2"
        raise ConfigError.about("--engine tacotron2", "no --model", fix)
    from speech2img.device import resolve_device
    from speech2img.tts.tacotron2.engine import Tacotron2Options, Tacotron2Synthesizer

    options = Tacotron2Options(**_given(args, ("rows", "max_steps", "gate_threshold", "seed")))
    device = resolve_device(args.device or "auto")
    return Tacotron2Synthesizer(args.model, vocoder=args.vocoder, options=options, device=device), 1


def _given(args: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


ENGINES: Mapping[str, "Callable[[argparse.Namespace, Rank], tuple[Synthesizer, int]]"] = {
    "espeak": _espeak,
    "baidu": _baidu,
    "tacotron2": _tacotron2,
}
"""Name -> builder of the engine and of how many texts it is best given at a time."""
