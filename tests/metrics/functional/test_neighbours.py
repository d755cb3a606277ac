"""Nearest neighbours: every pair by scipy, exact zeros, blocks."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from speech2img.metrics.functional import neighbours


@pytest.mark.parametrize("block", [3, 2048])
def test_equal_every_pair(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(neighbours, "BLOCK_ROWS", block)
    rng = np.random.default_rng(0)
    points, gallery = rng.normal(size=(17, 5)) + 30, rng.normal(size=(11, 5)) + 30
    points[4] = gallery[7]
    rows, distances = neighbours.nearest(points.astype(np.float32), gallery.astype(np.float32))
    exact = cdist(points.astype(np.float32).astype(float), gallery.astype(np.float32).astype(float))
    assert rows.tolist() == exact.argmin(axis=1).tolist()
    np.testing.assert_allclose(distances, exact.min(axis=1), rtol=1e-6)
    assert rows[4] == 7 and distances[4] == 0.0
    radii = np.concatenate(neighbours.squared_radii(gallery, gallery.mean(axis=0), 3))
    np.testing.assert_allclose(np.sqrt(radii), np.sort(cdist(gallery, gallery), axis=1)[:, 3], rtol=1e-9)
