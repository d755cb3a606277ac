"""Latency of ``speech2img generate``: the whole process for one picture, and each further picture.

python tools/benchmark/generate.py WAV [--model songbirds] [--runs 5] [--more 10]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import machine, print_table


def seconds(model: str, wav: str, count: int, runs: int) -> float:
    """Median time of the whole process that paints ``count`` pictures."""
    times = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as out:
            command = [sys.executable, "-m", "speech2img", "generate", "--model", model, wav, "--out", out]
            start = time.perf_counter()
            subprocess.run([*command, "--num-images", str(count)], check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Time both and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wav")
    parser.add_argument("--model", default="songbirds")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--more", type=int, default=10)
    parser.add_argument("--out", type=Path, help="JSON file for what was measured")
    args = parser.parse_args()
    one = seconds(args.model, args.wav, 1, args.runs)
    many = seconds(args.model, args.wav, 1 + args.more, args.runs)
    rows = [
        ("whole process, one picture", f"{one:.2f} s"),
        ("each further picture", f"{1000 * (many - one) / args.more:.0f} ms"),
    ]
    print_table(f"speech2img generate --model {args.model} (median of {args.runs})", rows, ("what", "time"))
    machine().write(args.out, model=args.model, whole_process=one, further_picture=(many - one) / args.more)


if __name__ == "__main__":
    main()
