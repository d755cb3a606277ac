"""Command lines with placeholders: no text becomes an option or another argument."""

import sys

import pytest

from speech2img.errors import ConfigError
from speech2img.tts.command.template import parse_command

VALUES = {
    "text": "a bird",
    "text_file": "/t/text.txt",
    "wav": "/t/speech.wav",
    "voice": "slt",
    "rate": "175",
    "pitch": "50",
    "pitch_range": "40",
}


def test_words_are_split_once_and_placeholders_replaced_within_them() -> None:
    command = parse_command(f"{sys.executable} --out={{wav}} 'two words' -v x-{{voice}}.onnx {{{{rate}}}} {{text}}")
    assert command.program == sys.executable
    assert command.filled(VALUES)[1:] == ["--out=/t/speech.wav", "two words", "-v", "x-slt.onnx", "{rate}", "a bird"]
    assert command.uses("wav") and command.uses("voice") and not command.uses("rate") and not command.uses("text_file")


@pytest.mark.parametrize(
    "text",
    ["--help", "-o /etc/passwd", "@file", "/etc/passwd", "'; rm -rf ~ #", "$(id) `id`", "{wav} {voice}", "a\\ 'b\" c"],
)
def test_whatever_a_text_says_it_is_one_argument_and_no_option(text: str) -> None:
    command = parse_command("cat {text} --say={text} -o {wav}")
    filled = command.filled({**VALUES, "text": text})
    assert filled == ["cat", text if text[0].isalnum() else f" {text}", f"--say={text}", "-o", "/t/speech.wav"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "names no program"),
        ("''", "names no program"),
        ("cat 'x", "No closing quotation.*close its quotes"),
        ("cat {txt}", "{txt} is no placeholder; did you mean {text}[?] known are {text}, {text_file}, {wav}, {voice}"),
        ("cat {}", "{} is no placeholder"),
        ("cat {wav", "a brace stands alone in '{wav'; close the placeholder"),
        ("cat text}", "a brace stands alone"),
        ("cat {text!r}", "is no placeholder"),
        ("{voice} {text}", "takes no placeholder"),
        ("no-such-program-here {text}", "no program 'no-such-program-here' that can be run; install it"),
        ("/etc/passwd {text}", "that can be run"),
        (
            "sh -c 'flite -t {text}'",
            "a text could say more than what is to be spoken; make {text} an argument of its own",
        ),
        ("cat '(SayText \"{text}\")'", "could say more"),
        ("cat {text}{voice}", "could say more"),
        ("cat -t{text}", "could say more"),
        ("cat 'a b={text}'", "could say more"),
    ],
)
def test_a_line_that_cannot_be_used_is_refused_in_one_line(line: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        parse_command(line)
    assert "\n" not in str(caught.value)


def test_the_name_is_the_programs_without_folder_and_ending() -> None:
    assert parse_command(sys.executable).name.startswith("python")
    assert parse_command("cat {text}").name == "cat"
