"""What the command line accepts, and how it says what it does not."""

import subprocess
import sys

import pytest

from speech2img import __version__
from speech2img.cli.main import VERBS, build_parser, main

NAMES = [
    "check",
    "prepare",
    "synthesize",
    "features",
    "train",
    "extract",
    "generate",
    "transcribe",
    "gallery",
    "serve",
    "evaluate",
    "import",
    "compose",
    "calibrate",
]


def _refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_every_verb_is_there_and_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(VERBS) == len(NAMES)
    for name in NAMES:
        with pytest.raises(SystemExit) as stop:
            main([name, "--help"])
        assert stop.value.code == 0
        text = capsys.readouterr().out
        assert "examples:" in text and f"speech2img {name}" in text
        assert max(len(line) for line in text.splitlines()) <= 120


def test_examples_of_the_help_parse(capsys: pytest.CaptureFixture[str]) -> None:
    import shlex

    parser = build_parser()
    count = 0
    for name in [None, *NAMES]:
        with pytest.raises(SystemExit):
            main([name, "--help"] if name else ["--help"])
        for line in capsys.readouterr().out.splitlines():
            words = shlex.split(line) if line.strip().startswith("speech2img ") else []
            if words and words[1] in NAMES and "[" not in line:
                assert parser.parse_args(words[1:]).verb == words[1]
                count += 1
    assert count >= 2 * len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_parser_of_one_verb_is_that_of_all(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    helps = []
    for parser in (build_parser(), build_parser(name)):
        with pytest.raises(SystemExit):
            parser.parse_args([name, "--help"])
        helps.append(capsys.readouterr().out)
    assert helps[0] == helps[1]


def test_a_verb_waits_for_no_other() -> None:
    code = (
        "import sys\nfrom speech2img.cli.main import build_parser\n"
        "build_parser('generate')\n"
        "assert not {'speech2img.corpora', 'speech2img.tts'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"speech2img {__version__}\n"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["generat", "a.wav"], "did you mean 'generate'?"),
        (["prepare", "songbird", "--root", "x"], "did you mean 'songbirds'?"),
        (["train", "coder", "--root", "x", "--out", "y"], "did you mean 'encoder'?"),
        (["import", "li2020", "f", "--out", "y"], "li2020-encoder"),
        (["extract", "--root", "x"], "--run"),
        (["generate", "a.wav", "--out", "o", "--num-images", "0"], "0 is not at least 1"),
        (["generate", "a.wav", "--out", "o", "--seed", "-1"], "-1 is below 0"),
        ([], "VERB"),
        (["import_weights", "f"], "did you mean 'import'?"),
    ],
)
def test_wrong_arguments_are_one_line_with_the_way_out(
    argv: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = _refused(argv, capsys)
    assert words in line and "--help" in line
