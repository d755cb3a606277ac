"""Every trainer at toy size under kills, signals, full disks, no memory and nonsense; each must end like a quiet one.

The names are those of the reliability plan: R1 kills at random moments, R2 kills within a save, R5 stops every 7 steps,
R6 SIGINT, SIGTERM, SIGHUP and SIGUSR1 at random moments, R12 a full disk, R13 no memory, R14 values that are not
finite, R15 two trainers in one folder; ``ranks`` and ``torchrun`` kill one process of a job of two.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kill import SoakError

from speech2img.config import dump_toml
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.reading import file_sha256
from speech2img.training.stopping import ASKING

TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path.insert(0, str(TESTS))
from helpers import parallel_runs, tiny_trainings, toy_runs  # noqa: E402

CASES = tuple(tiny_trainings.CASES)
SPEECH = {"encoder", "s2igan encoder", "prior", "generator", "plain generator", "classifier", "tacotron2"}
"""Their batches hold floats: nonsense can come in by the data."""
LOOP = {"checkpoint_minutes": 0.001, "log_every": 5, "evaluate_every": 20, "grid_every": 25}
_DISK_MIB = {"classifier": 96}  # its release holds GoogLeNet, and an old one stays until the new one is whole
_COMMON_DISK_MIB = 40


@dataclass
class Ground:
    """A corpus, the servers that train on it, and how quiet trainings ended."""

    folder: Path
    """Where to work."""
    draw: random.Random
    """Source of the moments."""
    steps: int
    """Of a training."""
    jobs: parallel_runs.Jobs = field(init=False)
    ends: dict[tuple[str, int, str], str] = field(default_factory=dict)
    """Digest of the end by trainer, steps and what else was ordered."""

    def __post_init__(self) -> None:
        self.jobs = parallel_runs.Jobs(tiny_trainings.build(self.folder / "corpus"))

    def run(self, case: str, folder: Path, **order: Any) -> Any:
        """Run a sitting to its end."""
        return self.jobs(case, folder, **{"ranks": 1, "steps": self.steps, "loop": LOOP, **order})

    def demand_same_end(self, case: str, job: Any, *, steps: int | None = None, ranks: int = 1, **order: Any) -> None:
        """Raise SoakError unless a finished training is what a quiet one is, bit for bit."""
        steps = steps or self.steps
        key = case, steps, json.dumps([ranks, order])
        if key not in self.ends:
            quiet = self.run(case, self.folder / "quiet", steps=steps, ranks=ranks, **order)
            _demand(set(quiet.statuses) == {0}, f"the quiet training failed: {quiet.message(0)}")
            self.ends[key] = _end(quiet, steps)
            shutil.rmtree(quiet.folder)
        _demand(_end(job, steps) == self.ends[key], "the end is another one than that of a quiet training")

    @contextlib.contextmanager
    def fresh(self, name: str = "shot") -> Iterator[Path]:
        """A folder for one training."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield folder
        shutil.rmtree(folder, ignore_errors=True)


def _demand(is_right: bool, reason: str) -> None:
    if not is_right:
        raise SoakError(reason)


def _end(job: Any, steps: int) -> str:
    state = job.state(steps)
    export = {path.name: file_sha256(path) for path in (job.folder / "export").iterdir()}
    return str(toy_runs.digest([state["task"], state["random"], json.dumps(job.stats()), export]))


def _newest(folder: Path) -> int:
    """Step of the newest checkpoint, which must be sound, as all others."""
    store = CheckpointStore(folder / "checkpoints")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            newest = store.latest()
        except UserWarning as error:
            raise SoakError(f"the newest checkpoint is broken: {error}") from error
    if newest is None:
        return 0
    store.load(newest)
    return int(newest.name.removeprefix("step-"))


def _until(ground: Ground, case: str, count: int, sitting: Callable[[Path, int], bool], **order: Any) -> int:
    """Sittings of one training after another, until ``count`` of them were ended on purpose; gives their restarts."""
    ended = trainings = 0
    while ended < count:
        with ground.fresh() as folder:
            trainings, before = trainings + 1, 0
            while ended < count and before < ground.steps:
                ended += sitting(folder, ended)
                now = _newest(folder)
                _demand(now >= before, f"step {before} was there, now {now} is the newest")
                before = now
            last = ground.run(case, folder, **order)
            _demand(set(last.statuses) == {0}, f"it cannot go on: {last.message(0)}")
            ground.demand_same_end(case, last, **order)
    return trainings


def kills(ground: Ground, case: str, count: int, *, ranks: int = 1) -> str:
    """R1, and ``ranks``: SIGKILL at random moments, of a sitting's start too."""
    longest = 1.0

    def sitting(folder: Path, number: int) -> bool:
        nonlocal longest
        before = _newest(folder)
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
        _demand(set(job.statuses) <= allowed, f"statuses {job.statuses}: {[job.message(r) for r in range(ranks)]}")
        # Most kills shall hit a training that has got somewhere, few come when it is finished.
        longest *= 0.7 if job.statuses[rank] == 0 else 0.95 if _newest(folder) > before else 1.2
        return job.statuses[rank] == -signal.SIGKILL

    trainings = _until(ground, case, count, sitting, ranks=ranks)
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
        _demand(was_killed or job.statuses == [0], f"status {job.statuses}: {job.message(0)}")
        most = max(most, moment)
        moment = moment + 1 if was_killed else 0
        return bool(was_killed)

    steps, ground.steps = ground.steps, min(ground.steps, 40)
    try:
        _until(ground, case, count, sitting, loop=each)
    finally:
        ground.steps = steps
    return f"{count} kills at {most + 1} places"


def stops(ground: Ground, case: str, count: int) -> str:
    """R5: a stop every 7 steps, all within one epoch."""
    steps = 7 * (count + 1)
    with ground.fresh() as folder:
        for sitting in range(count):
            job = ground.run(case, folder, steps=steps, long_epoch=True, events={6: [0, signal.SIGTERM]})
            _demand(job.statuses == [0], f"status {job.statuses}: {job.message(0)}")
            newest = _newest(folder)
            _demand(newest == 7 * (sitting + 1), f"step {newest} after {sitting + 1} stops every 7 steps")
        last = ground.run(case, folder, steps=steps, long_epoch=True)
        ground.demand_same_end(case, last, steps=steps, long_epoch=True)
    return f"{count} resumptions within one epoch"


def signals(ground: Ground, case: str, count: int) -> str:
    """R6: a signal that asks for an end at a random moment; status 0, 130 after Ctrl-C, and a checkpoint."""
    slowest = 0.0

    def sitting(folder: Path, number: int) -> bool:
        nonlocal slowest
        since, before = time.monotonic(), _newest(folder)
        wish = ground.draw.choice(ASKING)
        event = [0, wish, ground.draw.uniform(0, 0.05)]
        job = ground.run(case, folder, events={ground.draw.randrange(6): event})
        wanted = [128 + wish if wish == signal.SIGINT else 0]
        _demand(job.statuses == wanted, f"{wish.name}: status {job.statuses}: {job.message(0)}")
        _demand(_newest(folder) > before, "no checkpoint after a signal")
        slowest = max(slowest, time.monotonic() - since)
        return True

    _until(ground, case, count, sitting)
    return f"{count} signals, longest sitting {slowest:.1f} s"


def full_disks(ground: Ground, case: str, count: int) -> str:
    """R12: a real file system of 40 MiB that has a random number of bytes left."""
    disk = Path(tempfile.mkdtemp(dir=ground.folder))
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MIB.get(case, _COMMON_DISK_MIB)}m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        disk.rmdir()
        return "skipped: only root may mount a small disk"
    full, folder, filler = 0, disk / "run", disk / "filler"
    try:
        while full < count:
            shutil.rmtree(folder, ignore_errors=True)
            job = ground.run(case, folder, events={2: [0, signal.SIGTERM]})
            _demand(job.statuses == [0], job.message(0))
            while full < count and _newest(folder) < ground.steps:
                before = _newest(folder)
                left = int(2 ** ground.draw.uniform(10, 19))
                _fill(filler, left)
                job = ground.run(case, folder, errors=str(ground.folder))
                filler.unlink()
                rest = [path.name for path in folder.rglob(".*.tmp-*")]
                said = job.message(0)
                _demand(job.statuses in ([0], [5]) and not rest, f"{left} bytes left: {job.statuses} {rest} {said}")
                _demand(job.statuses == [0] or "the disk is full" in said, said)
                _demand(_newest(folder) >= before, f"step {before} was lost")
                full += job.statuses == [5]
                if job.statuses == [5]:
                    job = ground.run(case, folder, events={2: [0, signal.SIGTERM]})
                    _demand(job.statuses == [0], f"it cannot go on: {job.message(0)}")
            ground.demand_same_end(case, ground.run(case, folder))
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)  # a killed soak test leaves a training there
        disk.rmdir()
    return f"{full} full disks"


def _fill(path: Path, left: int) -> None:
    """Make a file that leaves so many bytes of its disk, rounded to pages."""
    status = os.statvfs(path.parent)
    size = status.f_bavail * status.f_frsize - left
    if size > 0:
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    path.touch()


def out_of_memory(ground: Ground, case: str, count: int) -> str:
    """R13: the allocator's error, and an allocation beyond the limit of the process."""

    def sitting(folder: Path, number: int) -> bool:
        fault = [ground.draw.randrange(5), ("raised", "limit")[number % 2]]
        job = ground.run(case, folder, no_memory=fault)
        if job.statuses == [0]:
            return False
        _demand(job.statuses == [4] and "batch_size" in job.message(0), f"status {job.statuses}: {job.message(0)}")
        ground.run(case, folder, events={1: [0, signal.SIGTERM]})
        return True

    _until(ground, case, count, sitting)
    return f"{count} times no memory"


def not_finite(ground: Ground, case: str, count: int) -> str:
    """R14: NaN and infinity in input, weights, loss and gradient."""
    places = [place for place in ("input", "weight", "loss", "gradient") if place != "input" or case in SPEECH]

    def sitting(folder: Path, number: int) -> bool:
        fault = [ground.draw.randrange(5), places[number % len(places)], ("nan", "inf", "-inf")[number % 3]]
        job = ground.run(case, folder, nonsense=fault)
        if job.statuses == [0] and _newest(folder) == ground.steps:
            return False  # it ended before the moment
        _demand(job.statuses == [3], f"{fault}: status {job.statuses}: {job.message(0)}")
        report = folder / "nonfinite.json"
        _demand(report.is_file() and str(report) in job.message(0), f"{fault}: no report")
        report.unlink()
        ground.run(case, folder, events={1: [0, signal.SIGTERM]})
        return True

    _until(ground, case, count, sitting)
    return f"{count} values that are not finite, in {', '.join(places[:count])}"


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
                _demand(statuses in ([0, 2], [0, 0]), f"statuses {statuses}: {ended[0].message(0)}")
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
        place = {**os.environ, "PYTHONPATH": str(TESTS.parents[1]), "OMP_NUM_THREADS": "1"}
        for _ in range(count):
            before = _newest(folder)
            with log.open("wb") as errors:
                job = subprocess.Popen(command, env=place, stderr=errors, stdout=errors)
            children = Path(f"/proc/{job.pid}/task/{job.pid}/children")
            while job.poll() is None and _newest(folder) <= before:
                time.sleep(0.05)
            _demand(job.poll() is None, log.read_text()[-500:])
            workers = [int(child) for child in children.read_text().split()]
            time.sleep(ground.draw.uniform(0, 0.5))
            os.kill(ground.draw.choice(workers), signal.SIGKILL)
            _demand(job.wait(timeout=300) != 0, "torchrun did not notice")
            left = [worker for worker in workers if Path(f"/proc/{worker}").exists()]
            _demand(not left, f"processes {left} were left behind")
        steps, endless = _newest(folder) + 2, {"ranks": 2, "steps": 10**6}  # the rate follows the share of all steps
        last = ground.run("encoder", folder, **endless, events={1: [0, signal.SIGTERM]})
        with ground.fresh("quiet") as other:
            quiet = ground.run("encoder", other, **endless, events={steps - 1: [0, signal.SIGTERM]})
            _demand(_end(last, steps) == _end(quiet, steps), "the end is another one than that of a quiet training")
    return f"{count} processes of torchrun killed, {steps} steps"


ORDEALS: dict[str, tuple[Callable[[Ground, str, int], str], int]] = {
    "R1": (kills, 100),
    "R2": (kills_in_saves, 96),
    "R5": (stops, 20),
    "R6": (signals, 50),
    "R12": (full_disks, 50),
    "R13": (out_of_memory, 30),
    "R14": (not_finite, 40),
    "R15": (pairs, 20),
    "ranks": (kills_of_ranks, 100),
    "torchrun": (torchrun, 20),
}
"""Name -> test of one trainer, and how often the plan has it done to each."""


def endure(
    names: list[str], cases: list[str], folder: Path, *, count: int | None, steps: int, seed: int
) -> Iterator[tuple[str, str, bool]]:
    """Do tests to trainers.

    Parameters
    ----------
    names : list of str
        Of the tests.
    cases : list of str
        The trainers.
    folder : Path
        Where to work.
    count : int, optional
        How often each test is done to each trainer; None as often as the plan says.
    steps : int
        Of a training.
    seed : int
        Decides the moments, beside the clock.

    Yields
    ------
    (test, trainer), what was done or went wrong, whether it went well
    """
    ground = Ground(folder, random.Random(seed), steps)
    try:
        for name in names:
            test, full = ORDEALS[name]
            for case in cases:
                ground.draw = random.Random(f"{seed} {name} {case}")
                try:
                    yield f"{name} {case}", test(ground, case, full if count is None else count), True
                except SoakError as error:
                    yield f"{name} {case}", str(error), False
    finally:
        ground.jobs.close()
