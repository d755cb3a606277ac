"""Maxima and sums over windows, as a CPU computes them soonest: values are the same, the time is not."""

import torch
from torch import Tensor
from torch.nn import functional as F


def channels_last_on_cpu(images_BCHW: Tensor) -> Tensor:
    """The same images, channels last on a CPU, for networks that pool often.

    PyTorch's maximum over windows is vectorised on a CPU only where channels lie last (torch 2.13); convolutions keep
    that order, so it reaches through a whole network. GoogLeNet takes about half the time then
    (experiments/results/speed.md). On other devices the images are as they were.

    Maps that leave such a network are to be made ``contiguous`` again: the backward pass of group normalisation in
    bfloat16 ends the process where channels lie last and the input needs no gradient (torch 2.13).

    Parameters
    ----------
    images_BCHW : Tensor [shape=(B, C, H, W)]

    Returns
    -------
    Tensor [shape=(B, C, H, W)]
    """
    if images_BCHW.device.type != "cpu":
        return images_BCHW
    return images_BCHW.contiguous(memory_format=torch.channels_last)


def response_norm(x_BCHW: Tensor, size: int = 5, *, alpha: float = 1e-4, beta: float = 0.75) -> Tensor:
    """Local response normalisation over neighbouring channels (Krizhevsky et al. 2012, section 3.3, with k = 1).

    Equal to ``torch.nn.functional.local_response_norm``, which pools a fifth axis, several times as slowly on a CPU.

    Parameters
    ----------
    x_BCHW : Tensor [shape=(B, C, H, W)]
    size : int, odd, >= 1
        Channels of a window.
    alpha : float
        Factor on the mean of their squares.
    beta : float
        Exponent.

    Returns
    -------
    Tensor [shape=(B, C, H, W)]
    """
    count, half = x_BCHW.shape[1], size // 2
    around = F.pad(x_BCHW.square(), (0, 0, 0, 0, half, half))
    sums = around.narrow(1, 0, count)
    for first in range(1, size):
        sums = sums + around.narrow(1, first, count)
    return x_BCHW * (1.0 + alpha / size * sums).pow(-beta)
