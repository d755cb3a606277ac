"""Published parts of S2IVQ-D and VQ-Diffusion: how each becomes a release."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from speech2img.cli.formats.codecs import CODEBOOK
from speech2img.models.published.conversion import Conversion, ImportedNetwork
from speech2img.options import Option, positive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    State = Mapping[str, Tensor]

_MAPPING = next(option for option in CODEBOOK if option.name == "mapping")
DIFFUSION = (
    _MAPPING,
    Option("side", "of vq-diffusion and sta: side of its images, 256 as published", "PX", kind=positive),
    Option("heads", "of the same: heads of its attention, 16 as published", "N", kind=positive),
)
"""Of both transformers: what their files do not tell."""
_TRUNCATION = 0.86
_QUANTIZERS = {
    "quantize.embedding.weight": "vqgan",
    "quantize.embed.weight": "gumbel-vq",
    "quantize.embedding": "ema-vq",
}
"""End of the name of a codebook -> codec."""


def s2ivq_d_encoder() -> Conversion:
    """S2IVQ-D's speech encoder: SpeechCLIP's large form, HuBERT in it, into the space of the images of CLIP RN50x64."""
    from speech2img.models.encoders.registry import build_encoder
    from speech2img.models.published.speechclip import convert_speechclip, speechclip_settings

    def describe(converted: "State") -> ImportedNetwork:
        settings = {"network": "pretrained", **speechclip_settings(converted)}
        if settings["front_end"] != "hubert-large":
            raise ValueError(f"hears through {settings['front_end']}, and S2IVQ-D's through hubert-large")
        config = {"kind": "speech-encoder", "mel_preset": "waveform", "encoder": settings}
        return ImportedNetwork(build_encoder, settings, config, "encoder.", half=True)

    return Conversion(convert_speechclip, describe)


def token_diffusion(
    form: Literal["published", "text"], *, mapping: Path | None = None, side: int = 256, heads: int = 16
) -> Conversion:
    """Codec and transformer of a VQ-Diffusion (``text``) or of S2IVQ-D (``published``), with its averaged weights.

    A ``mapping`` says which codes it draws; images have the ``side``, and attention so many ``heads``.
    """
    from speech2img.images.code_mapping import read_mapping
    from speech2img.models.generators.registry import build_generator
    from speech2img.models.published import vq_diffusion, vqgan
    from speech2img.storage.reading import file_sha256

    table = None if mapping is None else read_mapping(mapping)
    convert_transformer = {
        "published": vq_diffusion.convert_speech_transformer,
        "text": vq_diffusion.convert_text_transformer,
    }[form]

    def convert(state: "State") -> "dict[str, Tensor]":
        transformer = convert_transformer(state)
        network = _codec_of(state)
        codec = vqgan.convert_vqgan(state, network=network)
        codec = codec if table is None else vqgan.reduced_state(codec, table)
        parts = {"codec.": codec, "transformer.": transformer}
        return {f"{prefix}{name}": value for prefix, part in parts.items() for name, value in part.items()}

    def describe(converted: "State") -> ImportedNetwork:
        parts = {
            part: {name.removeprefix(part): value for name, value in converted.items() if name.startswith(part)}
            for part in ("codec.", "transformer.")
        }
        # The codec, with the codes that are drawn.
        codec: dict[str, Any] = vqgan.vqgan_settings(parts["codec."])
        codec["network"] = _codec_named(parts["codec."])
        drawn = codec["num_codes"]
        if table is not None:
            drawn = len(converted["codec.reduction.codes_R"])
            codec |= {"kept_codes": drawn, "unused": "published"}
        # The transformer over them.
        own = vq_diffusion.transformer_settings(parts["transformer."])
        if (codes := own.pop("num_codes")) != drawn:
            of = f"its mapping has {drawn:,}" if table is not None else f"its codec has {drawn:,}; add --mapping FILE"
            raise ValueError(f"draws {codes:,} codes, and {of}")
        settings: dict[str, Any] = {"network": "vq-diffusion", "form": form, "codec": codec, "image_size": side}
        settings |= {"num_heads": heads, **own, "truncation": _TRUNCATION, "leaps": "published"}
        config: dict[str, Any] = {"kind": "image-generator", "generator": settings, "image_size": side}
        if mapping is not None:
            config |= {"mapping": mapping.name, "mapping_sha256": file_sha256(mapping)}
        return ImportedNetwork(build_generator, settings, config, "generator.", half=True, notice=vqgan.NOTICE)

    return Conversion(convert, describe, unpack=vq_diffusion.with_averages)


def _codec_of(state: "State") -> str:
    """Which codec a checkpoint holds; ValueError where it holds none."""
    for end, network in _QUANTIZERS.items():
        if any(name.startswith("content_codec.") and name.endswith(end) for name in state):
            return network
    raise ValueError("holds no codec beside its transformer")


def _codec_named(converted: "State") -> str:
    """The same for a converted codec."""
    marks = {"quantizer.to_logits.weight": "gumbel-vq", "quantizer.counts_K": "ema-vq"}
    return next((network for name, network in marks.items() if name in converted), "vqgan")
