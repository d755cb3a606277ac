"""The painter: one candidate is the generator's own picture, of several the one that the reader likes best is kept."""

import pytest
import torch

from speech2img.models.generators.feature_prior import FeaturePrior
from speech2img.models.generators.image_sampler import Painter, PaintingOptions, PictureReader
from speech2img.models.generators.stackgan import StackGenerator


def parts() -> tuple[StackGenerator, FeaturePrior, PictureReader]:
    torch.manual_seed(0)
    generator = StackGenerator(embedding_dim=16, condition_dim=4, noise_dim=3, width=4, num_stages=2)
    prior = FeaturePrior(embedding_dim=16, feature_dim=16, components=5, width=8, blocks=1)
    reader = PictureReader(heads={"color": 3}, width=8, feature_dim=16)
    return generator.eval(), prior.eval(), reader.eval()


def draws(painter: Painter, batch: int, count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(batch, count, size, generator=generator) for size in painter.noise_sizes]


@torch.inference_mode()
def test_one_candidate_is_painted_from_what_the_prior_draws() -> None:
    generator, prior, _ = parts()
    options = PaintingOptions(prior_steps=3, stretch=1.5, temperature=0.5)
    painter = Painter(generator, prior=prior, options=options).eval()
    noise, eps, state = draws(painter, 2, 1)
    speech = torch.randn(2, 16)
    features = prior.sample(speech, state[:, 0], steps=3, stretch=1.5, temperature=0.5)
    want = generator(features, noise[:, 0], eps=eps[:, 0]).images
    got = painter(speech, noise, eps, state)
    assert [tuple(stage.shape) for stage in got] == [(2, 3, 64, 64), (2, 3, 128, 128)]
    for stage, expected in zip(got, want, strict=True):
        torch.testing.assert_close(stage, expected.float())
    plain = Painter(generator)
    assert plain.noise_sizes == (3, 4, 0)
    torch.testing.assert_close(
        plain(speech, noise, eps, state[:, :, :0])[1], generator(speech, noise[:, 0], eps=eps[:, 0]).images[1].float()
    )


@torch.inference_mode()
def test_the_candidate_that_fits_best_is_kept() -> None:
    generator, prior, reader = parts()
    painter = Painter(
        generator, prior=prior, reader=reader, options=PaintingOptions(prior_steps=2, candidates=4)
    ).eval()
    noise, eps, state = draws(painter, 3, 4)
    speech = torch.randn(3, 16)
    each = [painter(speech, noise[:, [c]], eps[:, [c]], state[:, [c]]) for c in range(4)]
    fits = torch.stack([torch.cosine_similarity(reader(stages[-1]), speech, dim=1) for stages in each])
    best = fits.argmax(dim=0)
    assert len(set(best.tolist())) > 1, "the test needs different winners"
    kept = painter(speech, noise, eps, state)
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
    with pytest.raises(ValueError, match="no reader"):
        Painter(generator, prior=prior, options=PaintingOptions(candidates=2))
    with pytest.raises(ValueError, match="the prior draws 20 features"):
        Painter(generator, prior=FeaturePrior(embedding_dim=16, feature_dim=20, components=2))
    with pytest.raises(ValueError, match="the reader sees 16 features"):
        Painter(generator, prior=FeaturePrior(embedding_dim=8, feature_dim=16, components=2), reader=reader)
    for wrong in ({"candidates": 0}, {"prior_steps": 0}, {"stretch": -1.0}):
        with pytest.raises(ValueError, match="out of range"):
            PaintingOptions(**wrong)  # type: ignore[arg-type]
