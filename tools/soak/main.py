"""Command line of the soak test; tools/soak.sh says what it does."""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from jobs import JOBS
from kill import SoakError, soak
from mutants import hunt_all
from trainings import CASES, ORDEALS, endure

_KILLS = 20  # of a job; the trainings' tests have numbers of their own
_STEPS = 200
_MUTANTS = 12_000


def main() -> int:
    """Do what was asked for, and print one line each."""
    parser = argparse.ArgumentParser(prog="tools/soak.sh")
    names = [*JOBS, *ORDEALS, "mutants"]
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=f"{', '.join(names)} (default: all)")
    parser.add_argument("--items", type=int, help="size of a job, steps of a training (default: the full size)")
    parser.add_argument("--kills", type=int, help="how often each is done (default: as the plan says)")
    parser.add_argument("--count", type=int, default=_MUTANTS, help=f"mutants of files in all (default {_MUTANTS:,})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trainers", default=",".join(CASES), help="comma-separated (default: all)")
    parser.add_argument("--folder", type=Path, help="where to work; emptied first, left there afterwards")
    args = parser.parse_args()
    cases = args.trainers.split(",")
    wanted = args.jobs or names
    if unknown := [name for name in [*wanted, *cases] if name not in (*names, *CASES)]:
        parser.error(f"unknown: {', '.join(unknown)}")
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # what was mounted goes away again
    with tempfile.TemporaryDirectory() as name:
        folder = args.folder or Path(name)
        good = [_kill_job(job, folder, args) for job in wanted if job in JOBS]
        if ordeals := [job for job in wanted if job in ORDEALS]:
            place = _emptied(folder / "trainings")
            since = time.monotonic()
            for title, line, is_good in endure(
                ordeals, cases, place, count=args.kills, steps=args.items or _STEPS, seed=args.seed
            ):
                print(f"{title}: {'' if is_good else 'FAILED: '}{line}, {time.monotonic() - since:.0f} s", flush=True)
                since = time.monotonic()
                good.append(is_good)
        if "mutants" in wanted:
            for reader, tally in hunt_all(_emptied(folder / "mutants"), args.count, seed=args.seed):
                print(f"mutants of {reader}: {tally}", flush=True)
                good.append(not tally.faults)
    return 0 if all(good) else 1


def _kill_job(name: str, folder: Path, args: argparse.Namespace) -> bool:
    job = JOBS[name]() if args.items is None else JOBS[name](items=args.items)
    place = _emptied(folder / name)
    draw = random.Random(f"{args.seed} {name}")
    try:
        tally = soak(job, place, kills=_KILLS if args.kills is None else args.kills, draw=draw)
    except SoakError as error:
        print(error, file=sys.stderr)
        return False
    print(f"{name} ({job.items:,}): {tally}", flush=True)
    if args.folder is None:
        shutil.rmtree(place)
    return True


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
