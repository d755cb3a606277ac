"""StackGAN-v1 and AttnGAN: generators, discriminators, and the encoders of text and of images that belong to them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from speech2img.errors import ConfigError
from speech2img.models.published.conversion import Conversion, ImportedNetwork

if TYPE_CHECKING:
    from torch import Tensor

    State = Mapping[str, Tensor]


def stackgan_v1(stage: int) -> Conversion:
    """A generator of StackGAN-v1: of stage I, or of stage II with its stage I."""
    from speech2img.models.generators.registry import build_generator
    from speech2img.models.published import stackgan_v1 as published

    def describe(converted: "State") -> ImportedNetwork:
        settings = {"network": "stackgan-v1", **published.stackgan_v1_generator_settings(converted, stage=stage)}
        config = {"kind": "image-generator", "generator": settings, "conditioning": "sampled"}
        return ImportedNetwork(build_generator, settings, config, "generator.")

    return Conversion(published.convert_stackgan_v1_generator, describe)


def attngan_generator() -> Conversion:
    """AttnGAN's generator, with the mask that it was trained with."""
    from speech2img.models.generators.registry import build_generator
    from speech2img.models.published import attngan

    def describe(converted: "State") -> ImportedNetwork:
        settings = {"network": "attngan", **attngan.attngan_generator_settings(converted)}
        config = {"kind": "image-generator", "generator": settings, "conditioning": "sampled"}
        return ImportedNetwork(build_generator, settings, config, "generator.")

    return Conversion(attngan.convert_attngan_generator, describe)


def attngan_discriminator() -> Conversion:
    """One of AttnGAN's discriminators."""
    from speech2img.models.generators.stackgan_discriminator import StackDiscriminator
    from speech2img.models.published import attngan

    def describe(converted: "State") -> ImportedNetwork:
        settings = attngan.attngan_discriminator_settings(converted)
        config = {"kind": "image-discriminator", "discriminator": settings}
        return ImportedNetwork(StackDiscriminator, settings, config, "discriminator.")

    return Conversion(attngan.convert_attngan_discriminator, describe)


def attngan_text_encoder(*, vocabulary: Path | None = None) -> Conversion:
    """AttnGAN's text encoder with its words."""
    from speech2img.corpora.readers.attngan_captions import read_vocabulary
    from speech2img.models.published import text_image_encoders
    from speech2img.models.text_encoders.registry import build_text_encoder

    if vocabulary is None:
        reason = "the words that its numbers mean are in a file of their own"
        raise ConfigError.about("attngan-text-encoder", reason, "add --vocabulary captions.pickle")
    words = read_vocabulary(vocabulary)

    def describe(converted: "State") -> ImportedNetwork:
        settings = {"network": "word-lstm", **text_image_encoders.attngan_text_encoder_settings(converted, words)}
        config = {"kind": "text-encoder", "text_encoder": settings}
        return ImportedNetwork(build_text_encoder, settings, config, "text_encoder.")

    return Conversion(text_image_encoders.convert_attngan_text_encoder, describe)


def attngan_image_encoder() -> Conversion:
    """AttnGAN's image encoder: a DAMSM for words and sentences of its own text encoder."""
    from speech2img.models.generators.attngan.damsm import DAMSM
    from speech2img.models.published import text_image_encoders

    def describe(converted: "State") -> ImportedNetwork:
        named = {name.removeprefix("image_encoder."): value for name, value in converted.items()}
        settings = text_image_encoders.attngan_image_encoder_settings(named)
        return ImportedNetwork(DAMSM, settings, {"kind": "damsm", "damsm": settings})

    def convert(state: "State") -> "dict[str, Tensor]":
        converted = text_image_encoders.convert_attngan_image_encoder(state)
        return {f"image_encoder.{name}": value for name, value in converted.items()}

    return Conversion(convert, describe)


def char_cnn_rnn() -> Conversion:
    """Reed et al.'s text encoder over letters."""
    from speech2img.models.published import text_image_encoders as published
    from speech2img.models.text_encoders.registry import build_text_encoder

    def describe(converted: "State") -> ImportedNetwork:
        settings = {"network": "char-cnn-rnn", **published.char_cnn_rnn_settings(converted)}
        config = {"kind": "text-encoder", "text_encoder": settings}
        return ImportedNetwork(build_text_encoder, settings, config, "text_encoder.")

    return Conversion(published.convert_char_cnn_rnn, describe)
