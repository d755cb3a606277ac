"""Published image codecs, and what was trained beside them: how each becomes a release."""

from pathlib import Path
from typing import TYPE_CHECKING

from speech2img.errors import ConfigError
from speech2img.models.published.conversion import Conversion, ImportedNetwork
from speech2img.options import Option, positive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    State = Mapping[str, Tensor]

DECODER = Option("decoder", "of taef2: the published file of its decoder; FILE is its encoder", "FILE", kind=Path)
CODEBOOK = (
    Option("codes", "of vqgan, gumbel-vq and ema-vq: refuse a file with another number of codes", "N", kind=positive),
    Option("mapping", "of the same: file of the codes in use, as VQ-Diffusion's", "FILE", kind=Path),
    Option(
        "unused",
        "with --mapping: what a place of an image gets whose code is not in use, code 0 as published (default) or the "
        "nearest of those in use",
        choices=("published", "nearest"),
    ),
)
"""Of every codec with a codebook."""
LINEAR = Option(
    "linear", "of lpips: the published file of its channels' weights, where FILE has none", "FILE", kind=Path
)


def taef2(*, decoder: Path | None = None) -> Conversion:
    """TAEF2, whose decoder is a file of its own."""
    from speech2img.models.codecs.registry import build_codec
    from speech2img.models.published import taef2 as published

    if decoder is None:
        raise ConfigError.about("taef2", "its decoder is a file of its own", "add --decoder taef2_decoder.pth")

    def describe(converted: "State") -> ImportedNetwork:
        settings = {"network": "taef2", **published.taef2_settings(converted)}
        config = {"kind": "image-codec", "codec": settings, "name": "TAEF2"}
        return ImportedNetwork(build_codec, settings, config, half=True, notice=published.NOTICE)

    beside = {decoder: published.convert_taef2_decoder}
    return Conversion(published.convert_taef2_encoder, describe, beside=beside)


def quantizing_codec(
    network: str, *, codes: int | None = None, mapping: Path | None = None, unused: str = "published"
) -> Conversion:
    """VQGAN or one of its kin; ``codes`` it must have, those in use by a ``mapping``, and the ``unused`` ones."""
    from speech2img.images.code_mapping import read_mapping
    from speech2img.models.codecs.registry import build_codec
    from speech2img.models.published import vqgan
    from speech2img.storage.reading import file_sha256

    # The codes in use, where only some are.
    table = None if mapping is None else read_mapping(mapping)
    if table is None and unused != "published":
        raise ConfigError.about("--unused", "all codes are in use", "add --mapping FILE, or omit it")

    def convert(state: "State") -> "dict[str, Tensor]":
        converted = vqgan.convert_vqgan(state, network=network, num_codes=codes)
        return converted if table is None else vqgan.reduced_state(converted, table)

    def describe(converted: "State") -> ImportedNetwork:
        settings = {"network": network, **vqgan.vqgan_settings(converted)}
        if table is not None:
            settings |= {"kept_codes": len(converted["reduction.codes_R"]), "unused": unused}
        config = {"kind": "image-codec", "codec": settings}
        if mapping is not None:
            config |= {"mapping": mapping.name, "mapping_sha256": file_sha256(mapping)}
        return ImportedNetwork(build_codec, settings, config, half=True, notice=vqgan.NOTICE)

    return Conversion(convert, describe)


def patchgan() -> Conversion:
    """PatchGAN, the discriminator of a VQGAN's training."""
    from speech2img.models.codecs.patchgan import NLayerDiscriminator
    from speech2img.models.published import vqgan, vqgan_losses

    def describe(converted: "State") -> ImportedNetwork:
        settings = vqgan_losses.patchgan_settings(converted)
        config = {"kind": "codec-discriminator", "discriminator": settings}
        return ImportedNetwork(NLayerDiscriminator, settings, config, notice=vqgan.NOTICE)

    return Conversion(vqgan_losses.convert_patchgan, describe)


def lpips(*, linear: Path | None = None) -> Conversion:
    """The network of a perceptual loss; ``linear`` is the file of its channels' weights, where FILE has none."""
    from speech2img.models.published import vqgan_losses
    from speech2img.models.vision.lpips import LPIPS

    def describe(converted: "State") -> ImportedNetwork:
        settings = vqgan_losses.lpips_settings(converted)
        return ImportedNetwork(LPIPS, settings, {"kind": "lpips", "lpips": settings})

    beside = {} if linear is None else {linear: vqgan_losses.convert_lpips}
    return Conversion(vqgan_losses.convert_lpips, describe, beside=beside)
