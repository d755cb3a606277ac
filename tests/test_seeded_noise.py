"""Noise by key and name: each row has its own, whatever else is drawn."""

import numpy as np
import torch

from speech2img.seeded_noise import seeded_noise


def test_noise_of_a_row_depends_on_its_own_key_and_the_name_only() -> None:
    keys = [(3, 0, 0), (3, 1, 0), (3, 1, 1), (4, 1, 1)]
    noise = seeded_noise(keys)
    whole = noise.normal("step 7", 2, 5)
    assert whole.shape == (4, 2, 5) and whole.dtype == torch.float32
    # Alone, in another order, after other draws, and among candidates.
    for row, key in enumerate(keys):
        alone = seeded_noise([key])
        alone.uniform("step 7", 9)
        alone.normal("step 6", 9)
        assert torch.equal(alone.normal("step 7", 2, 5)[0], whole[row])
        for count in (1, 3):
            assert torch.equal(alone.repeated(count).normal("z", 6)[0], alone.repeated(5).normal("z", 6)[0])
    # Every key, name and distribution gives another draw.
    assert len({tuple(row.ravel().tolist()) for row in whole}) == 4
    assert not torch.equal(whole, noise.normal("step 8", 2, 5))
    many = noise.uniform("step 7", 4000)
    assert 0 <= many.min() and many.max() < 1 and abs(many.mean() - 0.5) < 0.02
    correlation = np.corrcoef(noise.normal("a", 4000)[0], noise.normal("b", 4000)[0])[0, 1]
    assert abs(correlation) < 0.05


def test_noise_without_a_name_is_the_stream_of_the_key() -> None:
    wanted = np.random.default_rng((5, 2, 1)).standard_normal((3, 4), dtype=np.float32)
    np.testing.assert_array_equal(seeded_noise([(5, 2, 1)]).normal("", 3, 4)[0], wanted)
    np.testing.assert_array_equal(seeded_noise([(5, 2, 1)]).repeated(3).normal("", 4), wanted)
