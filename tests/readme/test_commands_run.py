"""Every command of the three READMEs, in their order in one folder, on tiny corpora and stand-in weights."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.cub100_files import make_data_folder
from PIL import Image

from . import stand_ins
from .documents import DATA, EXPERIMENTS, PACKAGE, README, REPO, blocks, commands, inside, run, section, small, words_of

ONLY_PARSED = {
    "synthesize --root data/cub --engine baidu": "asks Baidu's service, with keys",
    "synthesize --root data/cub --engine tacotron2": "a voice of random weights never ends a sentence",
    "synthesize --root data/cub --engine kokoro": "needs its package and model; tests/cli/test_synthesize.py",
    "synthesize --root data/cub --engine command": "needs the programs; tests/cli/test_synthesize.py",
    "synthesize --root data/songbirds --engine kokoro": "needs its package and model; tests/cli/test_synthesize.py",
    "train encoder --config experiments/hear-anyone": "needs Whisper's encoder; tests/training/encoder",
    "serve": "serves until a signal comes; tests/cli/test_serve.py",
    "calibrate": "needs a hundred recordings; tests/cli/test_calibrate.py",
    "import whisper-encoder": "needs files of Whisper's own sizes; tests/cli/test_import_whisper.py",
    **{
        start: "needs the weights of CLIP; tests/integration/test_text_to_image.py runs the like with small ones"
        for start in (
            "import clip-text",
            "extract --run weights/clip-text",
            "generate --model runs/s2ivq-d/songbirds/from-text",
            "evaluate --model runs/s2ivq-d/songbirds/from-text",
            "compose --text-encoder weights/clip-text",
        )
    },
    "prepare cub --root data/cub --download": "fetches a gigabyte",
    "prepare oxford102 --root data/oxford102": "needs 8,189 photographs; tests/corpora/test_oxford102.py",
    "prepare flickr8k --root data/flickr8k": "needs 8,000 photographs; tests/corpora/test_flickr8k.py",
    "prepare places --root data/places": "needs the recordings of Places; tests/corpora/test_places.py",
    "prepare folder --root mybirds": "tests/readme/test_own_pictures.py",
}
"""Beginnings of the calls that are not run here, and why."""

OWN = "Your own pictures and recordings"
"""This section is run by test_own_pictures.py."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the reader of the README has: the checkout's settings files, recordings, published files."""
    pytest.importorskip("espeakng_loader", reason="the tts extra is not installed: nothing can be spoken")
    base = tmp_path_factory.mktemp("readme")
    shutil.copytree(REPO / "experiments" / "songbirds", base / "experiments" / "songbirds")
    stand_ins.recordings(base)
    stand_ins.weights(base)
    stand_ins.picture_folders(base)
    make_data_folder(base / "DIR")
    with pytest.MonkeyPatch.context() as patch:
        stand_ins.count_photographs(patch)
        stand_ins.photographs(base / "data" / "cub")
        for path in (README, DATA, EXPERIMENTS):
            text = path.read_text(encoding="utf-8")
            for line in commands(text.replace(section(DATA, OWN), "")):
                _follow(line, base)
    return base


def _follow(line: str, base: Path) -> None:
    """Run a line unless it is one of those that are not."""
    if any(" ".join(words_of(line)).startswith(start) for start in ONLY_PARSED):
        return
    if "speech_embeddings" in line and not (base / "outputs").is_dir():
        stand_ins.peer_pickles(base)
    if line.startswith("torchrun"):
        _torchrun(line, base)
    else:
        assert run(line, base) == 0, line


def _torchrun(line: str, base: Path) -> None:
    count = re.search(r"--nproc_per_node (\d)", line)
    assert count
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", count[1]]
    done = subprocess.run(
        [*launch, "-m", "speech2img", *small(words_of(line))], cwd=base, env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_every_command_of_the_documents_runs(folder: Path) -> None:
    for name in ("songbirds", "lumari", "cub", "cub100", "cub100-whole"):
        assert (folder / "data" / name / "manifest.jsonl").is_file()
    runs = "teacher judge encoder generator noisy prior encoder-of-two".split()
    runs += "cub-encoder cub-generator cub-codec cub-codes cub-flow".split()
    assert all((folder / "runs" / name / "export" / "weights.safetensors").is_file() for name in runs)
    weights = {path.name for path in (folder / "weights").iterdir()}
    names = "googlenet efficientnet-lite0 tacotron2 li2020 stackgan sen rdg fid-inception imagenet-inception taef2"
    assert weights == {*names.split(), "vqgan", "used.pth", "vqgan-used"}
    derived = folder / "data" / "cub" / "derived"
    assert (derived / "latents-128-taef2.h5").is_file() and (derived / "tokens-128-vqgan.h5").is_file()
    assert {"bird.png", "text0.png"} <= {path.name for path in (folder / "pictures").iterdir()}
    assert (folder / "runs" / "report" / "report.html").is_file() and (folder / "gallery" / "index.html").is_file()


def test_the_blocks_of_python_run(folder: Path) -> None:
    names: dict[str, Any] = {}
    with inside(folder):
        for block in blocks(README, "python") + blocks(PACKAGE, "python"):
            exec(block, names)
        again = names["pipe"](["a.wav", "bird.wav"], seed=0)[1]
    image = names["image"]
    assert isinstance(image, Image.Image) and len(names["four"]) == 4 and len(names["images"]) == 2
    assert [stage.size for stage in names["stages"]][-1] == image.size
    assert [names[name].shape for name in ("vector", "vectors")] == [(1024,), (2, 1024)]
    assert names["pixels"].shape == (2, 3, *image.size, 3)
    assert np.abs(np.asarray(again).astype(int) - np.asarray(image)).max() <= 1


def test_what_is_only_parsed_is_there() -> None:
    lines = [
        " ".join(words_of(line))
        for path in (README, DATA, EXPERIMENTS)
        for line in commands(path.read_text(encoding="utf-8"))
    ]
    assert all(any(line.startswith(start) for line in lines) for start in ONLY_PARSED)
