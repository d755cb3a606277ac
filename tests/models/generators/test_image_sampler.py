"""Image sampler: one candidate is the generator's own picture, of several the one that the reranker prefers is kept."""

import pytest
import torch

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import ImageNoise
from speech2img.models.generators.feature_prior import FeaturePrior
from speech2img.models.generators.image_sampler import ImageSampler, SamplingOptions
from speech2img.models.generators.reranker import Reranker
from speech2img.models.generators.stackgan import StackGenerator


def parts() -> tuple[StackGenerator, FeaturePrior, Reranker]:
    torch.manual_seed(0)
    generator = StackGenerator(embedding_dim=16, condition_dim=4, noise_dim=3, width=4, num_stages=2)
    prior = FeaturePrior(embedding_dim=16, feature_dim=16, components=5, width=8, blocks=1)
    reader = Reranker(heads={"color": 3}, width=8, feature_dim=16)
    return generator.eval(), prior.eval(), reader.eval()


def draws(sizes: tuple[int, int, int], batch: int, count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(batch, count, size, generator=generator) for size in sizes]


def sampled(sampler: ImageSampler, speech: torch.Tensor, *draws: torch.Tensor) -> list[torch.Tensor]:
    """Images of given draws: the generator's noise, its condition, the prior's noise, (B, C, size) each."""
    noise = ImageNoise(lambda distribution, name, shape: torch.cat(draws, dim=2))
    return sampler.sample(SpeechEncoding.of_sentences(speech), noise, num_candidates=draws[0].shape[1])


@torch.inference_mode()
def test_one_candidate_is_painted_from_what_the_prior_draws() -> None:
    generator, prior, _ = parts()
    options = SamplingOptions(prior_steps=3, mean_scale=1.5, temperature=0.5)
    sampler = ImageSampler(generator, prior=prior, options=options, conditioning="sampled").eval()
    noise, eps, state = draws((3, 4, 5), 2, 1)
    speech = torch.randn(2, 16)
    features = prior.sample(speech, state[:, 0], steps=3, mean_scale=1.5, temperature=0.5)
    want = generator(features, noise[:, 0], eps=eps[:, 0]).images
    got = sampled(sampler, speech, noise, eps, state)
    assert [tuple(stage.shape) for stage in got] == [(2, 3, 64, 64), (2, 3, 128, 128)]
    for stage, expected in zip(got, want, strict=True):
        torch.testing.assert_close(stage, expected.float())
    plain = ImageSampler(generator, conditioning="sampled")
    assert generator.joint_draws == {"noise": 3, "condition": 4}
    torch.testing.assert_close(
        sampled(plain, speech, noise, eps)[1], generator(speech, noise[:, 0], eps=eps[:, 0]).images[1].float()
    )
    mean = ImageSampler(generator)
    torch.testing.assert_close(
        sampled(mean, speech, noise, eps)[1], generator(speech, noise[:, 0], eps=torch.zeros(2, 4)).images[1].float()
    )


@torch.inference_mode()
def test_the_candidate_that_fits_best_is_kept() -> None:
    generator, prior, reader = parts()
    options = SamplingOptions(prior_steps=2, num_candidates=4)
    sampler = ImageSampler(generator, prior=prior, reranker=reader, options=options, conditioning="sampled").eval()
    noise, eps, state = draws((3, 4, 5), 3, 4)
    speech = torch.randn(3, 16)
    each = [sampled(sampler, speech, noise[:, [c]], eps[:, [c]], state[:, [c]]) for c in range(4)]
    fits = torch.stack([torch.cosine_similarity(reader(stages[-1]), speech, dim=1) for stages in each])
    best = fits.argmax(dim=0)
    assert len(set(best.tolist())) > 1, "the test needs different winners"
    kept = sampled(sampler, speech, noise, eps, state)
    for row, number in enumerate(best.tolist()):
        for stage in range(2):
            torch.testing.assert_close(kept[stage][row], each[number][stage][row])


def test_the_reader_standardises_and_resizes() -> None:
    _, _, reader = parts()
    images = torch.rand(2, 3, 128, 128) * 2 - 1
    plain = reader(images)
    reader.mean.fill_(2.0)
    reader.std.fill_(4.0)
    torch.testing.assert_close(reader(images), (plain - 2) / 4)
    assert plain.shape == (2, 16)


def test_parts_that_do_not_fit() -> None:
    generator, prior, reader = parts()
    with pytest.raises(ValueError, match="no reranker"):
        ImageSampler(generator, prior=prior, options=SamplingOptions(num_candidates=2))
    with pytest.raises(ValueError, match="the prior draws 20 features"):
        ImageSampler(generator, prior=FeaturePrior(embedding_dim=16, feature_dim=20, components=2))
    with pytest.raises(ValueError, match="the reranker sees 16 features"):
        ImageSampler(generator, prior=FeaturePrior(embedding_dim=8, feature_dim=16, components=2), reranker=reader)
    for wrong in ({"num_candidates": 0}, {"prior_steps": 0}, {"mean_scale": -1.0}):
        with pytest.raises(ValueError, match="out of range"):
            SamplingOptions(**wrong)  # type: ignore[arg-type]
