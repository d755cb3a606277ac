"""The speech encoder: sizes, masking, lengths, layers, precision."""

import copy

import pytest
import torch
from torch import nn

from speech2img.models.encoders.li2020 import EncoderLayer, Li2020Encoder
from speech2img.models.layers.masked_batch_norm import FrameMask, MaskedBatchNorm

SMALL = {"n_mels": 8, "channels": (4, 4, 8, 8, 8, 8, 8, 16), "embedding_dim": 12}


def small_encoder(**overrides: object) -> Li2020Encoder:
    torch.manual_seed(0)
    return Li2020Encoder(**{**SMALL, **overrides})  # type: ignore[arg-type]


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameter_counts_of_the_published_network() -> None:
    with torch.device("meta"):
        both, one = Li2020Encoder(), Li2020Encoder(bidirectional=False)
    assert count(both) == 11_669_506 and count(one) == 13_766_658
    assert count(both) - count(both.rnn) == 5_369_858


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("last_stride", [1, 2])
def test_masked_result_does_not_depend_on_the_padding(training: bool, last_stride: int) -> None:
    encoder = small_encoder(last_stride=last_stride).train(training)
    lengths = torch.tensor([500, 130, 1, 64])
    mel = 10 * torch.randn(4, 8, 500)
    noisy = mel.clone()
    for row, length in enumerate(lengths):
        noisy[row, :, length:] = torch.nan
    wide = torch.cat([noisy, torch.full((4, 8, 333), 50.0)], dim=2)
    twin = copy.deepcopy(encoder)
    first, second = encoder(mel, lengths), twin(wide, lengths)
    assert torch.allclose(first.sentence, second.sentence, atol=1e-5)
    for (name, ours), theirs in zip(encoder.state_dict().items(), twin.state_dict().values(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5), name


def test_masked_result_does_not_depend_on_the_other_utterances() -> None:
    encoder = small_encoder(rnn_layers=2).eval()
    with torch.no_grad():
        for module in encoder.modules():
            if isinstance(module, MaskedBatchNorm):
                nn.init.normal_(module.running_mean)
                nn.init.uniform_(module.running_var, 0.5, 2.0)
                nn.init.normal_(module.bias)
        lengths = torch.tensor([700, 65, 128, 3, 333, 94])
        mel = 10 * torch.randn(6, 8, 700)
        together = encoder(mel, lengths)
        for row, length in enumerate(lengths.tolist()):
            alone = encoder(mel[row : row + 1, :, :length], lengths[row : row + 1])
            assert torch.allclose(alone.sentence[0], together.sentence[row], atol=1e-5)
            steps = int(alone.word_lengths[0])
            assert torch.allclose(alone.words[0, :, :steps], together.words[row, :, :steps], atol=1e-5)


def test_published_form_depends_on_the_other_utterances_and_on_length() -> None:
    encoder = small_encoder(masked=False, pooling="padded_mean").eval()
    mel = torch.randn(1, 8, 128)
    padded = torch.cat([mel, torch.zeros(1, 8, 128)], dim=2)
    short, long = encoder(mel, torch.tensor([128])), encoder(padded, torch.tensor([128]))
    assert not torch.allclose(short.sentence, long.sentence, atol=1e-3)
    assert torch.allclose(long.sentence, long.words.mean(2), atol=1e-6)


def test_padded_frames_make_the_published_form_independent_of_the_batch() -> None:
    encoder = small_encoder(masked=False, pooling="padded_mean", padded_frames=256).eval()
    mel, lengths = torch.randn(2, 8, 300), torch.tensor([300, 100])
    together = encoder(mel, lengths)
    assert together.words.shape == (2, 12, 4) and together.word_lengths.tolist() == [4, 1]
    assert torch.allclose(encoder(mel[1:, :, :100], lengths[1:]).sentence, together.sentence[1:], atol=1e-5)


@pytest.mark.parametrize(("last_stride", "expected"), [(2, [1, 1, 1, 1, 2, 3]), (1, [1, 1, 1, 2, 4, 7])])
def test_word_lengths_and_shapes(last_stride: int, expected: list[int]) -> None:
    encoder = small_encoder(last_stride=last_stride).eval()
    lengths = torch.tensor([1, 31, 63, 64, 128, 230])
    encoding = encoder(torch.randn(6, 8, 230), lengths)
    steps = -(-230 // (32 * last_stride))
    assert encoding.sentence.shape == (6, 12) and encoding.words.shape == (6, 12, steps)
    assert encoding.word_lengths.tolist() == expected
    for row, steps in enumerate(expected):
        assert not encoding.words[row, :, steps:].any()
        assert torch.allclose(encoding.sentence[row], encoding.words[row, :, :steps].mean(1), atol=1e-6)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_any_number_of_layers_learns_from_one_short_utterance(layers: int, bidirectional: bool) -> None:
    encoder = small_encoder(rnn_layers=layers, bidirectional=bidirectional)
    for length in (1, 300):
        encoder.zero_grad()
        encoder(torch.randn(1, 8, length), torch.tensor([length])).sentence.square().sum().backward()
        for name, parameter in encoder.named_parameters():
            assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
    assert encoder.layers[0].conv.weight.grad.any()


def test_bfloat16_autocast_gives_nearly_the_same_float32_sentences() -> None:
    encoder = small_encoder()
    mel, lengths = torch.randn(4, 8, 300), torch.tensor([300, 200, 64, 10])
    full = copy.deepcopy(encoder)(mel, lengths).sentence
    with torch.autocast("cpu", torch.bfloat16):
        half = encoder(mel, lengths).sentence
    half.sum().backward()
    assert half.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(half, full).min() > 0.98


def test_two_dimensional_norm_of_one_channel_is_kept() -> None:
    torch.manual_seed(0)
    mel = torch.randn(3, 1, 8, 20) * 4 - 7
    reference, ours = nn.BatchNorm2d(1), MaskedBatchNorm(1)
    lengths = torch.tensor([20, 20, 20])
    output = ours(mel, FrameMask.of(lengths, mel))
    assert torch.allclose(output, reference(mel), atol=1e-5)
    assert torch.allclose(ours.running_var, reference.running_var, atol=1e-5)
    assert torch.allclose(ours.eval()(mel), reference.eval()(mel), atol=1e-5)


def test_masked_norm_equals_batch_norm_of_the_valid_frames() -> None:
    torch.manual_seed(0)
    lengths = torch.tensor([9, 3, 5])
    x = torch.randn(3, 4, 9).requires_grad_()
    mask = FrameMask.of(lengths, x)
    chosen = mask.valid[:, 0].bool()
    gradient = torch.randn(3, 4, 9) * mask.valid
    ours, reference = MaskedBatchNorm(4), nn.BatchNorm1d(4)
    nn.init.uniform_(ours.weight)
    reference.load_state_dict(ours.state_dict())
    output = ours(x, mask)
    (gradient_x,) = torch.autograd.grad((output * gradient).sum(), x, retain_graph=True)
    packed = reference(x.transpose(1, 2)[chosen])
    (expected_x,) = torch.autograd.grad((packed * gradient.transpose(1, 2)[chosen]).sum(), x)
    assert torch.allclose(output.transpose(1, 2)[chosen], packed, atol=1e-5)
    assert torch.allclose(gradient_x, expected_x, atol=1e-5)
    for name, value in reference.state_dict().items():
        assert torch.allclose(ours.state_dict()[name], value, atol=1e-5), name


@pytest.mark.parametrize(
    ("shape", "lengths"),
    [((2, 7, 10), [3, 3]), ((2, 8, 10), [3]), ((2, 8, 10), [0, 3]), ((2, 8, 10), [3, 11]), ((2, 8, 0), [1, 1])],
)
def test_input_that_does_not_fit(shape: tuple[int, ...], lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="expected|lengths must"):
        small_encoder()(torch.zeros(shape), torch.tensor(lengths))


@pytest.mark.parametrize(
    "setting",
    [
        {"channels": (4, 4)},
        {"rnn_layers": 0},
        {"embedding_dim": 13},
        {"pooling": "mean"},
        {"last_stride": 3},
        {"padded_frames": 0},
    ],
)
def test_settings_that_contradict(setting: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        small_encoder(**setting)


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("widths, kernel, stride", [((64, 96), 9, 2), ((48, 64), 13, 2), ((96, 128), 5, 2)])
def test_gradients_of_the_last_frames_are_right_in_bfloat16(widths, kernel: int, stride: int, frames: int) -> None:
    """A spoken word leaves one frame to the last layers, where torch's own gradient was wrong by up to 1e36."""
    torch.manual_seed(0)
    layer = EncoderLayer(*widths, kernel=kernel, stride=stride, pool=False).eval()
    x = torch.randn(64, widths[0], frames)
    results = []
    for enabled in (False, True):
        twin = copy.deepcopy(layer)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            y = twin(x, None)[0].float()
        (y * torch.linspace(-1, 1, widths[1])[:, None]).sum().backward()
        results.append((y.detach(), twin.conv.weight.grad))
    for wanted, found in zip(*results, strict=True):
        assert (found - wanted).norm() <= 0.05 * wanted.norm()
    torch.testing.assert_close(results[0][0], layer.norm(layer.conv(x)).relu().detach())
