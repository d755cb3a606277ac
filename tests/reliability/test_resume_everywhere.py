"""Every trainer, gone on from every step: killed or stopped, with other workers and new stores, it ends the same."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from speech2img.batches.sampler import ResumableSampler
from speech2img.storage.checkpoint import CheckpointStore

Start = Callable[..., Any]
STEPS = 4
TRAINERS = (
    "encoder",
    "s2igan encoder",
    "teacher",
    "judge",
    "prior",
    "generator",
    "plain generator",
    "latent flow",
    "stackgan-v1",
    "attngan",
    "damsm",
    "text damsm",
    "vq diffusion",
    "codec",
    "vq codec",
    "gumbel codec",
    "ema codec",
    "classifier",
    "recogniser",
    "text encoder",
    "tacotron2",
)


def remove_stores(root: Path) -> None:
    """Take away what a trainer makes of the corpus before it begins."""
    for path in (root / "derived").glob("*-*.h5"):
        if path.name.startswith(("mels-", "images-")):
            path.unlink()


def exports(job: Any) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (job.folder / "export").iterdir() if path.is_file()}


def test_the_list_is_whole(tiny: ModuleType) -> None:
    assert set(tiny.CASES) == set(TRAINERS)


@pytest.mark.parametrize("case", TRAINERS)
def test_from_any_step_by_any_number_of_workers(case: str, start: Any, toy: ModuleType, tmp_path: Path) -> None:
    whole = start(case, tmp_path / "whole", ranks=1, workers=1)
    assert whole.statuses == [0]
    for features in whole.folder.glob("features-*"):  # of the classifier's network: a second each time
        shutil.copytree(features, tmp_path / "parts" / features.name)
    store = CheckpointStore(tmp_path / "parts" / "checkpoints")
    for sitting in range(STEPS - 1):
        kill = sitting % 2 == 0
        event = {1: [0, signal.SIGKILL]} if kill else {0: [0, signal.SIGTERM]}
        remove_stores(start.root)
        ended = start(case, tmp_path / "parts", ranks=1, workers=3 - sitting, events=event)
        assert ended.statuses == [-signal.SIGKILL if kill else 0], ended.message(0)
        newest = store.latest()
        assert newest is not None and newest.name == f"step-{sitting + 1:08d}"
    ended = start(case, tmp_path / "parts", ranks=1, workers=2)
    assert ended.statuses == [0] and ended.stats() == whole.stats()
    for part in ("task", "random"):
        assert toy.digest(ended.state()[part]) == toy.digest(whole.state()[part])
    assert exports(ended) == exports(whole)


@pytest.mark.parametrize("case", ["encoder", "plain generator"])
def test_a_seed_is_a_run(case: str, start: Any, toy: ModuleType, tmp_path: Path) -> None:
    runs = [
        start(case, tmp_path / str(number), ranks=1, steps=2, workers=workers, loop={"seed": seed})
        for number, (workers, seed) in enumerate([(1, 7), (3, 7), (1, 8)])
    ]
    first, second, other = (toy.digest(job.state(2)["task"]) for job in runs)
    assert first == second != other
    assert runs[0].stats() == runs[1].stats() != runs[2].stats()


@pytest.mark.parametrize("lengths", [None, np.arange(50) % 7])
def test_the_order_depends_on_the_seed_alone(lengths: np.ndarray | None) -> None:
    def order(*, seed: int, disturbed: bool) -> list[list[int]]:
        sampler = ResumableSampler(50, 8, seed=seed, lengths=lengths, bucket=2)
        batches = []
        for number in range(15):
            if disturbed:  # as other threads and earlier draws do
                np.random.seed(number)
                np.random.default_rng(number).random(9)
                ResumableSampler(50, 8, seed=number).next()
            indices, generator = sampler.next()
            batches.append([*indices.tolist(), int(generator.integers(1 << 30))])
        return batches

    assert order(seed=3, disturbed=True) == order(seed=3, disturbed=False) != order(seed=4, disturbed=False)
