"""Wav and aiff files: header and data must agree; lengths that were not known when a file was written are found."""

import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.audio.decoders.chunks import refuse_concatenated, refuse_cut
from speech2img.audio.io import read_audio
from speech2img.audio.wav import encode_wav
from speech2img.errors import AudioError

SOUND = (0.4 * np.sin(np.arange(8000) * 0.17)).astype(np.float32)
WAV = encode_wav(SOUND, sample_rate=16_000)


def read(data: bytes) -> np.ndarray:
    return read_audio(data, sample_rate=16_000)


def chunk(kind: bytes, content: bytes, *, order: str = "<") -> bytes:
    return kind + struct.pack(f"{order}I", len(content)) + content + bytes(len(content) % 2)


def wav(*chunks: bytes, whole: int | None = None) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if whole is None else whole) + body


def fmt(*, channels: int = 1, bits: int = 16, block: int | None = None, coding: int = 1) -> bytes:
    block = channels * bits // 8 if block is None else block
    return chunk(b"fmt ", struct.pack("<HHIIHH", coding, channels, 16_000, 16_000 * block, block, bits))


DATA = WAV[44:]


@pytest.mark.parametrize("length", [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFF00, 0xFFFFFFFF])
@pytest.mark.parametrize("whole", [0, 36, 0x7FFFF024, 0xFFFFFFFF, len(WAV) - 8])
@pytest.mark.parametrize("before", [b"", chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0\0")])
def test_a_length_that_was_not_known_is_what_is_there(length: int, whole: int, before: bytes) -> None:
    streamed = wav(fmt(), before, b"data" + struct.pack("<I", length) + DATA, whole=whole)
    np.testing.assert_array_equal(read(streamed), read(WAV))
    np.testing.assert_array_equal(read(streamed + b"\x01"), read(WAV))  # half a sample at the end of a stream


def test_a_cut_file_whose_whole_length_alone_is_known() -> None:
    streamed = wav(fmt(), b"data" + struct.pack("<I", 0xFFFFFFFF) + DATA)
    with pytest.raises(AudioError, match="promises a file of 16,044 bytes, it has 12,044"):
        read(streamed[:-4000])


@pytest.mark.parametrize(
    "data",
    [
        wav(fmt(), chunk(b"data", DATA), chunk(b"LIST", b"INFOabc")),
        wav(
            chunk(b"JUNK", bytes(28)),
            fmt(),
            chunk(b"fact", bytes(4)),
            chunk(b"data", DATA),
            chunk(b"id3 ", b"ID3" * 99),
        ),
        wav(fmt(), chunk(b"data", DATA)) + b"TAG" + b"x" * 125,
        wav(fmt(), chunk(b"data", DATA)) + bytes(5000),
        wav(fmt(), chunk(b"data", DATA)) + b"\r\n--boundary--\r\n",
        wav(fmt(), chunk(b"data", DATA), whole=0),
        wav(fmt(), chunk(b"data", DATA), whole=12),
    ],
)
def test_chunks_tags_and_padding_around_the_sound_do_no_harm(data: bytes) -> None:
    np.testing.assert_array_equal(read(data), read(WAV))


def test_sound_of_odd_size_with_and_without_the_byte_that_fills_it() -> None:
    eight_bits = bytes(np.uint8(128 + 50 * np.sin(np.arange(7999) * 0.17)))
    padded = wav(fmt(bits=8), chunk(b"data", eight_bits), chunk(b"LIST", b"INFO"))
    unpadded = wav(fmt(bits=8), b"data" + struct.pack("<I", 7999) + eight_bits + chunk(b"LIST", b"INFO"))
    assert len(read(padded)) == len(read(unpadded)) == 7999


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (wav(fmt(), b"data" + struct.pack("<I", 1000) + DATA), "promises 1,000 bytes of sound, and 15,000 more follow"),
        (wav(fmt(), b"data" + struct.pack("<I", 1000) + DATA, whole=1036), "15,000 more follow"),
        (wav(fmt(), b"data" + struct.pack("<I", 16_500) + DATA), "promises 16,500 bytes of sound, the file has 16,000"),
        (wav(fmt(), chunk(b"data", DATA), chunk(b"LIST", b"x" * 900))[:-500], "and 408 more follow"),
        (WAV + WAV, "several recordings"),
        (wav(fmt(), chunk(b"data", DATA), chunk(b"data", DATA)), "several recordings"),
        (wav(fmt(channels=2, block=2), chunk(b"data", DATA)), "2 channels of 16 bits in blocks of 2 bytes"),
        (wav(fmt(bits=24, block=2), chunk(b"data", DATA)), "1 channels of 24 bits in blocks of 2 bytes"),
        (wav(fmt(), chunk(b"LIST", b"INFO")), "without a data chunk"),
        (wav(fmt(), chunk(b"data", b"")), "no samples"),
        (wav(chunk(b"data", DATA), fmt()), "not a readable recording"),
    ],
)
def test_a_header_that_disagrees_with_the_file(data: bytes, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        read(data)


def aiff(*, frames: int = 8000, length: int | None = None, whole: int | None = None) -> bytes:
    sound = struct.pack(">II", 0, 0) + np.frombuffer(DATA, "<i2").astype(">i2").tobytes()
    common = struct.pack(">HIH", 1, frames, 16) + bytes.fromhex("400cfa00000000000000")  # 16,000 Hz
    parts = b"AIFF" + chunk(b"COMM", common, order=">")
    parts += b"SSND" + struct.pack(">I", len(sound) if length is None else length) + sound
    return b"FORM" + struct.pack(">I", len(parts) if whole is None else whole) + parts


@pytest.mark.parametrize(("length", "frames"), [(0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFFFFF, 0x3FFFFFF0)])
def test_an_aiff_file_from_a_pipe_is_as_long_as_what_is_there(length: int, frames: int) -> None:
    np.testing.assert_array_equal(read(aiff(frames=frames, length=length, whole=length)), read(WAV))


@pytest.mark.parametrize("frames", [0, 4000, 16_000])
def test_the_number_of_frames_of_an_aiff_file_must_be_there(frames: int) -> None:
    np.testing.assert_array_equal(read(aiff()), read(WAV))
    with pytest.raises(AudioError, match=f"damaged: the header promises {frames:,} samples, the file has 8,000"):
        read(aiff(frames=frames))


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


MP4 = box(b"ftyp", b"isom") + box(b"moov", b"x" * 99) + struct.pack(">I4sQ", 1, b"mdat", 216) + b"y" * 200
ASF_HEADER = b"0&\xb2u\x8ef\xcf\x11\xa6\xd9\0\xaa\0b\xcel"
ASF = b"".join(kind + struct.pack("<Q", 124) + b"x" * 100 for kind in (ASF_HEADER, b"data" * 4))
CAF = b"caff\0\1\0\0" + struct.pack(">4sq", b"desc", 32) + b"x" * 32 + struct.pack(">4sq", b"data", 90) + b"y" * 90
WEBM = b"\x1aE\xdf\xa3\x84webm" + b"\x18S\x80g\x40\x64" + b"y" * 100
RECORDED = b"\x1aE\xdf\xa3\x84webm" + b"\x18S\x80g\xff" + b"y" * 100  # a browser does not know the size yet
CONTAINERS = [
    ("video/mp4", MP4),
    ("audio/mp4", MP4),
    ("video/x-ms-asf", ASF),
    ("audio/x-caf", CAF),
    ("video/webm", WEBM),
    ("video/webm", RECORDED),
]


@pytest.mark.parametrize(("kind", "data"), CONTAINERS)
def test_of_recordings_that_phones_and_browsers_made_none_is_passed_over(kind: str, data: bytes) -> None:
    for whole in (data, data + bytes(5000), data + b"TAG" + bytes(125)):
        refuse_concatenated("a", whole, kind)
        refuse_cut("a", whole, kind)
    with pytest.raises(AudioError, match="several recordings one after the other"):
        refuse_concatenated("a", data + data, kind)
    if data is not RECORDED:
        with pytest.raises(AudioError, match="damaged"):
            refuse_concatenated("a", data + WAV, kind)
            refuse_cut("a", data + WAV, kind)
        for end in (len(data) - 1, len(data) - 70):
            with pytest.raises(AudioError, match="damaged: cut"):
                refuse_cut("a", data[:end], kind)


@given(st.sampled_from(CONTAINERS), st.integers(0, 300), st.binary(max_size=20))
@settings(max_examples=300, deadline=5000)
def test_any_parts_are_whole_or_refused(container: tuple[str, bytes], place: int, change: bytes) -> None:
    kind, data = container
    for mutant in (data[:place] + change + data[place + len(change) :], change):
        for refuse in (refuse_concatenated, refuse_cut):
            with contextlib.suppress(AudioError):
                refuse("a", mutant, kind)
