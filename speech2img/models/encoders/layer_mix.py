"""From the hidden states of all layers to one sequence of frames: normalised, averaged over time, mixed."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LayerMix(nn.Module):
    """Learned softmax weights over hidden states (SpeechCLIP, Shih et al. 2022; Yang et al. 2021, SUPERB).

    Parameters
    ----------
    num_states : int
        States that are mixed; all have the same weight at the start.
    """

    def __init__(self, num_states: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(num_states))

    def forward(self, states_BLTD: Tensor) -> Tensor:
        """Mixed frames.

        Parameters
        ----------
        states_BLTD : Tensor [shape=(B, L, T, D)]
            Hidden states, as `normalized_states` gives them or raw.

        Returns
        -------
        Tensor [shape=(B, T, D)]
        """
        return torch.einsum("l,bltd->btd", self.weights.softmax(dim=0).to(states_BLTD.dtype), states_BLTD)


def normalized_states(states_BLTD: Tensor) -> Tensor:
    """Each frame of each state at mean 0 and deviation 1 over its channels, as in SpeechCLIP's large model."""
    return F.layer_norm(states_BLTD, states_BLTD.shape[-1:])


def pooling_factors(lengths_B: Tensor, *, stride: int, max_frames: int) -> Tensor:
    """How many neighbouring steps become one frame.

    Parameters
    ----------
    lengths_B : Tensor [shape=(B,), int64]
        Valid steps of each row.
    stride : int
        Steps of a frame where that gives no more frames than ``max_frames``.
    max_frames : int
        Most frames of a row.

    Returns
    -------
    Tensor [shape=(B,), int64]
        Of each row by itself, whatever else is in the batch.
    """
    return (-(-lengths_B // max_frames)).clamp_min(stride)


def pooled_steps(steps_BTD: Tensor, lengths_B: Tensor, factors_B: Tensor) -> tuple[Tensor, Tensor]:
    """Means over neighbouring valid steps.

    Parameters
    ----------
    steps_BTD : Tensor [shape=(B, T, D) or (B, L, T, D)]
        Finite steps, padded to the longest row.
    lengths_B : Tensor [shape=(B,), int64, CPU]
        Valid steps of each row.
    factors_B : Tensor [shape=(B,), int64, CPU]
        Steps of each mean, as `pooling_factors` gives them; the last mean of a row may have fewer.

    Returns
    -------
    frames : Tensor [shape=(B, S, D) or (B, L, S, D)]
        Zero behind each length.
    frame_lengths : Tensor [shape=(B,), int64, CPU]
        Valid frames of each row.
    """
    frame_lengths = -(-lengths_B // factors_B)
    frames, steps = torch.arange(int(frame_lengths.max())), torch.arange(steps_BTD.shape[-2])
    member_BST = (steps // factors_B[:, None])[:, None] == frames[:, None]
    member_BST = member_BST & (steps < lengths_B[:, None])[:, None]
    weights_BST = member_BST / member_BST.sum(dim=2, keepdim=True).clamp_min(1)
    weights = weights_BST.to(steps_BTD.device, steps_BTD.dtype, non_blocking=True)
    return (weights if steps_BTD.dim() == 3 else weights[:, None]) @ steps_BTD, frame_lengths
