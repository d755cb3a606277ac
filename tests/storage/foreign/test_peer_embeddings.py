"""Embedding pickles: the peers' own layouts, and nothing else."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from speech2img.errors import ConfigError, DataError
from speech2img.storage.foreign.peer_embeddings import (
    load_li2020_embeddings,
    load_li2020_image_features,
    load_s2igan_embeddings,
    save_li2020_embeddings,
    save_li2020_image_features,
    save_s2igan_embeddings,
)

RNG = np.random.default_rng(0)
FEATURES = RNG.standard_normal((4, 10, 16)).astype(np.float32)
LENGTHS = RNG.integers(1, 2048, (4, 10))


def test_li2020_embeddings_read_back(tmp_path: Path) -> None:
    save_li2020_embeddings(tmp_path / "train", FEATURES, LENGTHS, switch="en-us")
    assert sorted(os.listdir(tmp_path / "train")) == ["audio_features_en-us.pickle", "audio_features_lens_en-us.pickle"]
    features, lengths = load_li2020_embeddings(tmp_path / "train", switch="en-us")
    np.testing.assert_array_equal(features, FEATURES)
    np.testing.assert_array_equal(lengths, LENGTHS)
    assert (features.dtype, lengths.dtype) == (np.float32, np.int64)


def test_li2020_files_are_what_their_generator_opens(tmp_path: Path) -> None:
    save_li2020_embeddings(tmp_path, torch.from_numpy(FEATURES), torch.from_numpy(LENGTHS), switch="a")
    with (tmp_path / "audio_features_a.pickle").open("rb") as file:
        features = pickle.load(file)
    assert (type(features), features.dtype, features.shape) == (np.ndarray, np.float32, (4, 10, 16))
    with (tmp_path / "audio_features_lens_a.pickle").open("rb") as file:
        assert pickle.load(file).dtype.kind == "i"


def test_li2020_places_has_one_caption_a_picture(tmp_path: Path) -> None:
    save_li2020_embeddings(tmp_path, FEATURES[:, 0], LENGTHS[:, 0], switch="a")
    assert load_li2020_embeddings(tmp_path, switch="a")[0].shape == (4, 16)


@pytest.mark.parametrize("protocol", range(6))
def test_files_of_other_dtypes_and_protocols_are_read(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "audio_features_a.pickle").write_bytes(pickle.dumps(FEATURES.astype(">f8"), protocol))
    (tmp_path / "audio_features_lens_a.pickle").write_bytes(pickle.dumps(LENGTHS.astype("i4"), protocol))
    features, lengths = load_li2020_embeddings(tmp_path, switch="a")
    np.testing.assert_array_equal(features, FEATURES)
    assert features.dtype == np.dtype("=f4")
    assert lengths.dtype == np.int64


def test_s2igan_embeddings_read_back_with_any_number_of_captions(tmp_path: Path) -> None:
    path = tmp_path / "speech_embeddings_train.pickle"
    save_s2igan_embeddings(path, [FEATURES[0], FEATURES[1, :3]])
    first, second = load_s2igan_embeddings(path)
    np.testing.assert_array_equal(first, FEATURES[0])
    np.testing.assert_array_equal(second, FEATURES[1, :3])
    assert type(pickle.loads(path.read_bytes())) is list


def test_image_features_read_back(tmp_path: Path) -> None:
    path = tmp_path / "image_features_googlenet.pickle"
    save_li2020_image_features(path, list(FEATURES))
    np.testing.assert_array_equal(load_li2020_image_features(path), FEATURES)
    with pytest.raises(DataError, match=r"row 0 has shape \(9, 16\) instead of \(10, 16\)"):
        save_li2020_image_features(path, list(FEATURES[:, :9]))


def damaged(change: str) -> np.ndarray:
    features = FEATURES.copy()
    features[1, 2, 3] = np.nan if change == "nan" else np.inf
    return features


@pytest.mark.parametrize(
    ("features", "lengths", "reason"),
    [
        (damaged("nan"), LENGTHS, "not finite"),
        (damaged("inf"), LENGTHS, "not finite"),
        (FEATURES.astype("f8") * 1e300, LENGTHS, "not finite in 32 bits"),
        (FEATURES, LENGTHS.astype("u8") + 2**63, "no frames"),
        (FEATURES, LENGTHS[:, :9], "do not go with lengths"),
        (FEATURES, LENGTHS * 1.0, "do not go with lengths"),
        (FEATURES, LENGTHS * 0, "has no frames"),
        (FEATURES[0, 0], LENGTHS[0, 0], "do not go with"),
        (FEATURES.astype("i4"), LENGTHS, "no array of floats"),
        (FEATURES.tolist(), LENGTHS, "no array of floats"),
        (FEATURES, LENGTHS.tolist(), "do not go with lengths of shape list"),
        ({"features": FEATURES}, LENGTHS, "no array of floats"),
    ],
)
def test_wrong_li2020_files_are_named(tmp_path: Path, features: Any, lengths: Any, reason: str) -> None:
    (tmp_path / "audio_features_a.pickle").write_bytes(pickle.dumps(features))
    (tmp_path / "audio_features_lens_a.pickle").write_bytes(pickle.dumps(lengths))
    with pytest.raises(DataError, match=f"audio_features_a.pickle: .*{reason}"):
        load_li2020_embeddings(tmp_path, switch="a")


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "is no list of arrays"),
        ({"a": 1}, "is no list of arrays"),
        ("text", "is no list of arrays"),
        ([FEATURES[0], FEATURES[0, :, :8]], "row 1 has shape"),
        ([FEATURES], "row 0 has shape"),
        ([FEATURES[0, :0]], "row 0 has shape"),
        ([FEATURES[0], [1.0]], "row 1 is no array of floats"),
        (np.array(3.0), "is no list of arrays"),
        ([np.array(3.0)], r"row 0 has shape \(\)"),
        (list(damaged("nan")), "row 1 holds values that are not finite"),
    ],
)
def test_wrong_s2igan_files_are_named(tmp_path: Path, rows: Any, reason: str) -> None:
    path = tmp_path / "speech_embeddings_test.pickle"
    path.write_bytes(pickle.dumps(rows))
    with pytest.raises(DataError, match=f"speech_embeddings_test.pickle: {reason}"):
        load_s2igan_embeddings(path)


def test_nothing_wrong_is_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not finite"):
        save_s2igan_embeddings(tmp_path / "x.pickle", list(damaged("nan")))
    with pytest.raises(DataError, match="do not go with"):
        save_li2020_embeddings(tmp_path, FEATURES, LENGTHS[:2], switch="a")
    with pytest.raises(ConfigError, match="is no plain name"):
        save_li2020_embeddings(tmp_path, FEATURES, LENGTHS, switch="../a")
    assert os.listdir(tmp_path) == []
