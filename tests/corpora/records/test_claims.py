"""Nothing is written over a manifest that this library did not make."""

import os
from pathlib import Path

import pytest

from speech2img.corpora.records.claims import corpus_in, refuse_other_corpus
from speech2img.corpora.records.cub_layout import claim_folder
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import ConfigError, DataError, Speech2ImgError


def test_whose_folder(tmp_path: Path) -> None:
    assert corpus_in(tmp_path) is None and corpus_in(tmp_path / "nowhere") is None
    path = Manifest(tmp_path, "cub", []).save()
    path.write_text(path.read_text() + "damaged\n")
    assert corpus_in(tmp_path) == "cub"
    refuse_other_corpus(tmp_path, "cub")
    with pytest.raises(ConfigError, match="holds the corpus cub, not flickr8k"):
        refuse_other_corpus(tmp_path, "flickr8k")


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 100_000, b"9" * 5_000, b'{"format": "other"}', b"\xff\xfe\0"])
def test_files_of_others(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "manifest.jsonl").write_bytes(data)
    with pytest.raises(ConfigError, match="was not made by this library; move it away"):
        claim_folder(tmp_path, {"corpus": "songbirds"})
    assert (tmp_path / "manifest.jsonl").read_bytes() == data and not (tmp_path / "corpus.json").exists()


def test_places_that_are_no_folders(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(Speech2ImgError, match="file"):
            claim_folder(root, {"corpus": "songbirds"})
    os.mkfifo(tmp_path / "manifest.jsonl")
    with pytest.raises(DataError, match="not a regular file"):
        claim_folder(tmp_path, {"corpus": "songbirds"})


def test_a_folder_of_the_authors_is_not_drawn_into(tmp_path: Path) -> None:
    (tmp_path / "CUB_200_2011").mkdir()
    with pytest.raises(ConfigError, match="holds a corpus that is not songbirds"):
        claim_folder(tmp_path, {"corpus": "songbirds"})
