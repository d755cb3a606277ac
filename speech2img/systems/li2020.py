"""Li et al. 2020: speech embedding by distillation of image features, StackGAN-v2 with a class-aware loss.

First the speech encoder learns to give the features that GoogLeNet has of the described picture; then the generator
learns on its embeddings. The class-aware loss wants the discriminators' codes of generated pictures of one class more
alike than those of different classes.
"""

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from speech2img.systems import stackgan_v2
from speech2img.systems.base import System

if TYPE_CHECKING:
    from speech2img.training.encoder.settings import EncoderSettings
    from speech2img.training.stackgan.settings import StackGANSettings


@cache
def encoder() -> "EncoderSettings":
    """CNN and bidirectional LSTM that learns to give the features of the image; the defaults."""
    from speech2img.training.encoder.settings import EncoderSettings

    return EncoderSettings()


@cache
def generator() -> "StackGANSettings":
    """StackGAN-v2 with the class-aware loss, as for CUB."""
    from speech2img.training.stackgan.settings import StackGANLossSettings

    return replace(stackgan_v2.generator(), losses=StackGANLossSettings(class_aware=50.0))


LI2020 = System(
    title="Li et al. 2020: CNN-RNN encoder by distillation, StackGAN-v2 with a class-aware loss",
    source="Li et al. 2020, arXiv:2004.03413",
    protocol="stackgan",
    stages={"encoder": encoder, "generator": generator},
)
