"""Test sets in voices that no training hears: the captions that are measured, as the evaluation looks for them."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.utterances import utterances_of
from speech2img.metrics.evaluate.conditions.recordings import recorded_elsewhere
from speech2img.metrics.evaluate.model_groups import choose_utterances

SCRIPT = Path(__file__).parents[2] / "experiments/hear-anyone/test_sets.py"


@pytest.fixture
def script() -> dict[str, object]:
    return runpy.run_path(str(SCRIPT))


def _speak(text: str, number: int) -> tuple[np.ndarray, int]:
    return 0.2 * np.sin(np.arange(22_050) * (0.05 + 0.01 * number)), 22_050


def _run(script: dict, monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["test_sets.py", *words])
    script["main"]()


@pytest.fixture
def corpus(tmp_path: Path, make_corpus: Callable[[Path], Path]) -> Path:
    (tmp_path / "corpus").mkdir()
    return make_corpus(tmp_path / "corpus")


def test_recordings_are_found_by_the_evaluation_and_made_once(
    script: dict, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def opened(models: Path) -> Callable[[str, int], tuple[np.ndarray, int]]:
        calls.append("opened")
        return _speak

    monkeypatch.setitem(script["ENGINES"], "flite-slt", opened)
    words = ("--root", str(corpus), "--out", str(tmp_path / "voices"), "--split", "test", "--limit", "4")
    words += ("--engines", "flite-slt")
    _run(script, monkeypatch, *words)
    records = utterances_of(Manifest.load(corpus), ["test"])
    found = recorded_elsewhere(records, tmp_path / "voices" / "flite-slt", root=corpus)
    assert {one.id for one in found} == {one.id for one in choose_utterances(records, count=4, seed=0)}
    samples, rate = soundfile.read(found[0].audio)
    assert rate == 16_000 and len(samples) == pytest.approx(16_000, abs=20)
    _run(script, monkeypatch, *words)
    assert calls == ["opened"]


def test_silence_is_no_recording(script: dict, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(script["ENGINES"], "hibari", lambda models: lambda text, number: (np.zeros(16_000), 16_000))
    with pytest.raises(SystemExit, match="hibari: .* came out as silence"):
        words = ("--root", str(corpus), "--out", str(tmp_path / "v"), "--split", "test", "--engines", "hibari")
        _run(script, monkeypatch, *words)
    assert not list((tmp_path / "v").rglob("*.flac"))


def test_a_caption_is_one_argument_of_a_program(script: dict, tmp_path: Path) -> None:
    program = tmp_path / "engine.py"
    program.write_text(
        "import sys, numpy, soundfile\n"
        "assert sys.argv[1] == 'a bird; rm -rf x' and open(sys.argv[2]).read() == sys.argv[1]\n"
        "soundfile.write(sys.argv[3], numpy.full(800, 0.1), 8000)\n"
    )
    speak = script["program"](sys.executable, str(program), "{text}", "{file}", "{wav}")
    samples, rate = speak("a bird; rm -rf x", 0)
    assert rate == 8000 and len(samples) == 800
