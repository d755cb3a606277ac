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
from speech2img.models.generators.feature_prior import FeaturePrior
from speech2img.models.generators.image_sampler import ImageSampler, SamplingOptions
from speech2img.models.generators.latent_flow import LatentFlowGenerator
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.writing import save_release
from speech2img.streaming import stream_images

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
    for layer in (network.flow.to_patch, network.flow.to_last_modulation):
        torch.nn.init.normal_(layer.weight)
    tensors = {f"generator.{name}": value for name, value in network.state_dict().items()}
    config = {"kind": "image-generator", "generator": {"network": "latent-flow", **settings}}
    save_release(folder / "generator", tensors, config, "# card")
    encoder = latent_flows.small_encoder(folder / "encoder")
    return SpeechToImage.load(encoder, generator=folder / "generator", device="cpu")


def _generator_of(pipe: SpeechToImage) -> Path:
    """Where the fixture's generator lies: beside its encoder."""
    return Path(pipe.name).parent / "generator"


def test_a_flow_shows_every_step_and_ends_in_the_picture(flow: SpeechToImage, recording: Path) -> None:
    pictures = list(flow.stream(recording, seed=3))
    assert len(pictures) == 5 and all(picture.size == (32, 32) for picture in pictures)
    assert pictures[-1] == flow(recording, seed=3) != flow(recording, seed=4)
    last = np.asarray(pictures[-1]).astype(int)
    distances = [float(np.abs(np.asarray(picture) - last).mean()) for picture in pictures]
    assert distances[0] > distances[3] > 0
    assert len(list(flow.stream(recording, steps=7))) == 7


def test_a_model_is_loaded_with_other_steps(flow: SpeechToImage, recording: Path, tmp_path: Path) -> None:
    encoder, generator = flow.name, _generator_of(flow)
    short = SpeechToImage.load(encoder, generator=generator, steps=4, device="cpu")
    assert short.sampling["steps"] == 4 and len(list(short.stream(recording))) == 4
    assert short(recording) == list(flow.stream(recording, steps=4))[-1] != flow(recording)
    for steps in (3, 51):
        with pytest.raises(ConfigError, match="steps: .* does not fit; give a whole number of at least 4 and at most"):
            SpeechToImage.load(encoder, generator=generator, steps=steps, device="cpu")


def test_a_stacked_generator_has_no_steps_to_choose(tmp_path: Path, make_release: ReleaseMaker) -> None:
    with pytest.raises(ConfigError, match="steps: the generator of .* does not draw in steps; omit it"):
        SpeechToImage.load(make_release(tmp_path / "stacked"), steps=8, device="cpu")


def test_a_flow_behind_a_prior_shows_every_step(flow: SpeechToImage, recording: Path) -> None:
    torch.manual_seed(0)
    prior = FeaturePrior(embedding_dim=latent_flows.DIM, feature_dim=latent_flows.DIM, components=5, width=8, blocks=1)
    sampler = ImageSampler(flow.require_generator().generator, prior=prior, options=SamplingOptions(prior_steps=2))
    pipe = SpeechToImage(encoder=flow.encoder, mel=flow.mel, sampler=sampler.eval(), device="cpu")
    pictures = list(pipe.stream(recording, seed=3))
    assert len(pictures) == 5 and pictures[-1] == pipe(recording, seed=3) != flow(recording, seed=3)


def test_what_is_drawn_how_goes_into_reports(flow: SpeechToImage) -> None:
    guidance = {"guidance_scale": 1.5, "guidance_until": 1.0}
    assert flow.sampling == {"conditioning": "mean", "solver": "heun", "steps": 5, **guidance}


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


def test_several_images_are_previewed_at_once(flow: SpeechToImage, recording: Path) -> None:
    speech = flow.encode_speech([recording])
    shown = list(stream_images(flow, speech, seed=3, num_images=2, every=3))
    assert len(shown) == 3 and all(images.shape == (2, 32, 32, 3) for images in shown)  # steps 1, 4 and 5
    expected = flow.generate(speech, seed=3, num_images=2)[0]
    assert np.abs(shown[-1].astype(int) - expected).max() <= 1
    with pytest.raises(ConfigError, match="every: 0 does not fit"):
        stream_images(flow, speech, every=0)


def test_guidance_is_asked_for_where_there_is_some(
    flow: SpeechToImage, recording: Path, tmp_path: Path, make_release: ReleaseMaker
) -> None:
    encoder, generator = flow.name, _generator_of(flow)
    assert flow.capabilities == {"images", "steps", "guidance"}
    free = SpeechToImage.load(encoder, generator=generator, guidance=4, device="cpu")
    assert free.sampling["guidance_scale"] == 4 and free(recording) != flow(recording)
    for guidance in (-1, 21, float("nan"), True):
        with pytest.raises(ConfigError, match="guidance: .* does not fit; give a number of 0 to 20"):
            SpeechToImage.load(encoder, generator=generator, guidance=guidance, device="cpu")
    with pytest.raises(ConfigError, match="guidance: the generator of .* has none; omit it"):
        SpeechToImage.load(make_release(tmp_path / "stacked"), guidance=2, device="cpu")
    with pytest.raises(ConfigError, match="guidance: .* has no generator"):
        SpeechToImage.load(encoder, guidance=2, device="cpu")
    assert SpeechToImage.load(encoder, device="cpu").capabilities == frozenset()
