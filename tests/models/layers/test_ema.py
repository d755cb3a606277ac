"""The moving average: by hand, with batch statistics, beside untouched live weights, resumable."""

import copy

import pytest
import torch
from torch import nn

from speech2img.models.layers.ema import EMA


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def step(module: nn.Module) -> None:
    module.train()(torch.randn(8, 3) * 3 + 1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter))


def test_average_by_hand_with_batch_statistics() -> None:
    live = network()
    ema = EMA(live, 0.75)
    expected = {name: value.clone() for name, value in live.state_dict().items()}
    for _ in range(3):
        step(live)
        ema.update(live)
        for name, value in live.state_dict().items():
            floating = value.is_floating_point()
            expected[name] = 0.75 * expected[name] + 0.25 * value if floating else value.clone()
    for name, value in ema.module.state_dict().items():
        assert torch.allclose(value, expected[name], atol=1e-6), name
    assert ema.module[1].running_mean.any(), "BatchNorm statistics are averaged"
    assert int(ema.module[1].num_batches_tracked) == 3


def test_live_weights_are_never_written_to() -> None:
    live = network()
    ema = EMA(live, 0.5)
    step(live)
    before = copy.deepcopy(live.state_dict())
    ema.update(live)
    assert all(torch.equal(value, before[name]) for name, value in live.state_dict().items())
    assert live.training and not ema.module.training
    assert all(parameter.requires_grad for parameter in live.parameters())
    assert not any(parameter.requires_grad for parameter in ema.module.parameters())
    addresses = {parameter.data_ptr() for parameter in live.parameters()}
    assert addresses.isdisjoint(parameter.data_ptr() for parameter in ema.module.parameters())


def test_warmup_forgets_the_start() -> None:
    live = network()
    slow, quick = EMA(live, 0.999), EMA(live, 0.999, warmup=True)
    step(live)
    slow.update(live)
    quick.update(live)
    start, weight = network()[0].weight, live[0].weight
    assert torch.allclose(quick.module[0].weight, 0.1 * start + 0.9 * weight, atol=1e-5)
    assert torch.allclose(slow.module[0].weight, 0.999 * start + 0.001 * weight, atol=1e-5)


def test_resumed_average_goes_on_exactly() -> None:
    live = network()
    ema = EMA(live, 0.9, warmup=True)
    step(live)
    ema.update(live)
    resumed = EMA(network(), 0.9, warmup=True)
    resumed.load_state_dict(copy.deepcopy(ema.state_dict()))
    step(live)
    ema.update(live)
    resumed.update(live)
    for name, value in ema.module.state_dict().items():
        assert torch.equal(value, resumed.module.state_dict()[name])
    assert resumed.num_updates == 2


def test_bad_decay_and_another_module() -> None:
    for decay in (-0.1, 1.0):
        with pytest.raises(ValueError, match="decay"):
            EMA(network(), decay)
    with pytest.raises(ValueError, match="structure"):
        EMA(network(), 0.9).update(nn.Linear(3, 2))
