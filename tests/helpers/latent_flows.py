"""What a latent flow trains on at toy size: frames of speech, and latents, by networks of random weights."""

from pathlib import Path
from typing import Any

import torch

from helpers.taef2_files import POOL, WIDTH
from speech2img.corpora.records.manifest import Manifest
from speech2img.features.speech_embeddings import extract_embeddings
from speech2img.features.stores import latent_store
from speech2img.images.codecs import ReleasedCodec, load_codec
from speech2img.models.codecs.taef2 import TAEF2
from speech2img.models.encoders.li2020 import Li2020Encoder
from speech2img.storage.releases.writing import save_release
from speech2img.training.latent_flow.settings import FlowModelSettings, FlowSamplerSettings, LatentFlowSettings

SIZE, DIM = 64, 16
CODEC: dict[str, Any] = {"network": "taef2", "width": WIDTH, "pool_width": POOL}


def small_codec(folder: Path, *, seed: int = 0, deviation: float = 0.875) -> ReleasedCodec:
    """A codec of random weights, as a release."""
    torch.manual_seed(seed)
    network = TAEF2(width=WIDTH, pool_width=POOL)
    network.latent_deviation.fill_(deviation)
    save_release(folder, network.state_dict(), {"kind": "image-codec", "codec": CODEC}, "# Codec\n")
    return load_codec(folder)


def small_encoder(folder: Path) -> Path:
    """A speech encoder of random weights, as a release."""
    torch.manual_seed(0)
    settings: dict[str, Any] = {"channels": [8] * 8, "embedding_dim": DIM, "last_stride": 1}
    encoder = Li2020Encoder(**settings)
    for parameter in encoder.parameters():
        if parameter.dim() > 1:  # as it is drawn, it gives nearly the same for all that it hears
            torch.nn.init.kaiming_normal_(parameter)
    tensors = {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    config = {"kind": "speech-encoder", "encoder": settings, "mel_preset": "li2020"}
    save_release(folder, tensors, config, "# Encoder\n", half=False)
    return folder


def add_to(root: Path) -> None:
    """Embeddings ``spoken`` of a corpus with recordings, and their frames; a codec in ``codec``, and its latents."""
    extract_embeddings(small_encoder(root / "speech"), root, name="spoken", frames=True, device="cpu", progress=False)
    codec = small_codec(root / "codec")
    latent_store(Manifest.load(root), codec, size=SIZE, device="cpu", workers=1, progress=False)


SETTINGS = LatentFlowSettings(
    embeddings="spoken",
    image_size=SIZE,
    model=FlowModelSettings(width=16, depth=2, num_heads=2),
    sampler=FlowSamplerSettings(steps=4),
    embedding_noise=0.1,
    batch_size=6,
    grid_utterances=2,
    grid_noises=2,
    evaluation_utterances=2,
    workers=1,
)
"""Toy sizes; ``codec`` is the corpus's."""
