"""Kokoro's files in both published forms, and what is none of them."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.fake_kokoro import make_model, styles

from speech2img.errors import CheckpointError, SynthesisError
from speech2img.tts.kokoro.model_folder import read_model_folder

NAMES = ["af_sky", "bm_lewis", "jf_alpha", "zm_yunxi"]


def test_both_published_forms_are_the_same_voices(tmp_path: Path) -> None:
    archive = read_model_folder(make_model(tmp_path / "archive", NAMES))
    plain = read_model_folder(make_model(tmp_path / "plain", NAMES, archive=False))
    assert list(archive.voices) == list(plain.voices) == ["af_sky", "bm_lewis"], "English ones"
    assert archive.digest == plain.digest and len(archive.digest) == 16
    assert all((archive.voices[name] == plain.voices[name]).all() for name in archive.voices)


def test_another_model_or_voice_is_another_digest(tmp_path: Path) -> None:
    folder = make_model(tmp_path, NAMES, archive=False)
    before = read_model_folder(folder).digest
    styles(7).tofile(folder / "voices" / "af_sky.bin")
    after = read_model_folder(folder).digest
    (folder / "kokoro-v1.0.onnx").write_text("other")
    assert len({before, after, read_model_folder(folder).digest}) == 3


def test_of_several_models_one_is_named(tmp_path: Path) -> None:
    folder = make_model(tmp_path, NAMES)
    (folder / "kokoro-v1.0.int8.onnx").write_text("int8")
    with pytest.raises(SynthesisError, match="several models .kokoro-v1.0.int8.onnx, kokoro-v1.0.onnx.; give the file"):
        read_model_folder(folder)
    assert read_model_folder(folder / "kokoro-v1.0.int8.onnx").model.name == "kokoro-v1.0.int8.onnx"


@pytest.mark.parametrize(
    ("missing", "words"), [("*", "has no \\*.onnx"), ("voices*", "has no voices-v1.0.bin and no folder voices/")]
)
def test_what_is_missing_is_named_with_where_to_get_it(tmp_path: Path, missing: str, words: str) -> None:
    folder = make_model(tmp_path, NAMES)
    for path in folder.glob(missing):
        path.unlink()
    with pytest.raises(SynthesisError, match=f"{words}; put kokoro-v1.0.onnx .*experiments/README.md"):
        read_model_folder(folder)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    for name, words in (("nowhere", "is not there"), ("notes.txt", "is no ONNX file")):
        with pytest.raises(SynthesisError, match=f"{name}: {words}"):
            read_model_folder(tmp_path / name)
    with pytest.raises(SynthesisError, match="no English voice"):
        read_model_folder(make_model(tmp_path / "japanese", ["jf_alpha"]))


def _pickled(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, af_sky=np.array([print], dtype=object))  # type: ignore[arg-type]


def _bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("af_sky.npy", bytes(64 << 20))


def _array(array: np.ndarray) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, af_sky=array)  # type: ignore[arg-type]

    return write


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK\x03\x04 and no more"),
        lambda path: path.write_bytes(path.read_bytes()[:-300]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"\x93NUMPY", b"\x93NOMPY")),
        _pickled,
        _bomb,
        _array(styles(0)[:, 0]),
        _array(styles(0).astype(np.float64)),
        _array(np.full((510, 1, 256), np.nan, np.float32)),
        _array(styles(0)[:0]),
    ],
)
def test_damaged_or_hostile_archives_are_refused(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    folder = make_model(tmp_path, NAMES)
    damage(folder / "voices-v1.0.bin")
    with pytest.raises(CheckpointError, match="voices-v1.0.bin: ") as caught:
        read_model_folder(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", bytes(1023), bytes(2 << 20), np.full(256, np.inf, "<f4").tobytes()])
def test_damaged_plain_voices_are_refused(tmp_path: Path, data: bytes) -> None:
    folder = make_model(tmp_path, NAMES, archive=False)
    (folder / "voices" / "af_sky.bin").write_bytes(data)
    with pytest.raises(CheckpointError, match="af_sky.bin: "):
        read_model_folder(folder)
