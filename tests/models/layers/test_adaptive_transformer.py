"""Blocks that a condition steers: attention as PyTorch's own, no effect at the start, masked steps unseen."""

import math

import pytest
import torch
from torch import nn

from speech2img.models.layers.adaptive_transformer import AdaptiveBlock, CrossAttention, TimeEmbedding
from speech2img.models.layers.transformer import attention_mask, valid_steps


def test_cross_attention_is_that_of_pytorch() -> None:
    torch.manual_seed(0)
    ours, theirs = CrossAttention(12, 3), nn.MultiheadAttention(12, 3, batch_first=True)
    theirs.in_proj_weight.data = torch.cat([ours.query.weight, ours.key_value.weight]).detach()
    theirs.in_proj_bias.data = torch.cat([ours.query.bias, ours.key_value.bias]).detach()
    theirs.out_proj.load_state_dict(ours.out.state_dict())
    tokens, steps = torch.randn(2, 5, 12), torch.randn(2, 4, 12)
    valid = valid_steps(torch.tensor([2, 4]), 4, torch.device("cpu"))
    assert valid is not None
    expected, _ = theirs(tokens, steps, steps, key_padding_mask=~valid)
    torch.testing.assert_close(ours(tokens, steps, attention_mask(valid)), expected)


def test_a_block_adds_nothing_at_the_start_and_obeys_its_gates() -> None:
    torch.manual_seed(1)
    block = AdaptiveBlock(8, 2, 16)
    nn.init.zeros_(block.cross_attention.out.bias)
    tokens, steps = torch.randn(3, 4, 8), torch.randn(3, 2, 8)
    assert torch.equal(block(tokens, torch.zeros(3, 6, 8), steps, None), tokens)

    # The gate of the network alone, with shift and scale by hand.
    modulation = torch.zeros(3, 6, 8)
    modulation[:, 3], modulation[:, 4], modulation[:, 5] = 0.5, 1.0, 2.0
    normal = nn.functional.layer_norm(tokens, (8,))
    hidden = nn.functional.gelu(block.mlp_in(normal * 2 + 0.5))
    torch.testing.assert_close(block(tokens, modulation, steps, None), tokens + 2 * block.mlp_out(hidden))


def test_times_are_told_apart() -> None:
    torch.manual_seed(2)
    embedding = TimeEmbedding(16)
    seen: list[torch.Tensor] = []
    embedding.layers[0].register_forward_hook(lambda layer, given, result: seen.append(given[0]))
    embedding(torch.tensor([0.0, 0.25, 1.0]))
    angles = torch.tensor([[250.0, 250.0 * math.exp(-math.log(1e4) / 128)]])
    torch.testing.assert_close(seen[0][1:2, :2], angles.cos(), atol=1e-4, rtol=0)
    torch.testing.assert_close(seen[0][1:2, 128:130], angles.sin(), atol=1e-4, rtol=0)
    assert torch.equal(seen[0][0], torch.cat([torch.ones(128), torch.zeros(128)]))


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="num_heads must divide"):
        AdaptiveBlock(8, 3, 16)
