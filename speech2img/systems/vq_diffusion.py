"""VQ-Diffusion (Gu et al. 2022) on its own, from text: the baseline that reads what the others hear.

Its embeddings are CLIP's states of the captions: 77 steps of 512 numbers, each of unit length, in the place of frames
of speech. The Gumbel VQ of OpenImages and its 2,887 codes of birds are imported, CLIP's text side is too, and reads the
captions; the run of the generator is then a whole model, which reads what ``generate --text`` gives::

    speech2img import gumbel-vq FILE --mapping FILE --out weights/vqgan
    speech2img import clip-text FILE --vocabulary FILE --out weights/clip-text
    speech2img extract --run weights/clip-text --root ROOT --name text --frames
    speech2img train generator --preset vq-diffusion --root ROOT --out runs/vq-diffusion --set codec=weights/vqgan
    speech2img generate --model runs/vq-diffusion --text "a small red bird" --out images
"""

from functools import cache
from typing import TYPE_CHECKING

from speech2img.systems.base import System

if TYPE_CHECKING:
    from speech2img.training.vq_diffusion.settings import VQDiffusionSettings


@cache
def generator() -> "VQDiffusionSettings":
    """VQ-Diffusion-B for CUB: 19 blocks of width 1,024 over 1,024 tokens; with an empty text, for guidance.

    400 epochs of 8,855 pictures in batches of 16 (four devices of four); the rate rises for 1,000 steps.
    """
    from speech2img.training.run import LoopSettings
    from speech2img.training.vq_diffusion.settings import TokenModelSettings, TokenSamplerSettings, VQDiffusionSettings

    return VQDiffusionSettings(
        embeddings="text",
        image_size=256,
        features=None,
        model=TokenModelSettings(form="text", width=1024, depth=19, num_heads=16, empty_length=77),
        sampler=TokenSamplerSettings(steps=100, truncation=0.86),
        batch_size=16,
        learning_rate=4.5e-4,
        weight_decay=0.045,
        schedule="constant",
        warmup=0.005,
        clip=0.5,
        ema_decay=0.99,
        ema_every=25,
        evaluation_utterances=0,
        loop=LoopSettings(max_steps=221_000, evaluate_every=0, grid_every=5000),
    )


VQ_DIFFUSION = System(
    title="VQ-Diffusion: discrete diffusion over a codec's tokens, from a text's states",
    source="Gu et al. 2022, arXiv:2111.14822",
    protocol="dfgan",  # the nearest: 30,000 images as well, but against as many real ones, drawn with repetition
    stages={"generator": generator},
)
