"""Published networks that hear: acoustic front-ends, a speech encoder on one, and the speech Transformer."""

from collections.abc import Mapping
from typing import IO, TYPE_CHECKING

from speech2img.models.published.conversion import Conversion, ImportedNetwork

if TYPE_CHECKING:
    from torch import Tensor

    State = Mapping[str, Tensor]


def whisper_encoder(*, size: str | None = None) -> Conversion:
    """Whisper's encoder; ``size`` refuses a file of another one."""
    from speech2img.models.encoders.whisper import WhisperEncoder
    from speech2img.models.published import whisper
    from speech2img.models.published.ctranslate2 import read_ctranslate2

    # Names, sizes, and the card of the release.
    def convert(state: "State") -> "dict[str, Tensor]":
        converted = whisper.convert_whisper_encoder(state)
        if size is not None:
            whisper.demand_size(state, size)
        return converted

    def describe(converted: "State") -> ImportedNetwork:
        settings = whisper.whisper_encoder_settings(converted)
        config = {
            "kind": "acoustic-front-end",
            "network": "whisper",
            "front_end": settings,
            "mel_preset": "whisper",
            "model": f"whisper {size or whisper.whisper_size(settings)}",
        }
        return ImportedNetwork(WhisperEncoder, settings, config, half=True, notice=whisper.NOTICE)

    def read(opened: IO[bytes]) -> "State":
        return read_ctranslate2(opened, spec=whisper.CTRANSLATE2_SPEC, part=whisper.CTRANSLATE2_PART)

    return Conversion(convert, describe, read=read)


def hubert_encoder() -> Conversion:
    """HuBERT, base or large."""
    from speech2img.models.encoders.front_ends import FRONT_ENDS
    from speech2img.models.published.hubert import convert_hubert, hubert_settings, is_large

    def describe(converted: "State") -> ImportedNetwork:
        settings, name = hubert_settings(converted), "hubert-large" if is_large(converted) else "hubert-base"
        config = {
            "kind": "acoustic-front-end",
            "network": name,
            "front_end": settings,
            "mel_preset": "waveform",
            "model": name,
        }
        return ImportedNetwork(FRONT_ENDS[name](), settings, config, half=True)

    return Conversion(convert_hubert, describe)


def speechclip_encoder() -> Conversion:
    """SpeechCLIP's parallel branch with its HuBERT."""
    from speech2img.models.encoders.registry import build_encoder
    from speech2img.models.published.speechclip import convert_speechclip, speechclip_settings

    def describe(converted: "State") -> ImportedNetwork:
        settings = {"network": "pretrained", **speechclip_settings(converted)}
        config = {"kind": "speech-encoder", "mel_preset": "waveform", "encoder": settings}
        return ImportedNetwork(build_encoder, settings, config, "encoder.", half=True)

    return Conversion(convert_speechclip, describe)


def asr_transformer() -> Conversion:
    """Keras's example ``transformer_asr``."""
    from speech2img.models.published.asr_transformer import asr_transformer_settings, convert_asr_transformer
    from speech2img.models.recognisers.speech_transformer import SpeechTransformer

    def describe(converted: "State") -> ImportedNetwork:
        settings = asr_transformer_settings(converted)
        config = {"kind": "recogniser", "mel_preset": "waveform_22050", "recogniser": settings}
        return ImportedNetwork(SpeechTransformer, settings, config, "recogniser.")

    return Conversion(convert_asr_transformer, describe, read=_read_hdf5)


def _read_hdf5(opened: "IO[bytes]") -> "State":
    import torch

    from speech2img.storage.hdf5.arrays import read_arrays

    return {name: torch.from_numpy(array) for name, array in read_arrays(opened).items() if array.dtype.kind == "f"}
