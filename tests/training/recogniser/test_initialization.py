"""A recogniser that goes on from another: its network comes along, and a resumed run does without the start."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.tiny_trainings import LOOP

from speech2img.audio.wav import write_wav
from speech2img.errors import CheckpointError, ConfigError
from speech2img.storage.releases.release import load_release, release_sha256
from speech2img.training.recogniser.settings import RecogniserModelSettings, RecogniserSettings
from speech2img.training.train import train

SIZES = RecogniserModelSettings(width=16, head_width=8, feed_forward=24, encoder_layers=1, kernel=3, dropout=0.0)
SMALL = RecogniserSettings(
    mel_preset="li2020",
    alphabet="abcdef ",
    model=SIZES,
    batch_size=3,
    held_out=1,
    evaluation_utterances=1,
    workers=1,
    loop=replace(LOOP, max_steps=2),
)
FURTHER = RecogniserSettings(
    batch_size=3, held_out=1, evaluation_utterances=1, workers=1, learning_rate=1e-9, loop=replace(LOOP, max_steps=1)
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips of noise, with texts."""
    root = tmp_path_factory.mktemp("clips")
    (root / "wavs").mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        write_wav(root / "wavs" / f"{number}.wav", 0.1 * rng.standard_normal(9000), sample_rate=16_000)
    (root / "metadata.csv").write_text("".join(f"{n}|{'abcdef'[n]} bad cab\n" for n in range(6)))
    return root


@pytest.fixture(scope="module")
def first(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run of a recogniser of odd sizes."""
    run = tmp_path_factory.mktemp("first") / "run"
    train("recogniser", clips, run, SMALL, progress=False)
    return run


def test_network_characters_and_weights_are_taken_over(clips: Path, first: Path, tmp_path: Path) -> None:
    start = tmp_path / "start"
    shutil.copytree(first / "export", start)
    settings = replace(FURTHER, initial=str(start))
    train("recogniser", clips, tmp_path / "run", settings, progress=False)
    tensors, config = load_release(tmp_path / "run" / "export")
    begun, of_start = load_release(start)
    assert config["recogniser"] == of_start["recogniser"] and config["mel_preset"] == "li2020"
    assert config["trained_with"]["initial recogniser"] == release_sha256(start)
    for name, value in begun.items():
        torch.testing.assert_close(tensors[name], value, atol=1e-6, rtol=0)

    # The start may go: a resumed run has its own weights, and knows what it came from.
    shutil.rmtree(start)
    assert train("recogniser", clips, tmp_path / "run", settings, progress=False).finished
    assert json.loads((tmp_path / "run" / "initial.json").read_text())["initial"] == str(start)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mel_preset": "s2igan"}, "mel_preset li2020 .set: s2igan"),
        ({"alphabet": "xyz "}, "alphabet"),
        ({"model": replace(RecogniserModelSettings(), width=24)}, "model.width 16 .set: 24"),
        ({"ctc": 0.0}, "second head"),
    ],
)
def test_settings_that_its_weights_do_not_fit_are_listed(
    change: dict[str, object], message: str, clips: Path, first: Path, tmp_path: Path
) -> None:
    settings = replace(FURTHER, initial=str(first), **change)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=message):
        train("recogniser", clips, tmp_path / "run", settings, progress=False)


def test_a_start_that_is_none(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not a recogniser"):
        train("recogniser", clips, tmp_path / "run", replace(FURTHER, initial="hear-anyone"), progress=False)
    with pytest.raises(CheckpointError, match="nothing"):
        train("recogniser", clips, tmp_path / "run", replace(FURTHER, initial="nothing"), progress=False)
