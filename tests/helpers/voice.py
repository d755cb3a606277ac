"""A voice of Tacotron 2 that has learned nothing."""

from pathlib import Path
from typing import Any

import torch

from speech2img.models.tts.tacotron2 import Tacotron2
from speech2img.storage.releases.writing import save_release

SIZES: dict[str, Any] = {
    "encoder_dim": 16,
    "attention_dim": 8,
    "location_filters": 4,
    "location_kernel": 7,
    "prenet_dim": 16,
    "attention_rnn_dim": 48,
    "decoder_rnn_dim": 40,
    "postnet_dim": 8,
    "postnet_layers": 2,
}


def make_voice(folder: Path, *, gate_bias: float = -2.0, **config: Any) -> Path:
    """A release of Tacotron 2 with random weights that speaks for a while, the longer the lower ``gate_bias``."""
    torch.manual_seed(0)
    network = Tacotron2(**SIZES)
    with torch.no_grad():
        for name, parameter in network.decoder.named_parameters():
            if "rnn.weight" in name or "to_mel.weight" in name:
                parameter.mul_(6)
        network.decoder.to_gate.weight.mul_(4)
        network.decoder.to_gate.bias.fill_(gate_bias)
        network.postnet.layers[-1].norm.bias.fill_(-4.0)  # type: ignore[union-attr, operator]
    settings = {"kind": "tacotron2", "mel_preset": "tacotron2", "cleaner": "english", "tacotron2": SIZES, **config}
    save_release(folder, network.state_dict(), settings, "# card", half=False)
    return folder
