"""A DAMSM in a generator's training: of speech of one size, and compared among the rows of all processes."""

from pathlib import Path

import torch
from torch import Tensor

from speech2img.distributed.collectives import gather_with_grad, world
from speech2img.errors import ConfigError
from speech2img.features.extractors.damsm import ReleasedDAMSM, open_damsm
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.attngan.damsm import DAMSM, Compared


def load_damsm(name: str | Path, *, speech_dim: int, device: torch.device) -> ReleasedDAMSM:
    """Load a DAMSM for speech of one size.

    Parameters
    ----------
    name : str or Path
        Run folder or release folder.
    speech_dim : int
        Size of the frames and sentences that it will see.
    device : torch.device
        Where it computes.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged.
    ConfigError
        If it is one of speech of another size.
    """
    released = open_damsm(name, device=device)
    if released.speech_dim != speech_dim:
        reason = f"it was trained on embeddings of {released.speech_dim} numbers, these have {speech_dim}"
        raise ConfigError.about(f"damsm {name}", reason, "train one on these embeddings")
    return released


def compare(network: DAMSM, images_B3SS: Tensor, speech: SpeechEncoding) -> Compared:
    """Images and speech in one space, of the rows of all processes; lengths on the CPU.

    Parameters
    ----------
    network : DAMSM
        In training or frozen.
    images_B3SS : Tensor [shape=(B, 3, S, S), range -1..1]
        Images; gradients flow to them.
    speech : SpeechEncoding
        What is said of each, with frames.
    """
    compared: Compared = network(images_B3SS, speech)
    if world().count == 1:
        return compared  # lengths go to the device and back for other processes only: the host would wait for it
    on_device = compared._replace(lengths=compared.lengths.to(compared.image.device))
    gathered = gather_with_grad(on_device)
    return gathered._replace(lengths=gathered.lengths.cpu())
