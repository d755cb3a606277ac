"""Cascades: a recogniser writes down what is said, a text encoder reads it, a generator draws from that.

The baseline, not the goal: nothing but words passes. Its parts are trained one after the other, the generator on what
the first two make of the corpus's recordings, so that what it exports is the whole cascade::

    speech2img train recogniser --preset cascade --root ROOT --out runs/recogniser
    speech2img train text-encoder --preset cascade --root ROOT --out runs/text --set embeddings=encoder
    speech2img compose --recogniser runs/recogniser --text-encoder runs/text --out runs/cascade-encoder
    speech2img extract --run runs/cascade-encoder --root ROOT --name cascade --frames
    speech2img train generator --preset cascade --root ROOT --out runs/cascade

In front of a generator that another speech encoder was trained with, the text encoder learns to give that encoder's
embeddings, and ``compose --generator`` is all. ``cascade-whisper`` has a folder of Whisper as its ``--recogniser``.
"""

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from speech2img.systems import attngan, stackgan_v1
from speech2img.systems.base import System

if TYPE_CHECKING:
    from speech2img.training.attngan.settings import AttnGANSettings
    from speech2img.training.recogniser.settings import RecogniserSettings
    from speech2img.training.stackgan_v1.settings import StackGANv1Settings
    from speech2img.training.text_encoder.settings import TextEncoderSettings

EMBEDDINGS = "cascade"
"""Name under which ``extract`` stores what recogniser and text encoder make of a corpus."""
SOURCE = "Dong et al. 2018, 10.1109/ICASSP.2018.8462506; "


@cache
def recogniser() -> "RecogniserSettings":
    """The speech Transformer of the published sizes, corrected; as published: experiments/cascade."""
    from speech2img.training.recogniser.settings import RecogniserSettings

    return RecogniserSettings(mask_bands=12, mask_time=0.06)


@cache
def letters() -> "TextEncoderSettings":
    """Reed et al.'s encoder over letters, which takes any spelling."""
    from speech2img.training.text_encoder.settings import TextEncoderSettings

    return TextEncoderSettings(network="char-cnn-rnn", width=512)


@cache
def words() -> "TextEncoderSettings":
    """AttnGAN's encoder over words, which has a vector a word."""
    from speech2img.training.text_encoder.settings import TextEncoderSettings

    return TextEncoderSettings(network="word-lstm", word_dim=300, dropout=0.5)


@cache
def stackgan_generator() -> "StackGANv1Settings":
    """StackGAN-v1, stage I, on what the cascade reads."""
    return replace(stackgan_v1.generator(), embeddings=EMBEDDINGS)


@cache
def attngan_generator() -> "AttnGANSettings":
    """AttnGAN on the words that the cascade reads."""
    return replace(attngan.generator(), embeddings=EMBEDDINGS)


CASCADE = System(
    title="A cascade: speech Transformer, char-CNN-RNN, StackGAN-v1",
    source=SOURCE + "Reed et al. 2016, arXiv:1605.05395; Zhang et al. 2017, arXiv:1612.03242",
    protocol="stackgan",
    stages={"recogniser": recogniser, "text-encoder": letters, "generator": stackgan_generator},
)
CASCADE_ATTNGAN = System(
    title="A cascade: speech Transformer, LSTM over words, AttnGAN",
    source=SOURCE + "Xu et al. 2018, arXiv:1711.10485",
    protocol="stackgan",
    stages={"recogniser": recogniser, "text-encoder": words, "generator": attngan_generator},
)
CASCADE_WHISPER = System(
    title="A cascade: Whisper (a folder of its weights), LSTM over words, AttnGAN",
    source="Radford et al. 2022, arXiv:2212.04356; Xu et al. 2018, arXiv:1711.10485",
    protocol="stackgan",
    stages={"text-encoder": words, "generator": attngan_generator},
)
