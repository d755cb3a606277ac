"""The flow's network: what it sees of speech, and what not."""

import pytest
import torch

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.flow_transformer import FlowTransformer

SIZES = {"embedding_dim": 6, "channels": 3, "side": 4, "width": 16, "depth": 2, "num_heads": 2}


def network(**settings: object) -> FlowTransformer:
    """One whose layers that start at zero are drawn."""
    torch.manual_seed(0)
    flow = FlowTransformer(**{**SIZES, **settings})  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in flow.parameters():
            if not parameter.any():
                parameter.normal_(std=0.2)
    return flow.eval()


def speech(lengths: list[int], *, padding: float = 0.0) -> SpeechEncoding:
    generator = torch.Generator().manual_seed(1)
    words = torch.randn(len(lengths), 6, max(lengths), generator=generator)
    for row, length in enumerate(lengths):
        words[row, :, length:] = padding
    return SpeechEncoding(torch.randn(len(lengths), 6, generator=generator), words, torch.tensor(lengths))


STATE, TIMES = torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(2)), torch.tensor([0.0, 0.4, 1.0])


def test_the_velocity_starts_at_zero_and_has_the_latents_shape() -> None:
    flow = FlowTransformer(**SIZES)
    velocity = flow(STATE, TIMES, flow.condition(speech([2, 5, 3])))
    assert velocity.shape == STATE.shape and not velocity.any()


def test_padding_is_not_seen_and_frames_are() -> None:
    flow, given = network(), speech([2, 5, 3])
    plain = flow(STATE, TIMES, flow.condition(given))
    padded = flow(STATE, TIMES, flow.condition(speech([2, 5, 3], padding=9.0)))
    torch.testing.assert_close(plain, padded)
    alone = SpeechEncoding(given.sentence[:1], given.words[:1, :, :2], given.word_lengths[:1])
    torch.testing.assert_close(plain[:1], flow(STATE[:1], TIMES[:1], flow.condition(alone)), atol=1e-5, rtol=1e-4)
    words = given.words.clone()
    words[1, :, 4] += 3.0
    changed = flow(STATE, TIMES, flow.condition(given._replace(words=words)))
    assert torch.equal(changed[[0, 2]], plain[[0, 2]]) and (changed[1] - plain[1]).abs().max() > 1e-3


def test_the_sentence_alone_is_enough_where_frames_are_not_needed() -> None:
    flow, given = network(needs_frames=False), speech([2, 5, 3])
    of_sentences = SpeechEncoding.of_sentences(given.sentence)
    plain = flow(STATE, TIMES, flow.condition(given))
    assert torch.equal(plain, flow(STATE, TIMES, flow.condition(of_sentences)))
    other = flow(STATE, TIMES, flow.condition(SpeechEncoding.of_sentences(given.sentence + 1)))
    assert (other - plain).abs().max() > 1e-3
    framed = network()
    assert framed(STATE, TIMES, framed.condition(of_sentences)).isfinite().all()


def test_rows_without_speech_do_not_depend_on_it() -> None:
    flow, given = network(), speech([2, 5, 3])
    kept = torch.tensor([True, False, False])
    plain, dropped = (flow(STATE, TIMES, flow.condition(given, rows)) for rows in (None, kept))
    torch.testing.assert_close(dropped[:1], plain[:1])
    assert (dropped[1:] - plain[1:]).abs().amax(dim=(1, 2, 3)).min() > 1e-3
    other = SpeechEncoding(given.sentence + 1, given.words.flip(2) - 1, torch.tensor([5, 1, 4]))
    torch.testing.assert_close(flow(STATE, TIMES, flow.condition(other, kept))[1:], dropped[1:], atol=1e-5, rtol=1e-4)


def test_places_and_times_are_told_apart() -> None:
    flow, condition = network(), network().condition(speech([2, 2, 2]))
    same = flow(torch.zeros(3, 3, 4, 4), TIMES, condition)
    assert (same[0, :, :2, :2] - same[0, :, 2:, 2:]).abs().max() > 1e-3
    one = condition._replace(sentence_BW=condition.sentence_BW[:1].expand(3, -1))
    one = one._replace(steps_BSW=condition.steps_BSW[:1].expand(3, -1, -1))
    by_time = flow(torch.zeros(3, 3, 4, 4), TIMES, one)
    assert (by_time[0] - by_time[2]).abs().max() > 1e-3


def test_all_weights_learn() -> None:
    flow = network().train()
    kept = torch.tensor([True, True, False])
    flow(STATE, TIMES, flow.condition(speech([2, 5, 3]), kept)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in flow.parameters())


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="patch must divide the side of the latents, 4, got 3"):
        FlowTransformer(**{**SIZES, "patch": 3})
    with pytest.raises(ValueError, match="num_heads must divide"):
        FlowTransformer(**{**SIZES, "num_heads": 3})
    with pytest.raises(ValueError, match="1 or more"):
        FlowTransformer(**{**SIZES, "depth": 0})
