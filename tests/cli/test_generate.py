"""``speech2img generate``: bad recordings among good ones, pipes, names, places to write, and what is said."""

import io
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from speech2img.audio.wav import encode_wav
from speech2img.cli.main import main
from speech2img.pipeline import SpeechToImage


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, make_release: Callable[..., Path]) -> str:
    """A tiny whole model."""
    return str(make_release(tmp_path_factory.mktemp("model") / "tiny"))


def wav(pitch: float = 300, rate: int = 16_000) -> bytes:
    time = np.arange(rate) / rate
    swelling = 0.3 * np.square(0.3 + 0.7 * time)  # a steady sound would be called noise
    return encode_wav(swelling * np.sin(2 * np.pi * pitch * time * (1 + 0.2 * time)), sample_rate=rate)


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def test_many_pictures_are_painted_a_few_at_a_time(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.wav").write_bytes(wav())
    given = ["generate", "--model", model, *(str(tmp_path / f"{name}.wav") for name in ("a", "b")), "--num-images", "7"]
    assert main([*given, "--out", str(tmp_path / "at once")]) == 0
    monkeypatch.setattr("speech2img.cli.generate._MOST_IMAGES", 3)
    held: list[int] = []
    paint = SpeechToImage.generate

    def counted(*arguments: Any, **options: Any) -> Any:
        painted = paint(*arguments, **options)
        held.append(painted[-1].shape[0] * painted[-1].shape[1])
        return painted

    monkeypatch.setattr(SpeechToImage, "generate", counted)
    assert main([*given, "--out", str(tmp_path / "in parts")]) == 0
    assert held == [3, 3, 1, 3, 3, 1]
    for number in range(7):
        for name in ("a", "b"):
            at_once, in_parts = (pixels(tmp_path / way / f"{name}_{number}.png") for way in ("at once", "in parts"))
            assert np.abs(at_once - in_parts).max() <= 1
    different = pixels(tmp_path / "in parts" / "a_0.png") - pixels(tmp_path / "in parts" / "b_0.png")
    assert np.abs(different).max() > 1  # the same recording at another place of the list


def test_what_cannot_be_heard_is_named_and_the_rest_is_painted(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = {
        "words": b"these are words",
        "first": wav(300),
        "silent": encode_wav(np.zeros(16_000), sample_rate=16_000),
        "empty": b"",
        "second": wav(500),
        "short": encode_wav(np.sin(np.arange(160) * 0.3) * 0.3, sample_rate=16_000),
        "cut": wav(400)[:-4000],
        "third": wav(700),
    }
    for name, content in contents.items():
        (tmp_path / f"{name}.wav").write_bytes(content)
    given = [str(tmp_path / f"{name}.wav") for name in (*contents, "missing")]
    out = tmp_path / "out"
    assert main(["generate", "--model", model, *given, "--out", str(out), "--seed", "3"]) == 1
    printed = capsys.readouterr()
    assert sorted(path.name for path in out.iterdir()) == ["first.png", "second.png", "third.png"]
    assert printed.out.splitlines() == [str(out / f"{name}.png") for name in ("first", "second", "third")]
    lines = printed.err.splitlines()
    assert [line.split(".wav")[0].rsplit("/")[-1] for line in lines] == [
        "words",
        "silent",
        "empty",
        "short",
        "cut",
        "missing",
    ]
    assert all(line.startswith("speech2img: ") and ";" in line for line in lines)
    assert "10 ms long, less than the 25 ms" in lines[3]
    # A picture keeps its place in the list, and its noise, when another recording is mended.
    pipe = SpeechToImage.load(model, device="cpu")
    for place, name in ((1, "first"), (4, "second"), (7, "third")):
        wanted = pipe.generate(pipe.encode(contents[name]), seed=3, first_index=place)[0, 0]
        assert np.abs(pixels(out / f"{name}.png") - wanted).max() <= 1


def test_a_single_bad_recording_is_one_line(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    assert main(["generate", "--model", model, str(tmp_path / "empty.wav"), "--out", str(tmp_path / "out")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"speech2img: {tmp_path}/empty.wav: the file is empty; record it again"
    assert not (tmp_path / "out").exists()


def test_what_may_be_misheard_is_said_in_one_line(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "call.wav").write_bytes(wav(rate=8000))
    assert main(["generate", "--model", model, str(tmp_path / "call.wav"), "--out", str(tmp_path / "out")]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"speech2img: {tmp_path}/call.wav: recorded at 8,000 Hz, so nothing above 4,000 Hz")


def test_silence_is_left_out_and_said_unless_it_is_to_be_heard(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples, rate = soundfile.read(io.BytesIO(wav()))
    (tmp_path / "late.wav").write_bytes(encode_wav(np.pad(samples, (2 * rate, 0)), sample_rate=rate))
    given = ["generate", "--model", model, str(tmp_path / "late.wav")]
    assert main([*given, "--out", str(tmp_path / "trimmed")]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"speech2img: {tmp_path}/late.wav: silence left out: 1.9 s before the speech"
    assert main([*given, "--no-trim", "--out", str(tmp_path / "whole")]) == 0
    assert capsys.readouterr().err == ""
    assert np.abs(pixels(tmp_path / "trimmed" / "late.png") - pixels(tmp_path / "whole" / "late.png")).max() > 1


def run(command: str, *, cwd: Path, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    verb = f"{sys.executable} -m speech2img generate"
    environ = {**os.environ, "SPEECH2IMG_TUNED": "1"}
    return subprocess.run(
        ["bash", "-c", command.replace("GENERATE", verb)],
        cwd=cwd,
        env=environ,
        input=given,
        stdin=None if given is not None else subprocess.DEVNULL,
        capture_output=True,
        timeout=200,
    )


def test_standard_input_and_process_substitution(model: str, tmp_path: Path) -> None:
    (tmp_path / "bird.wav").write_bytes(wav())
    os.mkfifo(tmp_path / "fifo.wav")
    command = f"(cat bird.wav > fifo.wav &) ; GENERATE --model {model} - <(cat bird.wav) fifo.wav bird.wav --out out"
    done = run(command, cwd=tmp_path, given=wav())
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().split() == [f"out/{name}.png" for name in ("stdin", "recording", "fifo", "bird")]
    pipe = SpeechToImage.load(model, device="cpu")
    wanted = pipe.generate(pipe.encode_paths([wav()] * 4), first_index=0)[:, 0]
    for name, picture in zip(("stdin", "recording", "fifo", "bird"), wanted, strict=True):
        assert np.abs(pixels(tmp_path / f"out/{name}.png") - picture).max() <= 1


def test_pipes_that_bring_nothing_or_too_much(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(11 << 20)
    with (tmp_path / "large").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["generate", "--model", model, "-", "--out", str(tmp_path / "out")]) == 1
    assert "standard input: more than 10,485,760 bytes came" in capsys.readouterr().err
    with open(os.devnull) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["generate", "--model", model, "-", "--out", str(tmp_path / "out")]) == 1
    assert "standard input: the file is empty" in capsys.readouterr().err
    assert main(["generate", "--model", model, "-", "-", "--out", str(tmp_path / "out")]) == 2
    assert "standard input is given twice" in capsys.readouterr().err


def test_names_that_are_not_utf8_or_very_long(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [os.fsdecode(b"bird-\xe9"), "ä" * 120, "ä" * 121, unicodedata.normalize("NFD", "vögel"), "vögel", "VÖGEL"]
    for name in names:
        (tmp_path / f"{name}.wav").write_bytes(wav())
    given = [str(tmp_path / f"{name}.wav") for name in names]
    assert main(["generate", "--model", model, *given, "--out", str(tmp_path / "out")]) == 0
    made = {os.fsencode(path.name) for path in (tmp_path / "out").iterdir()}
    wanted = {names[0], "ä" * 100, "ä" * 100 + "-2", names[3], "vögel-2", "VÖGEL-3"}
    assert made == {os.fsencode(f"{name}.png") for name in wanted}


def test_pictures_that_were_not_painted_here_stay(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bird.wav").write_bytes(wav())
    argv = ["generate", "--model", model, str(tmp_path / "bird.wav"), "--out", str(tmp_path)]
    photograph = tmp_path / "bird.png"
    Image.new("RGB", (128, 128), "red").save(photograph)
    before = photograph.read_bytes()
    assert main(argv) == 2
    assert "bird.png: is there already and was not made by speech2img" in capsys.readouterr().err
    assert photograph.read_bytes() == before
    photograph.unlink()
    photograph.symlink_to("bird.wav")
    assert main(argv) == 2 and (tmp_path / "bird.wav").read_bytes() == wav()
    photograph.unlink()
    assert main(argv) == 0 and main([*argv, "--seed", "1"]) == 0  # its own are replaced


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/speech2img", "a\0b"])
def test_places_that_cannot_be_written_are_one_error(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_bytes(b"mine")
    Path("bird.wav").write_bytes(wav())
    assert main(["generate", "--model", model, "bird.wav", "--out", place]) in (1, 2)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("speech2img: ") and "bug" not in line
    assert Path("file").read_bytes() == b"mine"


def test_a_number_of_pictures_beyond_all_sense_is_refused_at_once(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["generate", "--model", model, "a.wav", "--out", str(tmp_path / "out"), "--num-images", "2000000000"]
    assert main(argv) == 2
    assert "--num-images: 2000000000 does not fit; give a whole number of at least 1 and at most 10,000" in (
        capsys.readouterr().err
    )


def test_stages_of_a_model_with_one_are_called_by_its_name(
    tmp_path: Path, make_release: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    from speech2img.models.generators.stackgan import StackGenerator
    from speech2img.storage.foreign.peer_embeddings import save_s2igan_embeddings
    from speech2img.storage.releases.writing import save_release

    torch.manual_seed(0)
    settings = {"embedding_dim": 16, "condition_dim": 6, "noise_dim": 10, "width": 8, "num_stages": 1}
    state = {f"generator.{name}": value for name, value in StackGenerator(**settings).state_dict().items()}
    save_release(tmp_path / "one", state, {"kind": "image-generator", "generator": settings}, "# card")
    save_s2igan_embeddings(tmp_path / "speech.pickle", [np.ones((1, 16), np.float32)])
    argv = ["generate", "--model", str(tmp_path / "one"), "--embeddings", str(tmp_path / "speech.pickle"), "--stages"]
    assert main([*argv, "--out", str(tmp_path / "out")]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["picture0_0.png"]


def test_sentences_answer_for_themselves(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from speech2img.tts.espeak import engine as espeak

    class Engine:
        """Speaks a second a word; dots are silence."""

        sample_rate = 22_050

        def __enter__(self) -> "Engine":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def voice_for(self, voice: str) -> str:
            return voice

        def synthesize(self, text: str, **_: object) -> np.ndarray:
            time = np.arange(22_050 * len(text.split())) / 22_050
            y = 0.2 * np.square(0.3 + 0.7 * (time % 1)) * np.random.default_rng(0).uniform(-1, 1, len(time))
            return y * (text != "...")

    monkeypatch.setattr(espeak, "EspeakSynthesizer", Engine)
    texts = ["--text", "...", "--text", "word " * 40, "--text", "a red bird"]
    assert main(["generate", "--model", model, *texts, "--out", str(tmp_path / "out")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"speech2img: --text: spoken by espeak-ng in the voice en-us, and heard by {model}"
    assert lines[1] == 'speech2img: --text "...": voice en-us made no sound of it; use words to be spoken'
    assert "takes 40 s to say, 30 s at most are heard; shorten it" in lines[2] and len(lines) == 3
    assert not any("microphone" in line for line in lines)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["text2.png"]


def test_a_joined_recording_is_heard_whole(model: str, tmp_path: Path) -> None:
    parts = []
    for pitch in (300, 900):
        stream = io.BytesIO()
        soundfile.write(stream, soundfile.read(io.BytesIO(wav(pitch)))[0], 16_000, format="OGG")
        parts.append(stream.getvalue())
    pipe = SpeechToImage.load(model, device="cpu")
    assert np.abs(pipe.encode(parts[0] + parts[1]) - pipe.encode(parts[0])).max() > 1e-3
