"""Pictures at one small size in memory: for measures that look at pixels themselves.

No network is asked, so nothing that a generator was tuned to can hide in these numbers.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from speech2img.metrics.functional.wavelet_distance import SIDE
from speech2img.metrics.images.sources import ImageSource


def small_squares(source: ImageSource, side: int = SIDE, *, rows: Sequence[int] | None = None) -> NDArray[np.uint8]:
    """Every picture of a source, squashed to a square by the mean over areas.

    Parameters
    ----------
    source : ImageSource
        The pictures, of any sizes; they are read one at a time.
    side : int
        Pixels.
    rows : sequence of int or None
        Which pictures; None: all.

    Returns
    -------
    np.ndarray [shape=(N, side, side, 3), uint8]
        In the order of ``source.ids`` or of ``rows``; 12 kB a picture at 64 px.

    Raises
    ------
    ImageError
        If a picture cannot be read; it is named.

    Notes
    -----
    A smaller picture is enlarged by repeating its pixels, which adds nothing that its own packets of wavelets lack.
    """
    chosen = range(len(source.ids)) if rows is None else rows
    squares = np.empty((len(chosen), side, side, 3), dtype=np.uint8)
    for place, row in enumerate(chosen):
        image, _ = source.read(row)
        squares[place] = np.asarray(image.resize((side, side), Image.Resampling.BOX))
    return squares
