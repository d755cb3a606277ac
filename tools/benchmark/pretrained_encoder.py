"""Time of one utterance through the encoder on a pretrained front-end, beside the mel encoder in the same run.

    python tools/benchmark/pretrained_encoder.py [--encoder hear-anyone] [--model songbirds] [--seconds 4] [--rounds 20]

Both pipelines take the same sound from memory and take turns: what is measured is `SpeechToImage.encode`, from samples
to the sentence's embedding. The median by the clock, and of the processor's time.
"""

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path

from common import Used, machine, print_table
from turns import take_turns, used


def pipelines(releases: tuple[str, str], seconds: float) -> dict[str, Callable[[], Used]]:
    """Name -> one utterance encoded."""
    import numpy as np

    from speech2img.pipeline import SpeechToImage

    pipes = {name: SpeechToImage.load(name, device="cpu") for name in releases}
    sound = np.random.default_rng(0).normal(0, 0.1, int(16_000 * seconds)).clip(-0.9, 0.9).astype(np.float32)
    return {name: lambda pipe=pipe: used(lambda: pipe.encode((16_000, sound))) for name, pipe in pipes.items()}


def main() -> None:
    """Let both take turns and print medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="hear-anyone", help="release with an encoder on a pretrained front-end")
    parser.add_argument("--model", default="songbirds", help="release with a mel encoder")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of the utterance")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--out", type=Path, help="JSON file for all that was measured")
    args = parser.parse_args()
    steps = pipelines((args.model, args.encoder), args.seconds)
    results = take_turns(steps, rounds=args.rounds)
    medians = {
        name: {clock: statistics.median(turn[clock] for turn in turns) for clock in ("wall", "cpu")}
        for name, turns in results.items()
    }
    first = next(iter(medians.values()))
    rows = [
        (name, f"{1000 * median['wall']:.1f}", f"{1000 * median['cpu']:.1f}", f"{median['wall'] / first['wall']:.2f}")
        for name, median in medians.items()
    ]
    print_table(f"Encoding {args.seconds:g} s", rows, ("encoder", "ms (wall)", "ms (cpu)", "ratio (wall)"))
    machine().write(args.out, seconds=args.seconds, medians=medians, turns=results)


if __name__ == "__main__":
    main()
