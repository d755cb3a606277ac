"""Every recogniser behind the protocol: what it writes, how it divides, and what it refuses in a line."""

import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.recognisers import fake_whisper, recogniser_release, recogniser_state

from speech2img.audio.mel import MEL_PRESETS
from speech2img.errors import CheckpointError, ConfigError, Speech2ImgError
from speech2img.recognition.base import Segment, Transcript
from speech2img.recognition.registry import open_recogniser
from speech2img.recognition.transformer import TransformerRecogniser


def hum(seconds: float, *, rate: int = 16_000, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(int(seconds * rate))).astype(np.float32)


def test_a_release_writes_the_same_alone_and_together(tmp_path: Path) -> None:
    recogniser = open_recogniser(str(recogniser_release(tmp_path / "release")), device="cpu", beams=2)
    waves = [hum(1.0), hum(1.6, seed=1), hum(0.7, seed=2)]
    together = recogniser.transcribe(waves)
    alone = [recogniser.transcribe([wave])[0] for wave in waves]
    assert [one.text for one in together] == [one.text for one in alone]
    assert any(one.text for one in together)
    for one, wave in zip(together, waves, strict=True):
        assert one.parts == 1 and one.segments[0].end == pytest.approx(len(wave) / 16_000)
        assert one.confidence is None or 0 <= one.confidence <= 1


def test_long_recordings_are_divided_and_none_is_cut() -> None:
    recogniser = TransformerRecogniser(recogniser_state(), MEL_PRESETS["li2020"], name="toy", beams=1)
    assert recogniser.max_seconds == pytest.approx(40 / 18)
    wave = hum(5.0)
    found = recogniser.transcribe([wave, hum(1.0)])
    assert found[0].parts == len(found[0].segments) == 3 and found[1].parts == 1
    spans = [(segment.start, segment.end) for segment in found[0].segments]
    assert spans[0][0] == 0 and spans[-1][1] == pytest.approx(5.0)
    assert all(end == start for (_, end), (start, _) in zip(spans, spans[1:], strict=False))
    assert max(end - start for start, end in spans) <= recogniser.max_seconds


@pytest.mark.parametrize("wave", [np.zeros(16_000, np.float32), np.ones(100, np.float32)])
def test_of_silence_and_clicks_there_is_no_text(wave: np.ndarray) -> None:
    recogniser = TransformerRecogniser(recogniser_state(), MEL_PRESETS["li2020"], name="toy")
    assert recogniser.transcribe([wave])[0].text == ""


def test_faster_whisper_is_told_apart_by_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fake_whisper(monkeypatch, ["a red bird", "in the snow"], tmp_path / "tiny.en")
    recogniser = open_recogniser(str(folder))
    found = recogniser.transcribe([hum(1.0), np.zeros(1000, np.float32)])
    assert found[0].text == "a red bird in the snow" and found[1].text == ""
    assert found[0].segments[1] == Segment("in the snow", 1.0, 1.5, pytest.approx(np.exp(-0.1)))
    assert recogniser.name == "faster-whisper tiny.en"


def test_folders_that_are_no_model_are_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fake_whisper(monkeypatch, [], tmp_path / "whisper")
    (folder / "model.bin").write_text("damaged")
    with pytest.raises(CheckpointError, match="cannot be opened .unexpected model version."):
        open_recogniser(str(folder))
    (folder / "vocabulary.txt").unlink()
    with pytest.raises(CheckpointError, match="no vocabulary.txt or vocabulary.json"):
        open_recogniser(str(folder))
    (tmp_path / "empty").mkdir()
    for given, kind in ((tmp_path / "empty", "faster-whisper"), (tmp_path / "none", None), (tmp_path / "empty", None)):
        with pytest.raises(Speech2ImgError) as caught:
            open_recogniser(str(given), kind=kind)
        assert "\n" not in str(caught.value) and str(given) in str(caught.value)


def test_without_the_package_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fake_whisper(monkeypatch, [], tmp_path / "whisper")
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(ConfigError, match=r'not installed.*pip install "speech2img\[whisper\]"'):
        open_recogniser(str(folder))


def test_any_program_recognises() -> None:
    code = "import sys, wave; w = wave.open(sys.argv[1]); print(w.getnframes() // 160, 'red', ' birds')"
    recogniser = open_recogniser(f'{sys.executable} -c "{code}" {{wav}}', kind="command")
    found = recogniser.transcribe([hum(1.0)])[0]
    assert found.text == "100 red birds" and found.confidence is None


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("recognise", "has no {wav}"),
        ("recognise '{wav}", "cannot be read"),
        ("/no/such/program {wav}", "no program '/no/such/program' that can be run"),
        ("", "has no {wav}"),
        ("'' {wav}", "no program '' that can be run"),
        ("false {wav}", "ended with status 1; run it by hand"),
        ("sh -c 'kill -9 $$' {wav}", "was ended by a signal"),
        ("sh -c 'yes' {wav}", "wrote more than 1 MB"),
        (f"{sys.executable} -c \"import sys; sys.exit('no model')\" {{wav}}", "status 1: no model"),
    ],
)
def test_programs_that_cannot_are_a_line(command: str, message: str) -> None:
    with pytest.raises(Speech2ImgError, match=message) as caught:
        open_recogniser(command, kind="command").transcribe([hum(0.2)])
    assert "\n" not in str(caught.value)


def test_kinds_and_beams_are_checked() -> None:
    with pytest.raises(ConfigError, match="choose among transformer"):
        open_recogniser("x", kind="oracle")
    with pytest.raises(ConfigError, match="beams"):
        open_recogniser("x", beams=0)


def test_confidence_of_a_transcript_weighs_by_time() -> None:
    parts = (Segment("a", 0.0, 1.0, 0.5), Segment("b", 1.0, 4.0, 1.0))
    assert Transcript(parts).confidence == pytest.approx(0.5**0.25)
    assert Transcript((Segment("a", 0.0, 1.0),)).confidence is None and Transcript().confidence is None
