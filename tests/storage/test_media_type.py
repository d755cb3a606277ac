"""Files are known by their content: what Pillow and libsndfile write, and beginnings of what they do not."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from speech2img.errors import DataError
from speech2img.storage.media_type import HEAD_BYTES, file_media_type, media_type


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("BMP", "image/bmp"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("TIFF", "image/tiff"),
    ],
)
def test_pictures(kind: str, expected: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, kind)
    assert media_type(buffer.getvalue()[:HEAD_BYTES]) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("WAV", "audio/wav"),
        ("FLAC", "audio/flac"),
        ("OGG", "audio/ogg"),
        ("MP3", "audio/mpeg"),
        ("AIFF", "audio/aiff"),
        ("AU", "audio/basic"),
        ("CAF", "audio/x-caf"),
        ("RF64", "audio/wav"),
    ],
)
def test_recordings(kind: str, expected: str) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.sin(np.arange(16000) / 20).astype(np.float32), 16000, format=kind)
    assert media_type(buffer.getvalue()[:HEAD_BYTES]) == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"\0\0\0\x1cftypavif", "image/avif"),
        (b"\0\0\0\x20ftypM4A ", "audio/mp4"),
        (b"\0\0\0\x14ftypisom", "video/mp4"),
        (b"\0\0\0\x143typ3gp4"[:4] + b"ftyp3gp4", "video/3gpp"),
        (b"\x1aE\xdf\xa3\x9f", "video/webm"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"#!AMR\n", "audio/amr"),
        (b"PK\3\4", "application/zip"),
        (b"BM is how this text begins, of 26 letters", None),
        (b"", None),
        (b"a caption", None),
        (b"\xff\xff\xff\xff", None),
    ],
)
def test_other_beginnings(head: bytes, expected: str | None) -> None:
    assert media_type(head) == expected


@given(st.binary(max_size=HEAD_BYTES))
def test_any_beginning_is_judged(head: bytes) -> None:
    kind = media_type(head)
    assert kind is None or "/" in kind


def test_pipes_and_missing_files_are_errors(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(DataError, match=r"pipe\.wav: is not a regular file"):
        file_media_type(tmp_path / "pipe.wav")
    with pytest.raises(DataError, match=r"gone\.wav: No such file"):
        file_media_type(tmp_path / "gone.wav")
