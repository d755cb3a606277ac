"""Image codecs by the name that a release gives them; the file of one is imported when a release asks for it."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from speech2img.models.codecs.base import ImageCodec


def _class(module: str, name: str) -> type[ImageCodec]:
    found: type[ImageCodec] = getattr(import_module(f"speech2img.models.codecs.{module}"), name)
    return found


CODECS: Mapping[str, Callable[[], type[ImageCodec]]] = {
    # The tiny autoencoder of FLUX.2's latents (madebyollin/taesd): 32 channels, sides / 8.
    "taef2": partial(_class, "taef2", "TAEF2"),
    # Our own, of any number of channels, sides / 8: 'train codec'.
    "conv-autoencoder": partial(_class, "conv_autoencoder", "ConvAutoencoder"),
    # Tokens of a codebook: the nearest code, by a Gumbel softmax (CompVis/taming-transformers), of averages (ITHQ).
    "vqgan": partial(_class, "vqgan", "VQGAN"),
    "gumbel-vq": partial(_class, "vqgan", "GumbelVQ"),
    "ema-vq": partial(_class, "vqgan", "EMAVQ"),
}
"""Name under ``codec.network`` of a release's config -> a function that gives the class."""


def build_codec(*, network: str, **settings: Any) -> ImageCodec:
    """Image codec of a release: what stands under ``codec`` in its config.

    Parameters
    ----------
    network : str
        One of `CODECS`.
    **settings
        The network's own.

    Raises
    ------
    ValueError
        If there is no such network, or its settings contradict each other.
    TypeError
        For a setting that the network does not have.
    """
    if network not in CODECS:
        raise ValueError(f"network must be one of {', '.join(CODECS)}, got {network!r}")
    return CODECS[network]()(**settings)
