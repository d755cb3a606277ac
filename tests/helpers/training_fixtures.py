"""Fixtures of the trainings: the toy task of the loop, jobs of several processes, a corpus of a few pictures."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from helpers import painted_corpus, parallel_runs, program_environment, tiny_trainings, toy_runs
from speech2img.audio.wav import write_wav
from speech2img.corpora.records.manifest import Caption, Item, Manifest
from speech2img.corpora.songbirds.attributes import ATTRIBUTES
from speech2img.corpora.songbirds.rendering.render import random_attributes, render_bird


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The module ``toy_runs``."""
    return toy_runs


@pytest.fixture(scope="session")
def painted() -> ModuleType:
    """The module ``painted_corpus``."""
    return painted_corpus


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """The module ``tiny_trainings``."""
    return tiny_trainings


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable]:
    """``start(case, folder, ranks=2, steps=4, ...)`` runs a training of some processes; see ``parallel_runs``."""
    jobs = parallel_runs.Jobs(tiny_trainings.build(tmp_path_factory.mktemp("jobs")))
    yield jobs
    jobs.close()


@pytest.fixture(scope="session")
def toy_server() -> Iterator[subprocess.Popen]:
    """A process that forks toy trainings on demand."""
    server = subprocess.Popen(
        [sys.executable, "-m", "helpers.toy_runs"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=program_environment(),
    )
    yield server
    assert server.stdin is not None
    server.stdin.close()
    server.wait(timeout=20)


@pytest.fixture(scope="session")
def make_corpus() -> Callable[[Path], Path]:
    """Make sixteen pictures of four species, three utterances each: noise bursts of different lengths."""

    def make(root: Path) -> Path:
        generator = np.random.default_rng(0)
        items = []
        for number in range(16):
            class_id = number % 4
            split = "test" if class_id == 3 else "val" if number >= 12 else "train"
            name = f"{class_id + 1:03d}.Bird"
            attributes = random_attributes(generator)
            image = f"images/{number}.png"
            (root / "images").mkdir(exist_ok=True)
            Image.fromarray(render_bird(attributes, seed=number, size=64)).save(root / image)
            captions = []
            for k in range(3):
                wav = f"audio/{number}_{k}.wav"
                (root / "audio").mkdir(exist_ok=True)
                write_wav(root / wav, 0.1 * generator.standard_normal(4000 + 700 * number + 900 * k), sample_rate=16000)
                mentions = {key: attributes[key] for key in list(ATTRIBUTES)[k::3]}
                captions.append(Caption(k, "a bird", "en", wav, 175, 50, 50, mentions, None))
            items.append(Item(f"{name}/{number}", image, class_id, name, split, None, attributes, tuple(captions)))
        Manifest(root, "songbirds", items).save()
        return root

    return make
