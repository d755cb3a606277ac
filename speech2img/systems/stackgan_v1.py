"""StackGAN-v1 (Zhang et al. 2017): 64 px from the embedding, then 256 px from both, trained one after the other.

``train generator --preset stackgan-v1`` is stage I. Stage II is the same preset on top of it, with ``--set
model.stage=2 --set initial=RUN_OF_STAGE_1 --set batch_size=40``.

Stage I draws a condition around what the embedding says and a picture from both; stage II reads that picture, together
with a condition of its own, and draws it again, larger. Discriminators see the mean of the condition, which learns from
the pictures alone. Conditions have means and variances that are never negative, as published (``model.conditioning``).

The embeddings are taken as they come, of 1,024 numbers or any other size: of speech, or with ``extract --pickles``
those of text that StackGAN was trained on. The published PyTorch port has its configs for COCO; sizes here are its
defaults, those of the birds, and the batch of 64 that of the TensorFlow version. Its wrong pairs were those of the next
row of the batch, whatever its class; here they are of another class.
"""

from functools import cache
from typing import TYPE_CHECKING

from speech2img.systems.base import System

if TYPE_CHECKING:
    from speech2img.training.stackgan_v1.settings import StackGANv1Settings


@cache
def generator() -> "StackGANv1Settings":
    """Stage I as for birds.

    Both rates are halved at every fifth of the run; published every 20 epochs of 120 for COCO, every 100 of 600 for
    birds.
    """
    from speech2img.training.stackgan_v1.settings import StackGANv1Settings

    return StackGANv1Settings(batch_size=64, schedule="step")


STACKGAN_V1 = System(
    title="StackGAN-v1: two stages trained one after the other, 64 and 256 px",
    source="Zhang et al. 2017, arXiv:1612.03242",
    stages={"generator": generator},
    protocol="stackgan",
)
