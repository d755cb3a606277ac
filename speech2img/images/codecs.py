"""Image codecs from their releases."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speech2img.errors import CheckpointError, ConfigError, with_article
from speech2img.images.pyramid import normalised
from speech2img.models.codecs.base import ImageCodec
from speech2img.models.codecs.registry import build_codec
from speech2img.models.codecs.token_codec import TokenCodec
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_hashed_release

KIND = "image-codec"
"""Kind of their releases."""


@dataclass(frozen=True, eq=False)
class ReleasedCodec:
    """A codec and what its release says of it."""

    network: ImageCodec
    """On the CPU, in evaluation mode, without gradients of its own."""
    name: str
    """Of its folder, or of the run that exported it: what its latents are called."""
    sha256: str
    """Hash of its weights, with the scale of its latents."""
    folder: Path
    """Its release."""
    settings: Mapping[str, Any]
    """What `build_codec` makes it from."""

    def shared(self, prefix: str) -> dict[str, dict[str, str]]:
        """What the config of a release says, under ``shared_weights``, whose tensors of that prefix are these."""
        return {prefix: {"sha256": self.sha256, "name": self.name}}

    def encode_views(self, images_NHWC: NDArray[np.uint8], views: int) -> NDArray[np.float32]:
        """Latents of 8-bit images, and of their mirror images, computed where the network is.

        Parameters
        ----------
        images_NHWC : np.ndarray [shape=(N, S, S, 3), uint8, RGB]
            Squares of a side that is a multiple of the codec's stride.
        views : int
            1 for the images alone, 2 with their mirror images, left to right.

        Returns
        -------
        np.ndarray [shape=(N, views, channels, S / stride, S / stride), float32]
        """
        return self._each_view(self.network.encode, images_NHWC, views).float().cpu().numpy()

    def encode_token_views(self, images_NHWC: NDArray[np.uint8], views: int) -> NDArray[np.int64]:
        """Tokens of 8-bit images, and of their mirror images; of a codec with a codebook.

        Parameters
        ----------
        images_NHWC, views
            As of `encode_views`.

        Returns
        -------
        np.ndarray [shape=(N, views, S / stride, S / stride), int64, range 0..num_codes - 1]

        Raises
        ------
        ConfigError
            If the codec has no codes.
        """
        return self._each_view(self.token_network().encode_tokens, images_NHWC, views).cpu().numpy()

    def _each_view(self, encode: Callable[[Tensor], Tensor], images_NHWC: NDArray[np.uint8], views: int) -> Tensor:
        images = normalised(torch.from_numpy(images_NHWC).permute(0, 3, 1, 2)).to(self.network.latent_mean.device)
        with torch.inference_mode():
            return torch.stack([encode(view) for view in (images, images.flip(-1))[:views]], dim=1)

    @property
    def has_codes(self) -> bool:
        """Whether it makes tokens."""
        return isinstance(self.network, TokenCodec)

    def token_network(self) -> TokenCodec:
        """The network as what makes tokens; ConfigError if it makes none."""
        if not isinstance(self.network, TokenCodec):
            fix = "give one of 'speech2img import vqgan', or of 'train codec --set family=vqgan'"
            raise ConfigError.about(f"codec {self.name}", "has no codebook, and so no tokens", fix)
        return self.network

    def latent_side(self, image_size: int) -> int:
        """Side of the latents of images of so many pixels a side; ConfigError if there are none of that size."""
        stride = self.network.stride
        if image_size < stride or image_size % stride:
            reason = f"no multiple of {stride}, as the codec '{self.name}' needs"
            raise ConfigError.about(f"image size {image_size}", reason, f"choose one, such as {16 * stride}")
        return image_size // stride


def load_codec(name_or_path: str | PathLike[str]) -> ReleasedCodec:
    """Load a codec.

    Parameters
    ----------
    name_or_path : str or path
        A release that ``speech2img import taef2`` (or ``vqgan``) wrote, a run of ``speech2img train codec``, or the
        name of one that came with the package.

    Raises
    ------
    CheckpointError
        If there is none, it is damaged, another kind of network, or its latents have no scale.
    """
    # The release, which must be one of a codec.
    folder = find_release(name_or_path)
    tensors, config, own_sha256 = load_hashed_release(folder)
    if config.get("kind") != KIND:
        fix = "give what 'speech2img import taef2' wrote, or a run of 'speech2img train codec'"
        kind = with_article(repr(config.get("kind")))
        raise CheckpointError.about(str(folder), f"holds {kind}, and no image codec", fix)
    network = build_network(build_codec, config.get("codec"), tensors, name=str(folder), fix="import it again")
    if not bool((network.latent_deviation > 0).all()):
        raise CheckpointError.about(str(folder), "the deviation of its latents is not above 0", "import it again")
    if isinstance(network, TokenCodec) and network.reduction is not None and not network.reduction.is_sound():
        reason = "its table of codes in use names one twice, or one that is not there"
        raise CheckpointError.about(str(folder), reason, "import it again")
    # The run's name is not that of its folder "export".
    place = Path(os.path.realpath(folder))
    name = place.parent.name if place.name == "export" else place.name
    return ReleasedCodec(network.eval().requires_grad_(False), name, own_sha256, folder, config["codec"])
