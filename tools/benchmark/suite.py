"""All benchmarks behind one command: tables on the terminal, and one JSON file.

    python tools/benchmark/suite.py [--only NAME ...] [--json FILE] [--device auto|cpu|cuda] [--quick] [--list]
                                    [-- ARGUMENTS of the one benchmark]

Each benchmark is a program of its own in this folder and runs by itself; what it compares takes turns in one process.
Ratios are against the published recipe, built from the fact sheets in published_*.py, or against what the originals'
users do (a file at a time, a picture at a time, pytorch-fid). Without --only those run that need no data; --quick makes
few rounds of small batches, for a look at whether everything still works.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import machine

from speech2img.storage.atomic import write_json

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Benchmark:
    """One program of this folder."""

    what: str
    """What it tells."""
    quick: tuple[str, ...] = ()
    """Arguments for a quick look."""
    takes_device: bool = False
    """Whether it has --device."""
    needs: str = ""
    """What must be given behind --, such as files; it does not run by default then."""


BENCHMARKS = {
    "encoder": Benchmark(
        "training step of the speech encoder, times the published",
        ("--rounds", "1", "--batch-size", "16"),
        takes_device=True,
    ),
    "generator": Benchmark(
        "training step of the generator at 256 px, times the published",
        ("--rounds", "1", "--batch-size", "2", "--width", "16"),
        takes_device=True,
    ),
    "memory": Benchmark("memory of the generator's step", ("--width", "16"), takes_device=True),
    "arithmetic": Benchmark(
        "arithmetic rate of each part of a step as a share of the machine's peak",
        ("--rounds", "1", "--batch-size", "2", "--width", "16"),
        takes_device=True,
    ),
    "images": Benchmark(
        "picture pipeline, times decoding and scaling every picture again", ("--rounds", "2", "--count", "48")
    ),
    "inception": Benchmark("Inception-v3 for FID, times pytorch-fid", ("--rounds", "1", "--batch-size", "2")),
    "distance": Benchmark("Frechet distance, times pytorch-fid", ("--dim", "256", "--pictures", "400", "--few", "200")),
    "start": Benchmark(
        "start of a training run to its first step, at CUB's size",
        ("--pictures", "400", "--rounds", "1"),
        takes_device=True,
    ),
    "stores": Benchmark(
        "manifests, mels and random reads at full size, times librosa a file", ("--rounds", "1", "--count", "50")
    ),
    "latency": Benchmark(
        "end of speech to a picture, in process and as a whole process",
        ("--rounds", "1", "--processes", "1"),
        needs="a wav file, and models that stand side by side",
    ),
}


def run_one(name: str, arguments: list[str]) -> dict[str, Any]:
    """Run a benchmark, show what it prints, and give what it found."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.json"
        script = FOLDER / f"{name}.py"
        writes = ["--out", str(out)] if '"--out"' in script.read_text(encoding="utf-8") else []
        command = [sys.executable, str(script), *arguments]
        print(f"\n# {name}: {' '.join([script.name, *arguments])}", flush=True)
        process = subprocess.Popen([*command, *writes], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
        status = process.wait()
        found = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    return {"arguments": arguments, "status": status, "text": "".join(lines), "found": found}


def main() -> int:
    """Run what was asked for; the status is 1 where a benchmark failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", type=Path, help="file for all that was found")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--quick", action="store_true", help="small, to see whether everything works")
    parser.add_argument("--list", action="store_true", help="tell what there is")
    own, given = sys.argv[1:], []
    if "--" in own:
        own, given = own[: own.index("--")], own[own.index("--") + 1 :]
    args = parser.parse_args(own)
    if args.list:
        print(
            "\n".join(
                f"{name:20}{one.what}{f' (needs {one.needs})' * bool(one.needs)}" for name, one in BENCHMARKS.items()
            )
        )
        return 0
    names = args.only or [name for name, one in BENCHMARKS.items() if not one.needs]
    if given and len(names) != 1:
        parser.error("arguments behind -- go to one benchmark: give --only with one name")
    results = {}
    for name in names:
        one = BENCHMARKS[name]
        arguments = list(one.quick) if args.quick else []
        arguments += ["--device", args.device] if one.takes_device else []
        results[name] = run_one(name, [*arguments, *given])
        if args.json is not None:
            write_json(args.json, {"machine": machine().__dict__, "results": results})
    failed = [name for name, result in results.items() if result["status"]]
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
