"""The models that are served: no other is opened, few stay in memory, and one whose folder vanished is a sentence."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from speech2img.app import models
from speech2img.app.models import Models, label
from speech2img.errors import CheckpointError, ConfigError
from speech2img.pipeline import SpeechToImage


def test_a_visitor_opens_no_folder(toy: str) -> None:
    served = Models([toy], device="cpu")
    for name in ("songbirds", "/etc", "", f"{toy}/../toy"):
        with pytest.raises(ConfigError, match="is not served here; choose"):
            served.get(name)
    assert served.get(toy) is served.get(toy)


def test_a_model_says_what_it_has(toy: str) -> None:
    about = Models([toy], device="cpu").described(toy)
    assert about["capabilities"] == ["images", "stages"] and about["image_size"] == 128
    assert about["weights_sha256"] == SpeechToImage.load(toy).weights_sha256
    assert "steps" not in about and "guidance" not in about


def test_few_models_stay_in_memory(monkeypatch: pytest.MonkeyPatch, toy: str) -> None:
    monkeypatch.setattr(models, "MOST_LOADED", 2)
    loaded: list[str] = []

    def load(name: str, *, device: str) -> Any:
        loaded.append(name)
        return SpeechToImage.load(toy, device=device)

    served = Models(["a", "b", "c"], device="cpu", load=load)
    for name in "abacab":
        served.get(name)
    assert "".join(loaded) == "abcb"


def test_a_folder_that_vanishes(tmp_path: Path, toy: str) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(toy, mine)
    served = Models([toy, str(mine)], device="cpu")
    served.open()
    shutil.rmtree(mine)
    with pytest.raises(CheckpointError, match="no folder and no shipped weights of that name"):
        served.get(str(mine))
    shutil.copytree(toy, mine)
    served.get(str(mine))
    shutil.rmtree(mine)
    assert served.get(str(mine)).image_size == 128  # it is in memory


def test_what_is_missing_is_said_at_the_start(toy: str, tmp_path: Path, make_release: Any) -> None:
    with pytest.raises(CheckpointError, match="nowhere"):
        Models([toy, str(tmp_path / "nowhere")], device="cpu").open()
    encoder = make_release(tmp_path / "encoder", kind="speech-encoder")
    with pytest.raises(ConfigError, match="has no generator"):
        Models([str(encoder)], device="cpu").open()


def test_a_model_that_hears_nothing_is_not_served(toy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = SpeechToImage.load(toy, device="cpu")
    monkeypatch.setattr(reader, "reads_text", True)
    with pytest.raises(ConfigError, match="reads text and hears nothing; serve a model that hears"):
        Models([toy], device="cpu", load=lambda name, device: reader).open()


def test_a_path_is_called_by_its_last_part() -> None:
    assert [label(name) for name in ("songbirds", "runs/prior", "/a/b/")] == ["songbirds", "prior", "b"]
