"""The release that a latent flow's training ends in: encoder, flow and codec; the codec is shared where it is found."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from speech2img.images.codecs import ReleasedCodec
from speech2img.models.generators.latent_flow import LatentFlowGenerator
from speech2img.storage.releases.composition import save_generator


def save_latent_flow(
    folder: Path,
    generator: LatentFlowGenerator,
    *,
    config: Mapping[str, Any],
    codec: ReleasedCodec,
    encoder: tuple[Mapping[str, Tensor], Mapping[str, Any]],
    trained_with: Mapping[str, str],
    step: int,
    images_seen: int,
) -> None:
    """Write a release as `save_generator` does.

    Parameters
    ----------
    folder : Path
        Where it goes.
    generator : LatentFlowGenerator
        Averaged flow, and the codec.
    config : Mapping of str to Any
        Its arguments.
    codec : ReleasedCodec
        Where the codec is from.
    encoder : tuple of Mapping and Mapping
        Tensors and config of the encoder's release.
    trained_with : Mapping of str to str
        Role -> hash of every network behind it.
    step, images_seen : int
        How long it was trained.
    """
    size = generator.image_sizes[-1]
    card = (
        f"# Speech to image\n\nSpeech encoder, and a rectified flow in the latents of the image codec {codec.name} "
        f"(sha256 {codec.sha256[:16]}), {size} px.\nTrained for {step} steps, {images_seen} images.\n"
    )
    save_generator(
        folder,
        generator.state_dict(),
        card,
        generator_config={"network": "latent-flow", **config},
        encoder=encoder,
        trained_with=trained_with,
        image_size=size,
        step=step,
        images_seen=images_seen,
        shared=codec.shared("generator.codec."),
    )
