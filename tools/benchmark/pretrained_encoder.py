"""Time of one utterance through the encoder on a pretrained front-end, beside the mel encoder in the same run.

    python tools/benchmark/pretrained_encoder.py --front-end RELEASE [--model songbirds] [--seconds 4] [--rounds 20]

RELEASE is what ``speech2img import whisper-encoder`` wrote; the adapter has the default sizes and random weights, which
cost the same as trained ones. Both pipelines take the same sound from memory and take turns: what is measured is
`SpeechToImage.encode`, from samples to the sentence's embedding. The median by the clock, and of the processor's time.
"""

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path

from common import Used, machine, print_table
from turns import take_turns, used

MODEL_NAME = "mel encoder of {}"
FRONT_END_NAME = "on {}"


def pipelines(front_end: str, model: str, seconds: float) -> dict[str, Callable[[], Used]]:
    """Name -> one utterance encoded."""
    import numpy as np

    from speech2img.audio.front_ends import load_front_end
    from speech2img.models.encoders.pretrained import PretrainedEncoder
    from speech2img.pipeline import SpeechToImage

    ears = load_front_end(front_end)
    encoder = PretrainedEncoder(front_end_config=ears.settings)
    encoder.front_end.load_state_dict(ears.network.state_dict())
    pipes = {
        MODEL_NAME.format(model): SpeechToImage.load(model, device="cpu"),
        FRONT_END_NAME.format(ears.model): SpeechToImage(encoder=encoder, mel=ears.mel, device="cpu"),
    }
    sound = np.random.default_rng(0).normal(0, 0.1, int(16_000 * seconds)).clip(-0.9, 0.9).astype(np.float32)
    return {name: lambda pipe=pipe: used(lambda: pipe.encode((16_000, sound))) for name, pipe in pipes.items()}


def main() -> None:
    """Let both take turns and print medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--front-end", required=True, help="release of 'speech2img import whisper-encoder'")
    parser.add_argument("--model", default="songbirds", help="release with a mel encoder")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of the utterance")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--out", type=Path, help="JSON file for all that was measured")
    args = parser.parse_args()
    steps = pipelines(args.front_end, args.model, args.seconds)
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
