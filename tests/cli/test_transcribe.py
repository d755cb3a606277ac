"""``transcribe``: a line a stretch; what is too long is told, and what is silent named."""

import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.recognisers import recogniser_release

from speech2img.audio.wav import write_wav
from speech2img.cli.main import main

CODE = "import sys, wave; n = wave.open(sys.argv[1]).getnframes(); print('a red bird' if n > 12000 else '')"
COMMAND = f'{sys.executable} -c "{CODE}" {{wav}}'


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    """A second of noise, half a second, six seconds."""
    paths = []
    for seconds in (1.0, 0.5, 6.0):
        y = 0.1 * np.random.default_rng(int(10 * seconds)).standard_normal(int(16_000 * seconds))
        paths.append(tmp_path / f"{seconds}.wav")
        write_wav(paths[-1], y, sample_rate=16_000)
    return paths


def test_a_line_of_each_and_what_has_no_text_is_named(
    recordings: list[Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "no.wav").write_bytes(b"no sound")
    words = ["transcribe", "--command", COMMAND, *map(str, recordings), str(tmp_path / "no.wav")]
    assert main(words) == 1
    printed = capsys.readouterr()
    rows = [line.split("\t") for line in printed.out.splitlines()]
    assert [row[0] for row in rows] == [str(recordings[0]), str(recordings[2])]
    assert rows[0][1:] == ["0.00-1.00 s", "-", "a red bird"]
    errors = printed.err.splitlines()
    assert len(errors) == 2 and "recognised nothing in it" in errors[0] and "no.wav" in errors[1]


def test_own_recogniser_divides_and_says_so(
    recordings: list[Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    release = recogniser_release(tmp_path / "release")
    main(["transcribe", "--recogniser", str(release), "--beams", "1", str(recordings[2])])
    assert "divided at pauses into 3 parts" in capsys.readouterr().err


def test_what_is_no_recogniser_is_a_line(recordings: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transcribe", "--recogniser", "hear-anyone", str(recordings[0])]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and "not a recogniser" in message
    assert main(["transcribe", "--command", "recognise", str(recordings[0])]) == 2
    assert "{wav}" in capsys.readouterr().err
