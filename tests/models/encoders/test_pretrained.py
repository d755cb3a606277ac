"""The encoder on a pretrained front-end: what is stored, what is trained, what padding may do."""

from typing import Any

import pytest
import torch
from torch import Tensor

from speech2img.models.encoders import pretrained
from speech2img.models.encoders.layer_mix import LayerMix, normalized_states, pooled_steps, pooling_factors
from speech2img.models.encoders.pretrained import HEARD_AT_ONCE, PooledStates, PretrainedEncoder
from speech2img.models.encoders.registry import build_encoder

SMALL: dict[str, Any] = {
    "front_end": "whisper",
    "front_end_config": {"n_mels": 12, "width": 64, "num_layers": 2, "max_positions": 400},
    "width": 16,
    "num_layers": 1,
    "num_heads": 2,
    "embedding_dim": 24,
    "max_frames": 20,
}
LENGTHS = [9, 300, 77, 1]


def encoder(**settings: Any) -> PretrainedEncoder:
    """Small, with random weights, in evaluation mode."""
    torch.manual_seed(0)
    network = build_encoder(network="pretrained", **{**SMALL, **settings})
    assert isinstance(network, PretrainedEncoder)
    with torch.no_grad():
        network.mix.weights.copy_(torch.tensor([0.5, -1.0, 2.0]))
    return network.eval()


def padded(clips: list[Tensor], value: float) -> Tensor:
    """Clips (M, T) in a batch."""
    batch = torch.full((len(clips), clips[0].shape[0], max(clip.shape[1] for clip in clips) + 5), value)
    for row, clip in zip(batch, clips, strict=True):
        row[:, : clip.shape[1]] = clip
    return batch


@pytest.mark.parametrize(
    "settings", [{}, {"manner": True, "unit_length": False}, {"frame_stride": 3, "kernel": 5}, {"centred": True}]
)
@torch.inference_mode()
def test_neighbours_and_padding_change_no_embedding(settings: dict[str, Any]) -> None:
    network = encoder(**settings)
    clips = [torch.randn(12, length) for length in LENGTHS]
    batch = network(padded(clips, float("nan")), torch.tensor(LENGTHS))
    assert batch.sentence.shape == (4, 24) and batch.words.shape[2] == int(batch.word_lengths.max()) <= 20
    for row, clip in enumerate(clips):
        alone = network(clip[None], torch.tensor([clip.shape[1]]))
        count = int(alone.word_lengths)
        assert int(batch.word_lengths[row]) == count == alone.words.shape[2]
        torch.testing.assert_close(batch.sentence[row], alone.sentence[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(batch.words[row, :, :count], alone.words[0], atol=1e-5, rtol=0)
        assert not batch.words[row, :, count:].any()


@torch.inference_mode()
def test_a_constant_of_all_frames_changes_nothing_where_they_are_centred() -> None:
    frames, lengths, constant = torch.randn(2, 9, 64), torch.tensor([9, 4]), torch.randn(64)
    for centred in (True, False):
        network = encoder(centred=centred)
        plain, shifted = (network.encode_frames(x, lengths).sentence for x in (frames, frames + constant))
        assert torch.allclose(plain, shifted, atol=1e-5) == centred


@torch.inference_mode()
def test_at_most_the_asked_number_of_frames_are_handed_on() -> None:
    network = encoder()
    mel = torch.randn(1, 12, 800)
    for frames, expected in ((1, 1), (4, 1), (5, 2), (80, 20), (81, 14), (800, 20)):
        assert network(mel[..., :frames], torch.tensor([frames])).word_lengths.tolist() == [expected]


@pytest.mark.parametrize("manner", [False, True])
@torch.inference_mode()
def test_stored_frames_give_the_same_embeddings(manner: bool) -> None:
    network = encoder(manner=manner)
    mel, lengths = torch.randn(3, 12, 60), torch.tensor([60, 31, 8])
    direct = network(mel, lengths)
    frames, counts = network.mixed_frames(mel, lengths)
    assert frames.shape == (3, 15, network.frame_width) and counts.tolist() == [15, 8, 2]
    stored = network.encode_frames(frames.half().float(), counts)
    torch.testing.assert_close(stored.sentence, direct.sentence, atol=2e-3, rtol=0)
    torch.testing.assert_close(network.encode_frames(frames, counts).words, direct.words)
    pooled = network.pooled_states(mel, lengths)
    mixed = network.mix_states(PooledStates(*(part.half().float() for part in pooled[:2]), pooled.lengths_B))
    torch.testing.assert_close(mixed.frames_BSF, frames, atol=2e-3, rtol=0)


@torch.inference_mode()
def test_many_are_heard_a_few_at_a_time_and_come_out_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    network = encoder(manner=True)
    lengths = torch.tensor([60, 31, 8, 80, 2, 77, 12, 40, 5, 33])
    mel = torch.randn(10, 12, 90)
    heard: list[int] = []
    network.front_end.register_forward_pre_hook(lambda _, given: heard.append(len(given[0])))
    parts = network.pooled_states(mel, lengths)
    assert heard == [HEARD_AT_ONCE, HEARD_AT_ONCE, 2]
    monkeypatch.setattr(pretrained, "HEARD_AT_ONCE", 10)
    whole = network.pooled_states(mel, lengths)
    assert heard[3:] == [10]
    for part, other in zip(parts, whole, strict=True):
        assert part.shape == other.shape
        torch.testing.assert_close(part, other, atol=1e-5, rtol=0)


def test_a_frozen_front_end_stays_as_it_is_and_the_rest_learns() -> None:
    network = encoder().train()
    assert not network.front_end.training and network.adapter.training
    network(torch.randn(2, 12, 40), torch.tensor([40, 30])).sentence.sum().backward()
    learns = {name for name, value in network.named_parameters() if value.grad is not None}
    assert {name for name, _ in network.named_parameters() if not name.startswith("front_end.")} - learns == {
        "adapter.frames.weight",
        "adapter.frames.bias",
    }
    assert "mix.weights" in learns and not any(name.startswith("front_end.") for name in learns)


def test_a_tuned_front_end_learns() -> None:
    network = encoder(tuned=True).train()
    assert network.front_end.training
    network(torch.randn(2, 12, 40), torch.tensor([40, 30])).sentence.sum().backward()
    assert all(value.grad is not None for value in network.front_end.parameters())


@torch.inference_mode()
def test_sentences_have_unit_length_where_that_is_asked_for() -> None:
    mel, lengths = torch.randn(2, 12, 40), torch.tensor([40, 30])
    torch.testing.assert_close(encoder()(mel, lengths).sentence.norm(dim=1), torch.ones(2))
    assert not torch.allclose(encoder(unit_length=False)(mel, lengths).sentence.norm(dim=1), torch.ones(2), atol=0.01)


@torch.inference_mode()
def test_the_mix_is_a_softmax_of_normalised_states() -> None:
    states, mix = torch.randn(2, 3, 5, 8) * 7 + 2, LayerMix(3)
    torch.testing.assert_close(mix(states), states.mean(dim=1))
    mix.weights.copy_(torch.tensor([0.0, 1.0, 3.0]))
    weights = torch.tensor([1.0, torch.e, torch.e**3]) / (1 + torch.e + torch.e**3)
    torch.testing.assert_close(mix(states), (weights[:, None, None] * states).sum(dim=1))
    normal = normalized_states(states)
    torch.testing.assert_close(normal.mean(dim=3), torch.zeros(2, 3, 5), atol=1e-6, rtol=0)
    torch.testing.assert_close(normal.var(dim=3, unbiased=False), torch.ones(2, 3, 5), atol=1e-4, rtol=0)


def test_neighbouring_steps_are_averaged_row_by_row() -> None:
    lengths = torch.tensor([7, 2, 30])
    factors = pooling_factors(lengths, stride=2, max_frames=10)
    assert factors.tolist() == [2, 2, 3]
    steps = torch.randn(3, 30, 4)
    frames, counts = pooled_steps(steps, lengths, factors)
    assert counts.tolist() == [4, 1, 10] and frames.shape == (3, 10, 4)
    torch.testing.assert_close(frames[0, 1], steps[0, 2:4].mean(dim=0))
    torch.testing.assert_close(frames[0, 3], steps[0, 6])
    torch.testing.assert_close(frames[2, 9], steps[2, 27:30].mean(dim=0))
    assert not frames[0, 4:].any() and not frames[1, 1:].any()


def test_contradictions_are_refused() -> None:
    for settings in ({"kernel": 4}, {"max_frames": 0}, {"num_heads": 3}):
        with pytest.raises(ValueError, match=r"odd|must divide"):
            encoder(**settings)
    with pytest.raises(ValueError, match="front_end must be one of"):
        encoder(front_end="hubert9")
