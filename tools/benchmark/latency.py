"""From the end of speech to a picture: what one waits for, in a process that is up and as a process of its own.

    python tools/benchmark/latency.py WAV [MODEL ...] [--rounds 10] [--processes 3] [--threads N] [--out FILE]

The recording is a file that is read each time. In this process, where the models are loaded: the first picture, four
pictures, the first preview of ``pipe.stream`` and the embedding of ``pipe.encode``; then ``speech2img generate`` as a
whole. With several models all take turns, and how many times as fast as the first each is stands beside them. Medians,
by the clock and of the processor's time; the latter changes less with other work on the machine, but for threads that
wait for each other: --threads 1 has none.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common import Used, machine, print_table, timed
from turns import plain_environment, take_turns, times

if TYPE_CHECKING:
    from speech2img.pipeline import SpeechToImage

Results = Mapping[str, Sequence[Used]]
WHOLE = "generate, a whole process"


def waits(pipe: "SpeechToImage", wav: Path) -> dict[str, Callable[[], object]]:
    """What is waited for in this process: name -> call; of an encoder alone only the embedding."""
    encode = {"embedding": lambda: pipe.encode(wav)}
    if pipe.sampler is None:
        return encode
    return {
        "first picture": lambda: pipe(wav),
        "four pictures": lambda: pipe(wav, num_images=4),
        "first preview": lambda: next(pipe.stream(wav)),
        **encode,
    }


def whole_process(model: str, wav: Path, environ: Mapping[str, str]) -> None:
    """Start ``speech2img generate`` for one picture and wait for its end."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "speech2img", "generate", "--model", model, str(wav), "--out", out]
        subprocess.run(command, env=dict(environ), check=True, stdout=subprocess.DEVNULL)


def measure(models: Sequence[str], wav: Path, *, rounds: int, processes: int, threads: int) -> dict[str, Results]:
    """What is waited for -> model -> what each round took."""
    import torch

    from speech2img.pipeline import SpeechToImage

    # In this process.
    torch.set_num_threads(threads)
    calls = {model: waits(SpeechToImage.load(model, device="cpu"), wav) for model in models}
    found: dict[str, Results] = {}
    for what in dict.fromkeys(what for ways in calls.values() for what in ways):
        ways = {model: ways[what] for model, ways in calls.items() if what in ways}
        found[what] = take_turns({model: lambda way=way: timed(way) for model, way in ways.items()}, rounds=rounds)
    # As processes of their own, by the models that paint.
    environ = {**plain_environment(), "OMP_NUM_THREADS": str(threads)}
    painters = [model for model, ways in calls.items() if len(ways) > 1]
    starts = {model: lambda model=model: timed(lambda: whole_process(model, wav, environ)) for model in painters}
    return found | ({WHOLE: take_turns(starts, rounds=processes)} if starts else {})


def main() -> None:
    """Measure, and print a row for each model and what is waited for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wav", type=Path)
    parser.add_argument("models", nargs="*", default=["songbirds"], metavar="MODEL")
    parser.add_argument("--rounds", type=int, default=10, help="in this process")
    parser.add_argument("--processes", type=int, default=3, help="rounds of whole processes")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path, help="JSON file for all that was measured")
    args = parser.parse_args()
    models = list(dict.fromkeys(args.models))
    found = measure(models, args.wav, rounds=args.rounds, processes=args.processes, threads=args.threads)
    rows = []
    for what, turns in found.items():
        faster = times(turns, next(iter(turns)), "wall")
        for model, took in turns.items():
            clock, busy = (1000 * statistics.median(one[kind] for one in took) for kind in ("wall", "cpu"))
            rows.append((what, Path(model).name, len(took), f"{clock:.0f}", f"{busy:.0f}", f"{faster[model]:.2f}"))
    about = f"{args.wav.name}, medians of n, {args.threads} thread{'s' * (args.threads > 1)}"
    head = ("what", "model", "n", "ms (clock)", "ms (processor)", f"times as fast as {Path(models[0]).name}")
    print_table(f"End of speech to a picture: {about}", rows, head)
    machine().write(args.out, threads=args.threads, turns=found)


if __name__ == "__main__":
    main()
