"""Pretrained acoustic front-ends from their releases."""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from speech2img.audio.mel import MelPreset, released_preset
from speech2img.errors import CheckpointError, with_article
from speech2img.models.encoders.front_end import AcousticFrontEnd
from speech2img.models.encoders.front_ends import FRONT_ENDS
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_hashed_release

KIND = "acoustic-front-end"
"""Kind of their releases."""


@dataclass(frozen=True, eq=False)
class ReleasedFrontEnd:
    """A front-end and what its release says of it."""

    network: AcousticFrontEnd
    """On the CPU, in evaluation mode."""
    name: str
    """Its kind, a key of `FRONT_ENDS`."""
    settings: Mapping[str, int]
    """Its arguments."""
    model: str
    """What its publisher calls it, such as "whisper tiny.en"."""
    mel: MelPreset
    """What it hears through."""
    sha256: str
    """Hash of its weights."""
    folder: Path
    """Its release."""

    def shared(self, prefix: str) -> dict[str, dict[str, str]]:
        """What the config of a release says, under ``shared_weights``, whose tensors of that prefix are these."""
        return {prefix: {"sha256": self.sha256, "name": self.model}}


def load_front_end(name_or_path: str | PathLike[str]) -> ReleasedFrontEnd:
    """Load a front-end.

    Parameters
    ----------
    name_or_path : str or path
        A release that ``speech2img import`` wrote, or the name of one that came with the package.

    Raises
    ------
    CheckpointError
        If there is none, it is damaged, or another kind of network.
    """
    folder = find_release(name_or_path)
    tensors, config, own_sha256 = load_hashed_release(folder)
    network = str(config.get("network"))
    if config.get("kind") != KIND or network not in FRONT_ENDS:
        fix = "give what 'speech2img import whisper-encoder' wrote"
        kind = with_article(repr(config.get("kind")))
        raise CheckpointError.about(str(folder), f"holds {kind}, and no acoustic front-end", fix)
    settings: dict[str, Any] = config.get("front_end", {})
    front_end = build_network(FRONT_ENDS[network](), settings, tensors, name=str(folder), fix="import it again").eval()
    return ReleasedFrontEnd(
        front_end,
        name=network,
        settings=settings,
        model=str(config.get("model", network)),
        mel=released_preset(config.get("mel_preset"), n_mels=front_end.n_mels, source=folder),
        sha256=own_sha256,
        folder=folder,
    )
