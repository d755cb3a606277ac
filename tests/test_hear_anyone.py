"""The shipped encoder ``hear-anyone``: what comes with it, and that it understands more than ``songbirds`` alone."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import speech2img
from speech2img.audio.front_ends import load_front_end
from speech2img.errors import CheckpointError
from speech2img.features.attributes import AttributeClassifier
from speech2img.pipeline import SpeechToImage
from speech2img.storage.reading import shipped_folder
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.release import load_release
from speech2img.storage.releases.writing import save_release

MOST_BYTES = 48_000_000
"""Of all weights that come with the package."""
RATE = 16_000


@pytest.fixture(scope="module")
def pipe() -> SpeechToImage:
    return speech2img.load("hear-anyone", device="cpu")


@pytest.fixture(scope="module")
def spoken() -> np.ndarray:
    """A description in a voice of espeak-ng that no training hears, with white noise at about 10 dB."""
    pytest.importorskip("espeakng_loader", reason="the tts extra is not installed: nothing can be spoken")
    from speech2img.tts.espeak.engine import EspeakSynthesizer

    with EspeakSynthesizer() as engine:
        y = engine.synthesize("a red bird with a yellow belly and blue wings, swimming on the water.", voice="en-us+f3")
        noise = np.random.default_rng(0).standard_normal(len(y)) * y.std() * 10**-0.5
        return np.float32(y + noise)


def test_its_front_end_is_stored_once() -> None:
    folder = find_release("hear-anyone")
    assert (folder / "weights.safetensors").stat().st_size < 5_000_000
    tensors, config = load_release(folder)
    network = load_front_end("whisper-tiny.en").network.state_dict()
    assert config["shared_weights"]["encoder.front_end."]["name"] == "whisper tiny.en"
    assert all(torch.equal(tensors[f"encoder.front_end.{name}"], value) for name, value in network.items())


def test_it_paints_with_songbirds_unless_told_otherwise(pipe: SpeechToImage) -> None:
    hum = (RATE, np.float32(0.3 * np.sin(np.arange(RATE) / 20) * np.sin(np.arange(RATE) / 900) ** 2))
    named = speech2img.load("hear-anyone", generator="songbirds", device="cpu")
    assert np.array_equal(np.asarray(pipe(hum, seed=1)), np.asarray(named(hum, seed=1)))


def test_a_generator_that_did_not_come_with_the_package_is_not_looked_for(tmp_path: Path) -> None:
    tensors, config = load_release(find_release("hear-anyone"))
    save_release(tmp_path / "foreign", tensors, {**config, "with_generator": "../songbirds"}, "# Foreign\n")
    with pytest.raises(CheckpointError, match="names the generator '../songbirds', which did not come with"):
        speech2img.load(tmp_path / "foreign")
    assert speech2img.load(tmp_path / "foreign", generator="songbirds", device="cpu").sampler is not None


def test_all_shipped_weights_together_stay_small() -> None:
    assert sum(path.stat().st_size for path in Path(shipped_folder()).rglob("*") if path.is_file()) < MOST_BYTES


def test_it_paints_what_is_said_through_noise(pipe: SpeechToImage, spoken: np.ndarray) -> None:
    """Of eight draws, read by the judge: the words of that sentence."""
    images = pipe((RATE, spoken), num_images=8, seed=0)
    read = AttributeClassifier.load("songbirds-judge").predict(np.stack([np.asarray(image) for image in images]))
    for name, value in {"body_color": "red", "belly_color": "yellow", "wing_color": "blue", "pose": "swimming"}.items():
        assert read[name].count(value) >= 6, f"{name}: {read[name]}"


def test_it_is_sure_of_descriptions_and_not_of_music(pipe: SpeechToImage, spoken: np.ndarray) -> None:
    time = np.arange(3 * RATE) / RATE
    chord = np.float32(0.1 * sum(np.sin(2 * np.pi * pitch * time) for pitch in (220, 277, 330)) * np.exp(-(time % 0.5)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sure = pipe.confidence([(RATE, spoken), (RATE, chord)])
    assert sure is not None and pipe.confidence_head is not None
    assert sure[0] > float(pipe.confidence_head.low) > sure[1]
