"""The prior: its space of principal components, its flow on a distribution that is known, guidance, and bad sizes."""

import pytest
import torch

from speech2img.losses.flow import rectified_flow_loss
from speech2img.models.generators.feature_prior import FeaturePrior


def small(**changes: int) -> FeaturePrior:
    torch.manual_seed(0)
    return FeaturePrior(**({"embedding_dim": 4, "feature_dim": 6, "components": 2, "width": 32, "blocks": 1} | changes))


def test_components_hold_what_varies() -> None:
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(500, 2, generator=generator)
    features = hidden @ torch.randn(2, 6, generator=generator) + 3.0
    prior = small()
    embeddings = torch.randn(500, 4, generator=generator) * 5 + 2
    prior.fit_spaces(features, embeddings, torch.arange(500))
    coordinates = prior.compress(features, embeddings)
    torch.testing.assert_close(coordinates.std(dim=0, correction=0), torch.ones(2), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(prior.expand(coordinates, embeddings), features, atol=1e-4, rtol=1e-4)
    assert float(prior.embedding_scale) == pytest.approx(5.0, rel=0.1)


def test_the_loss_is_zero_for_the_straight_way_and_checks_shapes() -> None:
    data, noise = torch.tensor([[3.0, 1.0]]), torch.tensor([[1.0, 2.0]])
    seen = []

    def velocity(state: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        seen.append((state, time))
        return data - noise

    assert float(rectified_flow_loss(velocity, data, noise, torch.tensor([0.25]))) == 0.0
    torch.testing.assert_close(seen[0][0], torch.tensor([[1.5, 1.75]]))
    off = rectified_flow_loss(lambda state, time: data - noise + 2.0, data, noise, torch.tensor([0.25]))
    assert float(off) == pytest.approx(4.0)
    with pytest.raises(ValueError, match="do not fit"):
        rectified_flow_loss(velocity, data, noise, torch.zeros(2))


def test_it_learns_which_features_go_with_what_was_said() -> None:
    generator = torch.Generator().manual_seed(2)
    said = torch.randint(2, (512, 1), generator=generator).float() * 2 - 1
    embeddings = said * torch.tensor([[1.0, -1.0, 0.5, 0.0]])
    features = torch.cat([4 * said, torch.randn(512, 1, generator=generator), torch.zeros(512, 4)], dim=1)
    prior = FeaturePrior(embedding_dim=4, feature_dim=6, components=2, width=64, blocks=2, dropout=0.0)
    prior.fit_spaces(features, embeddings, torch.arange(512))
    optimizer = torch.optim.Adam(prior.parameters(), 3e-3)
    for _ in range(300):
        rows = torch.randint(512, (128,), generator=generator)
        target = prior.compress(features[rows], embeddings[rows])
        loss = rectified_flow_loss(
            lambda state, time, rows=rows: prior(state, time, embeddings[rows]),
            target,
            torch.randn(target.shape, generator=generator),
            torch.rand(128, generator=generator),
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    noise = torch.randn(200, 2, generator=generator)
    with torch.inference_mode():
        drawn = prior.sample(embeddings[:200], noise, steps=8)
        other = prior.sample(embeddings[:200], noise.flip(0), steps=8)
        held = prior.sample(embeddings[:200], noise, steps=8, mean_scale=2.0)
        guided = prior.sample(embeddings[:200], noise, steps=8, guidance_scale=2.0)
        likely = prior.sample(embeddings[:200], noise, steps=8, temperature=0.3)
    assert (drawn[:, 0].sign() == said[:200, 0]).float().mean() > 0.97
    assert (guided - drawn).abs().max() > 1e-3
    torch.testing.assert_close(held[:, 0], 2 * drawn[:, 0], atol=0.5, rtol=0.1)
    mean = prior.sample(embeddings[:200], noise, steps=8, temperature=0.0)
    torch.testing.assert_close(likely, mean + 0.3 * (drawn - mean))
    assert float(likely[:, 1].std()) < 0.6 * float(drawn[:, 1].std())
    assert 0.7 < float(drawn[:, 1].std()) < 1.3
    assert (drawn - other).abs().max() > 0.5


def test_more_components_than_features_are_refused() -> None:
    with pytest.raises(ValueError, match="components"):
        small(components=7)


def test_the_linear_mean_is_that_of_least_squares() -> None:
    generator = torch.Generator().manual_seed(3)
    embeddings = torch.randn(400, 4, generator=generator)
    truth = torch.randn(4, 6, generator=generator)
    features = embeddings @ truth + 0.1 * torch.randn(400, 6, generator=generator) + 1.0
    prior = small(components=6)
    prior.fit_spaces(features, embeddings, torch.arange(400), ridge=1e-6)
    with torch.no_grad():
        mean = prior.expand(torch.zeros(400, 6), embeddings)
    padded = torch.cat([embeddings, torch.ones(400, 1)], dim=1)
    expected = padded @ torch.linalg.lstsq(padded, features).solution
    torch.testing.assert_close(mean, expected, atol=2e-3, rtol=1e-3)
