"""The scripts of experiments/s2ivq-d, for every corpus: their calls parse, and their settings fit each other."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from speech2img.cli.main import build_parser
from speech2img.config import load_settings
from speech2img.models.text_encoders.clip_text import CONTEXT
from speech2img.systems.registry import preset as find_preset
from speech2img.training.codec.vq_settings import VQCodecSettings
from speech2img.training.vq_diffusion.settings import VQDiffusionSettings

FOLDER = Path(__file__).parents[2] / "experiments" / "s2ivq-d"
CORPORA = ("songbirds", "cub100", "flickr8k")


@pytest.mark.parametrize("corpus", CORPORA)
def test_the_whole_way_of_every_corpus(corpus: str, tmp_path: Path) -> None:
    log, stub = tmp_path / "calls", tmp_path / "bin" / "speech2img"
    stub.parent.mkdir()
    stub.write_text(f"#!/usr/bin/env bash\nprintf '%q ' \"$@\" >> '{log}'; echo >> '{log}'\n")
    stub.chmod(0o755)
    environ = {key: value for key, value in os.environ.items() if key not in ("SPEECH2IMG_VENV", "ROOT", "RUNS")}
    environ |= {
        "PATH": f"{stub.parent}:{environ['PATH']}",
        "CORPUS": corpus,
        "SPEECH2IMG_REALDATA": "real",
        "STEPS": "7",
    }
    for script in sorted(FOLDER.glob("*.sh")):
        more = ["--set", "loop.seed=3"] if script.name.startswith(("03", "04", "05", "07")) else []
        subprocess.run(
            ["bash", str(script), *more], env=environ, cwd=tmp_path, check=True, capture_output=True, timeout=60
        )
    calls = [build_parser().parse_args(shlex.split(line)) for line in log.read_text().splitlines()]
    spoken = ["synthesize"] if corpus != "flickr8k" else []
    taught = ["train"] if corpus == "songbirds" else []
    wanted = ["prepare", *spoken, *taught, "features", "train", "extract", "train", "features", "train", "evaluate"]
    wanted += ["extract", "train", "evaluate"]  # from text
    assert [args.verb for args in calls] == wanted
    for args in calls:
        if args.verb == "train" and args.role != "teacher":
            assert "loop.max_steps=7" in args.set and "loop.seed=3" in args.set


@pytest.mark.parametrize("corpus", CORPORA)
def test_codec_and_generator_are_of_one_size(corpus: str) -> None:
    codec = load_settings(VQCodecSettings, file=FOLDER / f"codec-{corpus}.toml")
    generator = load_settings(VQDiffusionSettings, file=FOLDER / f"generator-{corpus}.toml")
    assert codec.image_size == generator.image_size == 128
    assert (generator.image_size // codec.stride) ** 2 == (64 if corpus == "songbirds" else 256)
    assert generator.model.form == "corrected" and generator.sampler.guidance_scale > 1


def test_the_text_form_fits_what_clip_reads() -> None:
    generator = load_settings(VQDiffusionSettings, file=FOLDER / "generator-text.toml")
    assert (generator.model.form, generator.embeddings, generator.model.empty_length) == ("text", "text", CONTEXT)
    assert generator.sampler.guidance_scale > 1


def test_the_published_conditioning_fits_the_encoder() -> None:
    published = load_settings(VQDiffusionSettings, file=FOLDER / "generator-published.toml")
    assert published.model.form == "published"
    assert 2 * published.model.width == find_preset("encoder", "s2ivq-d").embedding_dim
