"""From stored 8-bit pictures to what discriminators see: random crops and flips, and one size for each stage."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from speech2img.errors import ImageError

_CACHED_BYTES = 800_000  # of pictures that stay in a core's cache while each size is made of them
_CACHED_VALUES = 200_000  # float32 values that stay there between the two steps of _normalise


def pyramid(images_B3HW: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """Scale a batch of square pictures to several sizes.

    Parameters
    ----------
    images_B3HW : Tensor [shape=(B, 3, S, S), uint8]
        Pictures; fastest when channels lie last in memory, as :func:`random_crop_flip` leaves them.
    sizes : sequence of int
        Sides in pixels, each at most S.

    Returns
    -------
    list of Tensor [shape=(B, 3, size, size), float32, range -1..1]
        One batch a size. Reduction is antialiased and bilinear, rounded to 8 bits after rows and after columns, as
        the published pipelines do by PIL. On the CPU half the side is PIL's result exactly; any other size is within
        2 grey levels of it, because a weight has 15 bits here and 22 in PIL, so that a half may be rounded the other
        way in each of the two passes. Elsewhere only the end is rounded: within 1 grey level of both.

    Raises
    ------
    ImageError
        If the batch is not uint8 of this shape, or a size is larger than the pictures.
    """
    # Check the sizes.
    _check(images_B3HW)
    side = images_B3HW.shape[-1]
    for size in sizes:
        if not 1 <= size <= side:
            fix = "give sizes up to the stored one, or build a larger image store"
            raise ImageError.about(f"pyramid size {size}", f"the pictures have {side} pixels a side", fix)
    # Parts small enough for the processor's cache.
    shapes = [(*images_B3HW.shape[:2], size, size) for size in sizes]
    levels = [torch.empty(shape, dtype=torch.float32, device=images_B3HW.device) for shape in shapes]
    several = _that_fit(images_B3HW, _CACHED_BYTES)
    for first in range(0, len(images_B3HW), several):
        part = images_B3HW[first : first + several]
        for level in sorted(levels, key=lambda level: -level.shape[-1]):
            # The largest first: it reads in order, so that the pictures are in the cache for the others.
            _normalise(_reduce(part, level.shape[-1]), level[first : first + several])
    return levels


def random_crop_flip(
    images_N3HW: Tensor,
    size: int,
    generator: np.random.Generator | None,
    *,
    rows: np.ndarray | None = None,
    flip: bool = True,
) -> Tensor:
    """Cut a random square out of each picture and mirror half of them left to right.

    Parameters
    ----------
    images_N3HW : Tensor [shape=(N, 3, S, S), uint8]
        Pictures; fastest when channels lie last in memory.
    size : int
        Side of the squares, at most S.
    generator : numpy.random.Generator or None
        Source of the places; None for the middle square and no mirroring, as evaluation does.
    rows : ndarray of int [length=B] or None
        Which pictures, 0 to N - 1 in any order, repeats allowed; None for all. Only the squares are read.
    flip : bool
        Mirror at random; wrong for corpora in which direction is an attribute.

    Returns
    -------
    Tensor [shape=(B, 3, size, size), uint8, channels last in memory]

    Raises
    ------
    ImageError
        If the batch is not uint8 of this shape, or smaller than the square.
    """
    # Check the size.
    _check(images_N3HW)
    room = images_N3HW.shape[-1] - size
    if size < 1 or room < 0:
        reason = f"the pictures have {images_N3HW.shape[-1]} pixels a side"
        raise ImageError.about(f"crop size {size}", reason, "build a larger store")
    # Draw positions and mirroring; without a generator the middle.
    indices = range(len(images_N3HW)) if rows is None else rows.tolist()
    batch = len(indices)
    tops = lefts = [room // 2] * batch
    mirrored = [False] * batch
    if generator is not None:
        tops = generator.integers(0, room + 1, size=batch).tolist()
        lefts = generator.integers(0, room + 1, size=batch).tolist()
        mirrored = (generator.random(batch) < 0.5).tolist() if flip else mirrored
    # Cut out.
    out = torch.empty(
        (batch, 3, size, size), dtype=torch.uint8, device=images_N3HW.device, memory_format=torch.channels_last
    )
    for target, image, top, left, mirror in zip(out, indices, tops, lefts, mirrored, strict=True):
        square = images_N3HW[image, :, top : top + size, left : left + size]
        target.copy_(square.flip(-1) if mirror else square)
    return out


def _reduce(images: Tensor, size: int) -> Tensor:
    if images.shape[-1] == size:
        return images
    if images.device.type == "cpu":
        images = images.contiguous(memory_format=torch.channels_last)  # the fast path; the other fails at size 1
        return F.interpolate(images, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    smooth = F.interpolate(images.float(), size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    return smooth.round_().clamp_(0, 255)


def _normalise(images: Tensor, result: Tensor) -> None:
    """Write uint8 pictures into a float32 batch, 0..255 as -1..1."""
    minus_one = torch.tensor(-1.0)
    several = _that_fit(images, _CACHED_VALUES)
    for part, target in zip(images.split(several), result.split(several), strict=True):
        torch.add(minus_one, target.copy_(part), alpha=1 / 127.5, out=target)


def _that_fit(images: Tensor, values: int) -> int:
    """How many pictures of a batch have that many values; off the CPU all of them."""
    if images.device.type != "cpu":
        return max(1, len(images))
    return max(1, values * len(images) // max(1, images.numel()))


def _check(images: Tensor) -> None:
    shape = tuple(images.shape)
    if images.dtype != torch.uint8 or len(shape) != 4 or shape[1] != 3 or shape[2] != shape[3]:
        raise ImageError.about("pictures", f"{images.dtype} of shape {shape}", "give uint8 of shape (B, 3, S, S)")


def normalised(images_BCHW: Tensor) -> Tensor:
    """uint8 pictures as float32 in -1..1, of the same size."""
    return pyramid(images_BCHW, [images_BCHW.shape[-1]])[0]
