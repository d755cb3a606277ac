"""Activations computed again: the same bits as when they are kept, statistics moved once, less kept."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.generators.stackgan import StackGenerator
from speech2img.models.layers.activation_checkpointing import checkpointed

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def kept_bytes(generator: StackGenerator, embedding: Tensor, noise: Tensor, eps: Tensor) -> tuple[int, list[Tensor]]:
    """Bytes that a forward pass keeps for the backward pass, and all gradients and buffers after it."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = generator(embedding, noise, eps=eps)
    weights = {parameter.untyped_storage().data_ptr() for parameter in generator.parameters()}
    loss = torch.stack([image.square().mean() for image in output.images]).sum() + output.mu.mean()
    loss.backward()
    found = [loss, *(p.grad for p in generator.parameters() if p.grad is not None), *generator.buffers()]
    return sum(size for place, size in kept.items() if place not in weights), found


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("dense", [False, True])
def test_recomputing_changes_no_bit_and_keeps_less(device: str, half: bool, dense: bool) -> None:
    torch.manual_seed(0)
    start = StackGenerator(
        embedding_dim=8, condition_dim=4, noise_dim=3, width=8, num_stages=2, residual_blocks=1, dense=dense
    ).to(device)
    inputs = [torch.randn(3, size, device=device) for size in (8, 3, 4)]
    kept, results = [], []
    for what in ("nothing", "gates", "stages"):
        generator = copy.deepcopy(start)
        generator.checkpoint_(what)
        with torch.autocast(device, torch.bfloat16, enabled=half):
            size, found = kept_bytes(generator, *inputs)
        kept.append(size)
        results.append(found)
    assert kept[1] < 0.8 * kept[0] and kept[2] < 0.6 * kept[0]
    for found in results[1:]:
        assert len(found) == len(results[0]) > 20
        for value, expected in zip(found, results[0], strict=True):
            if device == "cpu":
                assert torch.equal(value, expected)
            else:
                torch.testing.assert_close(value, expected)


def test_statistics_move_once_and_are_the_same_buffers() -> None:
    norm = nn.BatchNorm1d(2)
    buffers = dict(norm.named_buffers())
    x = torch.randn(5, 2, requires_grad=True)
    checkpointed(norm, lambda value: norm(value).sin(), x).sum().backward()
    assert int(norm.num_batches_tracked) == 1
    assert torch.allclose(norm.running_mean, 0.1 * x.detach().mean(0))
    assert all(buffer is buffers[name] for name, buffer in norm.named_buffers())


def test_nothing_is_recomputed_without_gradients() -> None:
    calls = []

    def step(x: Tensor) -> Tensor:
        calls.append(1)
        return F.relu(x)

    with torch.no_grad():
        assert checkpointed(nn.Identity(), step, torch.ones(2)).sum() == 2
    assert len(calls) == 1
