"""Any bytes and any mutant of a real recording give sound or an AudioError, in 10 s of a processor and 512 MiB."""

import io
import random
import resource
import time
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.audio.io import read_audio
from speech2img.errors import AudioError

KINDS = {
    "wav": ("WAV", "PCM_16"),
    "wav of floats": ("WAV", "FLOAT"),
    "wav of u-law": ("WAV", "ULAW"),
    "wav of GSM": ("WAV", "GSM610"),
    "wav of ADPCM": ("WAV", "IMA_ADPCM"),
    "aiff": ("AIFF", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "vorbis": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
SECONDS, BYTES = 10.0, 512 << 20


def recording(kind: str) -> bytes:
    container, coding = KINDS[kind]
    stream = io.BytesIO()
    y = 0.4 * np.sin(np.arange(8000) * 0.17) * np.linspace(0.3, 1, 8000)
    soundfile.write(stream, y, 8000, format=container, subtype=coding)
    return stream.getvalue()


def outcome(data: bytes) -> str:
    """Read a recording; what comes back must be sound, and an error one line."""
    start = time.process_time()
    try:
        y = read_audio(data, sample_rate=16_000)
    except AudioError as error:
        assert str(error) and "\n" not in str(error)
        return "refused"
    finally:
        assert time.process_time() - start < SECONDS
    assert y.dtype == np.float32 and y.ndim == 1 and 0 < y.size <= 31 * 16_000
    assert np.isfinite(y).all() and np.abs(y).max() <= 1
    return "heard"


def mutant(data: bytes, rng: random.Random) -> bytes:
    """The file with some bits, bytes or numbers changed, pieces lost, doubled or put elsewhere."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(changed)) if rng.random() < 0.5 else rng.randrange(min(80, len(changed)))
        kind = rng.randrange(8)
        if kind == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[at] = rng.choice((0, 1, 127, 128, 255))
        elif kind == 2:
            changed[at : at + 4] = rng.choice(
                (b"\xff" * 4, bytes(4), b"\0\0\0\x80", b"\xff\xff\xff\x7f", b"\0\0\xff\x7f")
            )
        elif kind == 3:
            del changed[at : at + rng.randint(1, 400)]
        elif kind == 4:
            changed[at:at] = changed[at : at + rng.randint(1, 400)]
        elif kind == 5:
            changed[at:at] = rng.randbytes(rng.randint(1, 40))
        elif kind == 6:
            del changed[at:]
        else:
            changed += changed[at:]
        changed = changed or bytearray(b"R")
    return bytes(changed)


@pytest.mark.parametrize("kind", KINDS)
def test_mutants_of_real_recordings(kind: str, in_child: Callable[[Callable[[], object]], int]) -> None:
    """In a child whose memory is bounded, so that a bomb is a MemoryError and a crash of the decoder a signal."""
    data = recording(kind)

    def work() -> None:
        now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + BYTES, resource.RLIM_INFINITY))
        rng = random.Random(f"mutants of {kind}")
        assert outcome(data) == "heard"
        found = {outcome(mutant(data, rng)) for _ in range(150)}
        assert "refused" in found

    assert in_child(work) == 0


@given(
    head=st.sampled_from([recording(kind)[:size] for kind in KINDS for size in (0, 4, 12, 44, 200)]), rest=st.binary()
)
@settings(max_examples=300)
def test_any_bytes(head: bytes, rest: bytes) -> None:
    outcome(head + rest)


@pytest.mark.parametrize(
    "data",
    [
        b"OggS" + bytes(10 << 20)[:-4],
        b"OggS\0\2" + bytes(20) + b"\1" + bytes(1000),
        (b"OggS" + bytes(23)) * 300_000,
        b"\xff\xfb\x90\x44" * 2_000_000,
        (b"\xff\xf3\x14\xc4" + bytes(20)) * 430_000,
        b"ID3\4\0\0\0\0\0\0" * 1_000_000,
        b"TAG" * 3_000_000,
        b"\xff\xfb\x90\x44" + bytes(10_000_000),
        b"\xff\xfb\x10\x44" + b"LYRICSEND" * 1_000_000,
        b"fLaC\0\0\0\x22" + bytes(34) + b"\xff\xf8\x10\0" * 2_000_000,
        b"RIFF\xff\xff\xff\xffWAVE" + b"abcd\0\0\0\0" * 1_000_000,
        b"RIFF\xff\xff\xff\xffWAVE" + b"data\0\0\0\0" * 1_000_000,
        b"FORM\xff\xff\xff\xffAIFF" + b"SSND\0\0\0\0" * 1_000_000,
        b"RIFX\xff\xff\xff\xffWAVE" + bytes(9_000_000),
    ],
    ids=lambda data: repr(data[:6]),
)
def test_files_made_to_cost_time(data: bytes) -> None:
    assert outcome(data) == "refused"
