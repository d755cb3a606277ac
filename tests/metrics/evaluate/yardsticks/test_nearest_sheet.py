"""The sheet of nearest training pictures: which pairs, where they stand, the file and its lines."""

from pathlib import Path

import numpy as np
from PIL import Image

from speech2img.metrics.evaluate.yardsticks.nearest_sheet import CAPTION, nearest_sheet, save_sheet
from speech2img.metrics.functional.memorisation import Memorisation


def test_the_nearest_pairs_come_first(tmp_path: Path) -> None:
    found = Memorisation(np.array([3, 1, 2]), np.array([5.0, 0.0, 1.0]), np.ones(4), 7)
    sheet = nearest_sheet(
        lambda rows: np.stack([np.full((6, 6, 3), row, np.uint8) for row in rows]),
        lambda rows: np.stack([np.full((6, 6, 3), 100 + row, np.uint8) for row in rows]),
        found,
        seed=0,
    )
    pair = 2 * 6 + 3 * 4
    assert sheet.shape == (2 * (6 + 4), 3 * pair, 3)
    first_row = [(int(sheet[0, start, 0]), int(sheet[0, start + 10, 0])) for start in range(0, 3 * pair, pair)]
    assert first_row == [(1, 101), (2, 102), (0, 103)]
    assert sorted(int(sheet[10, start, 0]) for start in range(0, 3 * pair, pair)) == [0, 1, 2]
    lines = save_sheet(sheet, tmp_path / "nearest-1.png")
    assert lines[0] == CAPTION and lines[-1].endswith("(nearest-1.png)")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "nearest-1.png")), sheet)
