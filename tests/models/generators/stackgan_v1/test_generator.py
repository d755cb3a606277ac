"""StackGAN-v1: images of both stages, what noise and conditions do to them, and settings that are refused."""

import pytest
import torch

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import ImageGenerator, ImageNoise
from speech2img.models.generators.registry import build_generator
from speech2img.models.generators.stackgan_v1.generator import StackGANv1, init_stackgan_v1_

SIZES = {"embedding_dim": 6, "condition_dim": 4, "noise_dim": 3, "width": 8, "residual_blocks": 1}


@pytest.mark.parametrize("stage", [1, 2])
@torch.inference_mode()
def test_images_of_each_stage_follow_the_noise(stage: int) -> None:
    torch.manual_seed(0)
    generator = build_generator(network="stackgan-v1", stage=stage, **SIZES)
    assert isinstance(generator, ImageGenerator) and isinstance(generator, StackGANv1)
    init_stackgan_v1_(generator).eval()
    draws = {"condition": torch.randn(2, 4 * stage), "noise": torch.randn(2, 3)}
    noise = ImageNoise(lambda kind, name, shape: draws[name])
    speech = SpeechEncoding.of_sentences(torch.randn(2, 6))
    images = generator.sample(speech, noise)
    assert [image.shape for image in images] == [(2, 3, size, size) for size in generator.image_sizes]
    assert generator.image_sizes == (64, 256)[:stage]
    # Every draw counts, that of stage II for the last image only.
    for name, row in [("noise", 0), ("condition", 0), *([("condition", 4)] if stage == 2 else [])]:
        kept = draws[name].clone()
        draws[name][:, row] += 3
        changed = [not torch.equal(a, b) for a, b in zip(images, generator.sample(speech, noise), strict=True)]
        assert changed == [row == 0 or size == 256 for size in generator.image_sizes]
        draws[name].copy_(kept)


def test_the_rectifier_keeps_the_gaussian_from_being_negative() -> None:
    torch.manual_seed(0)
    embeddings, noise = torch.randn(16, 6), torch.randn(16, 3)
    relu, glu = (StackGANv1(**SIZES, conditioning=name)(embeddings, noise) for name in ("relu", "glu"))  # type: ignore[arg-type]
    assert min(relu.mu.min(), relu.logvar.min()) == 0 and min(glu.mu.min(), glu.logvar.min()) < 0


@pytest.mark.parametrize(
    ("settings", "reason"), [({"stage": 3}, "stage must be 1 or 2, got 3"), ({"width": 6}, "a multiple of 4, got 6")]
)
def test_wrong_settings_are_refused(settings: dict[str, int], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        StackGANv1(**{**SIZES, **settings})  # type: ignore[arg-type]
