"""A codec of tokens at toy size: each code is a colour, and an image so many squares of them."""

import torch
from torch import Tensor

from speech2img.models.codecs.base import ImageCodec


class ToyTokenCodec(ImageCodec):
    """K grey levels from -1 to 1; a token is a square of ``stride`` pixels."""

    def __init__(self, *, num_codes: int = 6, stride: int = 4) -> None:
        super().__init__(channels=1, stride=stride)
        self.num_codes = num_codes
        self.register_buffer("levels", torch.linspace(-1, 1, num_codes))

    def encode_raw(self, images_B3HW: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(images_B3HW.mean(dim=1, keepdim=True), self.stride)

    def decode_raw(self, latents_BChw: Tensor) -> Tensor:
        large = latents_BChw.repeat_interleave(self.stride, dim=2).repeat_interleave(self.stride, dim=3)
        return large.expand(-1, 3, -1, -1)

    def encode_tokens(self, images_B3HW: Tensor) -> Tensor:
        latents = self.encode_raw(images_B3HW)[:, 0]
        return ((latents + 1) / 2 * (self.num_codes - 1)).round().long()

    def decode_tokens(self, tokens_Bhw: Tensor) -> Tensor:
        levels: Tensor = self.levels  # type: ignore[assignment]
        return self.decode_raw(levels[tokens_Bhw][:, None])
