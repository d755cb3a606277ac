"""Ends of a training at bad moments: kills, signals, stops, and two trainers in one folder."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from ground import LOOP, Ground, demand, end, newest, until
from helpers import parallel_runs, tiny_trainings

from speech2img.config import dump_toml
from speech2img.training.stopping import ASKING

ROOT = Path(__file__).resolve().parents[2]


def kills(ground: Ground, case: str, count: int, *, ranks: int = 1) -> str:
    """R1, and ``ranks``: SIGKILL at random moments, of a sitting's start too."""
    longest = 1.0

    def sitting(folder: Path, number: int) -> bool:
        nonlocal longest
        before = newest(folder)
        order = {"ranks": ranks, "steps": ground.steps, "loop": LOOP, "patience": 0.3}
        children = ground.jobs.begin(case, folder, **order)
        moment = time.monotonic() + ground.draw.uniform(0, longest)
        rank = ground.draw.randrange(ranks)
        with contextlib.suppress(ProcessLookupError):  # it may be finished before its moment
            while time.monotonic() < moment:
                os.kill(children[rank], 0)
                time.sleep(0.01)
            os.kill(children[rank], signal.SIGKILL)
        job = ground.jobs.end(folder)
        allowed = {0, -signal.SIGKILL, *([130, -signal.SIGTERM] if ranks > 1 else [])}
        demand(set(job.statuses) <= allowed, f"statuses {job.statuses}: {[job.message(r) for r in range(ranks)]}")
        # Most kills shall hit a training that has got somewhere, few come when it is finished.
        longest *= 0.7 if job.statuses[rank] == 0 else 0.95 if newest(folder) > before else 1.2
        return job.statuses[rank] == -signal.SIGKILL

    trainings = until(ground, case, count, sitting, ranks=ranks)
    return f"{count} kills in {trainings} trainings of {ground.steps} steps"


def kills_of_ranks(ground: Ground, case: str, count: int) -> str:
    """One of two processes is killed; the other ends, too."""
    if case not in tiny_trainings.PARALLEL:
        return "has no second process"
    return kills(ground, case, count, ranks=2)


def kills_in_saves(ground: Ground, case: str, count: int) -> str:
    """R2: SIGKILL just before the n-th change of the disk within a save, for every n."""
    moment, most = 0, 0
    each = {**LOOP, "checkpoint_minutes": 0.0}

    def sitting(folder: Path, number: int) -> bool:
        nonlocal moment, most
        job = ground.run(case, folder, loop=each, kill_in_save=[1, moment])
        was_killed = job.statuses == [-signal.SIGKILL]
        demand(was_killed or job.statuses == [0], f"status {job.statuses}: {job.message(0)}")
        most = max(most, moment)
        moment = moment + 1 if was_killed else 0
        return bool(was_killed)

    steps, ground.steps = ground.steps, min(ground.steps, 40)
    try:
        until(ground, case, count, sitting, loop=each)
    finally:
        ground.steps = steps
    return f"{count} kills at {most + 1} places"


def stops(ground: Ground, case: str, count: int) -> str:
    """R5: a stop every 7 steps, all within one epoch."""
    steps = 7 * (count + 1)
    with ground.fresh() as folder:
        for sitting in range(count):
            job = ground.run(case, folder, steps=steps, long_epoch=True, events={6: [0, signal.SIGTERM]})
            demand(job.statuses == [0], f"status {job.statuses}: {job.message(0)}")
            step = newest(folder)
            demand(step == 7 * (sitting + 1), f"step {step} after {sitting + 1} stops every 7 steps")
        last = ground.run(case, folder, steps=steps, long_epoch=True)
        ground.demand_same_end(case, last, steps=steps, long_epoch=True)
    return f"{count} resumptions within one epoch"


def signals(ground: Ground, case: str, count: int) -> str:
    """R6: a signal that asks for an end at a random moment; status 0, 130 after Ctrl-C, and a checkpoint."""
    slowest = 0.0

    def sitting(folder: Path, number: int) -> bool:
        nonlocal slowest
        since, before = time.monotonic(), newest(folder)
        wish = ground.draw.choice(ASKING)
        event = [0, wish, ground.draw.uniform(0, 0.05)]
        job = ground.run(case, folder, events={ground.draw.randrange(6): event})
        wanted = [128 + wish if wish == signal.SIGINT else 0]
        demand(job.statuses == wanted, f"{wish.name}: status {job.statuses}: {job.message(0)}")
        demand(newest(folder) > before, "no checkpoint after a signal")
        slowest = max(slowest, time.monotonic() - since)
        return True

    until(ground, case, count, sitting)
    return f"{count} signals, longest sitting {slowest:.1f} s"


def pairs(ground: Ground, case: str, count: int) -> str:
    """R15: two trainers begin at once in one folder; one gets it, the other says so and ends with status 2."""
    other, refused = parallel_runs.Jobs(ground.jobs.root), 0
    order = {"ranks": 1, "steps": ground.steps, "loop": LOOP}
    try:
        for _ in range(count):
            with ground.fresh() as folder:
                ground.jobs.begin(case, folder, **order)
                other.begin(case, folder, **order)
                ended = [jobs.end(folder) for jobs in (ground.jobs, other)]
                statuses = sorted(job.statuses[0] for job in ended)
                # The second one may come when the first has finished already.
                demand(statuses in ([0, 2], [0, 0]), f"statuses {statuses}: {ended[0].message(0)}")
                refused += statuses == [0, 2]
                ground.demand_same_end(case, ended[0])
    finally:
        other.close()
    return f"{count} pairs, {refused} times one was refused"


def torchrun(ground: Ground, case: str, count: int) -> str:
    """The real torchrun with two processes, one of them killed; nothing may be left behind."""
    if case != "encoder":
        return "not tried: the encoder stands for all"
    settings = replace(tiny_trainings.ENCODER, loop=replace(tiny_trainings.LOOP, **LOOP, max_steps=10**6))
    config, log = ground.folder / "encoder.toml", ground.folder / "torchrun.log"
    config.write_text(dump_toml(settings))
    with ground.fresh() as folder:
        command = [
            sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--rdzv_backend", "c10d",
            "--rdzv_endpoint", "localhost:0", "-m", "speech2img", "train", "encoder", "--root", str(ground.jobs.root),
            "--out", str(folder), "--config", str(config), "--device", "cpu",
        ]  # fmt: skip
        place = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        for _ in range(count):
            before = newest(folder)
            with log.open("wb") as errors:
                job = subprocess.Popen(command, env=place, stderr=errors, stdout=errors)
            children = Path(f"/proc/{job.pid}/task/{job.pid}/children")
            while job.poll() is None and newest(folder) <= before:
                time.sleep(0.05)
            demand(job.poll() is None, log.read_text()[-500:])
            workers = [int(child) for child in children.read_text().split()]
            time.sleep(ground.draw.uniform(0, 0.5))
            os.kill(ground.draw.choice(workers), signal.SIGKILL)
            demand(job.wait(timeout=300) != 0, "torchrun did not notice")
            left = [worker for worker in workers if Path(f"/proc/{worker}").exists()]
            demand(not left, f"processes {left} were left behind")
        steps, endless = newest(folder) + 2, {"ranks": 2, "steps": 10**6}  # the rate follows the share of all steps
        last = ground.run("encoder", folder, **endless, events={1: [0, signal.SIGTERM]})
        with ground.fresh("quiet") as other:
            quiet = ground.run("encoder", other, **endless, events={steps - 1: [0, signal.SIGTERM]})
            demand(end(last, steps) == end(quiet, steps), "the end is another one than that of a quiet training")
    return f"{count} processes of torchrun killed, {steps} steps"
