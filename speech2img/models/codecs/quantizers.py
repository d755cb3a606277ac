"""Quantisers: latents to codes of a codebook, by the nearest one or by a Gumbel softmax, both with straight-through."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CodebookForm = Literal["paper", "published"]
_DISTANCES_AT_ONCE = 1 << 24
_SMALLEST = 1e-10


class Quantized(NamedTuple):
    """What a quantiser makes of latents in training."""

    vectors_BChw: Tensor
    """Vectors of the codes; gradients pass to the latents, or to the logits, as if nothing were quantised."""
    tokens_Bhw: Tensor
    """int64, numbers of the codes."""
    penalty: Tensor
    """Scalar, what the quantiser adds to the loss: codebook and commitment, or divergence from the uniform."""


class NearestQuantizer(nn.Module):
    """The nearest code by Euclidean distance (van den Oord et al., arXiv:1711.00937).

    Parameters
    ----------
    num_codes : int
        Codes; at first uniform in -1 / num_codes..1 / num_codes, as published.
    width : int
        Numbers of a code.
    commitment : float
        Weight of the latents' way to their codes.
    form : {"paper", "published"}
        The paper weighs the commitment; taming-transformers, whose checkpoints are in use, weighs the codebook's way
        to the latents instead.
    """

    def __init__(self, num_codes: int, width: int, *, commitment: float = 0.25, form: CodebookForm = "paper") -> None:
        super().__init__()
        self.commitment, self.form = commitment, form
        self.codebook = nn.Embedding(num_codes, width)
        nn.init.uniform_(self.codebook.weight, -1.0 / num_codes, 1.0 / num_codes)

    def find(self, latents_BChw: Tensor, among_K: Tensor | None = None) -> Tensor:
        """Tokens (B, h, w) of latents: numbers of codes or, with ``among_K``, positions in that list of codes."""
        codes_KC = self.codebook.weight if among_K is None else self.codebook.weight[among_K]
        rows_NC = latents_BChw.movedim(1, -1).flatten(0, -2).float()
        squares_K = codes_KC.float().square().sum(dim=1)
        # A part at a time: 256 places by 16,384 codes are 16 MiB an image. The latents' own length decides nothing.
        parts = rows_NC.split(max(1, _DISTANCES_AT_ONCE // len(codes_KC)))
        found = [torch.addmm(squares_K, part, codes_KC.float().T, alpha=-2.0).argmin(dim=1) for part in parts]
        return torch.cat(found).view(len(latents_BChw), *latents_BChw.shape[2:])

    def vectors(self, tokens_Bhw: Tensor) -> Tensor:
        """Vectors (B, C, h, w) of codes."""
        vectors: Tensor = self.codebook(tokens_Bhw).movedim(-1, 1)
        return vectors

    @torch.no_grad()
    def replace_(self, chosen_K: Tensor, vectors_KC: Tensor) -> None:
        """Give the codes that a mask chooses other places: rows of (K, C)."""
        self.codebook.weight.copy_(torch.where(chosen_K[:, None], vectors_KC, self.codebook.weight))

    def forward(self, latents_BChw: Tensor) -> Quantized:
        """Quantise with gradient.

        Parameters
        ----------
        latents_BChw : Tensor [shape=(B, C, h, w), float]
        """
        with torch.no_grad():
            tokens = self.find(latents_BChw)
        vectors = self.vectors(tokens)
        to_latents = F.mse_loss(vectors, latents_BChw.detach())
        to_codes = F.mse_loss(latents_BChw, vectors.detach())
        if self.form == "paper":
            penalty = to_latents + self.commitment * to_codes
        else:
            penalty = self.commitment * to_latents + to_codes
        return Quantized(straight_through(vectors, latents_BChw), tokens, penalty)


class GumbelQuantizer(nn.Module):
    """A code drawn by a Gumbel softmax over logits (Jang et al., arXiv:1611.01144; Ramesh et al., arXiv:2102.12092).

    Outside of training the most probable code is taken, and nothing is drawn: the published code draws then too, so
    that an image has other tokens each time.

    Parameters
    ----------
    num_codes : int
        Codes.
    width : int
        Numbers of a latent, and of a code.
    """

    def __init__(self, num_codes: int, width: int) -> None:
        super().__init__()
        self.to_logits = nn.Conv2d(width, num_codes, 1)
        self.codebook = nn.Embedding(num_codes, width)
        self.temperature = 1.0

    def find(self, latents_BChw: Tensor, among_K: Tensor | None = None) -> Tensor:
        """Most probable tokens (B, h, w): numbers of codes or, with ``among_K``, positions in that list of codes."""
        logits = self.to_logits(latents_BChw)
        return (logits if among_K is None else logits[:, among_K]).argmax(dim=1)

    def vectors(self, tokens_Bhw: Tensor) -> Tensor:
        """Vectors (B, C, h, w) of codes."""
        vectors: Tensor = self.codebook(tokens_Bhw).movedim(-1, 1)
        return vectors

    def forward(self, latents_BChw: Tensor) -> Quantized:
        """Quantise with gradient: one code in front, a softmax of ``temperature`` behind it.

        Parameters
        ----------
        latents_BChw : Tensor [shape=(B, C, h, w), float]
        """
        logits = self.to_logits(latents_BChw).float()
        noise = -torch.log(-torch.log(torch.rand(logits.shape, device=logits.device) + _SMALLEST) + _SMALLEST)
        soft = F.softmax((logits + noise) / self.temperature, dim=1)
        tokens = soft.argmax(dim=1)
        hard = F.one_hot(tokens, soft.shape[1]).movedim(-1, 1).to(soft.dtype)
        vectors = torch.einsum("bkhw,kc->bchw", straight_through(hard, soft), self.codebook.weight)
        return Quantized(vectors, tokens, uniform_divergence(logits))


def straight_through(values: Tensor, path: Tensor) -> Tensor:
    """``values`` exactly; their gradient goes to ``path``, which has their shape, and to nothing else."""
    return values.detach() + (path - path.detach())


def uniform_divergence(logits_BKhw: Tensor) -> Tensor:
    """Divergence of each place's softmax from the uniform distribution over the codes, mean over the places.

    Parameters
    ----------
    logits_BKhw : Tensor [shape=(B, K, h, w), float]

    Returns
    -------
    Tensor [shape=(), >= 0]
    """
    probabilities = F.softmax(logits_BKhw, dim=1)
    return (probabilities * torch.log(probabilities * logits_BKhw.shape[1] + _SMALLEST)).sum(dim=1).mean()
