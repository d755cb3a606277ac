"""The speech Transformer: padding takes no part, caches change nothing, it learns, and what does not go together."""

from itertools import product
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from speech2img.models.recognisers.base import EncodedUtterances
from speech2img.models.recognisers.characters import pad_texts
from speech2img.models.recognisers.decoding import beam_search, greedy, published_greedy
from speech2img.models.recognisers.speech_embedding import same_padding
from speech2img.models.recognisers.speech_transformer import SpeechTransformer


def small(**settings: Any) -> SpeechTransformer:
    torch.manual_seed(0)
    sizes = {"width": 16, "head_width": 8, "feed_forward": 24, "encoder_layers": 2, "max_characters": 24}
    return SpeechTransformer(**{"n_mels": 5, "kernel": 5, **sizes, **settings}).eval()


@pytest.mark.parametrize(("length", "expected"), [(10, (4, 5)), (11, (5, 5)), (2754, (4, 5)), (1377, (5, 5))])
def test_same_padding_is_tensorflows(length: int, expected: tuple[int, int]) -> None:
    assert same_padding(length, 11, 2) == expected


@pytest.mark.parametrize("strides", [(2, 2, 2), (2, 2, 1), (3, 1)])
@torch.inference_mode()
def test_neighbours_and_padding_change_nothing(strides: tuple[int, ...]) -> None:
    network = small(strides=strides)
    lengths = [37, 64, 8]
    mel = torch.full((3, 5, 70), float("nan"))
    rows = [torch.randn(5, length, generator=torch.Generator().manual_seed(length)) for length in lengths]
    for place, row in enumerate(rows):
        mel[place, :, : row.shape[1]] = row
    together = network.encode(torch.nan_to_num(mel, nan=99.0), torch.tensor(lengths))
    for place, row in enumerate(rows):
        alone = network.encode(row[None], torch.tensor([row.shape[1]]))
        steps = int(alone.lengths_B[0])
        assert together.lengths_B[place] == steps == alone.steps_BSD.shape[1]
        torch.testing.assert_close(together.steps_BSD[place, :steps], alone.steps_BSD[0], atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_level_and_colour_of_a_recording_change_nothing() -> None:
    network = small()
    mel = torch.randn(1, 5, 40, generator=torch.Generator().manual_seed(1))
    louder = 3 * mel + torch.arange(5.0)[None, :, None]
    first, second = (network.encode(one, torch.tensor([40])).steps_BSD for one in (mel, louder))
    torch.testing.assert_close(first, second, atol=1e-3, rtol=1e-3)


@torch.inference_mode()
def test_caches_give_what_the_whole_text_gives() -> None:
    network = small(decoder_layers=2)
    encoded = network.encode(torch.randn(2, 5, 40), torch.tensor([40, 25]))
    numbers = torch.randint(4, len(network.table), (2, 9))
    whole = network.read(numbers, network.begin(encoded))
    state = network.begin(encoded)
    parts = [network.read(numbers[:, :4], state), *(network.read(numbers[:, k : k + 1], state) for k in range(4, 9))]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=1e-4)
    swapped = state.choose(torch.tensor([1, 0, 1]))
    assert swapped.caches[0].written is not None and swapped.caches[0].written[0].shape[:1] == (3,)


def brute_force(network: SpeechTransformer, mel: torch.Tensor, limit: int) -> tuple[float, tuple[int, ...]]:
    """Best text of at most ``limit`` characters that ends, by trying all of them."""
    encoded = network.encode(mel, torch.tensor([mel.shape[2]]))
    best: tuple[float, tuple[int, ...]] = (-float("inf"), ())
    letters = range(4, len(network.table))
    texts: list[tuple[int, ...]] = [()]
    for _ in range(limit + 1):
        for text in texts:
            logits = network.read(torch.tensor([[2, *text]]), network.begin(encoded))[0].log_softmax(dim=1)
            score = sum(float(logits[k, number]) for k, number in enumerate((*text, 3)))
            best = max(best, (score, text))
        texts = [(*text, letter) for text in texts for letter in letters]
    return best


@torch.inference_mode()
def test_beam_search_finds_the_best_text() -> None:
    network = small(alphabet=" ab")
    with torch.no_grad():
        network.classifier.weight.mul_(6)
    mel = torch.randn(1, 5, 40, generator=torch.Generator().manual_seed(3))
    score, text = brute_force(network, mel, 3)
    encoded = network.encode(mel, torch.tensor([40]))
    found = beam_search(network, encoded, torch.tensor([3]), beams=100, length_penalty=0.0)[0]
    assert found.ended and found.numbers == text
    assert found.log_probability == pytest.approx(score, abs=1e-4)


def exact_ctc(network: SpeechTransformer, encoded: EncodedUtterances, text: tuple[int, ...]) -> float:
    """Logarithm of the probability that the second head writes a text, by PyTorch's own loss."""
    steps_BSV = network.ctc_log_probabilities(encoded)
    assert steps_BSV is not None
    sizes = torch.tensor([steps_BSV.shape[1]]), torch.tensor([len(text)])
    return -float(F.ctc_loss(steps_BSV.transpose(0, 1), torch.tensor([text]), *sizes, reduction="sum"))


@torch.inference_mode()
@pytest.mark.parametrize("weight", [0.0, 0.3, 0.9])
def test_the_second_head_has_its_share_in_the_best_text(weight: float) -> None:
    network = small(alphabet=" ab", ctc=True)
    assert network.ctc_classifier is not None
    network.classifier.weight.mul_(6)
    network.ctc_classifier.weight.mul_(3)
    mel = torch.randn(1, 5, 40, generator=torch.Generator().manual_seed(3))
    encoded = network.encode(mel, torch.tensor([40]))
    found = beam_search(network, encoded, torch.tensor([3]), beams=200, length_penalty=0.0, ctc_weight=weight)[0]
    # Every text of up to three letters, rated by the decoder and by the second head's loss.
    letters = range(4, 7)
    ratings = {}
    for text in (text for length in range(4) for text in product(letters, repeat=length)):
        logits = network.read(torch.tensor([[2, *text]]), network.begin(encoded))[0].log_softmax(dim=1)
        decoder = sum(float(logits[k, number]) for k, number in enumerate((*text, 3)))
        ratings[text] = (1 - weight) * decoder + weight * exact_ctc(network, encoded, text), decoder
    best = max(ratings, key=lambda text: ratings[text][0])
    assert found.numbers == best and found.log_probability == pytest.approx(ratings[best][1], abs=1e-4)


def test_a_share_that_leaves_the_decoder_nothing_is_refused() -> None:
    network = small(ctc=True)
    encoded = network.encode(torch.randn(1, 5, 40), torch.tensor([40]))
    with pytest.raises(ValueError, match="ctc_weight"):
        beam_search(network, encoded, torch.tensor([3]), ctc_weight=1.0)


@torch.inference_mode()
def test_one_beam_is_greedy_and_more_are_no_worse() -> None:
    network = small()
    with torch.no_grad():
        network.classifier.weight.mul_(8)
    mel, lengths = torch.randn(4, 5, 50, generator=torch.Generator().manual_seed(5)), torch.tensor([50, 41, 30, 12])
    encoded, limits = network.encode(mel, lengths), torch.tensor([20, 20, 5, 3])
    best = greedy(network, encoded, limits)
    one = beam_search(network, encoded, limits, beams=1)
    assert [row.numbers for row in best] == [row.numbers for row in one]
    for row, other, limit in zip(best, one, limits.tolist(), strict=True):
        assert row.log_probability == pytest.approx(other.log_probability, abs=1e-4)
        assert len(row.numbers) <= limit and 0 <= row.confidence <= 1


def test_it_learns_by_heart_and_writes_it_down() -> None:
    network = small(ctc=True, dropout=0.0).train()
    texts = ["a red bird", "the snow", "it's grey-blue"]
    mel, lengths = torch.randn(3, 5, 60), torch.tensor([60, 44, 52])
    numbers = torch.tensor(pad_texts([network.table.encode(text) for text in texts]))
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(150):
        logits, _ = network(mel, lengths, numbers[:, :-1])
        loss = F.cross_entropy(logits.transpose(1, 2), numbers[:, 1:], ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    with torch.inference_mode():
        encoded = network.encode(mel, lengths)
        written = greedy(network, encoded, torch.tensor([22, 22, 22]))
    assert [network.table.decode(row.numbers) for row in written] == texts
    assert all(row.ended and row.confidence > 0.9 for row in written)


@torch.inference_mode()
def test_published_form_takes_samples_and_hears_padding() -> None:
    network = small(form="published", n_mels=1)
    wave = torch.randn(2, 1, 4_000) * 0.1
    encoded = network.encode(wave, torch.tensor([4_000, 2_000]))
    assert encoded.steps_BSD.shape[1] == 345 and encoded.allowed_B11S() is None
    alone = network.encode(wave[1:, :, :2_000], torch.tensor([2_000]))
    torch.testing.assert_close(encoded.steps_BSD[1], alone.steps_BSD[0], atol=1e-5, rtol=1e-4)
    assert published_greedy(network, encoded).shape == (2, network.max_characters)
    with pytest.raises(ValueError, match="more than the 220440"):
        network.encode(torch.zeros(1, 1, 230_000), torch.tensor([230_000]))


@torch.inference_mode()
def test_too_long_texts_are_refused() -> None:
    network = small()
    state = network.begin(network.encode(torch.randn(1, 5, 20), torch.tensor([20])))
    with pytest.raises(ValueError, match="25 characters"):
        network.read(torch.full((1, 25), 5), state)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kernel": 4}, "odd"),
        ({"strides": ()}, "positive"),
        ({"form": "published"}, "samples"),
        ({"form": "published", "n_mels": 1, "ctc": True}, "second head"),
        ({"form": "improved"}, "no form"),
    ],
)
def test_what_does_not_go_together(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**settings)
