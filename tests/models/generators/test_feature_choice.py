"""Choice among features: what was said decides, what was not said hardly; and one draw is what it was before."""

import pytest
import torch
from torch import Tensor

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import ImageNoise
from speech2img.models.generators.feature_choice import choose_features, fit_to_speech, reads_attributes
from speech2img.models.generators.feature_prior import FeaturePrior
from speech2img.models.generators.image_sampler import ImageSampler, SamplingOptions
from speech2img.models.generators.latent_flow import LatentFlowGenerator
from speech2img.models.generators.stackgan import StackGenerator

CODEC = {"network": "taef2", "latent_channels": 2, "width": 4, "pool_width": 4}


def pairs(features: Tensor) -> tuple[Tensor, Tensor]:
    """Two attributes of two values, each the larger of two features."""
    return features[:, :2], features[:, 2:]


def flow() -> LatentFlowGenerator:
    """A generator that reads three attributes off features of six numbers."""
    torch.manual_seed(0)
    generator = LatentFlowGenerator(
        embedding_dim=6, codec=CODEC, image_size=32, width=8, depth=1, num_heads=2, needs_frames=False,
        value_counts=[2, 2, 2], steps=4, guidance_scale=1.0,
    )  # fmt: skip
    generator.flow.read_with_(torch.eye(6) * 3, torch.zeros(6))
    return generator.eval()


def prior() -> FeaturePrior:
    torch.manual_seed(1)
    made = FeaturePrior(embedding_dim=5, feature_dim=6, components=4, width=8, blocks=1)
    made.regression.copy_(torch.randn(5, 4))
    return made.eval()


def source(batch: int, seed: int = 0) -> ImageNoise:
    """Noise of which the first draws of a row are the same however many are asked for."""

    def draw(distribution: str, name: str, shape: tuple[int, ...]) -> Tensor:
        rows = [torch.randn(4096, generator=torch.Generator().manual_seed(seed + row)) for row in range(batch)]
        return torch.stack([row[: int(torch.Size(shape).numel())].view(shape) for row in rows])

    return ImageNoise(draw)


def test_the_fit_is_the_log_probability_of_what_is_read() -> None:
    drawn = torch.tensor([[[5.0, 0.0, 1.0, 9.0], [0.0, 0.1, 2.0, 1.0]]])
    said = torch.tensor([[2.0, 0.0, 0.0, 0.0]])
    first, half = torch.tensor([2.0, 0.0]).log_softmax(dim=0), torch.tensor(0.5).log()
    want = torch.stack([first[0] + half, first[1] + half])[None]
    torch.testing.assert_close(fit_to_speech(drawn, said, pairs), want)


def test_what_was_said_decides_and_each_utterance_for_itself() -> None:
    drawn = torch.randn(7, 9, 4, generator=torch.Generator().manual_seed(0))
    said = torch.tensor([[4.0, -4.0, 0.0, 0.0], [0.0, 0.0, -4.0, 4.0]]).repeat(4, 1)[:7]
    kept = choose_features(drawn, said, pairs)
    for row in range(7):
        value = pairs(kept)[row % 2][row].argmax()
        assert value == row % 2, "the value that was said"
        assert any(torch.equal(kept[row], one) for one in drawn[row]), "one of its own draws"
        torch.testing.assert_close(choose_features(drawn[row : row + 1], said[row : row + 1], pairs)[0], kept[row])


@torch.inference_mode()
def test_the_sampler_keeps_the_draw_that_fits_best() -> None:
    generator, drawing = flow(), prior()
    speech = SpeechEncoding.of_sentences(torch.randn(3, 5, generator=torch.Generator().manual_seed(2)) * 0.2)
    options = SamplingOptions(prior_steps=2, num_feature_draws=16, guidance_scale=1.0)
    sampler = ImageSampler(generator, prior=drawing, options=options).eval()
    got = sampler.conditioned(speech, source(3)).sentence
    noise = source(3).normal("prior", 16, 4)
    each = torch.stack([drawing.sample(speech.sentence, noise[:, n], steps=2) for n in range(16)], dim=1)
    said = drawing.expand(torch.zeros(3, 4), speech.sentence, mean_scale=2.0)
    fits = fit_to_speech(each, said, generator.attribute_logits)
    assert len(set(fits.argmax(dim=1).tolist())) > 1, "the test needs different winners"
    for row, best in enumerate(fits.argmax(dim=1).tolist()):
        torch.testing.assert_close(got[row], each[row, best])
    image = sampler.sample(speech, source(3))[-1]
    assert image.shape == (3, 3, 32, 32) and sampler.sampling["num_feature_draws"] == 16


@torch.inference_mode()
def test_a_single_draw_is_the_first_of_several() -> None:
    speech = SpeechEncoding.of_sentences(torch.randn(2, 5, generator=torch.Generator().manual_seed(3)))
    one = ImageSampler(flow(), prior=prior(), options=SamplingOptions(prior_steps=2)).eval()
    want = prior().sample(speech.sentence, source(2).normal("prior", 16, 4)[:, 0], steps=2)
    torch.testing.assert_close(one.conditioned(speech, source(2)).sentence, want)


def test_a_generator_reads_what_its_reader_gives() -> None:
    generator = flow()
    assert reads_attributes(generator) and not reads_attributes(None)
    features = torch.randn(4, 6)
    for read, want in zip(generator.attribute_logits(features), (features * 3).split(2, dim=1), strict=True):
        torch.testing.assert_close(read, want)
    plain = LatentFlowGenerator(
        embedding_dim=6, codec=CODEC, image_size=32, width=8, depth=1, num_heads=2, needs_frames=False
    )
    assert not reads_attributes(plain) and plain.attribute_logits(features) == ()


def test_several_draws_need_a_prior_and_a_generator_that_reads() -> None:
    several = SamplingOptions(num_feature_draws=2)
    with pytest.raises(ValueError, match="several draws of features need a prior"):
        ImageSampler(flow(), options=several)
    blind = StackGenerator(embedding_dim=6, condition_dim=4, noise_dim=3, width=4, num_stages=2)
    with pytest.raises(ValueError, match="a generator that reads attributes"):
        ImageSampler(blind, prior=prior(), options=several)
    with pytest.raises(ValueError, match="out of range"):
        SamplingOptions(num_feature_draws=0)
