"""S2IGAN (Wang et al. 2020): speech encoder by matching (SEN), densely stacked generator with relations (RDG)."""

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
    """SEN: their recipe for CUB, with padding masked."""
    from speech2img.training.encoder.settings import EncoderLossSettings, EncoderSettings

    return EncoderSettings(
        mel_preset="s2igan",
        network="s2igan",
        image_head=True,
        batch_size=128,
        draw="pictures",
        mask_bands=0,
        mask_time=0.0,
        learning_rate=1e-3,
        weight_decay=1e-3,
        betas=(0.95, 0.999),
        schedule="step",
        step_parts=3.0,
        step_factor=0.1,
        warmup=0.0,
        clip=1e6,
        selection="mean_average_precision",
        losses=EncoderLossSettings(joint=0.0, l1=0.0, distillation=0.0, matching=1.0, distinctive=1.0),
    )


@cache
def published_encoder() -> "EncoderSettings":
    """Padding takes weight in training, and the attention starts as PyTorch makes it."""
    from speech2img.training.encoder.settings import CRNNSettings

    return replace(encoder(), crnn=CRNNSettings(masked=False, attention_start="published"))


@cache
def generator() -> "StackGANSettings":
    """RDG: StackGAN-v2 stacked densely, under a relation supervisor, as for CUB."""
    from speech2img.training.stackgan.settings import RelationSettings

    stacked = stackgan_v2.generator()
    return replace(stacked, model=replace(stacked.model, dense=True), relation=RelationSettings(weight=1.0))


@cache
def published_generator() -> "StackGANSettings":
    """Each kind of pair is normalised by itself, and a fourth output has no pairs."""
    return replace(generator(), relation=replace(generator().relation, form="published"))


S2IGAN = System(
    title="S2IGAN: CRNN speech encoder by matching, dense StackGAN under a relation supervisor",
    source="Wang et al. 2020, arXiv:2005.06968",
    stages={"encoder": encoder, "generator": generator},
    published={"encoder": published_encoder, "generator": published_generator},
    protocol="s2igan",
)
