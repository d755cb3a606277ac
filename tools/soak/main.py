"""Command line of the soak test; tools/soak.sh says what it does."""

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from jobs import JOBS
from kill import SoakError, soak


def main() -> int:
    """Kill the jobs that were asked for, and print one line each."""
    parser = argparse.ArgumentParser(prog="tools/soak.sh")
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=f"{', '.join(JOBS)} (default: all)")
    parser.add_argument("--items", type=int, help="size of the job (default: the full size of each)")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where to work; emptied first, left there afterwards")
    args = parser.parse_args()
    if unknown := [name for name in args.jobs if name not in JOBS]:
        parser.error(f"unknown job {', '.join(unknown)}")
    with tempfile.TemporaryDirectory() as name:
        for job_name in args.jobs or JOBS:
            job = JOBS[job_name]() if args.items is None else JOBS[job_name](items=args.items)
            folder = (args.folder or Path(name)) / job_name
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            draw = random.Random(f"{args.seed} {job_name}")
            try:
                print(f"{job_name} ({job.items:,}): {soak(job, folder, kills=args.kills, draw=draw)}", flush=True)
            except SoakError as error:
                print(error, file=sys.stderr)
                return 1
            if args.folder is None:
                shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
