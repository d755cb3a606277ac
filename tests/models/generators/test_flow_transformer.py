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


@pytest.mark.parametrize("settings", [{"cross_attention": False}, {"value_counts": [2, 3]}])
def test_the_sentence_is_seen_by_norms_alone_and_as_attributes(settings: dict[str, object]) -> None:
    flow, given = network(needs_frames=False, **settings), speech([2, 5, 3])
    plain = flow(STATE, TIMES, flow.condition(given))
    changed = given._replace(sentence=given.sentence + torch.tensor([[0.0], [1.0], [0.0]]))
    other = flow(STATE, TIMES, flow.condition(changed))
    assert torch.equal(other[[0, 2]], plain[[0, 2]]) and (other[1] - plain[1]).abs().max() > 1e-3
    spoken = torch.tensor([True, False, True])
    silent, unlike = (flow(STATE, TIMES, flow.condition(one, spoken)) for one in (given, changed))
    assert torch.equal(silent, unlike) and (silent[1] - plain[1]).abs().max() > 1e-3


def test_attributes_are_read_off_the_sentence_without_its_noise() -> None:
    flow, given = network(needs_frames=False, value_counts=[2, 3]), speech([1, 1, 1])
    weight = torch.zeros(5, 6)
    weight[0, 0] = weight[3, 1] = 50.0
    flow.read_with_(weight, torch.tensor([0.0, 1.0, 0.0, 0.0, -9.0]))
    sentence = torch.tensor([[1.0, 1.0, 0, 0, 0, 0], [-1.0, 1.0, 0, 0, 0, 0], [1.0, -1.0, 0, 0, 0, 0]])
    steps = flow.condition(given, read_from_BD=sentence).steps_BSW - flow.attribute_steps
    values = flow.value_steps
    torch.testing.assert_close(steps[:, 0], values[[0, 1, 0]])
    torch.testing.assert_close(steps[:, 1], values[[3, 3, 2]])
    as_read = flow.condition(given._replace(sentence=sentence)).steps_BSW
    torch.testing.assert_close(as_read, steps + flow.attribute_steps)


def test_without_cross_attention_a_third_of_a_block_is_saved() -> None:
    whole, bare = (network(needs_frames=False, cross_attention=on) for on in (True, False))
    counts = [sum(value.numel() for value in flow.blocks.parameters()) for flow in (whole, bare)]
    assert 0.6 < counts[1] / counts[0] < 0.75


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"cross_attention": False}, "frames need cross_attention"),
        ({"value_counts": [2]}, "value_counts of 2 or more need cross_attention, and no frames"),
        ({"value_counts": [2], "needs_frames": False, "cross_attention": False}, "value_counts of 2 or more"),
        ({"value_counts": [2, 1], "needs_frames": False}, "value_counts of 2 or more"),
    ],
)
def test_settings_that_contradict_each_other(settings: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        FlowTransformer(**{**SIZES, **settings})  # type: ignore[arg-type]


def test_predicted_data_are_reached_in_the_rest_of_the_time() -> None:
    flow, condition = FlowTransformer(**SIZES, prediction="data"), network().condition(speech([2, 5, 3]))
    # At the start the latents given are zero; the rest of the time is never taken for less than 0.05.
    expected = -STATE / torch.tensor([1.0, 0.6, 0.05])[:, None, None, None]
    torch.testing.assert_close(flow(STATE, TIMES, condition), expected)
    drawn, given = network(prediction="data"), network()
    velocity = drawn(STATE, TIMES, condition)
    reached = STATE + velocity * torch.tensor([1.0, 0.6, 0.05])[:, None, None, None]
    torch.testing.assert_close(reached, given(STATE, TIMES, condition), atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="prediction must be one of velocity, data, got 'noise'"):
        FlowTransformer(**SIZES, prediction="noise")  # type: ignore[arg-type]


def test_patches_of_more_numbers_than_the_width_are_learned_by_predicting_data() -> None:
    def loss_after_training(prediction: str) -> float:
        torch.manual_seed(0)
        sizes = {**SIZES, "channels": 16, "patch": 4, "width": 8, "num_heads": 1, "needs_frames": False}
        flow = FlowTransformer(**sizes, prediction=prediction)  # type: ignore[arg-type]
        optimizer, basis = torch.optim.Adam(flow.parameters(), 3e-3), torch.randn(2, 256)
        losses = []
        for _ in range(400):
            sentence = torch.randn(32, 6)
            data = (sentence[:, :2] @ basis).view(32, 16, 4, 4)
            noise, time = torch.randn_like(data), (torch.randn(32) - 0.8).sigmoid()
            state = torch.lerp(noise, data, time[:, None, None, None])
            condition = flow.condition(SpeechEncoding.of_sentences(sentence))
            loss = (flow(state, time, condition) - (data - noise)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        return sum(losses[-50:]) / 50

    # 8 numbers cannot carry the noise of 256.
    assert loss_after_training("data") < 0.3 * loss_after_training("velocity")
