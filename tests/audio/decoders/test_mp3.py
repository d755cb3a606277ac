"""MP3 files: cut and joined ones; ordinary ones with their tags pass."""

import io
import struct

import numpy as np
import pytest
import soundfile

from speech2img.audio.decoders.mp3 import mp3_parts
from speech2img.audio.io import read_audio
from speech2img.errors import AudioError


def mp3(*, rate: int = 16_000, pitch: float = 300, seconds: float = 1.5, mode: str = "CONSTANT") -> bytes:
    time = np.arange(int(rate * seconds)) / rate
    stream = io.BytesIO()
    soundfile.write(stream, 0.4 * np.sin(2 * np.pi * pitch * time), rate, format="MP3", bitrate_mode=mode)
    return stream.getvalue()


def without_counts(data: bytes) -> bytes:
    """The same frames without the first, which counts them: as streams are."""
    part = mp3_parts("x", data)[0]
    size = next(
        at for at in range(1, len(part)) if part[at : at + 2] == part[:2] and part[at + 2] & 0x0C == part[2] & 0x0C
    )
    return part[size:]


def pitch_of(y: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(y)).argmax() * 16_000 / len(y))


ID3 = b"ID3\4\0\0" + bytes([0, 0, 8, 16]) + b"x" * (8 * 128 + 16)
APE = struct.pack("<8sIIII8x", b"APETAGEX", 2000, 37, 1, 0xA0000000) + b"abcde"
APE += struct.pack("<8sIIII8x", b"APETAGEX", 2000, 37, 1, 0x80000000)
OLD_APE = b"abcde" + struct.pack("<8sIIII8x", b"APETAGEX", 1000, 37, 1, 0)


@pytest.mark.parametrize("rate", [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("mode", ["CONSTANT", "AVERAGE", "VARIABLE"])
def test_ordinary_files_pass(rate: int, mode: str) -> None:
    whole = mp3(rate=rate, mode=mode)
    assert mp3_parts("a.mp3", whole) == [whole]


@pytest.mark.parametrize("before", [b"", ID3, ID3 + bytes(300), ID3 + ID3])
@pytest.mark.parametrize("behind", [b"", b"TAG" + b"x" * 125, APE, APE + b"TAG" + b"x" * 125, bytes(2000), OLD_APE])
def test_tags_and_padding_do_no_harm(before: bytes, behind: bytes) -> None:
    whole = mp3()
    assert mp3_parts("a.mp3", before + whole + behind) == [whole]
    assert len(read_audio(before + whole + behind, sample_rate=16_000)) == len(read_audio(whole, sample_rate=16_000))


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_every_cut_of_a_file_that_counts_its_frames_is_known(mode: str) -> None:
    whole = mp3(mode=mode)
    for end in range(4, len(whole), 3):
        with pytest.raises(AudioError, match="a.mp3: damaged"):
            mp3_parts("a.mp3", whole[:end])
        with pytest.raises(AudioError, match="a.mp3: damaged"):
            mp3_parts("a.mp3", whole[:end] + b"TAG" + b"x" * 125)


def test_a_cut_within_a_frame_is_known_without_counts() -> None:
    stream = without_counts(mp3())
    assert mp3_parts("a.mp3", stream)[0].endswith(stream)
    accepted = sum(1 for end in range(len(stream) - 300, len(stream)) if _is_whole(stream[:end]))
    assert accepted <= 5  # cuts between two frames


def _is_whole(data: bytes) -> bool:
    try:
        return bool(mp3_parts("a.mp3", data))
    except AudioError:
        return False


@pytest.mark.parametrize("between", [b"", ID3, b"TAG" + b"x" * 125])
def test_joined_files_are_all_heard(between: bytes) -> None:
    y = read_audio(mp3(pitch=300) + between + mp3(pitch=900), sample_rate=16_000)
    assert len(y) == 48_000
    assert pitch_of(y[2000:22_000]) == pytest.approx(300, abs=5)
    assert pitch_of(y[26_000:46_000]) == pytest.approx(900, abs=5)


def test_a_stream_joined_to_a_file_that_counts_only_its_own_frames_is_heard() -> None:
    y = read_audio(mp3(pitch=300) + without_counts(mp3(pitch=900)), sample_rate=16_000)
    assert len(y) > 47_000 and pitch_of(y[30_000:44_000]) == pytest.approx(900, abs=5)


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_stream_that_counts_no_frames_is_heard_to_its_end(rate: int, channels: int) -> None:
    stream = io.BytesIO()
    y = 0.4 * np.sin(np.arange(5 * rate) * 0.1)
    soundfile.write(stream, np.stack([y] * channels, axis=1), rate, format="MP3", bitrate_mode="VARIABLE")
    frames = without_counts(stream.getvalue())
    assert len(soundfile.read(io.BytesIO(frames))[0]) != pytest.approx(5 * rate, rel=0.1)  # what libsndfile guesses
    assert len(read_audio(frames, sample_rate=rate)) == pytest.approx(5 * rate, rel=0.05)


def test_what_lies_between_frames_must_be_a_tag() -> None:
    whole = mp3()
    with pytest.raises(AudioError, match="no frame of sound at byte"):
        mp3_parts("a.mp3", whole + b"no frame at all" * 9)
