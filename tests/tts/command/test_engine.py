"""Programs as engines: what they write is read and judged, whatever they do costs one text only."""

import errno
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from helpers import program_environment

from speech2img.audio.wav import encode_wav
from speech2img.errors import ConfigError, SynthesisError
from speech2img.tts.base import EngineStoppedError, Synthesizer, TryLaterError
from speech2img.tts.command import engine as engine_module
from speech2img.tts.command.engine import CommandSynthesizer

SPEAK = """\
import json, math, os, struct, sys, time
def wav(text, rate=16000):
    size = 1600 * len(text)
    samples = struct.pack(f"<{size}h", *(int(9000 * math.sin(n / 9)) for n in range(size)))
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + 2 * size, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16,
                       b"data", 2 * size) + samples
"""
"""What every program of these tests begins with: a tone of a tenth of a second a character."""
Program = Callable[..., CommandSynthesizer]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """An engine that runs Python code with the given arguments: ``program(code, "{text} {wav}")``."""

    def make(code: str, arguments: str = "{text} {wav}", **options: object) -> CommandSynthesizer:
        script = tmp_path / "say.py"
        script.write_text(SPEAK + code)
        line = f"{shlex.quote(sys.executable)} -I -S {shlex.quote(str(script))} {arguments}"
        return CommandSynthesizer(line, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


def leftovers() -> list[str]:
    return os.listdir(tempfile.gettempdir())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("{text} {wav}", "open(sys.argv[2], 'wb').write(wav(sys.argv[1]))"),
        ("{text_file} {wav}", "open(sys.argv[2], 'wb').write(wav(open(sys.argv[1]).read().strip()))"),
        ("{wav}", "open(sys.argv[1], 'wb').write(wav(sys.stdin.read().strip()))"),
        ("--say={text}", "print('hm', file=sys.stderr); sys.stdout.buffer.write(wav(sys.argv[1][6:]))"),
        ("", "y = wav(sys.stdin.read().strip()); sys.stdout.buffer.write(y[:40] + b'\\xff' * 4 + y[44:])"),
        ("{text} {wav}", "print('x' * 99999); open(sys.argv[2], 'wb').write(wav(sys.argv[1], 48000))"),
    ],
    ids=["argument", "file", "standard input", "standard output", "both", "another rate"],
)
def test_text_goes_in_and_sound_comes_out_in_every_way(program: Program, arguments: str, code: str) -> None:
    engine = program(code, arguments)
    assert isinstance(engine, Synthesizer)
    y = engine.synthesize("a bird", voice="say")
    seconds = 0.2 if "48000" in code else 0.6
    assert y.dtype == np.float32 and y.size == pytest.approx(seconds * engine.sample_rate, abs=2)
    assert np.abs(y).max() == pytest.approx(9000 / 32768, abs=0.02)
    assert not leftovers()


def test_the_program_sees_the_text_and_nothing_of_a_shell(program: Program, tmp_path: Path) -> None:
    engine = program(
        f"json.dump([sys.argv[1:], sys.stdin.read()], open({str(tmp_path / 'seen')!r}, 'w'))\n"
        "open(sys.argv[-1], 'wb').write(wav('a bird'))",
        "{text} {voice} {rate} {pitch} {pitch_range} {wav}",
        voices=["slt"],
    )
    text = "--help; $HOME `id` \"two\"\n'lines' {wav} \x1b[0m ü"
    engine.synthesize(text, voice="slt", rate=105, pitch=24, pitch_range=35)
    arguments, stdin = json.loads((tmp_path / "seen").read_text())
    assert arguments[:-1] == [" --help; $HOME `id` \"two\" 'lines' {wav} [0m ü", "slt", "105", "24", "35"]
    assert arguments[-1].endswith("/speech.wav") and stdin == ""


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("print('no such voice', file=sys.stderr); sys.exit(3)", SynthesisError, "status 3, it said: no such voice"),
        ("pass", SynthesisError, "say wrote no file|wrote no file; {wav} must be where it writes"),
        ("open(sys.argv[2], 'wb')", SynthesisError, "wrote nothing into {wav}"),
        ("open(sys.argv[2], 'w').write('ERROR ' * 99)", SynthesisError, "is not used: .*; have it write wav"),
        ("open(sys.argv[2], 'wb').write(wav('a bird')[:-999])", SynthesisError, "is not used: damaged"),
        ("open(sys.argv[2], 'wb').write(bytes(20000))", SynthesisError, "is not used"),
        ("open(sys.argv[2], 'wb').write(b'\\x89PNG\\r\\n\\x1a\\n' + bytes(99))", SynthesisError, "image/png"),
        ("os.mkdir(sys.argv[2])", SynthesisError, "left no file"),
        ("os.mkfifo(sys.argv[2])", SynthesisError, "left no file .*not a regular file"),
        ("os.kill(os.getpid(), 11)", TryLaterError, "was ended by SIGSEGV"),
        ("os.kill(0, 9)", TryLaterError, "was ended by SIGKILL"),
    ],
)
def test_a_program_that_fails_is_told_in_one_line(
    program: Program, code: str, kind: type[SynthesisError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        program(code).synthesize("a bird", voice="x")
    assert caught.type is kind and str(caught.value).startswith("text 'a bird': ") and "\n" not in str(caught.value)
    assert not leftovers()


@pytest.mark.parametrize(
    "code",
    [
        "time.sleep(60)",
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: pass",
        "while True: print('x' * 9999)",
        "os.close(1); os.close(2); time.sleep(60)",
        "import subprocess; subprocess.run(['sleep', '60'])",
        "sys.stdin.read(); os.kill(os.getpid(), 19)",
    ],
    ids=["sleeps", "spins", "chatters", "closes its pipes", "waits for a child", "stops itself"],
)
def test_a_program_that_hangs_is_ended_when_its_time_is_over(program: Program, code: str) -> None:
    began = time.monotonic()
    with pytest.raises(TryLaterError, match="was not done after 0.4 s.*--time-limit"):
        program(code, time_limit=0.4).synthesize("a bird", voice="x")
    assert time.monotonic() - began < 10


def test_what_a_program_started_ends_with_it(program: Program, tmp_path: Path) -> None:
    """A child that outlives it, holds its pipes and would write into the folder of a later text."""
    mark = tmp_path / "pid"
    engine = program(
        "import subprocess; child = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(mark)!r}, 'w').write(str(child.pid))\n"
        "open(sys.argv[2], 'wb').write(wav(sys.argv[1]))"
    )
    began = time.monotonic()
    assert engine.synthesize("a bird", voice="x").size
    assert time.monotonic() - began < 10
    deadline = time.monotonic() + 5
    while _is_running(int(mark.read_text())) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _is_running(int(mark.read_text()))


def test_what_is_left_running_and_still_writes_stops_no_text(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = program("open(sys.argv[2], 'wb').write(wav(sys.argv[1]))")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))

    with monkeypatch.context() as patched:
        patched.setattr(os, "rmdir", refuse)
        assert engine.synthesize("a red bird", voice="say").size


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


@pytest.mark.parametrize("arguments", ["{text} {wav}", "{text}"])
def test_a_program_that_writes_without_end_is_ended(
    program: Program, arguments: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "MAX_BYTES", 1 << 20)
    where = "open(sys.argv[2], 'wb')" if "wav" in arguments else "sys.stdout.buffer"
    code = f"out = {where}\nwhile True: out.write(bytes(65536)); time.sleep(0.001)"
    with pytest.raises(SynthesisError, match="wrote more than 1 MB"):
        program(code, arguments).synthesize("a bird", voice="x")


def test_closing_the_engine_ends_what_is_under_way(program: Program) -> None:
    engine = program("time.sleep(60)")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(engine.synthesize, "a bird", voice="x")
        while not call.running():
            time.sleep(0.01)
        time.sleep(0.2)
        engine.close()
        with pytest.raises(EngineStoppedError, match="for the work ends"):
            call.result(timeout=10)


@pytest.mark.parametrize(
    ("text", "words"), [("", "0 characters"), (" \n\0", "3 characters"), ("a" * 2001, "2001"), ("a\ud800", "UTF-8")]
)
def test_texts_that_no_program_is_given(program: Program, text: str, words: str) -> None:
    with pytest.raises(SynthesisError, match=words):
        program("raise SystemExit(9)").synthesize(text, voice="x")


def test_voices_of_a_command(program: Program) -> None:
    alone = program("")
    assert alone.voice_for("en-us+f3") == alone.voices()[0] == alone.voice_for("baidu-4")
    free = program("", "{voice} {text} {wav}")
    assert free.voices() == [] and free.voice_for("en-us+f3") == "en-us+f3"
    for voice in ("-x", "../secret", "a b", "", "{wav}"):
        with pytest.raises(SynthesisError, match="letters, digits"):
            free.voice_for(voice)
    some = program("", "{voice} {text} {wav}", voices=["slt", "awb"])
    assert some.voices() == ["awb", "slt"] and some.voice_for("awb") == "awb"
    assert {some.voice_for(name) for name in ("en-us", "en-us+m3", "en+m2")} == {"slt", "awb"}
    with pytest.raises(SynthesisError, match="not among --voices; use slt, awb"):
        some.voice_for("kal_16")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"time_limit": 0.0}, "--time-limit 0: out of range"),
        ({"time_limit": float("nan")}, "--time-limit nan"),
        ({"time_limit": 1e9}, "up to 3600"),
        ({"voices": ["slt"]}, r"the command has no \{voice\}"),
    ],
)
def test_options_that_cannot_be_used(program: Program, options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        program("", "{text} {wav}", **options)


@pytest.mark.parametrize("voices", [[], ["-o"], ["a", "../b"]])
def test_lists_of_voices_that_cannot_be_used(program: Program, voices: list[str]) -> None:
    with pytest.raises(ConfigError, match="--voices: no name"):
        program("", "{voice} {text}", voices=voices)


def test_a_program_that_cannot_be_started_stops_the_job(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF no program")
    broken.chmod(0o755)
    with pytest.raises(EngineStoppedError, match="broken: does not start"):
        CommandSynthesizer(f"{broken} {{text}}").synthesize("a bird", voice="x")


def test_the_tone_of_these_programs_is_a_wav_file() -> None:
    space: dict[str, object] = {}
    exec(SPEAK, space)
    made = space["wav"]("a bird")  # type: ignore[operator]
    assert made[:44] == encode_wav(np.zeros(9600, np.float32), sample_rate=16_000)[:44]


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path, program: Program) -> None:
    code = (
        "import sys\nfrom speech2img.tts.command.engine import CommandSynthesizer\n"
        "CommandSynthesizer(sys.argv[1]).synthesize('hello', voice='sh')"
    )
    line = "sh -c 'echo begun > $0; sleep 2' {wav}"
    environ = program_environment(TMPDIR=tempfile.gettempdir())
    process = subprocess.Popen([sys.executable, "-c", code, line], env=environ, stderr=subprocess.DEVNULL)
    while not list(Path(tempfile.gettempdir()).glob("*/speech.wav")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert leftovers()
    program("open(sys.argv[2], 'wb').write(wav(sys.argv[1]))").synthesize("hello", voice="say")
    assert not leftovers()
