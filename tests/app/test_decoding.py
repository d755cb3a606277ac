"""Uploads are decoded elsewhere: what comes back, and what a child that dies, hangs or lies costs."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.browser_recordings import encoded

from speech2img.app import decoding
from speech2img.app.decoding import Decoder
from speech2img.audio.io import read_audio
from speech2img.errors import AudioError


@pytest.fixture
def decoder(tmp_path: Path) -> Iterator[Decoder]:
    made = Decoder(tmp_path)
    yield made
    made.close()


def _lying(code: str) -> tuple[str, ...]:
    return sys.executable, "-c", f"import sys; sys.stdin.buffer.read(); {code}"


def test_a_recording_is_what_the_library_reads(decoder: Decoder, ogg: Path) -> None:
    decoder.prepare()
    for _ in range(2):  # by the child that waited, and by a new one
        sound = decoder.decode("C:\\sounds\\bird.ogg", ogg.read_bytes())
        assert (sound.name, sound.rate, sound.channels) == ("bird.ogg", 16_000, 1)
        np.testing.assert_array_equal(sound.mono, read_audio(ogg, sample_rate=16_000))


@pytest.mark.parametrize(("container", "codec"), [("mp4", "aac"), ("webm", "libopus")])
def test_what_browsers_record_is_heard(decoder: Decoder, ogg: Path, container: str, codec: str) -> None:
    y = read_audio(ogg, sample_rate=48_000)
    sound = decoder.decode("voice", encoded(y, container=container, codec=codec))
    assert sound.rate == 48_000 and abs(len(sound.mono) - len(y)) < 4_800


def test_a_text_is_refused_and_the_next_one_is_heard(decoder: Decoder, ogg: Path) -> None:
    with pytest.raises(AudioError, match="note.txt: not a readable recording"):
        decoder.decode("note.txt", b"these are words")
    assert len(decoder.decode("bird.ogg", ogg.read_bytes()).mono)


def test_kill_of_the_child_is_a_sentence_and_the_next_one_is_heard(decoder: Decoder, ogg: Path) -> None:
    decoder.prepare()
    child = decoder._spare
    assert child is not None
    os.kill(child.pid, signal.SIGSTOP)

    def kill() -> None:
        time.sleep(0.2)
        os.kill(child.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(AudioError, match=r"bird.ogg: the program that decodes it stopped before its end \(signal 9\)"):
        decoder.decode("bird.ogg", ogg.read_bytes())
    killer.join()
    assert len(decoder.decode("bird.ogg", ogg.read_bytes()).mono)


def test_a_child_that_died_while_it_waited_costs_nothing(decoder: Decoder, ogg: Path) -> None:
    decoder.prepare()
    child = decoder._spare
    assert child is not None
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert len(decoder.decode("bird.ogg", ogg.read_bytes()).mono)


def test_a_child_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "WAIT_SECONDS", 0.3)
    hanging = Decoder(tmp_path, command=("sleep", "600"))
    with pytest.raises(AudioError, match="was not decoded within 0.3 s"):
        hanging.decode("bird.ogg", b"x")


@pytest.mark.parametrize(
    "code",
    ["pass", "print('[]')", "print('{}')", "print('null')", "sys.exit(3)", 'print(\'{"rate": 1, "samples": 99}\')'],
)
def test_an_answer_that_cannot_be_read_is_a_sentence(tmp_path: Path, code: str) -> None:
    with pytest.raises(AudioError, match="the program that decodes it stopped before its end"):
        Decoder(tmp_path, command=_lying(code)).decode("bird.ogg", b"x")


def test_after_the_end_no_child_waits(decoder: Decoder) -> None:
    decoder.prepare()
    child = decoder._spare
    decoder.close()
    decoder.prepare()
    assert child is not None and child.returncode is not None and decoder._spare is None


def test_an_hour_in_a_small_file_is_refused_by_its_header(decoder: Decoder, tmp_path: Path) -> None:
    silence = np.zeros(1_440_000, np.int16)
    with soundfile.SoundFile(tmp_path / "night.flac", "w", 4_000, 1, format="FLAC") as file:
        for _ in range(10):
            file.write(silence)
    data = (tmp_path / "night.flac").read_bytes()
    assert len(data) < 10 << 20
    with pytest.raises(AudioError, match=r"night.flac: 3,600 s long; cut it to at most 30 s"):
        decoder.decode("night.flac", data)
