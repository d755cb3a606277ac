"""Image generators by the name that a release gives them; the file of one is imported when a release asks for it."""

from collections.abc import Callable
from typing import Any

from torch import nn

from speech2img.models.generators.base import ImageGenerator


def _stackgan() -> type[nn.Module]:
    from speech2img.models.generators.stackgan import StackGenerator

    return StackGenerator


def _stackgan_v1() -> type[nn.Module]:
    from speech2img.models.generators.stackgan_v1.generator import StackGANv1

    return StackGANv1


def _attngan() -> type[nn.Module]:
    from speech2img.models.generators.attngan.generator import AttnGANGenerator

    return AttnGANGenerator


def _latent_flow() -> type[nn.Module]:
    from speech2img.models.generators.latent_flow import LatentFlowGenerator

    return LatentFlowGenerator


def _vq_diffusion() -> type[nn.Module]:
    from speech2img.models.generators.vq_diffusion.generator import VQDiffusionGenerator

    return VQDiffusionGenerator


GENERATORS: dict[str, Callable[[], type[nn.Module]]] = {
    "stackgan": _stackgan,  # StackGAN-v2, and stacked densely that of S2IGAN
    "stackgan-v1": _stackgan_v1,  # two stages of 64 and 256 px (Zhang et al. 2017)
    "attngan": _attngan,  # stages that look at words, or at frames of speech (Xu et al. 2018)
    "latent-flow": _latent_flow,  # rectified flow in the latents of an image codec, and the codec
    "vq-diffusion": _vq_diffusion,  # discrete diffusion over the tokens of an image codec, and the codec
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
