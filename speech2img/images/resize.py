"""Pictures to the size a network or a comparison asks for: up or down, square or not, always antialiased."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F


def to_network(images: NDArray[np.uint8], size: int, *, device: str | torch.device = "cpu") -> torch.Tensor:
    """Pictures as a network takes them.

    Parameters
    ----------
    images : np.ndarray [shape=(N, H, W, 3), uint8, RGB]
        Pictures of one size; a picture that is not square is squashed.
    size : int
        Side wanted.
    device : str or torch.device
        Where the answer lies.

    Returns
    -------
    torch.Tensor [shape=(N, 3, size, size), float32, range -1..1]
        Resized bilinearly with antialiasing and rounded to 8 bits, as image stores are.
    """
    batch = torch.tensor(images, device=device).permute(0, 3, 1, 2).float()
    if batch.shape[-2:] != (size, size):
        batch = F.interpolate(batch, size=(size, size), mode="bilinear", antialias=True).round_().clamp_(0, 255)
    return batch.div_(127.5).sub_(1.0)


def resize(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Pictures of another size, resized as `to_network` does.

    Parameters
    ----------
    images : np.ndarray [shape=(N, H, W, 3), uint8, RGB]
        Pictures of one size.
    size : int
        Side wanted.

    Returns
    -------
    np.ndarray [shape=(N, size, size, 3), uint8]
        The same array where the size is right already.
    """
    if images.shape[1:3] == (size, size):
        return images
    pixels = to_network(images, size).add_(1.0).mul_(127.5).round_().to(torch.uint8)
    resized: NDArray[np.uint8] = pixels.permute(0, 2, 3, 1).contiguous().numpy()
    return resized
