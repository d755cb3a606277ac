"""Grids of pictures in one picture, for logs, reports and contact sheets."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from speech2img.errors import ImageError, with_article
from speech2img.images.pixels import to_rgb
from speech2img.storage.atomic import atomic_path

Images = Tensor | np.ndarray | Sequence[Tensor | np.ndarray | Image.Image]


def to_uint8(image: Tensor | np.ndarray | Image.Image) -> np.ndarray:
    """Turn one picture into 8-bit RGB.

    Parameters
    ----------
    image : Tensor, np.ndarray or PIL.Image.Image
        A tensor is (3, H, W), float in -1..1 or uint8; an array is (H, W, 3) uint8.

    Returns
    -------
    np.ndarray [shape=(H, W, 3), uint8]

    Raises
    ------
    ImageError
        If it has another shape or type, or is not finite.
    """
    # From PIL, or from a tensor in -1..1 or uint8, to rows and columns of RGB.
    if isinstance(image, Image.Image):
        image = np.asarray(to_rgb("picture", image))
    if isinstance(image, Tensor):
        array = image.detach().cpu().float() if image.is_floating_point() else image.detach().cpu()
        pixels = array.numpy()
        if pixels.ndim != 3 or pixels.shape[0] != 3:
            raise ImageError.about("picture", f"a tensor of shape {tuple(pixels.shape)}", "give (3, H, W)")
        if pixels.dtype != np.uint8:
            if not image.is_floating_point():
                raise ImageError.about("picture", f"values of type {image.dtype}", "give uint8, or float in -1..1")
            if not np.isfinite(pixels).all():
                raise ImageError.about("picture", "values that are not finite", "check the generator's training")
            pixels = np.clip(np.rint((pixels + 1.0) * 127.5), 0, 255).astype(np.uint8)
        image = np.ascontiguousarray(pixels.transpose(1, 2, 0))
    # What remains must be 8-bit RGB.
    if not isinstance(image, np.ndarray):
        raise ImageError.about("picture", with_article(type(image).__name__), "give a tensor, an array or a PIL image")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ImageError.about("picture", f"{image.dtype} of shape {image.shape}", "give (H, W, 3) uint8")
    return image


def image_grid(images: Images, columns: int, *, gap: int = 2) -> Image.Image:
    """Lay pictures out in rows.

    Parameters
    ----------
    images : Tensor (B, 3, H, W), array (B, H, W, 3) uint8, or a sequence of pictures
        Pictures as :func:`to_uint8` takes them; in a sequence each may have its own size.
    columns : int >= 1
        Pictures a row.
    gap : int >= 0
        White pixels between them.

    Returns
    -------
    PIL.Image.Image
        Every cell has the size of the largest picture; smaller ones are enlarged to it without smoothing.

    Raises
    ------
    ImageError
        If there are no pictures, or one of them is none.
    """
    # All as 8-bit RGB, which also checks them.
    tiles = [to_uint8(image) for image in images]
    if not tiles or columns < 1 or gap < 0:
        raise ImageError.about("grid", f"{len(tiles)} pictures in {columns} columns", "give at least one of each")
    # Smaller images are scaled up to the largest, so that columns align.
    height, width = (max(pixels.shape[axis] for pixels in tiles) for axis in (0, 1))
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    size = (columns * (width + gap) - gap, rows * (height + gap) - gap)
    sheet = Image.new("RGB", size, (255, 255, 255))
    for number, pixels in enumerate(tiles):
        row, column = divmod(number, columns)
        tile = Image.fromarray(pixels)
        if tile.size != (width, height):
            tile = tile.resize((width, height), Image.Resampling.NEAREST)
        sheet.paste(tile, (column * (width + gap), row * (height + gap)))
    return sheet


def save_grid(path: str | Path, images: Images, columns: int, *, gap: int = 2) -> None:
    """Write :func:`image_grid` to a PNG or JPEG file, whole or not at all."""
    sheet = image_grid(images, columns, gap=gap)
    with atomic_path(path) as temp:
        sheet.save(temp)
