"""Our own: the encoder of S2IGAN, a prior of image features, and StackGAN with projected discriminators, given these.

Numbers and recipes: experiments/results/comparison.
"""

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from speech2img.systems import s2igan
from speech2img.systems.base import System

if TYPE_CHECKING:
    from speech2img.training.encoder.settings import EncoderSettings
    from speech2img.training.prior.settings import PriorSettings
    from speech2img.training.stackgan.settings import StackGANSettings


@cache
def encoder() -> "EncoderSettings":
    """SEN; every utterance of an epoch, and a rate that rises and falls evenly."""
    return replace(
        s2igan.encoder(),
        draw="utterances",
        standardise=True,
        batch_size=64,
        learning_rate=2e-3,
        weight_decay=1e-5,
        schedule="cosine",
        warmup=0.3,
        clip=5.0,
        selection="score",
    )


@cache
def generator() -> "StackGANSettings":
    """Generates from features of images (``extract --pictures``); the prior chooses them by what was said."""
    from speech2img.training.stackgan.settings import StackGANLossSettings, StackGANModelSettings, StackGANSettings

    return StackGANSettings(
        embeddings="picture",
        features="googlenet",
        batch_size=16,
        learning_rate=1.5e-3,
        discriminator_learning_rate=4e-4,
        schedule="cosine",
        ema_decay=0.998,
        augmentation="crop_flip",
        discriminator_augmentation=("translation",),
        evaluation_utterances=0,
        model=StackGANModelSettings(discriminators="features"),
        losses=StackGANLossSettings(
            kl=0.2, reconstruction=30.0, reconstruction_floor=2.0, adversarial_from=0.25, feature_target="image"
        ),
    )


@cache
def prior() -> "PriorSettings":
    """From what was said to the features of one image."""
    from speech2img.training.prior.settings import PriorSettings

    return PriorSettings(features="googlenet")


OURS = System(
    title="Ours: S2IGAN's encoder, a flow to image features, StackGAN with projected discriminators",
    source="experiments/results/comparison",
    protocol="clean",
    stages={"encoder": encoder, "generator": generator, "prior": prior},
)
