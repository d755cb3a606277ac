"""The benchmarks' own parts: published recipes that agree with this library, and the count of live bytes."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from speech2img.systems.registry import preset

FOLDER = Path(__file__).parents[2] / "tools" / "benchmark"


@pytest.fixture(scope="module")
def parts() -> Iterator[SimpleNamespace]:
    """Modules of tools/benchmark."""
    sys.path.insert(0, str(FOLDER))
    names = (
        "diffusion_memory",
        "encoder",
        "generator",
        "live_bytes",
        "memory",
        "published_encoder",
        "trainings",
        "turns",
    )
    try:
        yield SimpleNamespace(**{name: __import__(name) for name in names})
    finally:
        sys.path.remove(str(FOLDER))


def small(parts: SimpleNamespace, **changes: Any) -> Any:
    """Settings of a generator of two stages."""
    return parts.generator.settings_of(2, 8, 4, **changes)


def test_live_bytes_follow_what_is_alive(parts: SimpleNamespace) -> None:
    weights = torch.ones(100)
    with parts.live_bytes.LiveBytes([weights, weights[:50]]) as live:
        x = weights * 2
        assert live.now == 800
        view = x.view(10, 10)
        del x
        assert live.now == 800
        del view
        assert (live.now, live.peak) == (400, 800)
        leaf = torch.ones(100, requires_grad=True)
        loss = leaf.exp().sum()
        assert live.now == 400 + 400 + 400 + 4
        loss.backward()
        del loss
        assert live.now == 400 + 400 + 400  # weights, leaf, its gradient


def test_the_count_without_computing_is_the_count_of_a_step(parts: SimpleNamespace) -> None:
    task = parts.trainings.generator_task(small(parts), torch.device("cpu"))
    computed = parts.memory.counted(task, real=True)
    assert parts.memory.counted(task, real=False).peak == pytest.approx(computed.peak, rel=0.02)
    assert computed.weights + computed.moments < computed.peak


def test_memory_of_attngan_is_counted_as_it_is_computed(parts: SimpleNamespace) -> None:
    settings = parts.memory.attngan_settings(2, 4, precision="fp32", memory="low")
    model = replace(settings.model, num_stages=2, width=4, discriminator_width=4)
    small = replace(settings, model=model, augmentation="none")
    task = parts.trainings.attngan_task(small, torch.device("cpu"), pictures=16, frames=8)
    computed = parts.memory.counted(task, real=True)
    assert parts.memory.counted(task, real=False).peak == pytest.approx(computed.peak, rel=0.02)
    assert settings.model.recompute and computed.weights + computed.moments < computed.peak


def test_low_memory_has_equal_losses_and_a_lower_peak(parts: SimpleNamespace) -> None:
    losses, above = [], []
    for memory in ("normal", "low"):
        torch.manual_seed(3)
        task = parts.trainings.generator_task(small(parts, memory=memory), torch.device("cpu"))
        count = parts.memory.counted(task, real=False)
        above.append(count.peak - count.weights - count.moments)
        torch.manual_seed(4)
        losses.append([task.train_step(task.next_batch(), 0.0) for _ in range(2)])
    assert above[1] < 0.8 * above[0]
    for low, normal in zip(*losses[::-1], strict=True):
        assert {name: float(value) for name, value in low.items()} == pytest.approx(
            {name: float(value) for name, value in normal.items()}, rel=1e-4
        )


def test_a_diffusion_is_counted_without_computing_and_low_memory_has_a_lower_peak(parts: SimpleNamespace) -> None:
    published, peaks = preset("generator", "s2ivq-d-published"), {}
    for memory in ("normal", "low"):
        model = replace(published.model, width=32, depth=4, num_heads=2)
        loop = replace(published.loop, precision="fp32")
        settings = replace(published, model=model, memory=memory, batch_size=2, loop=loop)
        task = parts.diffusion_memory.diffusion_task(settings, codes=50, device=torch.device("cpu"))
        peaks[memory] = parts.diffusion_memory.counted(task).peak
    computed = parts.diffusion_memory.counted(task, real=True)
    assert peaks["low"] == pytest.approx(computed.peak, rel=0.05) and peaks["low"] < 0.7 * peaks["normal"]


def test_the_published_step_and_ours_have_the_same_losses(parts: SimpleNamespace) -> None:
    settings = small(parts)
    torch.manual_seed(0)
    task = parts.trainings.generator_task(settings, torch.device("cpu"))
    training = parts.generator.published_training(settings, torch.device("cpu"))
    assert parts.generator.compare(training, task, settings) < parts.generator.CLOSE
    live = zip(training.average, training.generator.parameters(), strict=True)
    assert any(not torch.equal(average, parameter) for average, parameter in live)


def test_the_published_encoder_is_the_published_setting_of_ours(parts: SimpleNamespace) -> None:
    from speech2img.models.encoders.li2020 import Li2020Encoder
    from speech2img.models.published.li2020 import convert_li2020_encoder, li2020_encoder_settings

    torch.manual_seed(0)
    published = parts.published_encoder.PublishedEncoder().eval()
    state = convert_li2020_encoder(published.state_dict())
    ours = Li2020Encoder(**li2020_encoder_settings(state)).eval()
    ours.load_state_dict(state)
    lengths = torch.tensor([700, 130])
    mel = torch.zeros(2, 40, 2048)
    for row, length in enumerate(lengths.tolist()):
        mel[row, :, :length] = -80 * torch.rand(40, length)
    with torch.no_grad():
        torch.testing.assert_close(ours(mel, lengths).sentence, published(mel, lengths), rtol=1e-4, atol=1e-5)


def test_ways_take_turns_and_the_first_round_is_not_counted(parts: SimpleNamespace) -> None:
    order: list[str] = []

    def step(name: str, seconds: float) -> dict[str, float]:
        order.append(name)
        return {"wall": seconds, "cpu": 2 * seconds}

    steps = {"slow": lambda: step("slow", 4.0), "fast": lambda: step("fast", 1.0)}
    results = parts.turns.take_turns(steps, rounds=2)
    assert order == ["slow", "fast", "fast", "slow", "slow", "fast"]
    assert parts.turns.times(results, "slow", "cpu") == {"slow": 1.0, "fast": 4.0}


def test_a_child_serves_ways(parts: SimpleNamespace, tmp_path: Path) -> None:
    script = tmp_path / "child.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(FOLDER)!r})\nfrom turns import serve\n"
        "serve({'count': lambda: sum(range(9))}, n=3)"
    )
    with parts.turns.servers(str(script), {"a": []}, {"a": parts.turns.plain_environment()}) as started:
        assert started["a"].ways == ["count"] and started["a"].found == {"n": 3}
        assert started["a"].step("count")["wall"] >= 0


def test_made_utterances_are_of_the_asked_lengths(parts: SimpleNamespace) -> None:
    lengths = parts.trainings.utterance_lengths(None, 100)
    assert len(lengths) == 100 and lengths.min() >= 150 and lengths.max() <= 900
    assert parts.trainings.MadeMels(lengths).read(4).shape == (lengths[4], 40)
    assert np.array_equal(parts.trainings.MadeMels(lengths).read(4), parts.trainings.MadeMels(lengths).read(4))
