"""Which layers of a frozen front-end to listen to: their mix, learned on some thousand utterances, then fixed."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from speech2img.batches.augmented_mels import AugmentedMels
from speech2img.batches.sampler import ResumableSampler
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.encoders.layer_mix import LayerMix
from speech2img.models.encoders.pretrained import PooledStates, PretrainedEncoder
from speech2img.storage.progress import track

_HEARD_AT_ONCE = 4
_RATE, _CLIP = 1e-3, 5.0

Losses = Callable[[Tensor, Tensor, Tensor], dict[str, Tensor]]
"""Image features (B, F), sentence embeddings (B, D), class labels (B,) -> weighted losses by name."""


def learn_layer_mix(
    encoder: PretrainedEncoder,
    mels: AugmentedMels,
    losses: Losses,
    *,
    model: nn.Module,
    rows: np.ndarray,
    features: np.ndarray,
    labels: np.ndarray,
    copy: int,
    steps: int,
    batch_size: int,
    seed: int,
    device: torch.device,
    progress: bool = True,
) -> list[float]:
    """Train mix and adapter together on augmented utterances, and keep the mix alone.

    The states of all layers are held in memory, float16: about 300 kB an utterance of four seconds (tiny.en).

    Parameters
    ----------
    encoder : PretrainedEncoder
        Frozen front-end, untrained mix and adapter; on ``device``. The adapter is trained on: give one that is thrown
        away.
    mels : AugmentedMels
        Of each utterance one copy is heard.
    losses : callable
        What the encoder's training makes smaller.
    model : nn.Module
        All that this trains: the encoder, image head, classifier; on ``device``. Thrown away as well.
    rows : ndarray of int64
        Utterances.
    features : ndarray of float32, shape (len(rows), F)
        Features of each one's image.
    labels : ndarray of int64, shape (len(rows),)
        Class of each.
    copy : int
        Which.
    steps : int
        Steps of Adam.
    batch_size, seed : int
        Of the sampler.
    device : torch.device
        Where it computes.
    progress : bool
        Show progress.

    Returns
    -------
    list of float
        Logits of the mix, one a state.
    """
    # Hear every utterance once.
    heard: list[PooledStates] = []
    for start in track(range(0, len(rows), _HEARD_AT_ONCE), what="layers", unit="part", progress=progress):
        heard += _states(encoder, mels, rows[start : start + _HEARD_AT_ONCE], copy, device)

    # Train.
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=_RATE)
    sampler = ResumableSampler(len(rows), min(batch_size, len(rows)), seed=seed)
    model.train()
    for _ in track(range(steps), what="layer mix", unit="step", progress=progress):
        drawn, _ = sampler.next()
        pooled = _padded([heard[int(row)] for row in drawn], device)
        speech: SpeechEncoding = encoder.encode_frames(*encoder.mix_states(pooled))
        terms = losses(
            torch.from_numpy(features[drawn]).to(device),
            speech.sentence.float(),
            torch.from_numpy(labels[drawn]).to(device),
        )
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        nn.utils.clip_grad_norm_(parameters, _CLIP)
        optimizer.step()
    return [float(value) for value in encoder.mix.weights.detach().cpu()]


def fix_layer_mix_(mix: LayerMix, logits: list[float]) -> None:
    """Set a mix, in place, and learn it no more.

    Raises
    ------
    ValueError
        If there are not as many logits as states.
    """
    if len(logits) != len(mix.weights):
        raise ValueError(f"{len(logits)} weights for {len(mix.weights)} layers")
    with torch.no_grad():
        mix.weights.copy_(torch.tensor(logits))
    mix.requires_grad_(False)


@torch.inference_mode()
def _states(
    encoder: PretrainedEncoder, mels: AugmentedMels, rows: np.ndarray, copy: int, device: torch.device
) -> list[PooledStates]:
    """States of each of some utterances, float16, on the CPU, without padding."""
    mel, lengths = mels.copies(rows, np.full(len(rows), copy))
    pooled = encoder.eval().pooled_states(torch.from_numpy(mel).to(device), torch.from_numpy(lengths))
    return [
        PooledStates(
            states[None, :, :length].half().cpu(), manner[None, :length].half().cpu(), pooled.lengths_B[k : k + 1]
        )
        for k, (states, manner, length) in enumerate(
            zip(pooled.states_BLSD, pooled.manner_BSF, pooled.lengths_B.tolist(), strict=True)
        )
    ]


def _padded(parts: list[PooledStates], device: torch.device) -> PooledStates:
    """Utterances as one batch."""
    lengths = torch.cat([part.lengths_B for part in parts])
    first, longest = parts[0], int(lengths.max())
    states = torch.zeros(len(parts), first.states_BLSD.shape[1], longest, first.states_BLSD.shape[3])
    manner = torch.zeros(len(parts), longest, first.manner_BSF.shape[2])
    for row, part in enumerate(parts):
        length = int(part.lengths_B)
        states[row, :, :length], manner[row, :length] = part.states_BLSD[0], part.manner_BSF[0]
    return PooledStates(states.to(device), manner.to(device), lengths)
