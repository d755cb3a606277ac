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
    keys_BSA: Tensor
    """Their projections."""
    mask_BS: Tensor
    """0 where a symbol is, minus infinity in the padding."""
    kernel_A2K: Tensor
    """Location filters and their projection as one convolution: there is nothing non-linear between them."""


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
        padding = places >= lengths_B.to(memory_BSD.device, non_blocking=True)[:, None]
        mask = torch.zeros(padding.shape, device=memory_BSD.device).masked_fill(padding, -math.inf)
        filters = self.location_conv.weight
        kernel = (self.location_dense.weight @ filters.flatten(1)).view(-1, 2, filters.shape[-1])
        return AttentionMemory(memory_BSD, self.memory(memory_BSD), mask, kernel)

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
        padded = F.pad(torch.stack((last_BS, total_BS), dim=1), (kernel.shape[2] // 2,) * 2)
        windows_BS2K = padded.unfold(2, kernel.shape[2], 1).transpose(1, 2)
        location_BSA = windows_BS2K.flatten(2) @ kernel.flatten(1).t()
        summed_BSA = location_BSA.add_(memory.keys_BSA).add_(self.query(query_BH)[:, None])
        weights_BS = (self.score(summed_BSA.tanh_())[..., 0] + memory.mask_BS).softmax(dim=1)
        return torch.bmm(weights_BS[:, None], memory.values_BSD)[:, 0], weights_BS
