"""A reduced codebook: its table both ways, what is no table, and a codec that has only the codes in use."""

import pytest
import torch
from helpers.vqgan_states import CODES, SETTINGS, published_state

from speech2img.models.codecs.code_reduction import CodeReduction, kept_codes, reduction_table
from speech2img.models.codecs.registry import build_codec
from speech2img.models.codecs.token_codec import TokenCodec
from speech2img.models.published.vqgan import convert_vqgan, reduced_state

USED = torch.tensor([False, True, True, False, False, True, False, True, False, False, False, True])
TABLE = [0, 1, 2, 0, 0, 3, 0, 4, 0, 0, 0, 5]
"""As the published files: those in use in rising order, all others 0."""


def reduced(network: str, unused: str) -> tuple[TokenCodec, TokenCodec]:
    """A codec, and the same with some codes alone."""
    state = convert_vqgan(published_state(network), network=network)
    whole = build_codec(network=network, **SETTINGS)
    few = build_codec(network=network, **SETTINGS, kept_codes=6, unused=unused)
    whole.load_state_dict(state)
    few.load_state_dict(reduced_state(state, torch.tensor(TABLE)))
    assert isinstance(whole, TokenCodec) and isinstance(few, TokenCodec)
    return whole.eval(), few.eval()


def test_a_table_and_its_way_back() -> None:
    table = reduction_table(USED)
    assert table.tolist() == TABLE
    codes = kept_codes(table)
    assert codes.tolist() == [0, 1, 2, 5, 7, 11]
    assert torch.equal(table[codes], torch.arange(6))
    # Code 0 has number 0 whether it is in use or not; all in use is the identity.
    assert torch.equal(reduction_table(USED | (torch.arange(12) == 0)), table)
    assert torch.equal(reduction_table(torch.ones(5, dtype=torch.bool)), torch.arange(5))
    assert reduction_table(torch.zeros(5, dtype=torch.bool)).tolist() == [0] * 5
    assert kept_codes(torch.tensor([0, 2, 0, 1])).tolist() == [0, 3, 1]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (torch.tensor([0, 1, 1, 2]), "no permutation of the codes in use: two codes have number 1"),
        (torch.tensor([0, 1, 3, 0]), "no permutation of the codes in use: no code has number 2"),
        (torch.tensor([0, 1, 4, 2]), r"its numbers must be 0\.\.3, and it holds 4"),
        (torch.tensor([0, -1, 1, 2]), r"its numbers must be 0\.\.3, and it holds -1"),
        (torch.tensor([1, 0, 2, 3]), "code 0 must be number 0, and it is number 1"),
        (torch.tensor([0.0, 1.0]), "a list of whole numbers"),
        (torch.tensor([[0, 1]]), "a list of whole numbers"),
        (torch.tensor([], dtype=torch.int64), "a list of whole numbers"),
        (torch.tensor([0, 1 << 62]), r"its numbers must be 0\.\.1"),
    ],
)
def test_what_is_no_table_is_named(table: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kept_codes(table)


@pytest.mark.parametrize("network", ["vqgan", "gumbel-vq"])
def test_the_published_way_gives_unused_codes_the_first_number(network: str) -> None:
    whole, few = reduced(network, "published")
    assert few.num_codes == 6 and few.codebook_size == CODES
    images = torch.rand(2, 3, 16, 16) * 2 - 1
    full, tokens = whole.encode_tokens(images), few.encode_tokens(images)
    assert torch.equal(tokens, torch.tensor(TABLE)[full]) and not bool(USED[full].all())
    torch.testing.assert_close(few.decode_tokens(tokens), whole.decode_tokens(kept_codes(torch.tensor(TABLE))[tokens]))
    with pytest.raises(ValueError, match=r"tokens must be 0\.\.5, got 6"):
        few.decode_tokens(torch.full((1, 2, 2), 6))


@pytest.mark.parametrize("network", ["vqgan", "gumbel-vq"])
def test_the_nearest_way_chooses_among_the_codes_in_use(network: str) -> None:
    whole, few = reduced(network, "nearest")
    images = torch.rand(2, 3, 16, 16) * 2 - 1
    full, tokens = whole.encode_tokens(images), few.encode_tokens(images)
    kept = kept_codes(torch.tensor(TABLE))
    in_use = torch.isin(full, kept)
    assert torch.equal(kept[tokens][in_use], full[in_use]) and bool((tokens[~in_use] != 0).any())
    error = (few.code_vectors(kept[tokens]) - few.encode_raw(images)).square().sum(dim=1)
    published = (few.code_vectors(kept[torch.tensor(TABLE)[full]]) - few.encode_raw(images)).square().sum(dim=1)
    if network == "vqgan":
        assert bool((error <= published + 1e-6).all()) and error.mean() < published.mean()


def test_a_reduction_says_whether_it_is_sound() -> None:
    reduction = CodeReduction(5, 3)
    assert reduction.is_sound() and reduction.reduce(torch.arange(5)).tolist() == [0, 1, 2, 0, 0]
    for codes in ([0, 1, 1], [0, 1, 5], [-1, 0, 1]):
        reduction.codes_R.copy_(torch.tensor(codes))
        assert not reduction.is_sound()
    with pytest.raises(ValueError, match="another|mapping is of 3"):
        reduced_state(convert_vqgan(published_state(), network="vqgan"), torch.tensor([0, 1, 2]))
