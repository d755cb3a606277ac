"""Image generators by the name that a release gives them."""

from collections.abc import Callable
from typing import Any

from torch import nn

from speech2img.models.generators.base import ImageGenerator
from speech2img.models.generators.stackgan import StackGenerator

GENERATORS: dict[str, Callable[..., nn.Module]] = {
    "stackgan": StackGenerator  # StackGAN-v2, and stacked densely that of S2IGAN
}
"""Name under ``generator.network`` of a release's config -> class, an `ImageGenerator`."""


def build_generator(*, network: str = "stackgan", **settings: Any) -> nn.Module:
    """Image generator of a release: what stands under ``generator`` in its config.

    Parameters
    ----------
    network : str
        One of `GENERATORS`; releases from before there were several do not name it.
    **settings
        The network's own.

    Raises
    ------
    ValueError
        If there is no such network, or its settings contradict each other.
    TypeError
        For a setting that the network does not have, and for a network that is no `ImageGenerator`.
    """
    if network not in GENERATORS:
        raise ValueError(f"network must be one of {', '.join(GENERATORS)}, got {network!r}")
    generator = GENERATORS[network](**settings)
    if not isinstance(generator, ImageGenerator):
        raise TypeError(f"{network!r} is no ImageGenerator: it needs embedding_dim, needs_frames, image_sizes, sample")
    return generator
