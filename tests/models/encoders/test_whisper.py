"""Whisper's encoder as a front-end: padding, lengths, states."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from speech2img.models.encoders.front_ends import build_front_end
from speech2img.models.encoders.whisper import WhisperEncoder, sinusoids


@pytest.fixture(scope="module")
def network() -> WhisperEncoder:
    """Small, with random weights."""
    torch.manual_seed(0)
    return WhisperEncoder(n_mels=10, width=64, num_layers=2, max_positions=40).eval()


@torch.inference_mode()
def test_neighbours_and_padding_change_nothing(network: WhisperEncoder) -> None:
    lengths = [7, 80, 33, 1]
    clips = [torch.randn(10, length) for length in lengths]
    batch = torch.full((4, 10, 80), float("nan"))
    for row, clip in zip(batch, clips, strict=True):
        row[:, : clip.shape[1]] = clip
    states, steps = network(batch, torch.tensor(lengths))
    assert states.shape == (4, 3, 40, 64) and steps.tolist() == [4, 40, 17, 1]
    for row, clip, count in zip(states, clips, steps.tolist(), strict=True):
        alone, own = network(clip[None], torch.tensor([clip.shape[1]]))
        assert own.tolist() == [count] and alone.shape[2] == count
        torch.testing.assert_close(row[:, :count], alone[0], atol=1e-5, rtol=0)


@torch.inference_mode()
def test_the_states_are_those_of_torch_s_own_transformer(network: WhisperEncoder) -> None:
    mel = torch.randn(2, 10, 30)
    states, _ = network(mel, torch.tensor([30, 30]))
    x = F.gelu(network.conv2(F.gelu(network.conv1(mel)))).transpose(1, 2) + sinusoids(40, 64)[:15]
    torch.testing.assert_close(states[:, 0], x)
    for number, block in enumerate(network.layers):
        layer = nn.TransformerEncoderLayer(64, 1, 256, 0.0, F.gelu, batch_first=True, norm_first=True).eval()
        layer.load_state_dict(
            {
                f"{theirs}.{part}" if "in_proj" not in theirs else f"{theirs}_{part}": getattr(ours, part)
                for theirs, ours in {
                    "self_attn.in_proj": block.attention.qkv,
                    "self_attn.out_proj": block.attention.out,
                    "linear1": block.mlp_in,
                    "linear2": block.mlp_out,
                    "norm1": block.attention_norm,
                    "norm2": block.mlp_norm,
                }.items()
                for part in ("weight", "bias")
            }
        )
        x = layer(x)
        expected = network.norm(x) if number == 1 else x
        torch.testing.assert_close(states[:, number + 1], expected, atol=1e-5, rtol=1e-5)


def test_position_encodings_are_the_published_formula() -> None:
    positions = sinusoids(1500, 384)
    step, column = 1234, 57
    rate = 10_000 ** (-column / 191)
    assert positions[step, column] == pytest.approx(torch.tensor(step * rate).sin().item(), abs=1e-3)
    assert positions[step, 192 + column] == pytest.approx(torch.tensor(step * rate).cos().item(), abs=1e-3)
    assert positions.shape == (1500, 384) and positions[0].sum() == 192


def test_what_does_not_fit_is_said(network: WhisperEncoder) -> None:
    with pytest.raises(ValueError, match="expected mel of shape"):
        network(torch.zeros(1, 11, 5), torch.tensor([5]))
    with pytest.raises(ValueError, match="lengths must be"):
        network(torch.zeros(1, 10, 5), torch.tensor([6]))
    with pytest.raises(ValueError, match="may have 80 frames, got 81"):
        network(torch.zeros(1, 10, 81), torch.tensor([81]))
    with pytest.raises(ValueError, match="multiple of 64"):
        WhisperEncoder(width=100)
    with pytest.raises(ValueError, match="front_end must be one of whisper"):
        build_front_end("wav2vec")


def test_a_clip_behind_which_there_is_more_padding_than_30_s_is_encoded(network: WhisperEncoder) -> None:
    states, steps = network(torch.zeros(1, 10, 200), torch.tensor([60]))
    assert states.shape[2] == 30 == int(steps)
