"""The program that decodes one upload: what it answers, and what it may not take."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from speech2img.app.decode_child import MEMORY_BYTES, answer
from speech2img.audio.io import read_audio


def _asked(name: str, data: bytes) -> tuple[dict[str, object], bytes]:
    target = io.BytesIO()
    answer(io.BytesIO(json.dumps({"name": name}).encode() + b"\n" + data), target)
    line, _, samples = target.getvalue().partition(b"\n")
    return json.loads(line), samples


def test_samples_are_those_of_the_library(ogg: Path) -> None:
    header, samples = _asked("bird.ogg", ogg.read_bytes())
    assert header["rate"] == 16_000 and header["channels"] == 1
    mono = np.frombuffer(samples, "<f4")
    assert len(mono) == header["samples"]
    np.testing.assert_array_equal(mono, read_audio(ogg, sample_rate=16_000))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"these are words", "not a readable recording"),
        (b"", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(60), "is no recording but image/png"),
        (bytes((10 << 20) + 1), "more than 10 MB"),
    ],
)
def test_what_is_no_recording_is_a_sentence(data: bytes, words: str) -> None:
    header, samples = _asked("note.wav", data)
    assert set(header) == {"error"} and not samples
    assert str(header["error"]).startswith("note.wav: ") and words in str(header["error"])


def test_it_may_not_take_more_memory_than_its_limit() -> None:
    code = "from speech2img.app.decode_child import limit_resources; limit_resources()\n"
    code += "try: bytearray(%d)\nexcept MemoryError: print('no')"
    done = subprocess.run(
        [sys.executable, "-c", code % MEMORY_BYTES],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "no\n", done.stderr
