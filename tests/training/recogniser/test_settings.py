"""Settings of the recogniser: the published rate, and what contradicts itself."""

from dataclasses import replace
from typing import Any

import pytest

from speech2img.config import load_settings
from speech2img.errors import ConfigError
from speech2img.training.recogniser.settings import RecogniserModelSettings, RecogniserSettings, published_rate


@pytest.mark.parametrize("epoch", [0, 1, 7, 14, 15, 16, 57, 99])
def test_published_rate_by_its_formula(epoch: int) -> None:
    low, high = 1e-5, 1e-3
    expected = min(low + (high - low) / 14 * epoch, max(low, high - (epoch - 15) * (high - low) / 85))
    for step in (epoch * 203, epoch * 203 + 202):  # the same throughout an epoch
        assert published_rate(step / (100 * 203), base=1e-3) == pytest.approx(expected)
    if epoch in (0, 14, 15):
        assert published_rate(epoch / 100, base=1e-3) == pytest.approx(low if epoch == 0 else high)


def test_it_ends_at_the_lowest_rate() -> None:
    assert published_rate(1.0, base=1e-3) == pytest.approx(1e-5)


@pytest.mark.parametrize("name", ["recogniser", "recogniser-ljspeech"])
def test_recipes_can_be_read(name: str) -> None:
    settings = load_settings(RecogniserSettings, file=f"experiments/cascade/{name}.toml")
    assert settings.form == ("published" if "ljspeech" in name else "corrected")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mel_preset": "hearing"}, "unknown"),
        ({"mel_preset": "waveform"}, "no bands"),
        ({"form": "published"}, "takes samples"),
        ({"form": "published", "mel_preset": "waveform_22050"}, "one loss"),
        ({"alphabet": "abc"}, "blank"),
        ({"mask_time": 1.0}, "out of range"),
        ({"ctc": -1.0}, "out of range"),
        ({"warp_tract": 0.6}, "warp_tract.*out of range"),
        ({"warp_tempo": -0.1}, "warp_tempo.*out of range"),
        ({"form": "published", "mel_preset": "waveform_22050", "ctc": 0.0, "warp_tract": 0.1}, "masked or warped"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_contradictions_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(RecogniserSettings(), **change)


@pytest.mark.parametrize("change", [{"kernel": 4}, {"strides": (2, 0)}, {"strides": ()}, {"max_characters": 2}])
def test_sizes_that_cannot_be(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"model.{next(iter(change))}"):
        RecogniserModelSettings(**change)
