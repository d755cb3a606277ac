"""The scripts of experiments/s2igan, for every corpus: their calls parse, and their settings are those of the paper."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from speech2img.cli.main import build_parser
from speech2img.config import load_settings
from speech2img.systems.registry import preset as find_preset
from speech2img.training.encoder.settings import EncoderSettings
from speech2img.training.stackgan.settings import StackGANSettings

FOLDER = Path(__file__).parents[2] / "experiments" / "s2igan"
PHOTOGRAPHS = ("cub", "oxford102", "flickr8k", "places")


@pytest.mark.parametrize("corpus", ["songbirds", *PHOTOGRAPHS])
def test_the_whole_way_of_every_corpus(corpus: str, tmp_path: Path) -> None:
    log, stub = tmp_path / "calls", tmp_path / "bin" / "speech2img"
    stub.parent.mkdir()
    stub.write_text(f"#!/usr/bin/env bash\nprintf '%q ' \"$@\" >> '{log}'; echo >> '{log}'\n")
    stub.chmod(0o755)
    environ = {key: value for key, value in os.environ.items() if key not in ("SPEECH2IMG_VENV", "ROOT", "RUNS")}
    environ |= {"PATH": f"{stub.parent}:{environ['PATH']}", "CORPUS": corpus, "GENERATOR": "weights/s2igan-generator"}
    for script in sorted(FOLDER.glob("*.sh")):
        subprocess.run(["bash", str(script)], env=environ, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    verbs = []
    for line in log.read_text().splitlines():
        args = build_parser().parse_args(shlex.split(line))
        verbs.append(args.verb)
        if args.verb == "evaluate":
            assert (args.model, args.embeddings) == ("weights/s2igan-generator", "encoder")
    spoken = ["synthesize"] if corpus not in ("flickr8k", "places") else []
    taught = ["train"] if corpus == "songbirds" else []
    assert verbs == ["prepare", *spoken, *taught, "features", "train", "extract", "train", "evaluate"]


@pytest.mark.parametrize("corpus", PHOTOGRAPHS)
def test_settings_are_the_published_ones(corpus: str) -> None:
    preset = find_preset("generator", "s2igan")
    found = load_settings(StackGANSettings, file=FOLDER / f"generator-{corpus}.toml", base=preset)
    assert (found.model, found.losses) == (preset.model, preset.losses)
    assert (found.batch_size, found.learning_rate, found.discriminator_learning_rate) == (24, 2e-4, 2e-4)
    assert (found.ema_decay, found.augmentation, found.relation.weight) == (0.999, "crop_flip", 1.0)
    assert found.relation.positive == ("class" if corpus in ("cub", "oxford102") else "picture")
    assert found.relation.form == "corrected"
    encoder = load_settings(
        EncoderSettings, file=FOLDER / f"encoder-{corpus}.toml", base=find_preset("encoder", "s2igan")
    )
    assert encoder.image_head, "the relation supervisor sees by the image head"
