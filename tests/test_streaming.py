"""Previews of a picture while it is drawn: the last is the picture, and what does not fit is refused at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from helpers import latent_flows
from PIL import Image

from speech2img.errors import AudioError, ConfigError
from speech2img.models.generators.latent_flow import LatentFlowGenerator
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.writing import save_release

ReleaseMaker = Callable[..., Path]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audio") / "tone.wav"
    time = np.arange(24_000) / 16_000
    soundfile.write(
        path, 0.3 * np.sin(2 * np.pi * 300 * time * (1 + 0.3 * time)) * (0.6 + 0.4 * np.sin(9 * time)), 16_000
    )
    return path


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> SpeechToImage:
    """A latent flow of random weights behind a tiny encoder."""
    folder = tmp_path_factory.mktemp("flow")
    torch.manual_seed(0)
    settings: dict[str, Any] = {"embedding_dim": latent_flows.DIM, "codec": latent_flows.CODEC, "image_size": 32}
    settings |= {"width": 16, "depth": 1, "num_heads": 2, "steps": 5, "solver": "heun", "guidance_scale": 1.5}
    network = LatentFlowGenerator(**settings)
    torch.nn.init.normal_(network.flow.to_patch.weight)
    tensors = {f"generator.{name}": value for name, value in network.state_dict().items()}
    config = {"kind": "image-generator", "generator": {"network": "latent-flow", **settings}}
    save_release(folder / "generator", tensors, config, "# card")
    encoder = latent_flows.small_encoder(folder / "encoder")
    return SpeechToImage.load(encoder, generator=folder / "generator", device="cpu")


def test_a_flow_shows_every_step_and_ends_in_the_picture(flow: SpeechToImage, recording: Path) -> None:
    pictures = list(flow.stream(recording, seed=3))
    assert len(pictures) == 5 and all(picture.size == (32, 32) for picture in pictures)
    assert pictures[-1] == flow(recording, seed=3) != flow(recording, seed=4)
    last = np.asarray(pictures[-1]).astype(int)
    distances = [float(np.abs(np.asarray(picture) - last).mean()) for picture in pictures]
    assert distances[0] > distances[3] > 0
    assert len(list(flow.stream(recording, steps=7))) == 7


def test_what_is_drawn_how_goes_into_reports(flow: SpeechToImage) -> None:
    assert flow.sampling == {"conditioning": "mean", "solver": "heun", "steps": 5, "guidance_scale": 1.5}


def test_a_stacked_generator_shows_its_stages(recording: Path, tmp_path: Path, make_release: ReleaseMaker) -> None:
    stacked = SpeechToImage.load(make_release(tmp_path / "stacked"), device="cpu")
    pictures = list(stacked.stream(recording, seed=2))
    assert pictures == stacked(recording, seed=2, return_stages=True)
    with pytest.raises(ConfigError, match="steps: the generator of .* does not draw in steps; omit it"):
        stacked.stream(recording, steps=8)


def test_the_caller_goes_on_as_usual_between_previews(flow: SpeechToImage, recording: Path) -> None:
    stream = flow.stream(recording)
    assert isinstance(next(stream), Image.Image) and not torch.is_inference_mode_enabled()
    assert isinstance(next(stream), Image.Image)


def test_what_does_not_fit_is_refused_at_once(flow: SpeechToImage, recording: Path, tmp_path: Path) -> None:
    for steps in (3, 51, 4.5):
        with pytest.raises(
            ConfigError, match="steps: .* does not fit; give a whole number of at least 4 and at most 50"
        ):
            flow.stream(recording, steps=steps)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="seed"):
        flow.stream(recording, seed=-1)
    with pytest.raises(AudioError):
        flow.stream(tmp_path / "none.wav")
    encoder = SpeechToImage.load(latent_flows.small_encoder(tmp_path / "encoder"), device="cpu")
    with pytest.raises(ConfigError, match="has no generator"):
        encoder.stream(recording)
