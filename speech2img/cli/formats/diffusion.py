"""Published parts of S2IVQ-D and VQ-Diffusion: how each becomes a release."""

from typing import TYPE_CHECKING

from speech2img.models.published.conversion import Conversion, ImportedNetwork

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    State = Mapping[str, Tensor]


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
