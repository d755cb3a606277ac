"""Readers of what a corpus, a service or a program hands over: derived arrays, parts, lists, answers, samples."""

import struct
from pathlib import Path

import numpy as np
import scipy.io
import torch
from mutants import Reader
from safetensors.torch import save_file

from speech2img.audio.inputs import hear
from speech2img.corpora.folder.table import read_table
from speech2img.corpora.readers.matlab import read_mat_vectors
from speech2img.corpora.readers.reed_captions import find_captions, read_captions
from speech2img.errors import DataError
from speech2img.features.image_features import feature_path, load_features
from speech2img.features.speech_embeddings import embedding_folder, load_embeddings
from speech2img.models.published.caffemodel import MAX_BYTES, read_caffemodel
from speech2img.models.published.ctranslate2 import read_ctranslate2
from speech2img.storage.chunks import Chunk, open_chunks
from speech2img.storage.foreign.pickles import save_pickle
from speech2img.storage.foreign.torch_files import load_published_file
from speech2img.storage.hdf5.seal import write_store
from speech2img.storage.reading import read_bytes
from speech2img.tts.baidu.credentials import Token, TokenFile, read_keys
from speech2img.tts.baidu.errors import fault_of

_VALUES = np.random.default_rng(0).standard_normal((4, 2, 8)).astype(np.float32)
_IDS = ["a/1", "a/2", "b/3", "b/é"]


def _features(root: Path) -> None:
    path = feature_path(root, "x")
    path.parent.mkdir(parents=True)
    about: dict[str, str | int] = {"kind": "a", "source": "t", "sha256": "0" * 64, "views": 2, "side": 0}
    write_store(path, {"features": _VALUES}, _IDS, about)


def _read_features(root: Path) -> object:
    found = load_features(root, "x")
    return found.ids, found.features.tobytes(), found.kind, found.source.name, found.sha256, found.side


def _embeddings(root: Path) -> None:
    folder = embedding_folder(root, "x")
    folder.mkdir(parents=True)
    arrays = {"embeddings": _VALUES[:, 0], "lengths": np.ones(4, np.int64)}
    write_store(folder / "embeddings.h5", arrays, _IDS, {"sha256": "0" * 64, "mel_preset": "li2020"})


def _read_embeddings(root: Path) -> object:
    found = load_embeddings(root, "x")
    return found.ids, found.embeddings.tobytes(), found.sha256


def _parts(folder: Path) -> None:
    with open_chunks(folder) as chunks:
        for start in (0, 2):
            chunks.add(start, Chunk({"pool": _VALUES[start : start + 2, 0]}, tuple(_IDS[start : start + 2])))


def _read_parts(folder: Path) -> object:
    """Whether all parts that count are what was written: damage may cost one, never change one."""
    with open_chunks(folder) as chunks:
        there = [start for start in range(4) if start in chunks]
        values = [(chunks.features("pool", start), list(chunks.hashes(start))) for start in there]
    wanted = [(_VALUES[start : start + 2, 0], _IDS[start : start + 2]) for start in there]
    return all(np.array_equal(a, c) and b == d for (a, b), (c, d) in zip(values, wanted, strict=True))


def _captions(root: Path) -> None:
    folder = root / "text_c10" / "1.a"
    folder.mkdir(parents=True)
    for name in ("x", "y"):
        (folder / f"{name}.txt").write_text("a small red bird.\nüber dem Wasser\n" * 3)


def _read_captions(root: Path) -> object:
    files = find_captions(root, ("",))
    return None if files is None else sorted(read_captions(files, ["1.a/x", "1.a/y"]))


def _caffemodel(path: Path) -> None:
    values = np.arange(6, dtype="<f4").tobytes()
    blob = b"\x3a\x04\x0a\x02\x02\x03\x2a" + bytes([len(values)]) + values
    layer = b"\x0a\x05conv1\x3a" + bytes([len(blob)]) + blob
    path.write_bytes(b"\x0a\x04Goog\xa2\x06" + bytes([len(layer)]) + layer)


def _read_caffemodel(path: Path) -> object:
    try:
        return {name: tensor.shape for name, tensor in read_caffemodel(read_bytes(path, max_bytes=MAX_BYTES)).items()}
    except ValueError as error:  # what 'speech2img import' names the file in
        raise DataError.about(path, error, "fetch it again") from error


def _ctranslate2(path: Path) -> None:
    values = np.arange(6, dtype="<f2").tobytes()
    array = struct.pack("<BIIBI", 2, 2, 3, 4, len(values)) + values
    names = [struct.pack("<H", len(name) + 1) + name + b"\0" for name in (b"WhisperSpec", b"encoder/a", b"decoder/b")]
    path.write_bytes(
        struct.pack("<I", 6) + names[0] + struct.pack("<II", 3, 2) + names[1] + array + names[2] + array + bytes(4)
    )


def _read_ctranslate2(path: Path) -> object:
    with path.open("rb") as file:
        try:
            arrays = read_ctranslate2(file, spec="WhisperSpec", part="encoder/")
        except ValueError as error:  # what 'speech2img import' names the file in
            raise DataError.about(path, error, "fetch it again") from error
    return {name: tensor.shape for name, tensor in arrays.items()}


def _hear(path: Path) -> object:
    """A file's bytes as samples that a program hands over."""
    data = path.read_bytes()
    heard = hear((16_000, np.frombuffer(data[: len(data) & ~3], np.float32)), sample_rate=16_000)
    assert np.isfinite(heard.y).all()
    return heard.y.sum()


def _token(path: Path) -> None:
    TokenFile(path, account="a").write(Token("t" * 40, 2e9))


def _read_token(path: Path) -> object:
    path.chmod(0o600)
    return TokenFile(path, account="a").read()


def _keys(path: Path) -> None:
    path.write_text(f'api_key = "{"a" * 24}"\nsecret_key = "{"b" * 32}"\n')


def _read_keys(path: Path) -> object:
    path.chmod(0o600)
    return read_keys(path, {})


MORE_READERS: tuple[Reader, ...] = (
    Reader("features", _features, _read_features, sealed=True),
    Reader("embeddings", _embeddings, _read_embeddings, sealed=True),
    Reader("parts of features", _parts, _read_parts, sealed=True),
    Reader(
        "published safetensors",
        lambda path: save_file({"a.weight": torch.arange(8.0)}, path),
        load_published_file,
        ".safetensors",
    ),
    Reader(
        "published pickle", lambda path: save_pickle(path, {"a.b": np.ones((2, 3))}), load_published_file, ".pickle"
    ),
    Reader("CTranslate2", _ctranslate2, _read_ctranslate2, ".bin"),
    Reader("caffemodel", _caffemodel, _read_caffemodel, ".caffemodel"),
    Reader(
        "MATLAB",
        lambda path: scipy.io.savemat(path, {"labels": np.arange(9, dtype=np.uint8)}, do_compression=True),
        lambda path: read_mat_vectors(path, ("labels",)),
        ".mat",
    ),
    Reader(
        "lines of JSON",
        lambda path: path.write_text('{"image": "x/1.jpg", "audio": "s/1.wav", "class": "robin"}\n' * 4),
        lambda path: len(read_table(path)[0]),
        ".jsonl",
    ),
    Reader("captions", _captions, _read_captions),
    Reader("samples", lambda path: (0.4 * np.sin(np.arange(8000) / 9)).astype(np.float32).tofile(path), _hear, ".f32"),
    Reader(
        "answer of a service",
        lambda path: path.write_text('{"err_no": 502, "err_msg": "quota", "sn": "1"}'),
        lambda path: fault_of(200, {"retry-after": "3"}, path.read_bytes()).reason,
        ".json",
    ),
    Reader("keys", _keys, _read_keys, ".toml"),
    Reader("token", _token, _read_token, ".json"),
)
