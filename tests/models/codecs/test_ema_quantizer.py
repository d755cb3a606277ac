"""A codebook that follows the latents: the published average in float64, step by step, and no gradient to it."""

import pytest
import torch

from speech2img.models.codecs.ema_quantizer import EMAQuantizer


def quantizer(**settings: float) -> EMAQuantizer:
    torch.manual_seed(0)
    return EMAQuantizer(6, 3, **settings)


def test_codes_follow_the_mean_of_their_latents() -> None:
    ours = quantizer(decay=0.8)
    codes, counts = ours.codebook.weight.double().clone(), torch.zeros(6, dtype=torch.float64)
    sums = codes.clone()
    for _ in range(5):
        latents = 2 * torch.randn(2, 3, 4, 5)
        result = ours(latents)
        ours.follow_(torch.bincount(result.tokens_Bhw.flatten(), minlength=6), ours.latent_sums(latents, result[1]))
        # The published rule in words of one row at a time.
        rows = latents.movedim(1, -1).reshape(-1, 3).double()
        nearest = (rows[:, None] - codes).square().sum(dim=2).argmin(dim=1)
        assert torch.equal(nearest, result.tokens_Bhw.flatten())
        for code in range(6):
            chosen = rows[nearest == code]
            counts[code] = 0.8 * counts[code] + 0.2 * len(chosen)
            sums[code] = 0.8 * sums[code] + 0.2 * chosen.sum(dim=0)
        smoothed = (counts + 1e-5) / (counts.sum() + 6e-5) * counts.sum()
        codes = sums / smoothed[:, None]
        torch.testing.assert_close(ours.codebook.weight.double(), codes, atol=1e-4, rtol=1e-4)


def test_the_loss_moves_the_latents_alone() -> None:
    ours, latents = quantizer(commitment=0.5), torch.randn(1, 3, 2, 2, requires_grad=True)
    result = ours(latents)
    before = ours.codebook.weight.clone()
    (result.penalty + result.vectors_BChw.sum()).backward()
    difference = latents - ours.vectors(result.tokens_Bhw)
    torch.testing.assert_close(latents.grad, (1 + 0.5 * 2 * difference / latents.numel()).detach())
    assert ours.codebook.weight.grad is None and torch.equal(ours.codebook.weight, before)
    torch.testing.assert_close(result.penalty.detach(), 0.5 * difference.square().mean().detach())


def test_a_revived_code_stands_for_one_latent() -> None:
    ours = quantizer()
    places, chosen = torch.zeros(6, 3), torch.zeros(6, dtype=torch.bool)
    places[[4, 1]] = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    chosen[[4, 1]] = True
    others = ours.codebook.weight[~chosen].clone()
    ours.replace_(chosen, places)
    assert torch.equal(ours.codebook.weight[~chosen], others)
    assert ours.codebook.weight[1].tolist() == [4.0, 5.0, 6.0] and ours.counts_K.tolist() == [0, 1, 0, 0, 1, 0]
    # Left alone, it stays where it was put.
    ours.follow_(torch.zeros(6), torch.zeros(6, 3))
    torch.testing.assert_close(ours.codebook.weight[4], torch.tensor([1.0, 2.0, 3.0]), atol=1e-3, rtol=1e-3)


def test_a_decay_out_of_range_is_refused() -> None:
    for decay in (-0.1, 1.0):
        with pytest.raises(ValueError, match="decay must be in 0..1"):
            quantizer(decay=decay)
