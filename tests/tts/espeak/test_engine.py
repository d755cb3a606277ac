"""espeak-ng: repeatable samples, voices, and errors that say the way out."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from speech2img.errors import SynthesisError
from speech2img.storage.journal import Journal
from speech2img.tts.base import EngineStoppedError, Synthesizer
from speech2img.tts.corpus.synthesize import JOURNAL_NAME, synthesize_corpus
from speech2img.tts.espeak import engine as espeak
from speech2img.tts.espeak.engine import EspeakSynthesizer

TEXT = "this bird has a bright red crown and a short yellow beak"
needs_wheel = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="needs the wheel: pip install espeakng-loader"
)


@pytest.fixture(scope="module")
def engine():
    with EspeakSynthesizer() as synthesizer:
        yield synthesizer


def seconds(engine: EspeakSynthesizer, **options: object) -> float:
    return engine.synthesize(TEXT, **{"voice": "en-us", **options}).size / engine.sample_rate


def median_pitch(y: np.ndarray, sample_rate: int) -> float:
    """Median over loud frames of the strongest autocorrelation lag, in Hz."""
    frames = y[: y.size // 1024 * 1024].reshape(-1, 1024)
    frames = frames[np.abs(frames).max(axis=1) > 0.2]
    spectra = np.fft.rfft(frames, 2048, axis=1)
    correlation = np.fft.irfft(np.abs(spectra) ** 2, axis=1)[:, :512]
    lags = correlation[:, 50:].argmax(axis=1) + 50
    return float(np.median(sample_rate / lags))


@needs_wheel
def test_speaks(engine: EspeakSynthesizer) -> None:
    assert isinstance(engine, Synthesizer)
    assert engine.name.startswith("espeak-ng 1.")
    assert engine.sample_rate == 22_050
    y = engine.synthesize(TEXT, voice="en-us")
    assert y.dtype == np.float32
    assert 2 < y.size / engine.sample_rate < 6
    assert 0.2 < np.abs(y).max() <= 1


@needs_wheel
def test_the_same_samples_whatever_was_spoken_before(engine: EspeakSynthesizer) -> None:
    voices = ["en-us", "en+whisper", "en-us+f3", "en-gb-x-rp+Alicia", "en-gb-scotland+whisperf", "en-us+croak"]
    first = {voice: engine.synthesize(TEXT, voice=voice, pitch=60).tobytes() for voice in voices}
    assert len(set(first.values())) == len(voices)
    with EspeakSynthesizer() as other:
        for voice in reversed(voices):
            other.synthesize("something else", voice="en-us+whisper", rate=300)
            assert other.synthesize(TEXT, voice=voice, pitch=60).tobytes() == first[voice]


@needs_wheel
def test_the_same_samples_from_many_threads(engine: EspeakSynthesizer) -> None:
    expected = engine.synthesize(TEXT, voice="en-us+f2")
    results: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: results.append(engine.synthesize(TEXT, voice="en-us+f2"))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [y.tobytes() for y in results] == [expected.tobytes()] * 6


@needs_wheel
def test_manner_is_heard(engine: EspeakSynthesizer) -> None:
    assert seconds(engine, rate=120) > 1.3 * seconds(engine, rate=175) > 1.6 * seconds(engine, rate=260)
    low, high = (median_pitch(engine.synthesize(TEXT, voice="en-us", pitch=p), 22_050) for p in (10, 90))
    assert high > 1.2 * low


@needs_wheel
def test_voices(engine: EspeakSynthesizer) -> None:
    voices = engine.voices()
    assert len(voices) > 500
    assert voices == sorted(voices)
    assert {"en-us", "en", "en-us+whisper", "en-gb-scotland+f3"} <= set(voices)
    assert "en-shaw" not in voices
    assert "de" in engine.voices(language="")


@needs_wheel
@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "1 to 2000 characters"),
        ("   ", {}, "1 to 2000 characters"),
        ("a" * 2001, {}, "1 to 2000 characters"),
        ("a\0b", {}, "NUL"),
        ("a\udcf6b", {}, "not text in UTF-8"),
        (TEXT, {"voice": "en-su"}, 'did you mean "en-us"'),
        (TEXT, {"voice": "en-us+nobody"}, "no such voice"),
        (TEXT, {"rate": 20}, "give 80 to 450"),
        (TEXT, {"pitch": 100}, "give 0 to 99"),
        (TEXT, {"pitch_range": -1}, "give 0 to 99"),
    ],
)
def test_bad_requests(engine: EspeakSynthesizer, text: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(SynthesisError, match=message):
        engine.synthesize(text, **{"voice": "en-us", **options})
    assert engine.synthesize("still there", voice="en-us").size


@needs_wheel
def test_a_crash_of_the_speaker_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EspeakSynthesizer() as engine:
        speaker = engine._idle.get_nowait()
        speaker._process.kill()
        engine._idle.put(speaker)
        with pytest.raises(SynthesisError, match="crashed|gone"):
            engine.synthesize(TEXT, voice="en-us")
        assert engine.synthesize(TEXT, voice="en-us").size


@needs_wheel
def test_a_silent_speaker_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    with EspeakSynthesizer() as engine:
        monkeypatch.setattr(espeak, "_REPLY_SECONDS", 0.0)
        with pytest.raises(SynthesisError, match="no answer in time"):
            engine.synthesize(TEXT * 20, voice="en-us")


@needs_wheel
@pytest.mark.parametrize("name", ["a_project_folder_with_a_long_name_" * 5, os.fsdecode(b"V\xf6gel")])
def test_the_data_may_lie_anywhere(engine: EspeakSynthesizer, tmp_path: Path, name: str) -> None:
    """espeak-ng itself takes paths of up to 159 bytes."""
    folder = tmp_path / name
    folder.mkdir()
    shutil.copytree(engine._data, folder / "espeak-ng-data")
    shutil.copy(engine._library, folder)
    speaker = espeak._Speaker(folder / engine._library.name, folder / "espeak-ng-data")
    request = {"text": TEXT, "voice": "en-us+f3", "rate": 175, "pitch": 50, "pitch_range": 50, "phonemes": False}
    try:
        assert np.array_equal(speaker.speak(request), engine.synthesize(TEXT, voice="en-us+f3"))
    finally:
        speaker.close()


@needs_wheel
def test_data_that_are_gone_are_one_error(engine: EspeakSynthesizer, tmp_path: Path) -> None:
    with pytest.raises(SynthesisError, match="espeak-ng: .*No such file"):
        espeak._Speaker(engine._library, tmp_path / "nothing")
    with pytest.raises(SynthesisError, match="espeak-ng: "):
        espeak._Speaker(engine._library, tmp_path)


PROGRAM = """
import threading
from speech2img.tts.espeak.engine import EspeakSynthesizer
engine = EspeakSynthesizer()
def speak():
    while True:
        engine.synthesize("a bird " * 250, voice="en-us+whisper")
for _ in range(3):
    threading.Thread(target=speak).start()
while engine._idle.qsize() < 1:
    pass
print("speaking", flush=True)
"""


def speakers_of(parent: int) -> set[int]:
    """Processes that a program started and their children, by their number."""
    found = {parent}
    while more := {pid for pid in _processes() if _parent(pid) in found} - found:
        found |= more
    return found - {parent}


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _parent(pid: int) -> int | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[1])


@needs_wheel
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_nobody_speaks_on_when_the_program_is_gone(how: signal.Signals) -> None:
    """Neither a traceback of a broken pipe nor a process is left."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "speaking\n"
    pids = speakers_of(process.pid)
    process.send_signal(how)
    _, errors = process.communicate(timeout=20)  # ends when the last process has closed standard error
    deadline = time.monotonic() + 10
    while (left := [pid for pid in pids if _parent(pid) is not None]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert pids and not left and errors == ""


@needs_wheel
def test_replies_that_nobody_reads_are_no_traceback(engine: EspeakSynthesizer) -> None:
    command = [sys.executable, "-I", "-S", espeak.process.__file__, str(engine._library), str(engine._data)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    process.stdout.close()
    process.wait(20)
    assert process.stderr.read() == b""
    for stream in (process.stdin, process.stderr):
        stream.close()


@needs_wheel
def test_a_machine_without_room_for_processes_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **options: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", full)
    with pytest.raises(SynthesisError, match="no process starts .Resource temporarily unavailable"):
        EspeakSynthesizer()


@needs_wheel
def test_a_machine_that_lets_no_process_start_blames_no_caption(
    humming: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(24, "Too many open files")

    manifest = humming.make(tmp_path, ["a bird", "a tree"], voice="en-us")
    with EspeakSynthesizer() as engine:
        engine.close()  # each text needs a new process
        monkeypatch.setattr(subprocess, "Popen", full)
        with pytest.raises(EngineStoppedError, match="no process starts .Too many open files.; give fewer --workers"):
            synthesize_corpus(manifest, engine=engine, workers=1, progress=False)
    assert not Journal(tmp_path / JOURNAL_NAME).done


@needs_wheel
def test_a_speaker_that_the_system_kills_is_no_fault_of_the_text(humming: ModuleType, tmp_path: Path) -> None:
    manifest = humming.make(tmp_path, ["a bird", "a tree", "a house"], voice="en-us")
    with EspeakSynthesizer() as engine:
        speaker = engine._idle.get_nowait()
        speaker._process.kill()
        engine._idle.put(speaker)
        counts = synthesize_corpus(manifest, engine=engine, workers=1, progress=False)
    assert (counts.made, counts.failed) == (3, 0)


def test_a_missing_wheel_names_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SynthesisError, match=r"pip install .espeakng-loader"):
        EspeakSynthesizer()


def test_the_module_needs_no_torch() -> None:
    code = "import sys, speech2img.tts.espeak.engine, speech2img.tts.corpus.synthesize; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
