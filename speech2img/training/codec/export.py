"""The release that a codec's training ends in: of the kind of an imported one, with the scale of its latents."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from speech2img.images.codecs import KIND
from speech2img.metrics.functional.reconstruction import Reconstruction
from speech2img.storage.releases.provenance import TRAINED_WITH
from speech2img.storage.releases.writing import save_release
from speech2img.training.codec.settings import CodecTrainingSettings


def save_codec(
    folder: Path,
    weights: Mapping[str, Tensor],
    *,
    settings: CodecTrainingSettings,
    measured: Reconstruction,
    facts: Mapping[str, Any],
    trained_with: Mapping[str, str],
    step: int,
    images_seen: int,
) -> None:
    """Write a release of kind ``image-codec``.

    Parameters
    ----------
    folder : Path
        Where it goes.
    weights : Mapping of str to Tensor
        State of the averaged network, with the scale of its latents.
    settings : CodecTrainingSettings
        How it was trained.
    measured : Reconstruction
        How well it gives validation images back.
    facts : Mapping of str to Any
        What else the config says.
    trained_with : Mapping of str to str
        Role -> hash of every network behind it.
    step, images_seen : int
        How long it was trained.
    """
    config = {
        "kind": KIND,
        "codec": settings.codec_config(),
        "image_size": settings.image_size,
        "step": step,
        "images_seen": images_seen,
        "psnr": round(measured.psnr, 3),
        "psnr_images": measured.num_images,
        **facts,
        TRAINED_WITH: dict(trained_with),
    }
    behind = "".join(f" Its perceptual loss looked through {role} {sha[:16]}." for role, sha in trained_with.items())
    card = (
        f"# Image codec\n\n{settings.codec_summary()} Trained on images of {settings.image_size} px for {step} steps, "
        f"{images_seen} images.{behind}\n\n"
        f"{measured.num_images} validation images come back at {measured.psnr:.1f} dB (mean of each image's peak "
        f"signal-to-noise ratio), {measured.l1:.1f} grey levels off.\n"
    )
    save_release(folder, weights, config, card)
