"""S2IGAN's speech encoder: sizes, lengths, attention, masking, the published forms."""

import copy

import pytest
import torch
from torch import nn

from speech2img.models.encoders.li2020 import Li2020Encoder
from speech2img.models.encoders.registry import ENCODERS, build_encoder
from speech2img.models.encoders.s2igan import S2IGANEncoder, SelfAttention
from speech2img.models.layers.masked_batch_norm import MaskedBatchNorm

SMALL = {"n_mels": 8, "channels": (6, 10), "embedding_dim": 12, "attention_dim": 5}
LENGTHS = torch.tensor([300, 100, 17, 16, 9, 1])
STEPS = [72, 22, 1, 1, 1, 1]


def small_encoder(**changes: object) -> S2IGANEncoder:
    torch.manual_seed(0)
    return S2IGANEncoder(**{**SMALL, **changes})  # type: ignore[arg-type]


def lively(encoder: S2IGANEncoder) -> S2IGANEncoder:
    """Norms that shift, so that zeros do not stay zeros."""
    for module in encoder.modules():
        if isinstance(module, MaskedBatchNorm):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.bias)
    return encoder


def test_parameter_count_of_the_published_network() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in S2IGANEncoder().parameters()) == 7_025_344


def test_lengths_shapes_and_unit_norm() -> None:
    encoding = small_encoder().eval()(torch.randn(6, 8, 320), LENGTHS)
    assert encoding.word_lengths.tolist() == STEPS
    assert encoding.sentence.shape == (6, 12) and encoding.words.shape == (6, 12, 72)
    torch.testing.assert_close(encoding.sentence.norm(dim=1), torch.ones(6))
    for row, steps in enumerate(STEPS):
        assert not encoding.words[row, :, steps:].any() and encoding.words[row, :, :steps].any()


def test_attention_by_hand() -> None:
    """Two steps of two dimensions: W1 the identity, W2 doubles, each dimension with weights of its own."""
    attention = SelfAttention(2, 2)
    with torch.no_grad():
        attention.hidden.weight.copy_(torch.eye(2))
        attention.out.weight.copy_(2 * torch.eye(2))
        attention.hidden.bias.zero_()
        attention.out.bias.copy_(torch.tensor([0.0, 5.0]))  # the same for every step: no effect
    steps = torch.tensor([[[1.0, -1.0], [3.0, 0.0], [0.0, 0.0]]])
    weights = torch.stack([torch.exp(2 * torch.tanh(steps[0, :2, d])) for d in range(2)], dim=1)
    valid = torch.tensor([[True, True, False]])
    expected = (weights * steps[0, :2]).sum(0) / weights.sum(0)
    torch.testing.assert_close(attention(steps, valid)[0], expected)
    unmasked = (weights * steps[0, :2]).sum(0) / (weights.sum(0) + 1.0)  # exp(2 tanh 0) = 1 goes to the padding
    torch.testing.assert_close(attention(steps, None)[0], unmasked)


@pytest.mark.parametrize("masked", [True, False])
def test_in_evaluation_every_utterance_is_as_if_alone(masked: bool) -> None:
    encoder = lively(small_encoder(masked=masked)).eval()
    mel = torch.randn(6, 8, 320)
    noisy = mel.clone()
    for row, length in enumerate(LENGTHS):
        noisy[row, :, length:] = torch.nan
    together = encoder(noisy, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = encoder(mel[row : row + 1, :, :length], LENGTHS[row : row + 1])
        torch.testing.assert_close(alone.sentence[0], together.sentence[row], atol=1e-6, rtol=1e-4)


def test_in_training_padding_counts_only_as_published() -> None:
    mel, lengths = torch.randn(3, 8, 200), torch.tensor([200, 90, 40])
    other = mel.clone()
    for row, length in enumerate(lengths):
        other[row, :, length:] += 3.0
    for masked in (True, False):
        encoder = small_encoder(masked=masked).train()
        first, second = copy.deepcopy(encoder)(mel, lengths).sentence, encoder(other, lengths).sentence
        assert torch.allclose(first, second, atol=1e-5) is masked


def test_published_training_gives_weight_to_padding() -> None:
    encoder = small_encoder(masked=False).train()
    encoding = encoder(torch.randn(2, 8, 320), torch.tensor([300, 100]))
    assert encoding.words.shape[2] == 72, "steps of the longest utterance, whatever the batch is padded to"
    pooled = encoder.attention(encoding.words.transpose(1, 2), None)
    torch.testing.assert_close(encoding.sentence, nn.functional.normalize(pooled, dim=1))


def test_start_of_the_attention() -> None:
    def is_orthogonal(weight: torch.Tensor) -> bool:
        short = weight if weight.shape[0] < weight.shape[1] else weight.T
        return torch.allclose(short @ short.T, torch.eye(len(short)), atol=1e-5)

    corrected, published = SelfAttention(12, 5), SelfAttention(12, 5, start="published")
    assert is_orthogonal(corrected.hidden.weight) and is_orthogonal(corrected.out.weight)
    assert is_orthogonal(published.hidden.weight) and not is_orthogonal(published.out.weight)
    with pytest.raises(ValueError, match="start"):
        SelfAttention(12, 5, start="xavier")  # type: ignore[arg-type]


def test_every_parameter_learns_even_from_one_short_utterance() -> None:
    for length in (1, 300):
        encoder = small_encoder()
        sentence = encoder(torch.randn(2, 8, length), torch.tensor([length, length])).sentence
        (sentence * torch.randn(12)).sum().backward()
        for name, parameter in encoder.named_parameters():
            assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
    assert encoder.convs[0].weight.grad is not None and encoder.convs[0].weight.grad.any()


def test_bfloat16_autocast_gives_nearly_the_same_float32_sentences() -> None:
    encoder = small_encoder()
    mel, lengths = torch.randn(4, 8, 300), torch.tensor([300, 200, 64, 20])
    full = copy.deepcopy(encoder)(mel, lengths).sentence
    with torch.autocast("cpu", torch.bfloat16):
        half = encoder(mel, lengths).sentence
    half.sum().backward()
    assert half.dtype == torch.float32 and nn.functional.cosine_similarity(half, full).min() > 0.98


@pytest.mark.parametrize(
    ("shape", "lengths"), [((2, 7, 30), [3, 3]), ((2, 8, 30), [3]), ((2, 8, 30), [0, 3]), ((2, 8, 30), [3, 31])]
)
def test_input_that_does_not_fit(shape: tuple[int, ...], lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="expected|lengths must"):
        small_encoder()(torch.zeros(shape), torch.tensor(lengths))


@pytest.mark.parametrize("setting", [{"channels": (4,)}, {"rnn_layers": 0}, {"embedding_dim": 13}])
def test_settings_that_contradict(setting: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        small_encoder(**setting)


def test_networks_by_name() -> None:
    assert isinstance(build_encoder(channels=(4,) * 8, embedding_dim=8), Li2020Encoder)
    assert isinstance(build_encoder(network="s2igan", **SMALL), S2IGANEncoder)
    assert set(ENCODERS) == {"li2020", "s2igan", "pretrained"}
    with pytest.raises(ValueError, match="li2020, s2igan"):
        build_encoder(network="crnn")
