"""``speech2img synthesize`` and what ``check`` says of its engines: options, keys, exit statuses."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from helpers import baidu_server, fake_kokoro
from helpers.voice import make_voice

from speech2img.audio.wav import write_wav
from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Manifest
from speech2img.options import Option
from speech2img.storage.journal import Journal
from speech2img.storage.rank import Rank
from speech2img.tts.baidu import client as baidu_client
from speech2img.tts.base import Synthesizer
from speech2img.tts.corpus.synthesize import FAILURES_NAME, JOURNAL_NAME
from speech2img.tts.registry import ENGINES, Engine


@pytest.fixture(autouse=True)
def nobodys_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("BAIDU_API_KEY", "BAIDU_SECRET_KEY", "RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home" / name))


def refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(argv) in (1, 2)
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("speech2img: "))
    return line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--vol", "5"], "--vol: is an option of --engine baidu"),
        (["--engine", "baidu", "--max-steps", "5"], "--max-steps: is an option of --engine tacotron2"),
        (["--engine", "baidu"], "BAIDU_API_KEY"),
        (["--engine", "baidu", "--keys", "nowhere.toml"], "nowhere.toml"),
        (["--engine", "baidu", "--qps", "0"], "qps 0"),
        (["--engine", "baidu", "--spd", "16"], "spd 16"),
        (["--engine", "tacotron2"], "speech2img import tacotron2"),
        (["--engine", "tacotron2", "--model", "nowhere"], "nowhere"),
        (["--engine", "kokoro"], "--engine kokoro: no --model; put kokoro-v1.0.onnx"),
        (["--voices", "af_sky"], "--voices: is an option of --engine kokoro"),
        (["--engine", "command", "--allow-held-out"], "--allow-held-out: is an option of --engine kokoro"),
        (["--engine", "command"], "no --command; give for example --command 'flite -voice slt -t {text} -o {wav}'"),
        (["--engine", "command", "--command", "cat {texts}"], "{texts} is no placeholder; did you mean {text}?"),
        (["--engine", "command", "--command", "cat {text}", "--time-limit", "0"], "--time-limit 0: out of range"),
    ],
)
def test_what_an_engine_needs_is_named(
    humming: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    humming.make(tmp_path, ["a bird"]).save()
    assert words in refused(["synthesize", "--root", str(tmp_path), *options], capsys)
    assert not (tmp_path / JOURNAL_NAME).exists()


def test_baidu_from_the_command_line(
    humming: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "corpus"
    humming.make(root, ["a red bird", "a \N{SNOWMAN}", "a blue bird"], voice="en-us").save()
    server = baidu_server
    monkeypatch.setenv("BAIDU_API_KEY", server.API_KEY)
    monkeypatch.setenv("BAIDU_SECRET_KEY", server.SECRET_KEY)
    with server.BaiduServer() as service:
        here = functools.partial(
            baidu_client.ServiceSettings, speech_url=service.speech_url, token_url=service.token_url
        )
        monkeypatch.setattr(baidu_client, "ServiceSettings", here)
        argv = ["synthesize", "--root", str(root), "--engine", "baidu", "--qps", "100", "--vol", "7"]
        line = refused([*argv, "--voice", "4"], capsys)
        assert "1 captions could not be spoken, all others are" in line and FAILURES_NAME in line
        assert {form["per"] + form["vol"] for form in service.forms} == {"47"}
        assert "SNOWMAN" in json.loads((root / FAILURES_NAME).read_text())["reason"]
        assert {caption.voice for item in Manifest.load(root).items for caption in item.captions} == {"baidu-4"}
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
        monkeypatch.setenv("WORLD_SIZE", "2")
        monkeypatch.setenv("RANK", "1")
        assert main(argv) == 0, "a rank that fails would end the others"
        assert "rank 1 of 2: 0 recordings made" in capsys.readouterr().out
        assert len(service.forms) == 2
    token = tmp_path / "home" / "XDG_CACHE_HOME" / "speech2img" / "baidu-token.json"
    assert token.stat().st_mode & 0o777 == 0o600
    for path in tmp_path.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert server.API_KEY.encode() not in data and server.SECRET_KEY.encode() not in data
        assert b"24.000" not in data or path == token


def test_tacotron2_from_the_command_line(
    humming: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A voice that has learned nothing never ends; that it is heard of is what counts here."""
    voice = make_voice(tmp_path / "voice", gate_bias=-99.0)
    humming.make(tmp_path / "corpus", ["a red bird", "a blue bird"], voice="en-us").save()
    argv = ["synthesize", "--root", str(tmp_path / "corpus"), "--engine", "tacotron2", "--model", str(voice),
            "--max-steps", "3", "--rows", "2", "--device", "cpu", "--seed", "7"]  # fmt: skip
    assert "2 captions could not be spoken" in refused(argv, capsys)
    lines = Journal(tmp_path / "corpus" / JOURNAL_NAME).done.values()
    assert all("maximum of 3 decoder steps" in line["reason"] and "seed=7" in line["engine"] for line in lines)
    assert {line["voice"] for line in lines} == {"tacotron2"} and len(lines) == 2


@pytest.mark.usefixtures("kokoro_packages")
def test_kokoro_from_the_command_line(humming: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = fake_kokoro.make_model(tmp_path / "kokoro", ["af_sky", "am_adam", "am_puck", "bf_emma"])
    humming.make(tmp_path / "corpus", ["a red bird", "a blue bird"], voice="en-us+f3").save()
    argv = ["synthesize", "--root", str(tmp_path / "corpus"), "--engine", "kokoro"]
    assert "nowhere: is not there; put kokoro-v1.0.onnx" in refused([*argv, "--model", "nowhere"], capsys)
    argv += ["--model", str(model)]
    assert "am_puck: held out, for measuring only" in refused([*argv, "--voices", "am_adam,am_puck"], capsys)
    assert '"sky"; choose from training, held-out, af_sky, am_adam' in refused([*argv, "--voices", "sky"], capsys)
    assert "give --allow-held-out" in refused([*argv, "--voice", "am_puck"], capsys)
    assert not (tmp_path / "corpus" / JOURNAL_NAME).exists() or not Journal(tmp_path / "corpus" / JOURNAL_NAME).done
    assert main([*argv, "--voices", "af_sky, am_adam", "--workers", "2"]) == 0
    assert "2 recordings made, 0 kept" in capsys.readouterr().out
    captions = [caption for item in Manifest.load(tmp_path / "corpus").items for caption in item.captions]
    assert {(caption.voice, str(caption.audio).split("/")[1]) for caption in captions} == {("af_sky", "af_sky")}
    assert main([*argv, "--voice", "am_puck", "--allow-held-out"]) == 0, "another voice, the same engine"
    assert main(["check"]) == 0
    assert "kokoro: ready with --model DIR, by kokoro-onnx 0.6.9" in capsys.readouterr().out


@pytest.mark.usefixtures("kokoro_packages")
def test_captions_are_spoken_again_into_a_folder_of_their_own(
    humming: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = fake_kokoro.make_model(tmp_path / "kokoro", ["af_sky", "am_adam"])
    corpus, again = tmp_path / "corpus", tmp_path / "again"
    humming.make(corpus, ["a red bird", "a blue bird"], voice="en-us+f3").save()
    argv = ["synthesize", "--root", str(corpus), "--engine", "kokoro", "--model", str(model), "--again", str(again)]
    assert "not 2500; give --captions 2 or fewer" in refused(argv, capsys)
    assert main([*argv, "--captions", "1"]) == 0
    assert f"{again}: 1 recordings made" in capsys.readouterr().out
    assert len(list(again.rglob("*.wav"))) == 1 and not list(corpus.rglob("*.wav"))
    assert "another choice of captions" in refused([*argv, "--captions", "2"], capsys)
    assert "goes with --again" in refused([*argv[:-2], "--captions", "2"], capsys)


def test_a_program_from_the_command_line(
    humming: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that hums all texts but those that it hangs, dies or is silent at."""
    tone = tmp_path / "tone.wav"
    write_wav(tone, humming.Tone().hum("a red bird", "hum", 50), sample_rate=22_050)
    script = tmp_path / "say.py"
    script.write_text(
        "import os, shutil, sys, time\n"
        "if 'hang' in sys.argv[1]: time.sleep(60)\n"
        "if 'crash' in sys.argv[1]: os.abort()\n"
        f"if 'quiet' not in sys.argv[1]: shutil.copy({str(tone)!r}, sys.argv[2])\n"
    )
    root = tmp_path / "corpus"
    humming.make(root, ["a red bird", "--hang", "a crash", "quiet", "a blue one", "a bird" * 99], voice="en-us").save()
    command = f"{sys.executable} -I -S {script} {{text}} {{wav}}"
    argv = ["synthesize", "--root", str(root), "--engine", "command", "--command", command]
    assert "4 captions could not be spoken, all others are" in refused([*argv, "--time-limit", "1"], capsys)
    lines = [json.loads(line) for line in (root / FAILURES_NAME).read_text().splitlines()]
    assert {(line["text"][:7], line["status"]) for line in lines} == {
        ("--hang", "later"),
        ("a crash", "later"),
        ("quiet", "failed"),
        ("a birda", "failed"),
    }
    reasons = " ".join(line["reason"] for line in lines)
    for words in ("not done after 1 s", "SIGABRT", "wrote no file", "not plausible as speech"):
        assert words in reasons
    made = Journal(root / JOURNAL_NAME).done
    assert {line["engine"].split()[0] for line in made.values()} == {f"command:{sys.executable}"}


def test_espeak_from_the_command_line(humming: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("espeakng_loader", reason="the tts extra is not installed")
    humming.make(tmp_path, ["a red bird", "a blue bird"], voice="en-us+f3").save()
    argv = ["synthesize", "--root", str(tmp_path)]
    assert main(argv) == 0
    assert "2 recordings made, 0 kept" in capsys.readouterr().out
    assert 'did you mean "en-us"' in refused([*argv, "--voice", "en-uss"], capsys)
    assert main([*argv, "--voice", "en-gb-scotland", "--overwrite"]) == 0
    assert "2 recordings made" in capsys.readouterr().out
    manifest = Manifest.load(tmp_path)
    assert {caption.audio.split("/")[1] for item in manifest.items for caption in item.captions} == {"en-gb-scotland"}


def test_an_engine_is_added_by_one_line(
    humming: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A toy from outside the package: the help, its options, ``check`` and a spoken corpus follow from its entry."""
    opened: dict[str, object] = {}

    def hum(rank: Rank, **options: object) -> Synthesizer:
        opened.update(options)
        return humming.Tone()

    seed, loud = Option("seed", "which hum", kind=int), Option("loud", "hum louder", is_flag=True)
    toy = Engine(hum, "hums", "A toy.", "speech2img synthesize --root x --engine hum", lambda rank, **_: 1,
                 lambda: "always in tune", (seed, loud, Option("bars", "how many", "N", int, default=4)))  # fmt: skip
    monkeypatch.setitem(ENGINES, "hum", toy)

    humming.make(tmp_path, ["a red bird", "a blue bird"]).save()
    argv = ["synthesize", "--root", str(tmp_path)]
    assert "--bars: is an option of --engine hum" in refused([*argv, "--bars", "2"], capsys)
    assert "--loud: is an option of --engine hum" in refused([*argv, "--loud"], capsys)
    assert "--vol: is an option of --engine baidu" in refused([*argv, "--engine", "hum", "--vol", "5"], capsys)
    assert main([*argv, "--engine", "hum", "--seed", "0"]) == 0
    assert "2 recordings made, 0 kept" in capsys.readouterr().out
    assert opened == {"seed": 0, "loud": False, "bars": 4}
    assert {line["engine"] for line in Journal(tmp_path / JOURNAL_NAME).done.values()} == {"tone 1"}

    assert main(["check"]) == 0
    assert "speech      hum: always in tune" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["synthesize", "--help"])
    said = capsys.readouterr().out
    assert "  hum        hums" in said and "--bars N" in said and "--loud" in said and toy.example in said


def test_check_says_which_engines_are_ready(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["check"]) == 0
    said = capsys.readouterr().out
    assert "espeak: " in said and "baidu: not ready, no keys; set BAIDU_API_KEY" in said
    assert "tacotron2: needs --model DIR: speech2img import tacotron2" in said
    monkeypatch.setenv("BAIDU_API_KEY", "hidden")
    monkeypatch.setenv("BAIDU_SECRET_KEY", "hidden")
    assert main(["check"]) == 0
    said = capsys.readouterr().out
    assert "baidu: keys found" in said and "hidden" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_from_outside_is_one_line(humming: ModuleType, tmp_path: Path, number: signal.Signals) -> None:
    """As a terminal does it: to all processes of the group, while espeak-ng speaks."""
    pytest.importorskip("espeakng_loader", reason="the tts extra is not installed")
    humming.make(tmp_path, [f"a bird number {n} with many words" for n in range(5000)], voice="en-us+whisper").save()
    process = subprocess.Popen(
        [sys.executable, "-m", "speech2img", "synthesize", "--root", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("audio/*/c/*.wav"))) < 40 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number and output == ""
    assert "of 5000 recordings; run the same command again" in errors and len(errors.splitlines()) == 1
    assert not list(tmp_path.rglob("*.part")) and Journal(tmp_path / JOURNAL_NAME).done


def test_a_manifest_cannot_make_it_write_elsewhere(
    humming: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("espeakng_loader", reason="the tts extra is not installed")
    path = humming.make(tmp_path, ["a red bird", "a blue bird"], voice="en-us").save()
    written = path.read_text()
    for audio in ("manifest.jsonl", "images/0.jpg", "derived/speech/run.lock", "./audio/en-us/c/0_1.wav"):
        path.write_text(written.replace("audio/en-us/c/0_0.wav", audio))
        before = path.read_bytes()
        assert "manifest.jsonl: " in refused(["synthesize", "--root", str(tmp_path)], capsys)
        assert path.read_bytes() == before and not list(tmp_path.rglob("*.wav"))
