"""StackGAN-v2 (Zhang et al. 2019): the stacked generator alone, on whatever embeddings there are.

The paper describes it for embeddings of text. Conditioning augmentation draws a condition around what the embedding
says; each stage doubles the picture of the one before; a discriminator for each size judges pictures with their
condition and without it; stages that disagree in their colours are pulled together.

The embeddings are taken as they come, pictures are cropped and mirrored at random, and no features of pictures are
looked at. Whatever else its code decides is the default of the generator's settings.
"""

from functools import cache
from typing import TYPE_CHECKING

from speech2img.systems.base import System

if TYPE_CHECKING:
    from speech2img.training.stackgan.settings import StackGANSettings


@cache
def generator() -> "StackGANSettings":
    """Three stages, 64 to 256 px, as for birds.

    Nothing is evaluated along the way: a finished generator is measured by ``evaluate``.
    """
    from speech2img.training.stackgan.settings import StackGANModelSettings, StackGANSettings

    return StackGANSettings(
        features=None,
        model=StackGANModelSettings(num_stages=3, standardise_condition=False),
        augmentation="crop_flip",
        evaluation_utterances=0,
    )


STACKGAN_V2 = System(
    title="StackGAN-v2: stacked generator with conditioning augmentation, 64 to 256 px",
    source="Zhang et al. 2019, arXiv:1710.10916",
    stages={"generator": generator},
    protocol="stackgan",
)
