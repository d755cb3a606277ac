"""Image codecs by the name that a release gives them; the file of one is imported when a release asks for it."""

from collections.abc import Callable, Mapping
from typing import Any

from speech2img.models.codecs.base import ImageCodec


def _taef2() -> type[ImageCodec]:
    from speech2img.models.codecs.taef2 import TAEF2

    return TAEF2


CODECS: Mapping[str, Callable[[], type[ImageCodec]]] = {
    "taef2": _taef2  # tiny autoencoder of FLUX.2's latents (madebyollin/taesd): 32 channels, sides / 8
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
