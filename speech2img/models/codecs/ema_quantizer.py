"""The nearest code, of a codebook that is a moving average of the latents it stands for (ITHQ's codec).

van den Oord et al., arXiv:1711.00937, appendix A.1: no gradient moves a code; it follows the mean of its latents.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from speech2img.models.codecs.quantizers import NearestQuantizer, Quantized, straight_through

_SMOOTHING = 1e-5
"""Added to each code's count, so that one that nothing chose divides by no zero."""


class EMAQuantizer(NearestQuantizer):
    """The nearest code by Euclidean distance; `follow_` moves the codes.

    Parameters
    ----------
    num_codes : int
        Codes; at first standard normal, as published.
    width : int
        Numbers of a code.
    commitment : float
        Weight of the latents' way to their codes (published 1).
    decay : float, 0 <= decay < 1
        Share of counts and sums that stays at each step (published 0.99).

    Raises
    ------
    ValueError
        If ``decay`` is out of range.
    """

    counts_K: Tensor
    """Moving average of how many latents chose each code."""
    sums_KC: Tensor
    """Moving average of their sums."""

    def __init__(self, num_codes: int, width: int, *, commitment: float = 1.0, decay: float = 0.99) -> None:
        super().__init__(num_codes, width, commitment=commitment)
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"decay must be in 0..1 (1 excluded), got {decay}")
        self.decay = decay
        codes_KC = torch.randn(num_codes, width)
        self.codebook.weight = torch.nn.Parameter(codes_KC, requires_grad=False)
        self.register_buffer("counts_K", torch.zeros(num_codes))
        self.register_buffer("sums_KC", codes_KC.clone())

    def forward(self, latents_BChw: Tensor) -> Quantized:
        """Quantise with gradient; the codes stay as they are.

        Parameters
        ----------
        latents_BChw : Tensor [shape=(B, C, h, w), float]
        """
        with torch.no_grad():
            tokens = self.find(latents_BChw)
            vectors = self.vectors(tokens)
        penalty = self.commitment * F.mse_loss(latents_BChw, vectors)
        return Quantized(straight_through(vectors, latents_BChw), tokens, penalty)

    @torch.no_grad()
    def latent_sums(self, latents_BChw: Tensor, tokens_Bhw: Tensor) -> Tensor:
        """Sum (K, C), float32, of the latents that chose each code."""
        rows_NC = latents_BChw.movedim(1, -1).flatten(0, -2).float()
        return torch.zeros_like(self.sums_KC).index_add_(0, tokens_Bhw.flatten(), rows_NC)

    @torch.no_grad()
    def follow_(self, counts_K: Tensor, sums_KC: Tensor) -> None:
        """Move the codes towards the latents of a step.

        Parameters
        ----------
        counts_K : Tensor [shape=(K,), >= 0]
            How many latents of the step chose each code.
        sums_KC : Tensor [shape=(K, C)]
            As from `latent_sums`; both over the rows of all processes.
        """
        self.counts_K.lerp_(counts_K.float(), 1.0 - self.decay)
        self.sums_KC.lerp_(sums_KC, 1.0 - self.decay)
        # Counts are smoothed and keep their sum.
        total = self.counts_K.sum()
        smoothed_K = (self.counts_K + _SMOOTHING) / (total + len(self.counts_K) * _SMOOTHING) * total
        self.codebook.weight.copy_(self.sums_KC / smoothed_K[:, None])

    @torch.no_grad()
    def replace_(self, chosen_K: Tensor, vectors_KC: Tensor) -> None:
        """Give chosen codes other places, where they stand for one latent each."""
        self.counts_K.masked_fill_(chosen_K, 1.0)
        self.sums_KC.copy_(torch.where(chosen_K[:, None], vectors_KC, self.sums_KC))
        super().replace_(chosen_K, vectors_KC)
