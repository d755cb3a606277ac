"""The published networks that ``speech2img import`` knows: how their states are converted, and what they become."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from speech2img.models.encoders.li2020 import Li2020Encoder
from speech2img.models.encoders.registry import build_encoder
from speech2img.models.generators.stackgan import StackDiscriminator, StackGenerator
from speech2img.models.published import checkpoints as published
from speech2img.models.published import inception as inception_published
from speech2img.models.published import s2igan as sen_published
from speech2img.models.published import tacotron2 as tacotron2_published
from speech2img.models.tts import hifigan
from speech2img.models.tts.tacotron2 import Tacotron2
from speech2img.models.vision.googlenet import BVLCGoogLeNet, TorchvisionGoogLeNet
from speech2img.models.vision.inception import InceptionV3

State = Mapping[str, Tensor]
Described = tuple[Callable[..., nn.Module], dict[str, Any], str, dict[str, Any]]

_CONVERTERS: Mapping[str, Callable[[State], dict[str, Tensor]]] = {
    "li2020-encoder": published.convert_li2020_encoder,
    "stackgan-v2-generator": published.convert_stackgan_v2_generator,
    "stackgan-v2-discriminator": published.convert_stackgan_v2_discriminator,
    "s2igan-sen": sen_published.convert_s2igan_sen,
    "s2igan-generator": published.convert_stackgan_v2_generator,
    "torchvision-googlenet": published.convert_torchvision_googlenet,
    "caffe-googlenet": published.convert_caffe_googlenet,
    "fid-inception": inception_published.convert_fid_inception,
    "torchvision-inception": inception_published.convert_torchvision_inception,
    "tacotron2": tacotron2_published.convert_tacotron2,
    "hifigan": hifigan.convert_hifigan,
}


def converter(source: str) -> Callable[[State], dict[str, Tensor]]:
    """Conversion of a published state to our names; it raises ValueError for names that the network does not have."""
    return _CONVERTERS[source]


def described(source: str, converted: State) -> Described:
    """What a converted state is of.

    Returns
    -------
    network : callable
        Class of the network, or a function that chooses one.
    settings : dict
        Its arguments.
    prefix : str
        What the names of its tensors begin with in a release.
    config : dict
        Of the release.

    Raises
    ------
    ValueError
        If an array is missing, sizes contradict each other, or it is a network of another source.
    """
    settings: dict[str, Any]
    if source == "li2020-encoder":
        settings = published.li2020_encoder_settings(converted)
        config = {"kind": "speech-encoder", "mel_preset": "li2020", "encoder": settings}
        return Li2020Encoder, settings, "encoder.", config
    if source in ("stackgan-v2-generator", "s2igan-generator"):
        settings = published.stackgan_v2_generator_settings(converted)
        if settings["dense"] != (source == "s2igan-generator"):
            right = "s2igan-generator" if settings["dense"] else "stackgan-v2-generator"
            raise ValueError(f"its later stages are those of a {right}")
        config = {"kind": "image-generator", "generator": settings, "conditioning": "sampled"}
        return StackGenerator, settings, "generator.", config
    if source == "stackgan-v2-discriminator":
        settings = published.stackgan_v2_discriminator_settings(converted)
        config = {"kind": "image-discriminator", "discriminator": settings}
        return StackDiscriminator, settings, "discriminator.", config
    if source == "s2igan-sen":
        settings = {"network": "s2igan", **sen_published.s2igan_sen_settings(converted)}
        config = {"kind": "speech-encoder", "mel_preset": "s2igan", "encoder": settings}
        return build_encoder, settings, "encoder.", config
    if source == "tacotron2":
        settings = tacotron2_published.tacotron2_settings(converted)
        config = {"kind": "tacotron2", "mel_preset": "tacotron2", "cleaner": "english", "tacotron2": settings}
        return Tacotron2, settings, "", config
    if source == "hifigan":
        settings = hifigan.hifigan_settings(converted)
        config = {"kind": "vocoder", "mel_preset": "tacotron2", "hifigan": settings}
        return hifigan.HifiGan, settings, "", config
    if source in ("fid-inception", "torchvision-inception"):
        settings = inception_published.published_settings(converted, source)
        return InceptionV3, settings, "", {"kind": "inception", "inception": settings}
    googlenet, variant = (
        (BVLCGoogLeNet, "bvlc") if source == "caffe-googlenet" else (TorchvisionGoogLeNet, "torchvision")
    )
    return googlenet, {}, "", {"kind": "googlenet", "variant": variant}
