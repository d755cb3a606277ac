"""FLAC files of unknown length, as programs write them into a pipe."""

import io

import numpy as np
import pytest
import soundfile

from speech2img.audio.decoders.flac import with_length
from speech2img.audio.io import read_audio
from speech2img.errors import AudioError


def flac(samples: int, rate: int = 16_000, channels: int = 1) -> bytes:
    stream = io.BytesIO()
    sound = np.random.default_rng(samples).uniform(-0.5, 0.5, (samples, channels))
    soundfile.write(stream, sound, rate, format="FLAC")
    return stream.getvalue()


def without_length(data: bytes) -> bytes:
    number = int.from_bytes(data[21:26], "big") & ~0xF_FFFF_FFFF
    return data[:21] + number.to_bytes(5, "big") + data[26:]


@pytest.mark.parametrize(("samples", "rate", "channels"), [(12, 8000, 1), (5000, 16_000, 1), (100_000, 44_100, 2)])
def test_the_last_frame_says_the_length(samples: int, rate: int, channels: int) -> None:
    whole = flac(samples, rate, channels)
    assert without_length(whole) != whole
    assert with_length("a.flac", without_length(whole)) == whole == with_length("a.flac", whole)
    assert with_length("a.flac", without_length(whole) + b"TAG" + bytes(125)) == whole + b"TAG" + bytes(125)
    np.testing.assert_array_equal(
        read_audio(without_length(whole), sample_rate=rate), read_audio(whole, sample_rate=rate)
    )


def test_a_cut_is_known() -> None:
    streamed = without_length(flac(9000))
    for end in range(60, len(streamed), 211):
        with pytest.raises(AudioError, match="a.flac: damaged: cut within its last frame"):
            with_length("a.flac", streamed[:end])
