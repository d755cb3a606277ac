"""The release that a generator's training ends in: with its speech encoder it is a whole model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from speech2img.features.speech_embeddings import EmbeddingFile
from speech2img.storage.releases.composition import save_generator
from speech2img.storage.releases.provenance import UNKNOWN
from speech2img.storage.releases.provenance import trained_with as recorded
from speech2img.training.stackgan.data import FrozenNetworks
from speech2img.training.stackgan.settings import StackGANSettings


def networks_behind(
    embeddings: EmbeddingFile, encoder_config: Mapping[str, Any], frozen: FrozenNetworks
) -> dict[str, str]:
    """Role -> hash of every network that a generator of these embeddings learns from."""
    behind = {**(recorded(encoder_config) or {"speech encoder's own": UNKNOWN}), "speech encoder": embeddings.sha256}
    if frozen.relation_features is not None:
        behind |= frozen.relation_features.trained_with
    if frozen.teacher is not None:
        behind["feature network"] = frozen.teacher.sha256
    if frozen.projection_network is not None:
        behind["discriminators' network"] = frozen.projection_network.sha256
    return behind


def save_stackgan(
    folder: Path,
    weights: Mapping[str, Tensor],
    *,
    generator_config: Mapping[str, Any],
    settings: StackGANSettings,
    encoder: tuple[Mapping[str, Tensor], Mapping[str, Any]],
    trained_with: Mapping[str, str],
    step: int,
    images_seen: int,
) -> None:
    """Write a release of kind ``speech-to-image``, or ``image-generator`` where no encoder made the embeddings.

    Parameters
    ----------
    folder : Path
        Where it goes.
    weights : Mapping of str to Tensor
        State of the averaged generator.
    generator_config : Mapping of str to Any
        Arguments of ``StackGenerator``.
    settings : StackGANSettings
        How it was trained.
    encoder : tuple of Mapping and Mapping
        Tensors and config of the encoder's release.
    trained_with : Mapping of str to str
        Role -> hash of every network behind it.
    step, images_seen : int
        How long it was trained.
    """
    kind = "densely stacked generator after S2IGAN" if settings.model.dense else "stacked generator"
    supervised = ", with a relation supervisor after S2IGAN" if settings.relation.weight else ""
    card = (
        f"# Speech to image\n\nSpeech encoder and {kind} after StackGAN-v2 (arXiv:1710.10916){supervised}, "
        f"{settings.image_size} px.\nTrained for {step} steps, {images_seen} images.\n"
    )
    save_generator(
        folder,
        weights,
        card,
        generator_config=generator_config,
        encoder=encoder,
        trained_with=trained_with,
        image_size=settings.image_size,
        step=step,
        images_seen=images_seen,
    )
