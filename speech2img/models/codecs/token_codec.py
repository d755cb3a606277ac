"""What a codec with a codebook is besides an image codec: images to tokens, numbers of codes, and back."""

from abc import abstractmethod

import torch
from torch import Tensor

from speech2img.models.codecs.base import ImageCodec
from speech2img.models.codecs.code_reduction import CodeReduction, UnusedCodes

MOST_CODES = 1 << 16
"""So that a token is a number of 16 bits."""


class TokenCodec(ImageCodec):
    """Base of the codecs that quantise.

    Its latents are what is quantised, and `decode` quantises them: what a flow draws is decoded from codes alone, and
    ``decode(encode(images))`` is ``decode_tokens(encode_tokens(images))``.

    Parameters
    ----------
    channels, stride
        As of `ImageCodec`.
    codebook_size : int, 1 to 65,536
        Codes of the codebook.
    kept_codes : int, optional
        Codes that are in use; which, `CodeReduction` says. Without it all are.
    unused : {"nearest", "published"}
        What becomes of a place of an image whose code is not in use.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    def __init__(
        self,
        *,
        channels: int,
        stride: int,
        codebook_size: int,
        kept_codes: int | None = None,
        unused: UnusedCodes = "nearest",
    ) -> None:
        super().__init__(channels=channels, stride=stride)
        if not 1 <= codebook_size <= MOST_CODES:
            raise ValueError(f"there can be 1 to {MOST_CODES} codes, not {codebook_size}")
        self.codebook_size, self.unused = codebook_size, unused
        self.reduction = None if kept_codes is None else CodeReduction(codebook_size, kept_codes)

    @property
    def num_codes(self) -> int:
        """Tokens are 0..num_codes - 1."""
        return self.codebook_size if self.reduction is None else len(self.reduction.codes_R)

    @abstractmethod
    def find_codes(self, latents_BChw: Tensor, among_R: Tensor | None) -> Tensor:
        """Best code (B, h, w) of each place of raw latents; its position among some codes where these are given."""

    @abstractmethod
    def code_vectors(self, codes_Bhw: Tensor) -> Tensor:
        """Quantised latents (B, C, h, w)."""

    @abstractmethod
    def decode_vectors(self, vectors_BChw: Tensor) -> Tensor:
        """Images (B, 3, h * stride, w * stride) of quantised latents."""

    def token_grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the tokens of an image of so many pixels; ValueError where the stride divides neither."""
        if min(height, width) < self.stride or height % self.stride or width % self.stride:
            raise ValueError(f"sides must be multiples of {self.stride}, got {height} and {width}")
        return height // self.stride, width // self.stride

    def encode_tokens(self, images_B3HW: Tensor) -> Tensor:
        """Tokens of images.

        Parameters
        ----------
        images_B3HW : Tensor [shape=(B, 3, H, W), float, range -1..1]
            Sides that are multiples of ``stride``.

        Returns
        -------
        Tensor [shape=(B, H / stride, W / stride), int64, range 0..num_codes - 1]

        Raises
        ------
        ValueError
            If the batch is of another shape.
        """
        self.demand_images(images_B3HW)
        return self._tokens_of(self.encode_raw(images_B3HW))

    def decode_tokens(self, tokens_Bhw: Tensor) -> Tensor:
        """Images of tokens.

        Parameters
        ----------
        tokens_Bhw : Tensor [shape=(B, h, w), int64]

        Returns
        -------
        Tensor [shape=(B, 3, h * stride, w * stride)]
            About -1..1, not cut off there.

        Raises
        ------
        ValueError
            If they are of another shape or kind, or out of range.
        """
        shape = tuple(tokens_Bhw.shape)
        if len(shape) != 3 or 0 in shape or tokens_Bhw.dtype != torch.int64:
            raise ValueError(f"expected tokens of shape (B, h, w), int64, got {shape}, {tokens_Bhw.dtype}")
        low, high = int(tokens_Bhw.min()), int(tokens_Bhw.max())
        if low < 0 or high >= self.num_codes:
            raise ValueError(f"tokens must be 0..{self.num_codes - 1}, got {low if low < 0 else high}")
        return self.decode_vectors(self._vectors_of(tokens_Bhw))

    def decode_raw(self, latents_BChw: Tensor) -> Tensor:
        """Images of the codes of raw latents; gradients pass to the latents as if nothing were quantised."""
        with torch.no_grad():
            vectors = self._vectors_of(self._tokens_of(latents_BChw))
        return self.decode_vectors(vectors + (latents_BChw - latents_BChw.detach()))

    def _tokens_of(self, latents_BChw: Tensor) -> Tensor:
        if self.reduction is None:
            return self.find_codes(latents_BChw, None)
        if self.unused == "nearest":
            return self.find_codes(latents_BChw, self.reduction.codes_R)
        return self.reduction.reduce(self.find_codes(latents_BChw, None))

    def _vectors_of(self, tokens_Bhw: Tensor) -> Tensor:
        return self.code_vectors(tokens_Bhw if self.reduction is None else self.reduction.restore(tokens_Bhw))
