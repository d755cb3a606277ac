"""Rectified flow (Liu et al., arXiv:2209.03003): learn the straight way from noise to data."""

from collections.abc import Callable

import torch
from torch import Tensor


def rectified_flow_loss(
    velocity: Callable[[Tensor, Tensor], Tensor], data_BK: Tensor, noise_BK: Tensor, time_B: Tensor
) -> Tensor:
    """Mean squared error of the velocity on the line between a noise and a data point (equation 1).

    Parameters
    ----------
    velocity : callable
        ``velocity(state_BK, time_B)`` gives (B, K).
    data_BK, noise_BK : Tensor [shape=(B, K)]
        The line's ends, at time 1 and time 0.
    time_B : Tensor [shape=(B,), range 0..1]
        Where on the line to look.

    Returns
    -------
    Tensor [shape=(), float32]

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    The line is ``state_t = (1 - t) noise + t data``, and its velocity ``data - noise`` is the same all along. A network
    that gives the mean of the velocities at every point turns noise into data, by the ordinary differential equation
    ``d state / dt = velocity(state, t)`` from time 0 to 1.
    """
    if data_BK.shape != noise_BK.shape or time_B.shape != data_BK.shape[:1]:
        raise ValueError(f"shapes do not fit: {tuple(data_BK.shape)}, {tuple(noise_BK.shape)}, {tuple(time_B.shape)}")
    state = torch.lerp(noise_BK, data_BK, time_B[:, None])
    return (velocity(state, time_B) - (data_BK - noise_BK)).square().mean()
