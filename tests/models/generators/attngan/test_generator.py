"""AttnGAN's generator: what a place may look at, in blocks and in batches, and what comes back in the backward pass."""

import pytest
import torch
from torch import Tensor

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.attngan import attention
from speech2img.models.generators.attngan.attention import WordAttention
from speech2img.models.generators.attngan.generator import AttnGANGenerator
from speech2img.models.generators.base import ImageGenerator, ImageNoise
from speech2img.models.generators.registry import build_generator
from speech2img.models.generators.stackgan import init_stackgan_

SIZES = {"embedding_dim": 6, "condition_dim": 4, "noise_dim": 3, "width": 2, "num_stages": 2, "residual_blocks": 1}


def spoken(*lengths: int) -> SpeechEncoding:
    torch.manual_seed(5)
    words = torch.randn(len(lengths), 6, max(lengths))
    for row, length in enumerate(lengths):
        words[row, :, length:] = 0
    return SpeechEncoding(torch.randn(len(lengths), 6), words, torch.tensor(lengths))


def small(**settings: object) -> AttnGANGenerator:
    torch.manual_seed(0)
    generator = build_generator(network="attngan", **{**SIZES, **settings})
    assert isinstance(generator, AttnGANGenerator) and isinstance(generator, ImageGenerator)
    init_stackgan_(generator)
    return generator.eval()


def contexts(layer: WordAttention, hidden: Tensor, speech: SpeechEncoding) -> Tensor:
    """Equations 4 and 5 place by place in float64, every row with its own words."""
    result = torch.zeros_like(hidden, dtype=torch.float64)
    for row, length in enumerate(speech.word_lengths.tolist()):
        words = speech.words[row, :, :length].double().T @ layer.project.weight.detach().double().T
        for y in range(hidden.shape[2]):
            for x in range(hidden.shape[3]):
                scores = words @ hidden[row, :, y, x].double()
                shares = (scores - scores.max()).exp()
                result[row, :, y, x] = (shares / shares.sum()) @ words
    return result


@pytest.mark.parametrize("at_once", [3, 8192])
def test_attention_follows_its_formula_block_by_block(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "PLACES_AT_ONCE", at_once)
    torch.manual_seed(1)
    layer, speech = WordAttention(2, 6), spoken(5, 1, 3)
    hidden = torch.randn(3, 2, 4, 4, requires_grad=True)
    allowed = torch.arange(5) < speech.word_lengths[:, None]
    seen = layer(hidden, speech.words, allowed)
    torch.testing.assert_close(seen.double(), contexts(layer, hidden.detach(), speech), atol=1e-5, rtol=1e-5)
    shares = layer.weights(hidden, speech.words, allowed)
    assert shares.shape == (3, 5, 4, 4) and not shares[1, 1:].any() and not shares[2, 3:].any()
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(3, 4, 4))
    # The gradient is that of the plain computation.
    seen.square().sum().backward()
    words = layer.project(speech.words.transpose(1, 2))
    plain = torch.einsum("bcyx,bsc->bsyx", hidden, words).masked_fill(~allowed[:, :, None, None], -torch.inf)
    expected = torch.einsum("bsyx,bsc->bcyx", plain.softmax(dim=1), words)
    (gradient,) = torch.autograd.grad(expected.square().sum(), hidden)
    torch.testing.assert_close(hidden.grad, gradient, atol=1e-5, rtol=1e-4)


def test_the_published_mask_is_that_of_another_row() -> None:
    torch.manual_seed(1)
    layer, speech = WordAttention(2, 6, form="published"), spoken(5, 1, 3)
    allowed = torch.arange(5) < speech.word_lengths[:, None]
    shares = layer.weights(torch.randn(3, 2, 4, 4), speech.words, allowed).flatten(2)
    for row in range(3):
        for place in range(16):
            assert torch.equal(shares[row, :, place] > 0, allowed[(16 * row + place) % 3])


@torch.inference_mode()
def test_an_image_is_the_same_alone_and_among_longer_ones() -> None:
    generator, speech = small(), spoken(5, 1, 3)
    noise, eps = torch.randn(3, 3), torch.randn(3, 4)
    together = generator(speech, noise, eps=eps).images
    assert [image.shape[2] for image in together] == [64, 128] == list(generator.image_sizes)
    for row, length in enumerate(speech.word_lengths.tolist()):
        one = slice(row, row + 1)
        alone = SpeechEncoding(speech.sentence[one], speech.words[one, :, :length], speech.word_lengths[one])
        image = generator(alone, noise[one], eps=eps[one]).images[1]
        torch.testing.assert_close(image, together[1][one], atol=1e-5, rtol=0)
    # Another word changes the stage that looks at it, and not the first.
    words = speech.words.clone()
    words[0, :, 4] += 3
    changed = generator(speech._replace(words=words), noise, eps=eps).images
    assert torch.equal(changed[0], together[0]) and not torch.equal(changed[1][0], together[1][0])


@torch.inference_mode()
def test_without_attention_the_sentence_is_enough() -> None:
    generator = small(attention=False)
    assert not generator.needs_frames and small().needs_frames
    speech = SpeechEncoding.of_sentences(torch.randn(2, 6))
    draws = {"noise": torch.randn(2, 3), "condition": torch.randn(2, 4)}
    noise = ImageNoise(lambda kind, name, shape: draws[name])
    images = generator.sample(speech, noise)
    assert images[1].shape == (2, 3, 128, 128)
    assert [tuple(shares.shape) for shares in generator.attention_maps(speech, noise)] == [(2, 1, 64, 64)]
    with pytest.raises(ValueError, match="looks at words or frames, and there are sentences only"):
        small().sample(speech, noise)


def test_stages_computed_again_give_the_same_bits() -> None:
    gradients = []
    for recompute in (False, True):
        generator = small(recompute=recompute).train()
        images = generator(spoken(4, 2), torch.ones(2, 3), eps=torch.ones(2, 4)).images
        images[1].square().sum().backward()
        gradients.append([parameter.grad for parameter in generator.parameters() if parameter.grad is not None])
    assert len(gradients[0]) == len(gradients[1]) > 10
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_wrong_numbers_of_stages_are_refused() -> None:
    with pytest.raises(ValueError, match=r"num_stages must be 1\.\.4, got 5"):
        small(num_stages=5)
