"""DAMSMs as releases: frozen networks that see images and what is said of them in one space, by speech or by text."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from speech2img.errors import CheckpointError, ConfigError, with_article
from speech2img.models.generators.attngan.damsm import DAMSM
from speech2img.models.text_encoders.base import TextEncoder
from speech2img.models.text_encoders.registry import build_text_encoder
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.provenance import trained_with
from speech2img.storage.releases.release import load_hashed_release, load_release, strip_prefix

KIND = "damsm"
TEXT_ENCODER = "text_encoder"
"""Key in the config of a DAMSM that reads, and first part of the names of its tensors; `import` releases it apart."""


@dataclass(frozen=True, eq=False)
class ReleasedDAMSM:
    """A DAMSM that does not learn."""

    network: DAMSM
    """On the device, in evaluation mode, without gradients to its weights."""
    sha256: str
    """Of its release."""
    speech_dim: int | None
    """Size of the sentences and frames of speech that it compares; None for the text form."""
    encoder_sha256: str | None = None
    """Of the speech encoder whose sentences it was trained on; None where the release does not say."""
    mel_preset: str | None = None
    """Front-end of that encoder; None where the release does not say."""
    text_encoder: TextEncoder | None = None
    """Reads captions, on the same device; None for the speech form, and for image encoders that were imported."""

    @property
    def form(self) -> Literal["speech", "text"]:
        """What it compares images with."""
        return "text" if self.speech_dim is None else "speech"


def open_damsm(name: str | Path, *, device: torch.device) -> ReleasedDAMSM:
    """Load a DAMSM.

    Parameters
    ----------
    name : str or Path
        Run folder or release folder.
    device : torch.device
        Where it computes.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged.
    """
    folder = find_release(name)
    tensors, config, own_sha256 = load_hashed_release(folder)
    settings = config.get("damsm")
    if config.get("kind") != KIND or not isinstance(settings, dict):
        raise CheckpointError.about(folder, "it holds no DAMSM", "give a run of 'speech2img train damsm'")
    # The network, and the text encoder that was trained with it.
    own = {key: value for key, value in tensors.items() if not key.startswith(f"{TEXT_ENCODER}.")}
    network = build_network(DAMSM, settings, own, name=str(folder))
    text_encoder = None
    if TEXT_ENCODER in config:
        state = strip_prefix(tensors, f"{TEXT_ENCODER}.")
        text_encoder = build_network(build_text_encoder, config[TEXT_ENCODER], state, name=str(folder))
        _demand_one_space(network, text_encoder, name=str(folder), other="its text encoder")
        text_encoder.to(device).eval().requires_grad_(False)
    # What it was trained on.
    return ReleasedDAMSM(
        network.to(device).eval().requires_grad_(False),
        own_sha256,
        settings.get("speech_dim"),
        (trained_with(config) or {}).get("speech encoder"),
        config.get("mel_preset"),
        text_encoder,
    )


def open_text_encoder(name: str | Path, *, damsm: ReleasedDAMSM, device: torch.device) -> TextEncoder:
    """Load the text encoder that belongs to a DAMSM whose release is of images alone.

    Parameters
    ----------
    name : str or Path
        Run folder or release folder of kind ``text-encoder``.
    damsm : ReleasedDAMSM
        Of the text form.
    device : torch.device
        Where it computes.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged.
    ConfigError
        If its sentences have another size than the DAMSM's space.
    """
    folder = find_release(name)
    tensors, config = load_release(folder)
    if config.get("kind") != "text-encoder":
        reason = f"holds {with_article(repr(config.get('kind')))}, not a text encoder"
        raise CheckpointError.about(folder, reason, "give a release of 'speech2img import attngan-text-encoder'")
    state = strip_prefix(tensors, f"{TEXT_ENCODER}.")
    network = build_network(build_text_encoder, config.get(TEXT_ENCODER), state, name=str(folder))
    _demand_one_space(damsm.network, network, name=str(folder), other="the DAMSM")
    return network.to(device).eval().requires_grad_(False)


def _demand_one_space(network: DAMSM, text_encoder: TextEncoder, *, name: str, other: str) -> None:
    """Raise ConfigError unless captions and images are vectors of one size."""
    sizes = (text_encoder.embedding_dim, network.embedding_dim)
    if sizes[0] != sizes[1]:
        reason = f"captions have {sizes[0]} numbers, images {sizes[1]}: {other} is of another size"
        raise ConfigError.about(name, reason, "give those that were trained together")
