"""StackGAN-v1 (Zhang et al. 2017): 64 px from the embedding, then 256 px from both, trained one after the other.

``train generator --preset stackgan-v1`` is stage I. Stage II is the same preset on top of it, with ``--set
model.stage=2 --set initial=RUN_OF_STAGE_1 --set batch_size=40``.

The embeddings are taken as they come, of 1,024 numbers or any other size. The published PyTorch port has its configs
for COCO; sizes here are its defaults, those of the birds, and the batch of 64 that of the TensorFlow version.
"""

from functools import cache
from typing import TYPE_CHECKING

from speech2img.systems.base import System

if TYPE_CHECKING:
    from speech2img.training.stackgan_v1.settings import StackGANv1Settings


@cache
def generator() -> "StackGANv1Settings":
    """Stage I as for birds; rates are halved five times in a run."""
    from speech2img.training.stackgan_v1.settings import StackGANv1Settings

    return StackGANv1Settings(batch_size=64, schedule="step")


STACKGAN_V1 = System(
    title="StackGAN-v1: two stages trained one after the other, 64 and 256 px",
    source="Zhang et al. 2017, arXiv:1612.03242",
    stages={"generator": generator},
    protocol="stackgan",
)
