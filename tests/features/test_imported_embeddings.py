"""Embeddings of text in StackGAN's pickles stand in for those of speech, in the order of the corpus."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from helpers import painted_corpus

from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.splits import peer_parts
from speech2img.errors import DataError, UnsafeFileError
from speech2img.features.imported_embeddings import import_embeddings
from speech2img.features.speech_embeddings import load_embeddings


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return painted_corpus.build(tmp_path_factory.mktemp("imported") / "corpus")


def published(root: Path, folder: Path) -> dict[int, np.ndarray]:
    """StackGAN's layout: one list of arrays (captions, 1024) a part; what each image of the corpus got."""
    rng, given = np.random.default_rng(0), {}
    for part, images in peer_parts(Manifest.load(root)).items():
        rows = [rng.standard_normal((2, 1024)).astype(np.float32) for _ in images]
        given |= dict(zip(images, rows, strict=True))
        (folder / part).mkdir(parents=True)
        (folder / part / "char-CNN-RNN-embeddings.pickle").write_bytes(pickle.dumps(rows, protocol=2))
    return given


def test_pickles_of_text_become_embeddings_of_the_corpus(root: Path, tmp_path: Path) -> None:
    given = published(root, tmp_path)
    import_embeddings(tmp_path, root, name="text")
    loaded = load_embeddings(root, "text")
    assert loaded.embeddings.shape == (28, 1024) and loaded.frames is None
    for image, rows in given.items():
        np.testing.assert_array_equal(loaded.embeddings[2 * image : 2 * image + 2], rows)


def test_what_is_missing_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"or char-CNN-RNN-embeddings\.pickle in train and test"):
        import_embeddings(tmp_path, root, name="none")


class Hostile:
    """Pickles as a call."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("ran",)


def test_they_run_nothing(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    published(root, tmp_path)
    (tmp_path / "train" / "char-CNN-RNN-embeddings.pickle").write_bytes(pickle.dumps([Hostile()], protocol=2))
    with pytest.raises(UnsafeFileError, match="is refused"):
        import_embeddings(tmp_path, root, name="bad")
    assert not (tmp_path / "ran").exists()
