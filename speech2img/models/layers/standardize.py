"""Standardisation by statistics of the training data, which are stored with the weights."""

import torch
from torch import Tensor, nn

_SMALLEST = 1e-4
"""Least deviation that values are divided by; float16 still holds it."""


class Standardize(nn.Module):
    """Values less their mean, divided by their deviation.

    As built, it leaves values as they are; `fit_` sets the statistics.

    Parameters
    ----------
    size : int
        D, how many values have a mean of their own.
    common_deviation : bool
        One deviation for all values, so that directions with little spread stay small; otherwise one each.
    trailing : int
        Axes behind that of the values: 0 for (..., D), 2 for (..., D, h, w).
    """

    mean: Tensor
    """(D,)."""
    deviation: Tensor
    """(D,), or () where it is common."""

    def __init__(self, size: int, *, common_deviation: bool = False, trailing: int = 0) -> None:
        super().__init__()
        self.trailing = trailing
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(() if common_deviation else size))

    def fit_(self, rows_ND: Tensor) -> None:
        """Take mean and deviation of rows (N, D), rounded as a release stores them: to float16."""
        rows = rows_ND.double()
        mean = rows.mean(dim=0)
        variance = (rows - mean).square().mean(dim=None if self.deviation.dim() == 0 else 0)
        self.mean.copy_(mean.half())
        self.deviation.copy_(variance.sqrt().clamp_min(_SMALLEST).half())

    def forward(self, values: Tensor) -> Tensor:
        """Mean 0 and deviation 1, the same shape."""
        return (values - self._aligned(self.mean)) / self._aligned(self.deviation)

    def restore(self, values: Tensor) -> Tensor:
        """Do the inverse of `forward`."""
        return values * self._aligned(self.deviation) + self._aligned(self.mean)

    def _aligned(self, statistic: Tensor) -> Tensor:
        return statistic.view((*statistic.shape, *(1,) * self.trailing))
