"""Recordings of phones and browsers: by ffmpeg or PyAV where they are, run safely; else the message says what to do."""

import ast
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from speech2img.audio.decoders import ffmpeg as foreign
from speech2img.audio.facts import probe_audio
from speech2img.audio.io import read_audio
from speech2img.audio.wav import encode_wav
from speech2img.errors import AudioError

SOUND = (0.4 * np.sin(np.arange(24_000) * 0.17)).astype(np.float32)
WAV = encode_wav(SOUND, sample_rate=16_000)
HEADS = {
    "is MPEG-4 sound (m4a)": b"\0\0\0\x20ftypM4A \0\0\0\0",
    "is MPEG-4 (mp4)": b"\0\0\0\x20ftypisom\0\0\0\0",
    "is 3GPP (3gp)": b"\0\0\0\x20ftyp3gp4\0\0\0\0",
    "is WebM or Matroska": b"\x1aE\xdf\xa3\x9fB\x86\x81",
    "is AMR sound": b"#!AMR\n",
    "is AAC sound": b"\xff\xf1\x50\x80",
    "is Core Audio (caf)": b"caff\0\1\0\0",
    "is Windows Media (wma)": b"0&\xb2u\x8ef\xcf\x11",
}
M4A = HEADS["is MPEG-4 sound (m4a)"] + bytes(100)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A PATH with one empty folder on it, and no PyAV."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "av" else found(name, *rest))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def stand_in(folder: Path, body: str) -> None:
    """An ffmpeg that runs Python: `source` and `target` are its files, `argv` all words."""
    program = folder / "ffmpeg"
    program.write_text(
        f"#!{sys.executable}\nimport sys, time, os, wave\nargv = sys.argv[1:]\n"
        "source = argv[argv.index('-i') + 1].removeprefix('file:')\ntarget = argv[-1].removeprefix('file:')\n" + body
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize("kind", HEADS)
def test_without_a_decoder_the_message_says_what_it_is_and_what_to_install(
    kind: str, bare: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.wav"  # whatever it is called
    path.write_bytes(HEADS[kind] + bytes(100))
    with pytest.raises(AudioError) as caught:
        read_audio(path, sample_rate=16_000)
    wanted = f"{path}: {kind}, which needs ffmpeg or PyAV, and neither is installed; install ffmpeg, or PyAV"
    assert str(caught.value).startswith(wanted)


def test_what_ffmpeg_makes_is_the_recording(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "made.wav").write_bytes(WAV)
    log = tmp_path / "log"
    stand_in(
        bare,
        f"open({str(log)!r}, 'w').write(repr((argv, open(source, 'rb').read(), sys.stdin.read(), os.getcwd())))\n"
        f"open(target, 'wb').write(open({str(tmp_path / 'made.wav')!r}, 'rb').read())",
    )
    np.testing.assert_array_equal(read_audio(M4A, sample_rate=16_000), read_audio(WAV, sample_rate=16_000))
    assert probe_audio(M4A).seconds == 1.5
    argv, content, stdin, _ = ast.literal_eval(log.read_text())
    assert content == M4A and stdin == ""
    source = argv[argv.index("-i") + 1]
    assert argv[argv.index("-protocol_whitelist") + 1] == "file" and argv[argv.index("-f") + 1] == "mov"
    assert argv.index("-protocol_whitelist") < argv.index("-i") and "-nostdin" in argv and "-fs" in argv
    assert argv[argv.index("-t") + 1] == "31" and source.startswith("file:/")
    assert not Path(source.removeprefix("file:")).parent.exists()  # nothing stays behind


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("sys.stderr.write('[mov @ 0x55] moov atom not found\\n'); sys.exit(1)", r"does not read it \(moov atom"),
        ("sys.exit(3)", r"does not read it \(status 3\)"),
        ("os.kill(os.getpid(), 9)", r"does not read it \(status -9\)"),
        (
            "sys.stderr.write('[matroska,webm @ 0x5] File ended prematurely\\n'); open(target, 'wb')",
            "ended prematurely",
        ),
        ("pass", "does not read it"),
        ("open(target, 'wb').write(b'no sound')", "ffmpeg made no wav file of it"),
        ("os.mkfifo(target)", "does not read it"),
    ],
)
def test_what_ffmpeg_cannot_read_is_one_error(body: str, message: str, bare: Path) -> None:
    stand_in(bare, body)
    with pytest.raises(AudioError, match=f"recording: is MPEG-4 sound .*{message}"):
        read_audio(M4A, sample_rate=16_000)


@pytest.mark.parametrize(
    ("seconds", "rate", "channels", "message"),
    [(31, 16_000, 1, "31 s long"), (1, 2000, 1, "sample rate 2000 Hz"), (1, 16_000, 9, "9 channels")],
)
def test_the_limits_hold(seconds: int, rate: int, channels: int, message: str, bare: Path) -> None:
    stand_in(
        bare,
        f"file = wave.open(target, 'wb'); file.setparams(({channels}, 2, {rate}, 0, 'NONE', ''))\n"
        f"file.writeframes(bytes(2 * {channels} * {rate} * {seconds})); file.close()",
    )
    with pytest.raises(AudioError, match=message):
        read_audio(M4A, sample_rate=16_000)


def test_a_program_that_does_not_end_is_ended_with_what_it_started(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, "_SECONDS", 1)
    pids = tmp_path / "pids"
    stand_in(
        bare,
        "child = os.fork()\n"
        f"open({str(pids)!r}, 'a').write(str(os.getpid()) + '\\n')\nsys.stderr.write('x' * 100000)\ntime.sleep(60)",
    )
    with pytest.raises(AudioError, match="ffmpeg was not done with it after 1 s"):
        read_audio(M4A, sample_rate=16_000)
    for pid in pids.read_text().split():
        state, deadline = Path(f"/proc/{pid}/stat"), time.monotonic() + 20
        while state.exists() and state.read_text().split()[2] != "Z":  # on a busy machine an end takes its time
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_pyav_is_taken_where_ffmpeg_is_not(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: True if name == "av" else found(name, *rest))
    called = []

    def decode(name: str, data: bytes, container: str, *_: object) -> tuple[np.ndarray, int]:
        called.append((data, container))
        return SOUND[:, None], 16_000

    monkeypatch.setattr(foreign, "_by_pyav", decode)
    np.testing.assert_array_equal(read_audio(M4A, sample_rate=16_000), SOUND)
    assert called == [(M4A, "mov")]


def encoded(tmp_path: Path, name: str) -> bytes:
    (tmp_path / "in.wav").write_bytes(WAV)
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-i", str(tmp_path / "in.wav"), str(tmp_path / name)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip(f"this ffmpeg makes no {name}")
    return (tmp_path / name).read_bytes()


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("name", ["a.m4a", "a.webm", "a.aac", "a.3gp", "a.mka", "a.caf", "a.wma"])
@pytest.mark.parametrize("by", ["ffmpeg", "PyAV"])
def test_real_files(name: str, by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(tmp_path, name)
    if by == "PyAV":
        pytest.importorskip("av", reason="PyAV, of the extra app, is not installed")
        monkeypatch.setenv("PATH", os.devnull)
    y = read_audio(data, sample_rate=16_000)
    assert len(y) == pytest.approx(24_000, rel=0.12)
    assert np.abs(np.fft.rfft(y)).argmax() * 2 * np.pi / len(y) == pytest.approx(0.17, abs=0.003)
    with pytest.raises(AudioError, match=f"and {by} does not read it"):
        read_audio(data[: len(data) * 6 // 10], sample_rate=16_000)


def test_what_is_no_sound_is_called_by_its_kind() -> None:
    for head, kind in (
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\3\4", "application/zip"),
    ):
        with pytest.raises(AudioError, match=f"is no recording but {kind}; give a recording"):
            read_audio(head + bytes(100), sample_rate=16_000)
