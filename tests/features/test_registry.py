"""Teachers: what a release lacks is named, and opening one leaves random numbers as they are."""

from pathlib import Path
from typing import Any

import pytest
import torch

import speech2img
from speech2img.audio.mel import mel_preset
from speech2img.errors import CheckpointError
from speech2img.features.attributes import AttributeClassifier
from speech2img.features.registry import load_teacher
from speech2img.models.tts.hifigan import HifiGan
from speech2img.models.vision.attribute_network import AttributeNetwork
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.writing import save_release
from speech2img.tts.tacotron2.vocoder import HifiGanVocoder

CPU = torch.device("cpu")
HEADS = {"color": ["red", "blue", "green"]}
CONFIG = {"kind": "attribute-network", "heads": HEADS, "width": 8, "feature_dim": 16, "image_size": 64}


def made(folder: Path, config: dict[str, Any]) -> Path:
    network = AttributeNetwork({"color": 3}, width=8, feature_dim=16)
    save_release(folder, network.state_dict(), config, "")
    return folder


@pytest.mark.parametrize("key", ["heads", "width", "feature_dim", "image_size"])
def test_a_teacher_whose_config_lacks_a_value_is_named(tmp_path: Path, key: str) -> None:
    folder = made(tmp_path / "t", {name: value for name, value in CONFIG.items() if name != key})
    with pytest.raises(CheckpointError, match=f"its config has no {key}"):
        load_teacher(folder, device=CPU)


@pytest.mark.parametrize(
    "change", [{"width": 30_000}, {"feature_dim": 65_536}, {"heads": {f"h{n}": ["a", "b"] for n in range(5000)}}]
)
def test_a_teacher_or_judge_that_asks_for_more_than_its_file_holds(tmp_path: Path, change: dict[str, Any]) -> None:
    folder = made(tmp_path / "t", {**CONFIG, **change})
    for opened in (lambda: load_teacher(folder, device=CPU), lambda: AttributeClassifier.load(folder)):
        with pytest.raises(CheckpointError, match="settings do not fit|does not fit the model"):
            opened()


def test_opening_networks_leaves_the_random_state_alone(tmp_path: Path) -> None:
    teacher = made(tmp_path / "teacher", CONFIG)
    sizes = {"width": 16, "rates": [8, 8, 2, 2], "kernels": [16, 16, 4, 4]}
    config = {"kind": "vocoder", "mel_preset": "tacotron2", "hifigan": sizes}
    save_release(tmp_path / "vocoder", HifiGan(**sizes).state_dict(), config, "")  # type: ignore[arg-type]
    opened = {
        "model": lambda: speech2img.load("songbirds", device="cpu"),
        "teacher": lambda: load_teacher(teacher, device=CPU),
        "judge": lambda: AttributeClassifier.load(find_release("songbirds-judge")),
        "vocoder": lambda: HifiGanVocoder(tmp_path / "vocoder", preset=mel_preset("tacotron2"), device=CPU),
    }
    for name, load in opened.items():
        torch.manual_seed(7)
        wanted = torch.rand(2)
        torch.manual_seed(7)
        load()
        assert torch.equal(torch.rand(2), wanted), name
