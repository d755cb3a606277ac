"""FLAC files: joined ones, those that are longer or shorter than they say, and those of unknown length from a pipe."""

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


def test_joined_files_are_all_heard() -> None:
    first, second = flac(9000), flac(5000)
    both = np.concatenate([read_audio(one, sample_rate=16_000) for one in (first, second)])
    for joined in (first + second, without_length(first) + second, first + without_length(second)):
        np.testing.assert_array_equal(read_audio(joined, sample_rate=16_000), both)
    with pytest.raises(AudioError, match="damaged"):
        read_audio(first + second[:-700], sample_rate=16_000)


@pytest.mark.parametrize("samples", [1, 4096, 8192, 8999, 9001, 90_000])
def test_a_header_that_says_another_length_is_known(samples: int) -> None:
    whole = flac(9000)
    number = int.from_bytes(whole[21:26], "big") & ~0xF_FFFF_FFFF | samples
    with pytest.raises(AudioError, match=f"damaged: it does not end with sample {samples:,}"):
        read_audio(whole[:21] + number.to_bytes(5, "big") + whole[26:], sample_rate=16_000)


def test_what_follows_the_last_frame_is_nothing_that_could_be_heard() -> None:
    whole = flac(9000)
    wanted = read_audio(whole, sample_rate=16_000)
    ape = b"APETAGEX" + (2000).to_bytes(4, "little") + (32).to_bytes(4, "little") + bytes(16)
    for tail in (b"", b"\n", bytes(5000), ape + b"TAG" + bytes(125), b"TAG" + bytes(125)):
        np.testing.assert_array_equal(read_audio(whole + tail, sample_rate=16_000), wanted)
    with pytest.raises(AudioError, match="damaged"):
        read_audio(whole + np.random.default_rng(0).bytes(4000), sample_rate=16_000)


@pytest.mark.parametrize("kind", ["FLAC", "WAV", "AIFF", "OGG"])
def test_a_tag_of_mp3_files_before_another_kind_of_file_does_no_harm(kind: str) -> None:
    stream = io.BytesIO()
    soundfile.write(stream, np.random.default_rng(0).uniform(-0.5, 0.5, 9000), 16_000, format=kind)
    whole = stream.getvalue()
    tag = b"ID3\3\0\0\0\0\2\1" + bytes(257)
    np.testing.assert_array_equal(read_audio(tag + whole, sample_rate=16_000), read_audio(whole, sample_rate=16_000))
