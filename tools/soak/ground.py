"""The ground of the soak tests of trainings: a corpus, servers that train on it, and how quiet trainings end.

The stand-ins are those of the tests: ``tools/soak.sh`` puts ``tests`` on PYTHONPATH, as pytest does for them.
"""

import contextlib
import json
import random
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers import parallel_runs, tiny_trainings, toy_runs
from kill import SoakError

from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.reading import file_sha256

CASES = tuple(tiny_trainings.CASES)
SPEECH = {"encoder", "s2igan encoder", "prior", "generator", "plain generator", "classifier", "tacotron2"}
"""Their batches hold floats: nonsense can come in by the data."""
LOOP = {"checkpoint_minutes": 0.001, "log_every": 5, "evaluate_every": 20, "grid_every": 25}


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
            demand(set(quiet.statuses) == {0}, f"the quiet training failed: {quiet.message(0)}")
            self.ends[key] = end(quiet, steps)
            shutil.rmtree(quiet.folder)
        demand(end(job, steps) == self.ends[key], "the end is another one than that of a quiet training")

    @contextlib.contextmanager
    def fresh(self, name: str = "shot") -> Iterator[Path]:
        """A folder for one training."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield folder
        shutil.rmtree(folder, ignore_errors=True)


def demand(is_right: bool, reason: str) -> None:
    """Raise SoakError with a reason unless all is right."""
    if not is_right:
        raise SoakError(reason)


def end(job: Any, steps: int) -> str:
    """Digest of a finished training: its state, its numbers, its exported weights."""
    state = job.state(steps)
    export = {path.name: file_sha256(path) for path in (job.folder / "export").iterdir()}
    return str(toy_runs.digest([state["task"], state["random"], json.dumps(job.stats()), export]))


def newest(folder: Path) -> int:
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


def until(ground: Ground, case: str, count: int, sitting: Callable[[Path, int], bool], **order: Any) -> int:
    """Sittings of one training after another, until ``count`` of them were ended on purpose; gives their restarts."""
    ended = trainings = 0
    while ended < count:
        with ground.fresh() as folder:
            trainings, before = trainings + 1, 0
            while ended < count and before < ground.steps:
                ended += sitting(folder, ended)
                now = newest(folder)
                demand(now >= before, f"step {before} was there, now {now} is the newest")
                before = now
            last = ground.run(case, folder, **order)
            demand(set(last.statuses) == {0}, f"it cannot go on: {last.message(0)}")
            ground.demand_same_end(case, last, **order)
    return trainings
