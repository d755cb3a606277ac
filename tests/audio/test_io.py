"""Reading recordings: any rate, channel count and common format comes out right, every bad file is one clear error."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.audio import io as io_module
from speech2img.audio.decoders.chunks import checked_chunks
from speech2img.audio.facts import AudioFacts, probe_audio
from speech2img.audio.io import read_audio, resample
from speech2img.audio.limits import AudioLimits
from speech2img.audio.wav import encode_wav, write_wav
from speech2img.errors import AudioError


def tone(sample_rate: int, seconds: float = 0.5, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * sample_rate)) / sample_rate)).astype(np.float32)


def encode(y: np.ndarray, sample_rate: int, kind: str = "WAV", subtype: str | None = None) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, y, sample_rate, format=kind, subtype=subtype)
    return stream.getvalue()


def middle_error(y: np.ndarray, expected: np.ndarray) -> float:
    cut = len(expected) // 8
    return float(np.abs(y[cut : len(expected) - cut] - expected[cut:-cut]).max())


@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "AIFF", "FLAC", "OGG", "MP3"])
def test_common_formats(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "named_otherwise.bin"
    path.write_bytes(encode(tone(16_000), 16_000, kind))
    y = read_audio(path, sample_rate=16_000)
    assert y.dtype == np.float32
    assert y.ndim == 1
    exact = kind not in ("OGG", "MP3")
    assert abs(y.size - 8000) <= (0 if exact else 2400)
    if exact:
        np.testing.assert_allclose(y, tone(16_000), atol=2.1 / 32768)
    else:
        assert np.abs(np.fft.rfft(y)).argmax() == pytest.approx(440 * y.size / 16_000, abs=1)


@pytest.mark.parametrize("sample_rate", [4000, 8000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_any_rate(sample_rate: int) -> None:
    y = read_audio(encode(tone(sample_rate), sample_rate, subtype="FLOAT"), sample_rate=16_000)
    assert y.size == pytest.approx(8000, abs=2)
    assert middle_error(y, tone(16_000)[: y.size]) < 2e-3


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_probe_tells_what_a_file_is(kind: str) -> None:
    facts = probe_audio(encode(np.stack([tone(48_000)] * 2, axis=1), 48_000, kind))
    assert facts == AudioFacts(pytest.approx(0.5, abs=0.06), 48_000, 2)


@pytest.mark.parametrize("data", [b"", b"RIFF", encode(tone(16_000), 16_000)[:-9], encode(0 * tone(16_000), 16_000)])
def test_probe_refuses_what_reading_refuses(data: bytes) -> None:
    with pytest.raises(AudioError) as of_reading:
        read_audio(data, sample_rate=8000)
    with pytest.raises(AudioError) as of_probing:
        probe_audio(data)
    assert str(of_probing.value) == str(of_reading.value)


@given(
    channels=st.integers(1, 8), samples=st.integers(10, 400), subtype=st.sampled_from(["PCM_U8", "PCM_24", "DOUBLE"])
)
@settings(max_examples=25, deadline=None)
def test_channels_are_averaged(channels: int, samples: int, subtype: str) -> None:
    rng = np.random.default_rng(samples)
    sound = rng.uniform(-0.8, 0.8, (samples, channels)).astype(np.float32)
    y = read_audio(encode(sound, 16_000, subtype=subtype), sample_rate=16_000)
    np.testing.assert_allclose(y, sound.mean(axis=1), atol=0.01 if subtype == "PCM_U8" else 1e-6)


def test_write_and_read_are_inverse(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.wav"
    write_wav(path, tone(22_050), sample_rate=22_050)
    assert soundfile.info(path).subtype == "PCM_16"
    np.testing.assert_allclose(read_audio(path, sample_rate=22_050), tone(22_050), atol=0.51 / 32768)
    loud = soundfile.read(io.BytesIO(encode_wav(np.array([2.0, -2.0, 0.0]), sample_rate=8000)), dtype="int16")[0]
    assert loud.tolist() == [32767, -32768, 0]
    for wrong in (np.zeros((2, 3)), np.zeros(0), np.array([np.nan])):
        with pytest.raises(AudioError):
            encode_wav(wrong, sample_rate=8000)
    assert resample(tone(8000), 8000, 8000) is not None


def header_with(data: bytes, *, rate: int | None = None, channels: int | None = None, size: int | None = None) -> bytes:
    """The same wav file with another number in its header."""
    changed = bytearray(data)
    if rate is not None:
        changed[24:28] = struct.pack("<I", rate)
    if channels is not None:
        changed[22:24] = struct.pack("<H", channels)
    if size is not None:
        changed[40:44] = struct.pack("<I", size)
    return bytes(changed)


WAV = encode_wav(tone(16_000), sample_rate=16_000)
SQUARE = np.sign(tone(16_000)) * 1.0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"This is a text file, whatever its name says.\n" * 9, "not a readable recording"),
        (header_with(WAV, size=0)[:44], "no samples"),
        (WAV[:-3000], r"promises 16,000 bytes of sound, the file has 13,000"),
        (header_with(WAV, size=2 * 16_000 * 36_000), "promises 1,152,000,000 bytes"),
        (header_with(WAV, rate=1), "sample rate 1 Hz"),
        (header_with(WAV, rate=400_000), "sample rate 400000 Hz"),
        (header_with(WAV, channels=0), "0 channels"),
        (WAV[:36], "without a data chunk"),
        (encode(np.stack([tone(16_000)] * 9, axis=1), 16_000), "9 channels"),
        (encode_wav(tone(4000, 31.0), sample_rate=4000), "31 s long"),
        (encode_wav(np.zeros(8000, np.float32), sample_rate=16_000), "silent"),
        (encode_wav(np.full(8000, 0.3, np.float32), sample_rate=16_000), "silent"),
        (encode(np.stack((tone(16_000), -tone(16_000)), axis=1), 16_000, subtype="FLOAT"), "silent once"),
        (encode(SQUARE, 16_000), "overdriven"),
        (encode(tone(16_000) * 4, 16_000, subtype="FLOAT"), "full scale is 1"),
        (encode(np.where(tone(16_000) > 0.4, np.nan, 0.1), 16_000, subtype="FLOAT"), "not finite"),
        (encode(np.where(tone(16_000) > 0.4, np.inf, 0.1), 16_000, subtype="FLOAT"), "not finite"),
        (encode(tone(16_000), 16_000, "FLAC")[:-2000], "not a readable recording|damaged"),
        (encode(tone(16_000), 16_000, "W64"), "format W64 is not supported"),
        (encode(tone(16_000), 16_000, "AIFF")[:-1000], r"promises 16,008 bytes of sound, the file has 15,008"),
        (encode(tone(16_000), 16_000, "OGG")[:-1000], "cut within its last page"),
        (encode(tone(16_000), 16_000, "MP3")[:-10], "cut within its last frame"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is no recording but image/png"),
    ],
)
def test_bad_recordings(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.wav"
    path.write_bytes(data)
    with pytest.raises(AudioError, match=message) as caught:
        read_audio(path, sample_rate=16_000)
    assert "bad.wav" in str(caught.value)
    assert ";" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_folder_and_too_large(tmp_path: Path) -> None:
    for path in (tmp_path / "none.wav", tmp_path):
        with pytest.raises(AudioError, match=path.name):
            read_audio(path, sample_rate=16_000)
    limits = AudioLimits(max_bytes=1000)
    (tmp_path / "large.wav").write_bytes(WAV)
    for source in (WAV, tmp_path / "large.wav"):
        with pytest.raises(AudioError, match="bytes"):
            read_audio(source, sample_rate=16_000, limits=limits)


def test_limits_can_be_changed() -> None:
    data = encode_wav(tone(4000, 31.0), sample_rate=4000)
    assert read_audio(data, sample_rate=4000, limits=AudioLimits(max_seconds=40)).size == 124_000


@given(data=st.data(), kind=st.sampled_from(["WAV", "AIFF", "FLAC", "OGG", "MP3"]))
@settings(max_examples=120, deadline=None)
def test_damaged_files_give_finite_sound_or_one_error(data: st.DataObject, kind: str) -> None:
    content = bytearray(encode(tone(8000, 0.1), 8000, kind))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(1, len(content)))]
    try:
        y = read_audio(bytes(content), sample_rate=16_000)
    except AudioError as error:
        assert str(error)
    else:
        assert y.size
        assert np.isfinite(y).all()
        assert np.abs(y).max() <= 1


@given(data=st.data(), channels=st.integers(1, 3), samples=st.integers(2, 60), rest=st.binary(max_size=20))
@settings(max_examples=300, deadline=None)
def test_plain_wav_is_what_libsndfile_reads(data: st.DataObject, channels: int, samples: int, rest: bytes) -> None:
    """16-bit PCM is read without libsndfile; whatever is taken for it must be the same sound there."""
    sound = np.random.default_rng(samples).uniform(-1, 1, (samples, channels))
    content = bytearray(encode(sound, 16_000, subtype="PCM_16") + rest)
    for _ in range(data.draw(st.integers(0, 2))):
        content[data.draw(st.integers(0, 47))] = data.draw(st.integers(0, 255))
    try:
        content = bytearray(checked_chunks("x", bytes(content)))
        plain = io_module._plain_wav("x", bytes(content), AudioLimits())
    except AudioError:
        return
    if plain is not None:
        expected, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
        assert plain[1] == rate
        np.testing.assert_array_equal(plain[0], expected)


def test_usual_wav_files_need_no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read_audio(encode(tone(16_000), 16_000, "WAVEX"), sample_rate=16_000)
    data = encode(tone(16_000), 16_000)
    monkeypatch.setattr(soundfile, "SoundFile", None)
    np.testing.assert_array_equal(read_audio(data, sample_rate=16_000), expected)


def test_human_speech(realdata: Path) -> None:
    import zipfile

    with zipfile.ZipFile(realdata / "mel_reference.zip") as archive:
        y = read_audio(archive.read("whisper/jfk.flac"), sample_rate=16_000)
    assert y.size == pytest.approx(11 * 16_000, rel=0.01)
    with zipfile.ZipFile(realdata / "ljspeech8.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".wav"):
                assert read_audio(archive.read(name), sample_rate=16_000).size > 16_000
