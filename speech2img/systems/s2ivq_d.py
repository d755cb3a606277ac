"""S2IVQ-D, "Speak the Art" (Saeed et al. 2025): a contrastive speech encoder, and discrete diffusion over tokens.

The corrected generator projects what was said for every block and attends to the frames of the speech, has the places
of its grid, and learns an empty condition for guidance; the published one scales and shifts by the embedding as it is.
Beside the corpus it needs the frames of the speech, the codec, and its tokens::

    speech2img extract --run RUN --root ROOT --name encoder --frames
    speech2img import vqgan vqgan_imagenet_f16_16384.ckpt --out weights/vqgan
    speech2img features --root ROOT --codec weights/vqgan --image-size 256
    speech2img train generator --preset s2ivq-d --root ROOT --out RUN

A codec of one's own images is trained by the stage codec.
"""

from functools import cache
from typing import TYPE_CHECKING

from speech2img.systems.base import System

if TYPE_CHECKING:
    from speech2img.training.codec.vq_settings import VQCodecSettings
    from speech2img.training.encoder.settings import EncoderSettings
    from speech2img.training.vq_diffusion.settings import VQDiffusionSettings


@cache
def encoder() -> "EncoderSettings":
    """Frozen acoustic model, mix of its layers, and SpeechCLIP's parallel branch into the space of image features.

    The published acoustic model is HuBERT large, here it is Whisper's encoder; the features are those of GoogLeNet, of
    1,024 numbers as CLIP RN50x64's. The mix is learned first, by the same loss, and then fixed: what a frozen front-end
    hears is computed once. Other pictures are candidates, other captions of the same one are not. Published: 50,000
    steps of 64 utterances, a rate of 1e-4 that rises for 5,000 steps and falls linearly.
    """
    from speech2img.training.encoder.settings import EncoderLossSettings, EncoderSettings, PretrainedSettings

    return EncoderSettings(
        mel_preset="whisper",
        network="pretrained",
        features="googlenet",
        labels="picture",
        batch_size=64,
        mask_bands=0,
        mask_time=0.0,
        learning_rate=3e-4,
        weight_decay=1e-6,
        warmup=0.1,
        clip=4.0,
        selection="recall_at_10_both",
        pretrained=PretrainedSettings(adapter="parallel", num_heads=8, embedding_dim=1024, max_frames=750),
        losses=EncoderLossSettings(
            joint=0.0, l1=0.0, distillation=0.0, info_nce=1.0, info_nce_temperature=0.07, info_nce_learned=True
        ),
    )


@cache
def codec() -> "VQCodecSettings":
    """VQGAN of 16 x 16 px a token, small enough to be trained on a corpus of one's own."""
    from speech2img.training.codec.vq_settings import VQCodecSettings, VQModelSettings

    model = VQModelSettings(num_codes=1024, multipliers=(1, 1, 2, 2, 4), attention_levels=(4,))
    return VQCodecSettings(image_size=256, crop=128, perceptual="googlenet", model=model)


@cache
def generator() -> "VQDiffusionSettings":
    """Twelve blocks of width 512 over 256 tokens, with frames, guidance and exact leaps."""
    from speech2img.training.vq_diffusion.settings import TokenModelSettings, TokenSamplerSettings, VQDiffusionSettings

    return VQDiffusionSettings(
        image_size=256,
        features=None,
        model=TokenModelSettings(width=512, depth=12, num_heads=8),
        sampler=TokenSamplerSettings(steps=25, truncation=0.86, guidance_scale=2.0),
        batch_size=32,
        learning_rate=4.5e-4,
        evaluation_utterances=0,
    )


@cache
def published_generator() -> "VQDiffusionSettings":
    """24 blocks of width 512 whose norms the embedding scales and shifts, and the published training.

    600 epochs of 8,855 pictures; the rate rises for 5,000 steps, and its plateau was never reached within so many. Low
    memory: a card of 11 GB takes it.
    """
    from speech2img.losses.vq_diffusion import AUXILIARY_WEIGHTS
    from speech2img.training.run import LoopSettings
    from speech2img.training.vq_diffusion.settings import (
        TokenLossSettings,
        TokenModelSettings,
        TokenSamplerSettings,
        VQDiffusionSettings,
    )

    return VQDiffusionSettings(
        image_size=256,
        features=None,
        model=TokenModelSettings(form="published", width=512, depth=24, num_heads=16, table_side=32),
        losses=TokenLossSettings(auxiliary=AUXILIARY_WEIGHTS["s2ivq-d"]),
        sampler=TokenSamplerSettings(steps=100, leaps="published", truncation=0.86),
        condition_dropout=0.0,
        batch_size=32,
        learning_rate=4.5e-4,
        weight_decay=0.045,
        schedule="constant",
        warmup=0.03,
        clip=0.5,
        ema_decay=0.99,
        ema_every=25,
        evaluation_utterances=0,
        memory="low",
        loop=LoopSettings(max_steps=166_000, evaluate_every=0, grid_every=5000),
    )


S2IVQD = System(
    title="S2IVQ-D: contrastive speech encoder, discrete diffusion over a VQGAN's tokens",
    source="Saeed et al. 2025, arXiv:2601.00827",
    protocol="sta",
    stages={"encoder": encoder, "codec": codec, "generator": generator},
    published={"generator": published_generator},
)
