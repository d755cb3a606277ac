"""The release that such a training ends in: encoder, generator and codec; the codec is shared where it is found."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from speech2img.images.codecs import ReleasedCodec
from speech2img.storage.releases.composition import save_generator


def save_with_codec(
    folder: Path,
    generator: nn.Module,
    *,
    summary: str,
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
    generator : nn.Module
        The averaged network, and the codec.
    summary : str
        What it is, for the card: "... of the image codec NAME" goes on from there.
    config : Mapping of str to Any
        Its arguments, with ``network`` and ``image_size``.
    codec : ReleasedCodec
        Where the codec is from.
    encoder : tuple of Mapping and Mapping
        Tensors and config of the encoder's release.
    trained_with : Mapping of str to str
        Role -> hash of every network behind it.
    step, images_seen : int
        How long it was trained.
    """
    size = config["image_size"]
    card = (
        f"# Speech to image\n\nSpeech encoder, and {summary} of the image codec {codec.name} "
        f"(sha256 {codec.sha256[:16]}), {size} px.\nTrained for {step} steps, {images_seen} images.\n"
    )
    save_generator(
        folder,
        generator.state_dict(),
        card,
        generator_config=config,
        encoder=encoder,
        trained_with=trained_with,
        image_size=size,
        step=step,
        images_seen=images_seen,
        shared=codec.shared("generator.codec."),
    )
