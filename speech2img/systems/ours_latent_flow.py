"""Our own with a latent flow: the encoder of `ours`, and a rectified flow in TAEF2's latents that hears every frame.

For birds of 128 px: 64 tokens of 128 numbers, 7 million parameters. Beside the corpus it needs the frames of the
speech, the codec, and its latents::

    speech2img extract --run RUN --root ROOT --name encoder --frames
    speech2img import taef2 taef2_encoder.pth --decoder taef2_decoder.pth --out weights/taef2
    speech2img features --root ROOT --codec weights/taef2 --image-size 128
    speech2img train generator --preset ours-latent-flow --root ROOT --out RUN
"""

from functools import cache
from typing import TYPE_CHECKING

from speech2img.systems import ours
from speech2img.systems.base import System

if TYPE_CHECKING:
    from speech2img.training.latent_flow.settings import LatentFlowSettings


@cache
def generator() -> "LatentFlowSettings":
    """Six blocks of width 256, batches of 64, guidance 2 and 25 steps of Euler."""
    from speech2img.training.latent_flow.settings import FlowModelSettings, FlowSamplerSettings, LatentFlowSettings

    return LatentFlowSettings(
        codec="weights/taef2",
        image_size=128,
        model=FlowModelSettings(patch=2, width=256, depth=6, num_heads=4),
        sampler=FlowSamplerSettings(solver="euler", steps=25, guidance_scale=2.0),
        condition_dropout=0.1,
        batch_size=64,
        learning_rate=8e-4,
        ema_decay=0.999,
    )


OURS_LATENT_FLOW = System(
    title="Ours: the same encoder, a rectified flow in TAEF2's latents that attends to the frames of speech",
    source="after Peebles and Xie 2023, arXiv:2212.09748",
    protocol="clean",
    stages={"encoder": ours.encoder, "generator": generator},
)
