"""A sheet of generated pictures, each beside the training picture that lies nearest to it."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from speech2img.metrics.functional.memorisation import Memorisation, memorisation
from speech2img.metrics.images.sets import ImageSet
from speech2img.metrics.images.small_squares import small_squares
from speech2img.metrics.images.sources import ImageSource
from speech2img.metrics.report.report import MetricReport
from speech2img.storage.atomic import atomic_path

SHEET_SIDE = 128
"""Pixels of each picture of a sheet of files, which may be of any sizes."""
SHOWN = 8
"""Pairs of each row: the nearest of all, and some drawn by the seed."""
CAPTION = (
    "Pairs of a generated picture (left) and the training picture nearest to it by the network's features (right). "
    "First row: the nearest pairs of all; second row: pairs drawn by the seed."
)
_GAP = 4

ReadImages = Callable[[Sequence[int]], NDArray[np.uint8]]
"""Rows -> pictures (N, S, S, 3)."""


def nearest_sheet(
    read_generated: ReadImages, read_training: ReadImages, found: Memorisation, *, seed: int
) -> NDArray[np.uint8]:
    """Two rows of pairs.

    Parameters
    ----------
    read_generated, read_training : callable
        Pictures of one size by their rows.
    found : Memorisation
        Who lies nearest to whom.
    seed : int
        Of the second row.

    Returns
    -------
    np.ndarray [shape=(H, W, 3), uint8]
    """
    # Which pairs.
    count = min(SHOWN, len(found.distances))
    nearest = np.argsort(found.distances, kind="stable")[:count]
    drawn = np.random.default_rng(seed).permutation(len(found.distances))[:count]
    rows = np.concatenate([nearest, np.sort(drawn)]).tolist()
    made, theirs = read_generated(rows), read_training(found.nearest_rows[rows].tolist())
    # Side by side on white.
    side = made.shape[1]
    sheet = np.full((2 * (side + _GAP), count * (2 * side + 3 * _GAP), 3), 255, dtype=np.uint8)
    for number, (left, right) in enumerate(zip(made, theirs, strict=True)):
        top, start = (number // count) * (side + _GAP), (number % count) * (2 * side + 3 * _GAP)
        sheet[top : top + side, start : start + side] = left
        sheet[top : top + side, start + side + _GAP : start + 2 * side + _GAP] = right
    return sheet


def save_sheet(sheet: NDArray[np.uint8], path: Path) -> list[str]:
    """Write a sheet as PNG, whole or not at all; the lines of Markdown that show it in a report beside it."""
    with atomic_path(path) as unfinished:
        Image.fromarray(sheet).save(unfinished, format="PNG")
    return [CAPTION, "", f"![pairs of a generated and a training picture]({path.name})"]


def add_sheet_of_files(
    report: MetricReport, generated: ImageSet, real: ImageSet, training: ImageSet, tap: str, path: Path, *, seed: int
) -> None:
    """Write the sheet of three sets of files that a network has read at an output, and name it in the report."""
    rows = [one.rows(tap) for one in (generated, real, training)]
    made, true, known = rows
    if made is None or true is None or known is None or generated.images is None or training.images is None:
        return
    found = memorisation(made, true, known)
    read_generated, read_training = (
        partial(_squares, side.images) for side in (generated, training) if side.images is not None
    )
    sheet = nearest_sheet(read_generated, read_training, found, seed=seed)
    report.sections["Nearest training pictures"] = save_sheet(sheet, path)


def _squares(source: ImageSource, rows: Sequence[int]) -> NDArray[np.uint8]:
    return small_squares(source, SHEET_SIDE, rows=rows)
