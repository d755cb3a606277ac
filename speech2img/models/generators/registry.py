"""Image generators by the name that a release gives them; the file of one is imported when a release asks for it."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from torch import nn

from speech2img.models.generators.base import ImageGenerator


def _class(module: str, name: str) -> Callable[[], type[nn.Module]]:
    """A class of a module beside this one, imported when it is asked for."""
    return lambda: getattr(import_module(f"speech2img.models.generators.{module}"), name)


GENERATORS: dict[str, Callable[[], type[nn.Module]]] = {
    # StackGAN-v2, and stacked densely that of S2IGAN
    "stackgan": _class("stackgan", "StackGenerator"),
    # two stages of 64 and 256 px (Zhang et al. 2017)
    "stackgan-v1": _class("stackgan_v1.generator", "StackGANv1"),
    # stages that look at words, or at frames of speech (Xu et al. 2018)
    "attngan": _class("attngan.generator", "AttnGANGenerator"),
    # rectified flow in the latents of an image codec, and the codec
    "latent-flow": _class("latent_flow", "LatentFlowGenerator"),
    # discrete diffusion over the tokens of an image codec, and the codec
    "vq-diffusion": _class("vq_diffusion.generator", "VQDiffusionGenerator"),
}
"""Name under ``generator.network`` of a release's config -> a function that gives the class, an `ImageGenerator`."""


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
    generator = GENERATORS[network]()(**settings)
    if not isinstance(generator, ImageGenerator):
        raise TypeError(f"{network!r} is no ImageGenerator: it needs embedding_dim, needs_frames, image_sizes, sample")
    return generator
