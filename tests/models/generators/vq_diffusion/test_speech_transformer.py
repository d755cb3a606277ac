"""The corrected speech form: zero at the start, a projection in every block, frames that are heard and masked."""

from typing import Any

import pytest
import torch

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.vq_diffusion.speech_transformer import SpeechTokenTransformer

SIZES: dict[str, Any] = {
    "embedding_dim": 6,
    "num_codes": 5,
    "side": 3,
    "num_steps": 10,
    "width": 8,
    "depth": 2,
    "num_heads": 2,
}
DRAWS = torch.Generator().manual_seed(0)
SPEECH = SpeechEncoding(
    torch.randn(3, 6, generator=DRAWS), torch.randn(3, 6, 4, generator=DRAWS), torch.tensor([4, 1, 3])
)
TOKENS, TIMES = torch.randint(6, (3, 9)), torch.tensor([0, 9, 4])


def network(**settings: Any) -> SpeechTokenTransformer:
    """One whose layers that start at zero are drawn."""
    torch.manual_seed(0)
    made = SpeechTokenTransformer(**{**SIZES, **settings})
    with torch.no_grad():
        for parameter in made.parameters():
            if not parameter.any():
                parameter.normal_(std=0.3)
    return made.eval()


def test_at_the_start_all_codes_are_as_likely_and_blocks_add_nothing() -> None:
    made = SpeechTokenTransformer(**SIZES)
    condition = made.condition(SPEECH)
    assert not made(TOKENS, TIMES, condition).any()
    torch.nn.init.normal_(made.to_logits.weight)
    plain = made.to_logits(made.norm(made.embedding(TOKENS)))
    torch.testing.assert_close(made(TOKENS, TIMES, condition), plain)


def test_every_block_hears_the_sentence_by_a_projection_of_its_own() -> None:
    made = network()
    made(TOKENS, TIMES, made.condition(SPEECH)).square().sum().backward()
    gradients = [layer.weight.grad for layer in made.to_modulations]
    assert len(gradients) == 2 and all(gradient is not None and gradient.any() for gradient in gradients)
    assert all(made.null_sentence.grad is None for _ in gradients)


@torch.inference_mode()
def test_step_sentence_frames_and_tokens_all_matter() -> None:
    made = network()
    base = made(TOKENS, TIMES, made.condition(SPEECH))
    moved = SPEECH.words.clone()
    moved[:, :, 0] += 1
    others = (
        made(TOKENS, TIMES.flip(0), made.condition(SPEECH)),
        made(TOKENS.flip(1), TIMES, made.condition(SPEECH)),
        made(TOKENS, TIMES, made.condition(SPEECH._replace(sentence=SPEECH.sentence + 1))),
        made(TOKENS, TIMES, made.condition(SPEECH._replace(words=moved))),
    )
    assert base.shape == (3, 9, 5) and all((other - base).abs().max() > 1e-3 for other in others)
    # Padding is not heard.
    beyond = SPEECH.words.clone()
    beyond[1, :, 1:] = 7
    same = made(TOKENS, TIMES, made.condition(SPEECH._replace(words=beyond)))
    torch.testing.assert_close(same, base)


@torch.inference_mode()
def test_the_empty_condition_says_nothing() -> None:
    made = network()
    nobody = torch.zeros(3, dtype=torch.bool)
    other = SpeechEncoding(torch.randn(3, 6), torch.randn(3, 6, 4), torch.tensor([4, 4, 4]))
    silent = made(TOKENS, TIMES, made.condition(SPEECH, nobody))
    torch.testing.assert_close(silent, made(TOKENS, TIMES, made.condition(other, nobody)))
    assert (silent - made(TOKENS, TIMES, made.condition(SPEECH, ~nobody))).abs().max() > 1e-3
    without = network(needs_frames=False, cross_attention=False)
    assert without(TOKENS, TIMES, without.condition(SPEECH, nobody)).shape == (3, 9, 5)


def test_sizes_that_do_not_fit_are_refused() -> None:
    for settings, message in (
        ({"depth": 0}, "depth must be 1 or more, got 0"),
        ({"num_heads": 3}, "num_heads must divide the width 8, got 3"),
        ({"cross_attention": False}, "frames need cross_attention"),
        ({"side": 0}, "a size is below 1"),
    ):
        with pytest.raises(ValueError, match=message):
            SpeechTokenTransformer(**{**SIZES, **settings})


def test_it_learns_which_tokens_belong_to_what_is_said() -> None:
    torch.manual_seed(0)
    made = SpeechTokenTransformer(**SIZES)
    optimizer = torch.optim.AdamW(made.parameters(), 1e-2)
    said = SpeechEncoding(torch.eye(6)[:2], torch.eye(6)[:2, :, None], torch.ones(2, dtype=torch.int64))
    codes = torch.tensor([[0, 1, 2, 3, 4, 0, 1, 2, 3], [4, 4, 3, 3, 2, 2, 1, 1, 0]])
    for _ in range(60):
        logits = made(torch.full((2, 9), 5), torch.tensor([9, 9]), made.condition(said))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), codes.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert torch.equal(logits.argmax(dim=2), codes)
