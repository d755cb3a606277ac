"""Usage of a codebook: perplexity and share, from counts that may be added up."""

import pytest
import torch

from speech2img.models.codecs.code_usage import code_usage, count_codes


def test_usage_of_even_and_uneven_tokens() -> None:
    even = count_codes(torch.arange(6).view(1, 2, 3), 6)
    assert even.tolist() == [1] * 6 and code_usage(even) == pytest.approx((6.0, 1.0))
    one = count_codes(torch.full((2, 2, 2), 3), 4)
    assert one.tolist() == [0, 0, 0, 8] and code_usage(one) == pytest.approx((1.0, 0.25))
    # Half, a quarter, a quarter: an entropy of 1.5 bits.
    assert code_usage(torch.tensor([2, 1, 1, 0])).perplexity == pytest.approx(2**1.5)
    assert code_usage(even[:4] + one) == pytest.approx(code_usage(torch.tensor([1, 1, 1, 9])))


def test_what_cannot_be_counted_is_refused() -> None:
    for tokens in (torch.tensor([-1, 2]), torch.tensor([0, 4])):
        with pytest.raises(ValueError, match=r"tokens must be 0\.\.3"):
            count_codes(tokens, 4)
    with pytest.raises(ValueError, match="no token was counted"):
        code_usage(count_codes(torch.zeros(0, dtype=torch.int64), 4))
