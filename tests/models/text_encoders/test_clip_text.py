"""CLIP's text transformer as a text encoder: tokens of captions, what padding changes, which states count as words."""

import pytest
import torch
from helpers.clip_states import MERGES, TOKENS

from speech2img.models.text_encoders.clip_text import CONTEXT, CLIPText
from speech2img.models.text_encoders.registry import build_text_encoder


def encoder(form: str = "corrected") -> CLIPText:
    torch.manual_seed(0)
    sizes = {"embedding_dim": 6, "word_dim": 8, "num_heads": 2, "num_layers": 2}
    built = build_text_encoder(network="clip", merges="\n".join(MERGES), form=form, **sizes)
    assert isinstance(built, CLIPText)
    return built.eval()


def test_captions_begin_and_end_with_marks_and_are_cut_at_77() -> None:
    ours = encoder()
    tokens, lengths = ours.batch(["the bird", "the bird " * 50])
    assert tokens.shape == (2, CONTEXT) and lengths.tolist() == [4, CONTEXT]
    assert tokens[0, [0, 3]].tolist() == [TOKENS - 2, TOKENS - 1] and not tokens[0, 4:].any()
    assert tokens[1, -1] == TOKENS - 1


@torch.inference_mode()
def test_padding_and_neighbours_change_nothing_and_a_token_sees_none_behind_it() -> None:
    ours = encoder()
    both = ours.encode(["the bird is red", "the bird"])
    alone = ours(*(part[:, :4] if part.dim() == 2 else part for part in ours.batch(["the bird"])))
    torch.testing.assert_close(both.sentence[1], alone.sentence[0])
    torch.testing.assert_close(both.words[1, :, :4], alone.words[0])
    # Start and two words are the same in both captions; the ends are not.
    torch.testing.assert_close(both.words[0, :, :3], both.words[1, :, :3])
    assert not torch.allclose(both.words[0, :, 3], both.words[1, :, 3])


@torch.inference_mode()
def test_states_have_length_1_and_the_published_form_counts_the_padding() -> None:
    for form, lengths in (("corrected", [4, 6]), ("published", [CONTEXT, CONTEXT])):
        encoding = encoder(form).encode(["the bird", "the bird is red"])
        assert encoding.word_lengths.tolist() == lengths
        norms = encoding.words.norm(dim=1)
        for row, length in zip(norms, lengths, strict=True):
            torch.testing.assert_close(row[:length], torch.ones(length))
            assert not row[length:].any()
    with pytest.raises(ValueError, match="form must be corrected or published"):
        encoder("other")
