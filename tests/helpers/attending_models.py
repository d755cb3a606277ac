"""A model whose images look at the frames of speech, with random weights that look sharply."""

from pathlib import Path
from typing import Any

import torch

from speech2img.models.encoders.li2020 import Li2020Encoder
from speech2img.models.generators.attngan.generator import AttnGANGenerator
from speech2img.storage.releases.writing import save_release


def attending_release(folder: Path, *, num_stages: int = 2, **more: Any) -> Path:
    """A small encoder, and a generator whose later stages look."""
    torch.manual_seed(0)
    encoder = {"channels": [8] * 8, "embedding_dim": 16, "last_stride": 1}
    generator = {"embedding_dim": 16, "condition_dim": 6, "noise_dim": 10, "width": 4, "num_stages": num_stages}
    listener, network = Li2020Encoder(**encoder), AttnGANGenerator(**generator)  # type: ignore[arg-type]
    for parameter in (*listener.parameters(), *network.parameters()):
        if parameter.dim() > 1:  # as they are drawn, all frames and all places are nearly the same
            torch.nn.init.kaiming_normal_(parameter)
    tensors = {f"encoder.{name}": value for name, value in listener.state_dict().items()}
    tensors |= {f"generator.{name}": value for name, value in network.state_dict().items()}
    config = {"kind": "speech-to-image", "encoder": encoder, "mel_preset": "li2020", **more}
    save_release(folder, tensors, {**config, "generator": {"network": "attngan", **generator}}, "# card", half=False)
    return folder
