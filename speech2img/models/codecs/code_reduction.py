"""Fewer codes: a table from all codes of a codebook to those in use, as VQ-Diffusion's mapping files hold it, and back.

A table has the reduced number of each code. Codes in use have numbers of their own, in rising order. All others have 0,
the number of code 0, whether that is in use or not.
"""

from typing import Literal

import torch
from torch import Tensor, nn

UnusedCodes = Literal["nearest", "published"]
"""What becomes of a place whose code is not in use: the best of those in use, or code 0, as published."""


def reduction_table(is_used_K: Tensor) -> Tensor:
    """Table of the codes in use.

    Parameters
    ----------
    is_used_K : Tensor [shape=(K,), bool]
        Which codes are; code 0 is kept in any case.

    Returns
    -------
    Tensor [shape=(K,), int64]

    Raises
    ------
    ValueError
        If there are no codes.
    """
    if is_used_K.dim() != 1 or not len(is_used_K):
        raise ValueError(f"expected one truth value for each code, got shape {tuple(is_used_K.shape)}")
    kept = is_used_K.bool().clone()
    kept[0] = True
    return torch.where(kept, kept.cumsum(dim=0) - 1, 0)


def kept_codes(table_K: Tensor) -> Tensor:
    """Code of each reduced number: the way back.

    Parameters
    ----------
    table_K : Tensor [shape=(K,), int64]
        As of `reduction_table`, or from a file. Reduced numbers may be in any order.

    Returns
    -------
    Tensor [shape=(R,), int64]
        0 first.

    Raises
    ------
    ValueError
        If it is no such table: a number is out of range, has no code, or has two; or code 0 is not number 0.
    """
    if table_K.dim() != 1 or not len(table_K) or table_K.dtype != torch.int64:
        raise ValueError(f"expected a list of whole numbers, got {table_K.dtype} of shape {tuple(table_K.shape)}")
    # Every number within the list's length, so that counting them takes no more memory than the list.
    low, high = int(table_K.min()), int(table_K.max())
    if low < 0 or high >= len(table_K):
        raise ValueError(f"its numbers must be 0..{len(table_K) - 1}, and it holds {low if low < 0 else high}")
    if table_K[0] != 0:
        raise ValueError(f"code 0 must be number 0, and it is number {int(table_K[0])}")
    counts = torch.bincount(table_K, minlength=high + 1)[1:]
    for count, problem in ((0, "no code has"), (2, "two codes have")):
        found = (counts == 0 if count == 0 else counts >= count).nonzero()
        if len(found):
            raise ValueError(f"it is no permutation of the codes in use: {problem} number {int(found[0]) + 1}")
    codes = torch.zeros(high + 1, dtype=torch.int64)
    in_use = table_K > 0
    codes[table_K[in_use]] = in_use.nonzero()[:, 0]
    return codes


class CodeReduction(nn.Module):
    """The codes in use, stored with a codec's weights and part of their hash.

    Parameters
    ----------
    num_codes : int
        Of the whole codebook.
    num_kept : int
        In use; the first ones, until a state is loaded.

    Raises
    ------
    ValueError
        If more are kept than there are.
    """

    codes_R: Tensor
    """(num_kept,) int64: code of each reduced number."""

    def __init__(self, num_codes: int, num_kept: int) -> None:
        super().__init__()
        if not 1 <= num_kept <= num_codes:
            raise ValueError(f"1 to {num_codes} codes can be kept, not {num_kept}")
        self.num_codes = num_codes
        self.register_buffer("codes_R", torch.arange(num_kept))

    def is_sound(self) -> bool:
        """Whether its codes are of the codebook, and each is there once."""
        codes = self.codes_R.tolist()
        return len(set(codes)) == len(codes) and min(codes) >= 0 and max(codes) < self.num_codes

    def reduce(self, codes: Tensor) -> Tensor:
        """Reduced numbers of codes, of any shape; 0 for one that is not in use."""
        table_K = torch.zeros(self.num_codes, dtype=torch.int64, device=codes.device)
        table_K[self.codes_R] = torch.arange(len(self.codes_R), device=codes.device)
        return table_K[codes]

    def restore(self, tokens: Tensor) -> Tensor:
        """Codes of reduced numbers, of any shape."""
        return self.codes_R[tokens]
