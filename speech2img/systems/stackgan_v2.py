"""StackGAN-v2 (Zhang et al. 2019): the stacked generator alone, on whatever embeddings there are."""

from functools import cache
from typing import TYPE_CHECKING

from speech2img.systems.base import System

if TYPE_CHECKING:
    from speech2img.training.stackgan.settings import StackGANSettings


@cache
def generator() -> "StackGANSettings":
    """Three stages, 64 to 256 px, as for birds."""
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
