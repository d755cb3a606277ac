"""What a discrete diffusion trains on at toy size: a codec with a codebook of random weights, and tokens."""

from pathlib import Path
from typing import Any

import torch

from helpers.latent_flows import SIZE
from speech2img.corpora.records.manifest import Manifest
from speech2img.features.stores import token_store
from speech2img.images.codecs import ReleasedCodec, load_codec
from speech2img.models.codecs.vqgan import VQGAN
from speech2img.storage.releases.writing import save_release
from speech2img.training.vq_diffusion.settings import TokenModelSettings, TokenSamplerSettings, VQDiffusionSettings

CODES = 24
SIZES: dict[str, Any] = {
    "num_codes": CODES,
    "code_dim": 4,
    "width": 4,
    "multipliers": [1, 1, 2, 2, 2],
    "blocks": 1,
    "attention_levels": [4],
    "latent_channels": 4,
    "groups": 2,
}
CODEC: dict[str, Any] = {"network": "vqgan", **SIZES}
"""16 places an image of 64 px."""


def small_token_codec(folder: Path, *, seed: int = 0, num_codes: int = CODES) -> ReleasedCodec:
    """A VQGAN of random weights, as a release."""
    torch.manual_seed(seed)
    settings = {**SIZES, "num_codes": num_codes}
    network = VQGAN(**settings)
    network.latent_deviation.fill_(1.0)
    config = {"kind": "image-codec", "codec": {**CODEC, "num_codes": num_codes}}
    save_release(folder, network.state_dict(), config, "# Codec\n", half=False)
    return load_codec(folder)


def add_to(root: Path) -> None:
    """A codec in ``token-codec``, and its tokens; after `latent_flows.add_to`, whose embeddings are used."""
    codec = small_token_codec(root / "token-codec")
    token_store(Manifest.load(root), codec, size=SIZE, device="cpu", workers=1, progress=False)


SETTINGS = VQDiffusionSettings(
    embeddings="spoken",
    image_size=SIZE,
    model=TokenModelSettings(width=16, depth=2, num_heads=2),
    sampler=TokenSamplerSettings(steps=4, guidance_scale=2.0),
    embedding_noise=0.1,
    ema_every=2,
    batch_size=6,
    grid_utterances=2,
    grid_noises=2,
    evaluation_utterances=2,
    workers=1,
)
"""Toy sizes; ``codec`` is the corpus's."""
