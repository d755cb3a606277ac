"""Standardisation by statistics that a release can hold."""

import numpy as np
import torch

from speech2img.models.layers.standardize import Standardize

ROWS = np.random.default_rng(0).normal(3.0, (0.5, 2.0, 40.0), size=(500, 3)).astype(np.float32)


def test_each_value_has_its_own_mean_and_deviation() -> None:
    layer = Standardize(3, trailing=2)
    maps = torch.from_numpy(ROWS.reshape(5, 10, 10, 3)).movedim(3, 1)
    assert torch.equal(layer(maps), maps)
    layer.fit_(torch.from_numpy(ROWS))
    expected = (ROWS - ROWS.mean(axis=0)) / ROWS.std(axis=0)
    found = layer(maps)
    np.testing.assert_allclose(found.movedim(1, 3).reshape(-1, 3), expected, atol=5e-3)
    torch.testing.assert_close(layer.restore(found), maps)


def test_a_common_deviation_keeps_the_proportions() -> None:
    layer = Standardize(3, common_deviation=True)
    layer.fit_(torch.from_numpy(ROWS))
    found = layer(torch.from_numpy(ROWS))
    assert abs(float(found.square().mean()) - 1) < 2e-3 and layer.deviation.shape == ()
    np.testing.assert_allclose(
        found.std(dim=0) / found.std(dim=0)[0], ROWS.std(axis=0) / ROWS.std(axis=0)[0], rtol=1e-4
    )


def test_statistics_are_what_float16_holds_and_no_division_by_zero() -> None:
    layer = Standardize(2)
    layer.fit_(torch.tensor([[0.1, 7.0], [0.3, 7.0]]))
    assert all(torch.equal(value, value.half().float()) for value in (layer.mean, layer.deviation))
    assert layer.deviation[1] > 0 and layer(torch.tensor([[0.1, 7.0]])).isfinite().all()
