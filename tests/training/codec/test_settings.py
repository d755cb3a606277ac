"""What a codec cannot be trained with is refused before anything is read."""

from collections.abc import Callable

import pytest

from speech2img.errors import ConfigError
from speech2img.training.codec.settings import CodecLossSettings, CodecModelSettings, CodecSettings
from speech2img.training.stages import STAGES


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CodecSettings(image_size=100), "image_size: 100 is no multiple of 8, the codec's stride; choose one"),
        (lambda: CodecSettings(image_size=32), "image_size: 32 is out of range"),
        (lambda: CodecSettings(crop=12), "crop: 12 is no multiple of 8"),
        (lambda: CodecSettings(crop=0), "crop: 0 is no multiple of 8"),
        (lambda: CodecSettings(image_size=64, crop=72), "crop: 72 is more than image_size 64"),
        (
            lambda: CodecSettings(perceptual="teacher", losses=CodecLossSettings(perceptual=0.0)),
            "perceptual: losses.perceptual is 0",
        ),
        (lambda: CodecSettings(crop=56, perceptual="teacher"), "crop: 56 px are too few for the perceptual loss's net"),
        (lambda: CodecSettings(clip=0.0), "clip: 0.0 is not positive"),
        (lambda: CodecSettings(evaluation_images=0), "evaluation_images: 0"),
        (lambda: CodecSettings(latent_noise=-0.1), "latent_noise: -0.1 is out of range"),
        (lambda: CodecLossSettings(adversarial_from=1.5), "losses.adversarial_from: 1.5"),
        (lambda: CodecModelSettings(blocks=0), "model.blocks: 0 is out of range; use 1 to 16"),
        (lambda: CodecModelSettings(latent_channels=2000), "model.latent_channels: 2000 is out of range"),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_file_and_options_set_them() -> None:
    found = STAGES["codec"].load_settings(overrides=["crop=64", "losses.adversarial=0.1", "model.width=16"])
    assert (found.crop, found.losses.adversarial, found.model.width) == (64, 0.1, 16)
    assert found.codec_config() == {"network": "conv-autoencoder", "latent_channels": 32, "width": 16, "blocks": 2}
    with pytest.raises(ConfigError, match="unknown setting 'perceptuel'.*did you mean 'perceptual'"):
        STAGES["codec"].load_settings(overrides=["perceptuel=teacher"])
