"""Vocoders for log-mel frames, and how released weights of a voice are found and checked."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from speech2img.audio.mel import MelPreset
from speech2img.errors import CheckpointError, SynthesisError, with_article
from speech2img.models.tts.hifigan import HifiGan
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_hashed_release

GET_VOCODER = (
    "get a generator (linked in the README of github.com/jik876/hifi-gan; LJ_FT_T2_V1 fits NVIDIA's Tacotron 2) and"
    " run: speech2img import hifigan generator_v1 --out DIR; without one Griffin-Lim speaks"
)


class Vocoder(Protocol):
    """Turns log-mel frames into sound."""

    name: str

    def __call__(self, mel_MT: Tensor) -> np.ndarray:
        """Sound [shape=(T * hop_length,), float32] of frames [shape=(n_mels, T)]."""
        ...


class HifiGanVocoder:
    """HiFi-GAN from a release of kind ``vocoder``.

    Parameters
    ----------
    release : str or Path
        Folder that ``speech2img import hifigan`` wrote.
    preset : MelPreset
        What the frames are made with; another one than the vocoder's is refused.
    device : torch.device
        Where it computes.

    Raises
    ------
    SynthesisError
        If there is no such release.
    CheckpointError
        If it is damaged, of another kind or for other frames.
    """

    def __init__(self, release: str | Path, *, preset: MelPreset, device: torch.device) -> None:
        tensors, config, digest = load_voice_release(release, "vocoder", GET_VOCODER)
        name = str(release)
        generator = build_network(HifiGan, config.get("hifigan"), tensors, name=name, fix="import it again")
        frames = generator.first.in_channels, generator.hop_length
        if config.get("mel_preset") != preset.name or frames != (preset.n_mels, preset.hop_length):
            reason = f"it turns frames of {config.get('mel_preset')} into sound, not those of {preset.name}"
            raise CheckpointError.about(release, reason, "use the vocoder that belongs to the voice")
        self._generator, self._device = generator.eval().to(device), device
        self.name = f"hifigan-{digest}"

    def __call__(self, mel_MT: Tensor) -> np.ndarray:
        """Sound of one utterance's frames."""
        with torch.inference_mode():
            return self._generator(mel_MT[None].to(self._device))[0].float().cpu().numpy()


def load_voice_release(release: str | Path, kind: str, fix: str) -> tuple[dict[str, Tensor], dict[str, Any], str]:
    """Tensors, config and short digest of a release of the wanted kind.

    Raises
    ------
    SynthesisError
        If there is none; the message ends with ``fix``.
    CheckpointError
        If it is damaged or of another kind.
    """
    try:
        folder = find_release(release)
    except CheckpointError as error:
        raise SynthesisError.about(f"{kind} {release}", "no such weights", fix) from error
    tensors, config, own_sha256 = load_hashed_release(folder)
    if config.get("kind") != kind:
        raise CheckpointError.about(folder, f"holds {with_article(config.get('kind'))}, not {with_article(kind)}", fix)
    return tensors, config, own_sha256[:12]
