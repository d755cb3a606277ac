"""What a model heard, and what is shown of it; texts where a model says that it has them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speech2img.app.decoding import DecodedSound
from speech2img.app.hearing import MEL_COLUMNS, WAVE_POINTS, hear_speech, wave_outline
from speech2img.audio.io import read_audio
from speech2img.errors import AudioError
from speech2img.pipeline import SpeechToImage


def _sound(ogg: Path, *, before: float = 0.0) -> DecodedSound:
    y = read_audio(ogg, sample_rate=16_000)
    return DecodedSound("bird.ogg", np.concatenate([np.zeros(int(16_000 * before), np.float32), y]), 16_000, 1)


@pytest.fixture
def pipe(toy: str) -> SpeechToImage:
    return SpeechToImage.load(toy, device="cpu")


def test_it_hears_what_the_library_hears(pipe: SpeechToImage, ogg: Path) -> None:
    heard = hear_speech(pipe, _sound(ogg))
    np.testing.assert_allclose(heard.speech.sentences, pipe.encode_speech([ogg]).sentences, atol=1e-6)
    assert heard.wave.shape == (2, WAVE_POINTS) and np.abs(heard.wave).max() == 1
    assert heard.mel.shape[0] == pipe.mel.n_mels and 100 < heard.mel.shape[1] <= MEL_COLUMNS
    assert heard.confidence is None and heard.transcript is None and not heard.is_doubtful
    assert len(heard.samples) == round(heard.seconds * pipe.mel.sample_rate)


def test_silence_that_is_left_out_is_said_and_not_shown(pipe: SpeechToImage, ogg: Path) -> None:
    plain, later = (hear_speech(pipe, _sound(ogg, before=seconds)) for seconds in (0.0, 4.0))
    assert abs(later.seconds - plain.seconds) < 0.5
    assert later.remarks[0].startswith("Silence left out: 4.0 s before")


def test_noise_is_doubted(pipe: SpeechToImage) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    heard = hear_speech(pipe, DecodedSound("noise", noise, 16_000, 1))
    assert any("Steady noise" in remark for remark in heard.remarks)


def test_what_cannot_be_heard_is_named(pipe: SpeechToImage) -> None:
    with pytest.raises(AudioError, match="click.wav: 6 ms long"):
        hear_speech(pipe, DecodedSound("click.wav", np.linspace(-1, 1, 100, dtype=np.float32), 16_000, 1))


def test_a_cascade_shows_its_text(toy: str, ogg: Path) -> None:
    class Reader(SpeechToImage):
        capabilities = frozenset({"images", "transcript"})  # type: ignore[assignment]

        def transcribe(self, recording: Any) -> str:
            return f"a red bird, {recording['sampling_rate']} Hz"

    heard = hear_speech(Reader.load(toy, device="cpu"), _sound(ogg))
    assert heard.transcript == "a red bird, 16000 Hz"


@pytest.mark.parametrize("samples", [1, 100, 240, 10_000])
def test_outlines_of_any_length(samples: int) -> None:
    outline = wave_outline(np.full(samples, 0.25, np.float32))
    assert outline.shape == (2, WAVE_POINTS) and np.isfinite(outline).all() and outline.max() == 1
