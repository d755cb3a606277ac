"""Every reader of a corpus: any bytes, and mutants of real files, give a value or one of our errors, at once."""

import io
import json
import pickle
import resource
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.cub100_files import WHOLE_HEADER, captions_tar, table, whole_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from speech2img.corpora.folder.table import read_table
from speech2img.corpora.folder.tree import read_tree
from speech2img.corpora.readers import cub, flickr8k, places
from speech2img.corpora.readers.cub100.attribute_captions import read_class_facts
from speech2img.corpora.readers.cub100.photographs import read_whole
from speech2img.corpora.readers.matlab import read_mat_vectors
from speech2img.corpora.readers.peer_splits import find_peer_splits
from speech2img.corpora.readers.reed_captions import captions_in_tar, find_captions, read_captions
from speech2img.corpora.records.claims import corpus_in
from speech2img.errors import Speech2ImgError

SECONDS, MIB = 5, 512
Reader = tuple[str, bytes, Callable[[Path], object]]


def matlab() -> bytes:
    data = io.BytesIO()
    savemat(data, {"labels": np.arange(1, 90, dtype=np.uint8)[None]}, do_compression=False)
    return data.getvalue()


def texts(kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", kind) as archive:
        archive.writestr("text/a/b.txt", "a bird\nanother\n" * 5)
    return data.getvalue()


def whole_photographs() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("manifest.csv", table(WHOLE_HEADER, whole_rows()[:2]))
    return data.getvalue()


def captions(root: Path) -> object:
    found = find_captions(root, ("",))
    return found and read_captions(found, [name for name in ("a/b",) if found.has(name)])


FACTS = "".join(f"{n} has_crown_color::blue\n" for n in range(312)), " ".join(["1.5"] * 312)
PLACES = {"data": [{"image": "b/bedroom/x.jpg", "wav": "w/x.wav", "speaker": 3, "asr_text": "a bed"}] * 3}
LI2020 = {"data": [{"image": "a/b.jpg", "class": "3.a", "text": ["x", "y"]}]}
READERS: dict[str, Reader] = {
    "cub index": (
        "images.txt",
        b"1 001.a/b.jpg\n2 001.a/c.jpg\n",
        lambda root: cub._read_table(root / "images.txt", 1),
    ),
    "cub boxes": ("b.txt", b"1 60.0 27.0 325.0 304.0\n", lambda root: cub._read_table(root / "b.txt", 4)),
    "cub attributes": (
        "percent.txt",
        FACTS[1].encode(),
        lambda root: read_class_facts(FACTS[0], (root / "percent.txt").read_text(errors="replace"), source="x"),
    ),
    "flickr tokens": ("t.txt", b"1_a.jpg#0\tA dog runs .\n", lambda root: flickr8k._read_captions(root / "t.txt")),
    "flickr list": ("l.txt", b"1_a.jpg\n2_b.jpg\n", lambda root: flickr8k._read_list(root / "l.txt")),
    "flickr speakers": ("s.txt", b"a.wav 4\n", lambda root: flickr8k._rows(root / "s.txt", r"([\w.]+\.wav) (\w+)")),
    "places": ("p.json", json.dumps(PLACES).encode(), lambda root: places._read_pairs(root, {"p.json": "train"})),
    "li2020 split": ("train.json", json.dumps(LI2020).encode(), find_peer_splits),
    "split lists": ("train_filenames.txt", b"a/b.jpg\na/c.jpg\n", find_peer_splits),
    "split pickles": ("train/filenames.pickle", pickle.dumps(["a/b", "a/c"], protocol=2), find_peer_splits),
    "captions": ("text/a/b.txt", b"a bird\nanother\n", captions),
    "captions in a zip": ("text.zip", texts(), captions),
    "captions in a tar": (
        "c.tar.xz",
        captions_tar({"a/b": b"a bird\nanother\n" * 9, "a/c": b"x"}),
        lambda root: captions_in_tar(root / "c.tar.xz", fix="again"),
    ),
    "whole photographs": ("cub20_photos_crop304.zip", whole_photographs(), read_whole),
    "matlab": ("labels.mat", matlab(), lambda root: read_mat_vectors(root / "labels.mat", ("labels",))),
    "items.csv": ("items.csv", b"image,text\na.jpg,a bird\n", lambda root: read_table(root / "items.csv")),
    "items.jsonl": ("items.jsonl", b'{"image": "a.jpg", "class": 3}\n', lambda root: read_table(root / "items.jsonl")),
    "manifest header": ("manifest.jsonl", b'{"format": "speech2img-manifest", "corpus": "cub"}\n', corpus_in),
    "folder's text": ("a.txt", b"a bird\nanother\n", lambda root: (root / "a.jpg").touch() or read_tree(root)),
}
"""What -> file name, content of a real one, and who reads it in its folder."""
MORSELS = st.sampled_from(
    [
        b"9" * 5000,
        b"1" + b"0" * 400,
        b"-1",
        b"1e999",
        b"NaN",
        b"[" * 100_000,
        b"{" * 3000,
        b'"\\ud800"',
        b"\0",
        b"\xff\xfe",
    ]
    + ["\u2028".encode(), b"\x85", b"\v", b"\r", b"../" * 50, b"/" * 300, b"x" * 5000, "\u0663".encode(), b"\xc3"]
)


@st.composite
def mutants(draw: st.DrawFn, data: bytes) -> bytes:
    """A real file with some places changed, cut, repeated, or filled with what readers do not expect."""
    mutant = data
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(mutant)))
        end = draw(st.integers(start, min(len(mutant), start + 40)))
        new = draw(MORSELS | st.binary(max_size=8) | st.just(mutant[start:end] * 3))
        mutant = mutant[:start] + new + mutant[end:]
    return mutant


@pytest.mark.parametrize("what", READERS)
@given(data=st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_bytes_give_a_value_or_one_of_our_errors(
    tmp_path_factory: pytest.TempPathFactory, what: str, data: st.DataObject
) -> None:
    name, real, read = READERS[what]
    root = tmp_path_factory.mktemp("hostile")
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(data.draw(st.just(real) | mutants(real) | st.binary(max_size=300)))
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        read(root)
    except Speech2ImgError as error:
        assert "\n" not in str(error) and str(error).encode()
    assert time.monotonic() - start < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MIB << 10


@pytest.mark.parametrize("what", READERS)
def test_real_files_are_read(tmp_path: Path, what: str) -> None:
    name, real, read = READERS[what]
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(real)
    if what != "folder's text":
        assert read(tmp_path)


def test_archives_packed_in_a_rare_way(tmp_path: Path) -> None:
    """Decoders that ask for gigabytes of memory on the word of a header are not used."""
    (tmp_path / "text.zip").write_bytes(texts(zipfile.ZIP_LZMA))
    with pytest.raises(Speech2ImgError, match="packed in a rare way"):
        captions(tmp_path)


def test_names_too_long_for_a_disk_are_missing_files(tmp_path: Path) -> None:
    (tmp_path / "text/a").mkdir(parents=True)
    (tmp_path / "text/a/b.txt").write_text("a bird")
    found = find_captions(tmp_path, ("",))
    assert found is not None and not found.has("x" * 5000)
    assert places._image_folder(tmp_path, "x" * 5000) == places.IMAGE_FOLDERS[0]
