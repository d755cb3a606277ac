"""Embedding pickles in the layouts of Li et al. 2020, S2IGAN and S2IVQ-D: their generators and ours exchange files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from speech2img.errors import DataError
from speech2img.storage.foreign.pickles import load_pickle, save_pickle
from speech2img.storage.names import plain_name

Floats = NDArray[np.float32]
CROPS = 10


def save_li2020_embeddings(folder: str | Path, features_NKD: ArrayLike, lengths_NK: ArrayLike, *, switch: str) -> None:
    """Write ``audio_features_<switch>.pickle`` and ``audio_features_lens_<switch>.pickle``.

    Parameters
    ----------
    folder : path
        For example ``data/birds/train``.
    features_NKD : array [shape=(N, K, D), float32]
        Speech embeddings of K captions of N images, in the order of the split file; (N, D) for one caption each.
    lengths_NK : array [shape=(N, K), int64]
        Mel frames of each utterance, >= 1.
    switch : str
        Name of the feature set.

    Raises
    ------
    DataError
        If a value is not finite or the shapes disagree.

    Notes
    -----
    Li et al. 2020 (arXiv:2004.03413), their published code.
    """
    features_path, lengths_path = li2020_paths(folder, switch)
    features, lengths = _checked_li2020(features_path, np.asarray(features_NKD), np.asarray(lengths_NK))
    save_pickle(lengths_path, lengths)
    save_pickle(features_path, features)


def load_li2020_embeddings(folder: str | Path, *, switch: str) -> tuple[Floats, NDArray[np.int64]]:
    """Read what `save_li2020_embeddings` or Li et al.'s own code wrote.

    Returns
    -------
    features_NKD : np.ndarray [shape=(N, K, D) or (N, D), float32]
        Speech embeddings, finite.
    lengths_NK : np.ndarray [shape=(N, K) or (N,), int64]
        Mel frames, >= 1.

    Raises
    ------
    DataError
        If a file is missing, damaged, of another layout, or the two disagree.
    """
    features_path, lengths_path = li2020_paths(folder, switch)
    return _checked_li2020(features_path, load_pickle(features_path), load_pickle(lengths_path))


def save_s2igan_embeddings(path: str | Path, rows: Sequence[ArrayLike]) -> None:
    """Write ``speech_embeddings_{train,test}.pickle``: one (captions, D) array an image, in ``filenames.pickle`` order.

    Raises
    ------
    DataError
        If a value is not finite or the shapes disagree.
    """
    save_pickle(path, _checked_rows(path, [np.asarray(row) for row in rows]))


def load_s2igan_embeddings(path: str | Path) -> list[Floats]:
    """Read what `save_s2igan_embeddings` or S2IGAN's own code wrote.

    Returns
    -------
    rows : list of np.ndarray [shape=(captions, D), float32]
        Finite; the number of captions may differ from image to image.

    Raises
    ------
    DataError
        If the file is missing, damaged or of another layout.
    """
    return _checked_rows(path, load_pickle(path))


def save_s2ivq_d_embeddings(path: str | Path, features_NKD: ArrayLike) -> None:
    """Write ``speech_embeddings_{train,test}.pickle`` of S2IVQ-D (Saeed et al. 2025): one array of all images.

    `load_s2igan_embeddings` reads it.

    Parameters
    ----------
    path : path
        The file, ``_<language>`` in its name where a corpus has several.
    features_NKD : array [shape=(N, K, D), float32]
        K captions of N images, in the order of ``filenames.pickle``.

    Raises
    ------
    DataError
        If a value is not finite or the shape is another.
    """
    features = _floats(path, np.asarray(features_NKD), "the array")
    if features.ndim != 3 or 0 in features.shape:
        raise DataError.about(path, f"has shape {features.shape} instead of (images, captions, D)", "extract it again")
    save_pickle(path, features)


def save_li2020_image_features(path: str | Path, rows: Sequence[ArrayLike]) -> None:
    """Write ``image_features_googlenet*.pickle``: one (10, D) array an image, the ten crops of the teacher features.

    Raises
    ------
    DataError
        If a value is not finite or the shapes disagree.
    """
    save_pickle(path, _checked_rows(path, [np.asarray(row) for row in rows], count=CROPS))


def load_li2020_image_features(path: str | Path) -> list[Floats]:
    """Read what `save_li2020_image_features` or Li et al.'s own code wrote; arrays [shape=(10, D), float32], finite.

    Raises
    ------
    DataError
        If the file is missing, damaged or of another layout.
    """
    return _checked_rows(path, load_pickle(path), count=CROPS)


def li2020_paths(folder: str | Path, switch: str) -> tuple[Path, Path]:
    """Files of the features and of the lengths that Li et al. 2020 call by ``switch``, in a part's folder."""
    switch = plain_name(switch, option="switch")
    return Path(folder) / f"audio_features_{switch}.pickle", Path(folder) / f"audio_features_lens_{switch}.pickle"


def _checked_li2020(path: Path, features: Any, lengths: Any) -> tuple[Floats, NDArray[np.int64]]:
    features = _floats(path, features, "the file")
    shape = lengths.shape if isinstance(lengths, np.ndarray) and lengths.dtype.kind in "iu" else type(lengths).__name__
    if features.ndim not in (2, 3) or shape != features.shape[:-1]:
        reason = f"features of shape {features.shape} do not go with lengths of shape {shape}"
        raise DataError.about(path, reason, "extract both again in one go")
    frames = lengths.astype(np.int64)
    if frames.size and frames.min() < 1:  # so does a count that 64 bits with a sign do not hold
        raise DataError.about(path, "an utterance has no frames", "extract both again in one go")
    return features, frames


def _checked_rows(path: str | Path, rows: Any, *, count: int | None = None) -> list[Floats]:
    rows = list(rows) if isinstance(rows, np.ndarray) and rows.ndim else rows
    if not isinstance(rows, list) or not rows:
        raise DataError.about(path, "is no list of arrays", "extract it again")
    checked = [_floats(path, row, f"row {index}") for index, row in enumerate(rows)]
    dim = checked[0].shape[-1:]
    for index, row in enumerate(checked):
        if row.ndim != 2 or 0 in row.shape or row.shape[1:] != dim or row.shape[0] != (count or row.shape[0]):
            wanted = f"({count or 'captions'}, {dim[0] if dim else 'D'})"
            raise DataError.about(path, f"row {index} has shape {row.shape} instead of {wanted}", "extract it again")
    return checked


def _floats(path: str | Path, values: Any, what: str) -> Floats:
    # A list in place of an array is refused: one that repeats itself could become an array of any size.
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
        raise DataError.about(path, f"{what} is no array of floats", "extract it again")
    with np.errstate(over="ignore"):
        floats = values.astype(np.float32, copy=False)
    if not np.isfinite(floats).all():
        raise DataError.about(path, f"{what} holds values that are not finite in 32 bits", "extract it again")
    return floats
