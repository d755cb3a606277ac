"""Batches of utterances: padding, masking, targets."""

import numpy as np
import pytest
import torch

from speech2img.batches.speech import Mels, SpeechBatches, draw_spans, mask_mels, mask_spans


class Store:
    """Mels whose value tells utterance and frame."""

    lengths = np.array([5, 40, 33, 70, 3, 64])

    def read(self, index: int) -> np.ndarray:
        return np.full((int(self.lengths[index]), 4), -index, dtype=np.float32) - np.arange(4) / 4


def test_padding_goes_to_the_longest_and_holds_the_floor() -> None:
    mel, lengths = Mels(Store(), max_frames=2048, pad_value=-80.0).batch(np.array([0, 2]))
    assert mel.shape == (2, 4, 64) and lengths.tolist() == [5, 33]
    assert mel[0, :, :5].tolist() == [[0.0] * 5, [-0.25] * 5, [-0.5] * 5, [-0.75] * 5]
    assert (mel[0, :, 5:] == -80.0).all() and (mel[1, :, 33:] == -80.0).all()
    assert (mel[1, 0, :33] == -2.0).all()


def test_a_fixed_length_and_the_limit_cut() -> None:
    mels = Mels(Store(), max_frames=50, pad_value=0.0)
    assert mels.lengths.tolist() == [5, 40, 33, 50, 3, 50]
    mel, lengths = mels.batch(np.array([3, 4]), frames=50)
    assert mel.shape == (2, 4, 50) and lengths.tolist() == [50, 3]


def test_masks_hide_spans_of_the_utterance_only() -> None:
    mel = np.random.default_rng(0).standard_normal((64, 40, 96)).astype(np.float32)
    lengths = np.random.default_rng(1).integers(20, 97, size=64)
    mel *= (np.arange(96) < lengths[:, None])[:, None]
    spans = draw_spans(lengths, n_mels=40, bands=8, time=0.2, generator=np.random.default_rng(2))
    masked = mask_mels(mel.copy(), lengths, spans)
    changed = masked != mel
    for row, length in enumerate(lengths):
        assert not changed[row, :, length:].any()
        frames = np.flatnonzero(changed[row].all(axis=0))
        bands = np.flatnonzero(changed[row][:, :length].all(axis=1))
        assert len(frames) <= 0.2 * length and len(bands) <= 8
        assert len(frames) == 0 or frames[-1] - frames[0] + 1 == len(frames)
        expected = mel[row, :, :length].mean()
        np.testing.assert_allclose(masked[row][changed[row]], expected, atol=1e-5)
    assert 0.05 < changed[:, :, :20].mean() < 0.35


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_masks_that_are_left_to_the_device_are_the_same(device: str) -> None:
    rows = np.arange(6)
    mels = Mels(Store(), max_frames=2048, pad_value=-80.0)
    host, later = (
        SpeechBatches(
            mels, rows, rows, rows, np.zeros((6, 1, 2), np.float32), batch_size=3, seed=0, mask_bands=3, mask_time=0.5
        )
        for _ in range(2)
    )
    later.leaves_masks = True
    changed = 0
    for _ in range(8):
        masked, plain = host.next(), later.next()
        assert masked.spans_B4 is None and plain.spans_B4 is not None
        given = (tensor.to(device) for tensor in (plain.mel_BMT, plain.lengths_B, plain.spans_B4))
        torch.testing.assert_close(mask_spans(*given).cpu(), masked.mel_BMT, rtol=1e-5, atol=1e-5)
        changed += int((plain.mel_BMT != masked.mel_BMT).sum())
    assert changed > 100


def test_batches_carry_the_features_of_their_pictures() -> None:
    rows, images = np.array([0, 1, 2, 3, 5]), np.array([0, 0, 1, 1, 2])
    classes = np.array([7, 7, 8, 8, 9])
    features = np.arange(3 * 2 * 6, dtype=np.float32).reshape(3, 2, 6)
    mels = Mels(Store(), max_frames=2048, pad_value=-80.0)
    batches = SpeechBatches(mels, rows, images, classes, features, batch_size=3, seed=0, mask_bands=1, mask_time=0.1)
    views = set()
    for _ in range(30):
        batch = batches.next()
        assert batch.mel_BMT.dtype == torch.float32 and batch.mel_BMT.shape[:2] == (3, 4)
        whole = zip(batch.indices_B, batch.features_BD, batch.classes_B, batch.lengths_B, strict=True)
        for row, feature, cls, length in whole:
            position = rows.tolist().index(row)
            assert int(cls) == classes[position] and int(length) == Store.lengths[row]
            view = [v for v in (0, 1) if feature.tolist() == features[images[position], v].tolist()]
            assert len(view) == 1
            views.add((images[position], view[0]))
    assert len(views) == 6


def test_an_epoch_over_pictures_draws_one_utterance_of_each() -> None:
    rows, images = np.array([0, 5, 1, 2, 3, 4]), np.array([2, 0, 2, 1, 2, 1])
    batches = SpeechBatches(
        Mels(Store(), max_frames=2048, pad_value=0.0),
        rows,
        images,
        images.copy(),
        np.arange(3, dtype=np.float32).reshape(3, 1, 1),
        batch_size=3,
        seed=0,
        per_image=True,
    )
    drawn = set()
    for _ in range(30):
        batch = batches.next()
        assert sorted(batch.classes_B.tolist()) == [0, 1, 2]
        assert batch.features_BD[:, 0].tolist() == batch.classes_B.tolist()
        drawn |= {(int(c), int(r)) for c, r in zip(batch.classes_B, batch.indices_B, strict=True)}
    assert drawn == set(zip(images.tolist(), rows.tolist(), strict=True))
