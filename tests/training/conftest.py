"""The toy training task for the tests of the loop, and a corpus of a few pictures for those of the networks."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from speech2img.audio.io import write_wav
from speech2img.corpora.manifest import Caption, Item, Manifest
from speech2img.corpora.songbirds.attributes import ATTRIBUTES
from speech2img.corpora.songbirds.render import random_attributes, render_bird

TOY = Path(__file__).with_name("toy_runs.py")


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The module ``toy_runs``."""
    return _module(TOY)


@pytest.fixture(scope="session")
def painted() -> ModuleType:
    """The module ``painted_corpus``."""
    return _module(TOY.with_name("painted_corpus.py"))


@pytest.fixture(scope="session")
def tiny(painted: ModuleType) -> ModuleType:
    """The module ``tiny_trainings``."""
    return _module(TOY.with_name("tiny_trainings.py"))


@pytest.fixture(scope="session")
def start(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable]:
    """``start(case, folder, ranks=2, steps=4, ...)`` runs a training of some processes; see ``parallel_runs``."""
    jobs = _module(TOY.with_name("parallel_runs.py")).Jobs(tiny.build(tmp_path_factory.mktemp("jobs")))
    yield jobs
    jobs.close()


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def toy_server() -> Iterator[subprocess.Popen]:
    """A process that forks toy trainings on demand."""
    environment = {**os.environ, "PYTHONPATH": str(TOY.parents[2])}
    server = subprocess.Popen(
        [sys.executable, str(TOY)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
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
