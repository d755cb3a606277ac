"""Location-sensitive attention (Chorowski et al. 2015, arXiv:1506.07503) as Tacotron 2 uses it."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class AttentionMemory(NamedTuple):
    """A text as the attention sees it, computed once for all steps."""

    values_BSD: Tensor
    """Encoder outputs; zero in the padding."""
    keys_BAS: Tensor
    """Their projections."""
    mask_BS: Tensor
    """0 where a symbol is, minus infinity in the padding."""
    kernel_A2K: Tensor
    """Location filters and their projection as one convolution."""


class LocationAttention(nn.Module):
    """Additive attention that also looks at where it was: at the last weights and at the sum of all weights.

    Parameters
    ----------
    query_dim, memory_dim, dim : int
        Widths of the query, the memory, and the space in which they are compared.
    filters, kernel : int
        Location filters and their length in symbols (odd).
    """

    def __init__(self, query_dim: int, memory_dim: int, *, dim: int, filters: int, kernel: int) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"the location kernel must be odd, got {kernel}")
        self.query = nn.Linear(query_dim, dim, bias=False)
        self.memory = nn.Linear(memory_dim, dim, bias=False)
        self.score = nn.Linear(dim, 1, bias=False)
        self.location_conv = nn.Conv1d(2, filters, kernel, padding=kernel // 2, bias=False)
        self.location_dense = nn.Linear(filters, dim, bias=False)
        for layer in (self.query, self.memory, self.location_dense):
            nn.init.xavier_uniform_(layer.weight, gain=nn.init.calculate_gain("tanh"))
        nn.init.xavier_uniform_(self.score.weight)
        nn.init.xavier_uniform_(self.location_conv.weight)

    def kernel(self) -> Tensor:
        """Both location layers as one convolution: there is nothing non-linear between them."""
        filters = self.location_conv.weight
        return (self.location_dense.weight @ filters.flatten(1)).view(-1, 2, filters.shape[-1])

    def keys(self, memory_BSD: Tensor) -> Tensor:
        """Projected memory [shape=(B, A, S)]."""
        return self.memory(memory_BSD).transpose(1, 2).contiguous()

    def prepare(self, memory_BSD: Tensor, lengths_B: Tensor) -> AttentionMemory:
        """What all steps share.

        Parameters
        ----------
        memory_BSD : Tensor [shape=(B, S, D)]
            Encoder outputs.
        lengths_B : Tensor [shape=(B,), int64]
            Valid symbols.
        """
        places = torch.arange(memory_BSD.shape[1], device=memory_BSD.device)
        padding = places >= lengths_B.to(memory_BSD.device)[:, None]
        mask = torch.zeros(padding.shape, device=memory_BSD.device).masked_fill(padding, -math.inf)
        return AttentionMemory(memory_BSD, self.keys(memory_BSD), mask, self.kernel())

    def forward(
        self, query_BH: Tensor, memory: AttentionMemory, last_BS: Tensor, total_BS: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Attend once.

        Parameters
        ----------
        query_BH : Tensor [shape=(B, H)]
            State of the attention LSTM.
        memory : AttentionMemory
            From `prepare`.
        last_BS, total_BS : Tensor [shape=(B, S)]
            Weights of the last step, and the sum over all steps.

        Returns
        -------
        context : Tensor [shape=(B, D)]
        weights : Tensor [shape=(B, S), 0..1, each row sums to 1]
        """
        kernel = memory.kernel_A2K
        location_BAS = F.conv1d(torch.stack((last_BS, total_BS), dim=1), kernel, padding=kernel.shape[-1] // 2)
        summed_BAS = (location_BAS + memory.keys_BAS).add_(self.query(query_BH)[:, :, None])
        energy_BS = torch.matmul(self.score.weight, summed_BAS.tanh_())[:, 0] + memory.mask_BS
        weights_BS = energy_BS.softmax(dim=1)
        return torch.bmm(weights_BS[:, None], memory.values_BSD)[:, 0], weights_BS
