"""Whatever people have at hand as a recording: every form gives the sound of the file, and the same limits hold."""

import array
import bz2
import gzip
import http.client
import io
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from speech2img.audio.inputs import hear, recordings_in
from speech2img.audio.io import read_audio
from speech2img.audio.wav import encode_wav
from speech2img.errors import AudioError

RATE = 16_000
Y = (0.4 * np.sin(np.arange(RATE) * 0.17) * np.linspace(0.2, 1, RATE)).astype(np.float32)
PCM = np.rint(Y * 32768).astype(np.int16)
WAV = encode_wav(Y, sample_rate=RATE)
SOUND = read_audio(WAV, sample_rate=RATE)


class Named:
    """A path of another library."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __fspath__(self) -> str:
        return str(self._path)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "bird.wav"
    path.write_bytes(WAV)
    return path


@pytest.mark.parametrize(
    "form",
    [
        lambda path: str(path),
        lambda path: path,
        lambda path: Named(path),
        lambda path: WAV,
        lambda path: bytearray(WAV),
        lambda path: memoryview(WAV),
        lambda path: io.BytesIO(WAV),
        lambda path: path.open("rb"),
        lambda path: path.open("rb", buffering=0),
        lambda path: PCM,
        lambda path: PCM.astype(">i2"),
        lambda path: PCM.astype(np.int32) << 16,
        lambda path: PCM / 32768,
        lambda path: (PCM / 32768)[:, None],
        lambda path: (PCM / 32768)[None],
        lambda path: np.ma.masked_array(PCM),
        lambda path: array.array("h", PCM),
        lambda path: memoryview(PCM),
        lambda path: torch.from_numpy(PCM),
        lambda path: torch.from_numpy(PCM / 32768).requires_grad_(),
        lambda path: (RATE, PCM),
        lambda path: (PCM / 32768, np.int64(RATE)),
        lambda path: [RATE, list(PCM / 32768)],
        lambda path: (torch.from_numpy(PCM / 32768)[None], RATE),
        lambda path: (float(RATE), np.stack([PCM, PCM], axis=1)),
        lambda path: {"array": PCM / 32768, "sampling_rate": RATE},
        lambda path: {"raw": list(PCM / 32768), "sampling_rate": RATE, "path": None},
        lambda path: {"bytes": WAV, "path": "bird.wav"},
        lambda path: {"bytes": None, "path": str(path)},
    ],
)
def test_every_form_is_the_sound_of_the_file(form: Any, path: Path) -> None:
    recording = form(path)
    assert recordings_in(recording) == ([recording], False) if not hasattr(recording, "shape") else True
    assert recordings_in(recording)[1] is False
    np.testing.assert_allclose(hear(recording, sample_rate=RATE).y, SOUND, atol=1e-6)


def test_half_precision_and_bytes_of_pcm(path: Path) -> None:
    for recording in (Y.astype(np.float16), torch.from_numpy(Y).to(torch.bfloat16), np.uint8(np.rint(Y * 127 + 128))):
        np.testing.assert_allclose(hear(recording, sample_rate=RATE).y, SOUND, atol=0.01)


def test_several_recordings_are_told_from_one(path: Path) -> None:
    for several in (
        [path, path],
        (path, WAV),
        (one for one in [path]),
        path.parent.glob("*"),
        [Y, Y],
        {path},
        [],
        [(RATE, Y)],
    ):
        assert recordings_in(several)[1] is True


def test_a_rate_of_its_own_is_resampled(path: Path) -> None:
    slow = (0.4 * np.sin(np.arange(8000) * 0.34)).astype(np.float32)
    heard = hear((8000, slow), sample_rate=RATE)
    assert len(heard.y) == pytest.approx(16_000, abs=2) and heard.recorded_rate == 8000
    np.testing.assert_array_equal(heard.y, read_audio(_float_wav(slow, 8000), sample_rate=RATE))


def _float_wav(y: np.ndarray, rate: int) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, y, rate, format="WAV", subtype="FLOAT")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        (np.zeros(RATE, np.float32), "silent"),
        (np.zeros(RATE, np.int16), "silent"),
        (np.full(RATE, 128, np.uint8), "silent"),
        (np.tile(Y, 3600), "3,600 s long; cut it to at most 30 s"),
        ((8000, np.zeros(8000 * 31)), "31 s long"),
        (np.broadcast_to(np.float32(0.1), 10**12), "s long"),
        (Y * 100, r"samples up to 40 \(full scale is 1\); divide them"),
        (Y * np.float64(1e300), "full scale is 1"),
        (np.sign(Y), "overdriven"),
        (np.where(Y > 0.3, np.nan, Y), "not a finite mono waveform"),
        (np.where(Y > 0.3, np.inf, Y), "not a finite mono waveform"),
        (Y > 0, "samples of type bool"),
        (Y.astype(complex), "samples of type complex128"),
        (PCM.astype(np.int64), "samples of type int64, whose full scale is not known; give floats"),
        (PCM.astype(np.uint16), "samples of type uint16"),
        (PCM.astype(np.int8), "samples of type int8"),
        (PCM.astype(np.int32), r"int32 samples that fit into int16; .*astype\(np.int16\)"),
        (np.array(["a.wav", "b.wav"]), "samples of type <U5"),
        (np.array([None, 1]), "samples of type object"),
        (np.ma.masked_array(Y, mask=Y > 0), "masked samples"),
        (np.zeros((2, 1000)), "not a finite mono waveform"),
        (np.zeros((1, 2, 3)), r"of shape \(1, 2, 3\)"),
        (np.zeros(0), "not a finite mono waveform"),
        (np.float32(0.5), "not a finite mono waveform"),
        ((RATE, np.zeros((RATE, 9))), "not a finite mono waveform"),
        ((0, Y), "sample rate 0 Hz"),
        ((10**9, Y), "sample rate 1000000000 Hz"),
        ((16_000.5, Y), "a sample rate of 16000.5"),
        ((float("nan"), Y), "a sample rate of nan"),
        ((True, Y), "a sample rate of True"),
        ({"array": Y}, "without 'sampling_rate'"),
        ({"array": Y, "sampling_rate": "16k"}, "a sample rate of '16k'"),
        ({"file": "a.wav"}, "a dict of 'file'; give 'array' and 'sampling_rate'"),
        ({}, "a dict of nothing"),
        (None, "None is no recording; give a path"),
        (5, "a value of type int is no recording"),
        ("", "is no file name"),
        ("a\0b.wav", "is no file name"),
        ("/", "directory"),
        (b"", "the file is empty"),
        (bytearray(11 << 20), "11,534,336 bytes; give at most 10 MB"),
        (memoryview(bytes(11 << 20)), "11,534,336 bytes; give at most 10 MB"),
        (io.BytesIO(bytes(11 << 20)), "10,485,761 bytes; give at most 10 MB"),
        (io.StringIO("words"), "gives text, not bytes; open it to read bytes"),
        (torch.empty(3, device="meta"), "is no array of samples"),
        (torch.eye(3).to_sparse(), "is no array of samples"),
    ],
)
def test_what_is_refused(recording: Any, message: str) -> None:
    with pytest.raises(AudioError, match=message) as caught:
        hear(recording, sample_rate=RATE, name="recording [1]")
    assert "\n" not in str(caught.value) and ";" in str(caught.value)


def test_a_file_that_was_read_or_closed_says_so(path: Path) -> None:
    stream = io.BytesIO()
    soundfile.write(stream, Y, RATE, format="WAV")
    with pytest.raises(AudioError, match=r"nothing is left to read; .*seek\(0\)"):
        hear(stream, sample_rate=RATE)
    file = path.open("rb")
    file.close()
    with pytest.raises(AudioError, match="bird.wav: cannot be read"):
        hear(file, sample_rate=RATE)


class Samples:
    """What torchcodec decodes to."""

    def __init__(self, data: Any, rate: Any) -> None:
        self.data, self.sample_rate = data, rate


class Decoder:
    """What ``datasets`` gives for a recording since it decodes with torchcodec."""

    def get_all_samples(self) -> Samples:
        return Samples(torch.from_numpy(SOUND)[None], RATE)


@pytest.mark.parametrize(
    "form",
    [
        np.frombuffer(WAV, np.uint8),
        torch.frombuffer(bytearray(WAV), dtype=torch.uint8),
        array.array("B", WAV),
        Decoder(),
        Samples(torch.from_numpy(SOUND)[None], RATE),
        (np.array(RATE), SOUND),
        [torch.from_numpy(SOUND)[None], torch.tensor(RATE)],
    ],
)
def test_what_other_libraries_hand_out_is_the_sound_of_the_file(form: Any) -> None:
    recordings, several = recordings_in(form)
    assert not several
    np.testing.assert_array_equal(hear(list(recordings)[0], sample_rate=RATE).y, SOUND)


def test_a_file_read_into_numbers_meets_the_limits_of_a_file() -> None:
    with pytest.raises(AudioError, match="damaged"):
        hear(np.frombuffer(WAV[:-100], np.uint8), sample_rate=RATE)
    quiet = np.random.default_rng(0).integers(100, 156, RATE, np.uint8)
    assert hear(quiet, sample_rate=RATE).recorded_rate == RATE  # 8-bit sound stays sound


class Reader:
    """A file of another library, whose errors are its own."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self, size: int = -1) -> bytes:
        raise self._error


@pytest.mark.parametrize("error", [EOFError("cut"), KeyError("x"), RuntimeError(), http.client.IncompleteRead(b"")])
def test_whatever_a_file_raises_is_one_error(error: Exception) -> None:
    with pytest.raises(AudioError, match=r"^recording: cannot be read \(.+\); open it"):
        hear(Reader(error), sample_rate=RATE)


@pytest.mark.parametrize("compress", [gzip, lzma, bz2])
def test_compressed_files_that_are_cut_or_none_are_one_error(compress: Any) -> None:
    for content in (compress.compress(WAV)[:-3000], WAV):
        with pytest.raises(AudioError, match="cannot be read"):
            hear(compress.open(io.BytesIO(content)), sample_rate=RATE)


class NoPath:
    def __fspath__(self) -> int:
        return 3


def test_values_that_only_look_like_recordings_are_one_short_error() -> None:
    itself: dict[str, Any] = {}
    itself["path"] = itself
    released = memoryview(bytearray(WAV))
    released.release()
    texts = np.array(["a.wav", "b.wav"])
    for value in ((10**400, SOUND), NoPath(), itself, released, "data:audio/wav;base64," + "A" * 60_000, texts):
        with pytest.raises(AudioError) as caught:
            hear(value, sample_rate=RATE)
        assert len(str(caught.value)) < 300
