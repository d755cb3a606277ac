"""A command line with placeholders: split into arguments once, so that no text can become an option or an argument."""

import difflib
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from speech2img.errors import ConfigError

PLACEHOLDERS = ("text", "text_file", "wav", "voice", "rate", "pitch", "pitch_range")
EXAMPLE = "'flite -voice slt -t {text} -o {wav}'"

_PARTS = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_TEXT_ARGUMENT = re.compile(r"([^{}\s]*=)?\{text\}")


@dataclass(frozen=True, slots=True)
class CommandTemplate:
    """A command line, understood."""

    program: str
    """Path of the program."""
    arguments: tuple[str, ...]
    """All of the command line's words, the program's name first, with their placeholders."""

    @property
    def name(self) -> str:
        """The program's name without folder and ending, in characters that a voice may have."""
        return re.sub(r"\W+", "-", Path(self.arguments[0]).stem).strip("-") or "command"

    def uses(self, placeholder: str) -> bool:
        """Whether a placeholder is in it."""
        return any(placeholder in _PARTS.findall(argument) for argument in self.arguments)

    def filled(self, values: Mapping[str, str]) -> list[str]:
        """The arguments with values in place of the placeholders; what a value holds is not looked at again.

        An argument that is nothing but the text gets a blank before it unless it begins with a letter or a digit: so
        it is no option, whatever it says, and is spoken as before.
        """
        return [self._filled(argument, values) for argument in self.arguments]

    @staticmethod
    def _filled(argument: str, values: Mapping[str, str]) -> str:
        def value(match: re.Match[str]) -> str:
            return match[0][0] if match[1] is None else values[match[1]]

        filled = _PARTS.sub(value, argument)
        return f" {filled}" if argument == "{text}" and not filled[:1].isalnum() else filled


def parse_command(line: str) -> CommandTemplate:
    """Split a command line as a shell would, without running one.

    Parameters
    ----------
    line : str
        A program and its arguments, quoted as for a shell. In them ``{text}``, ``{text_file}``, ``{wav}``,
        ``{voice}``, ``{rate}``, ``{pitch}`` and ``{pitch_range}`` are replaced; ``{{`` and ``}}`` are braces.

    Raises
    ------
    ConfigError
        If nothing is there to be run, quotes are not closed, a placeholder is not known, the program is not there,
        or ``{text}`` stands where a text could say more than text.
    """
    subject = f"--command {line[:120]!r}"
    # Words, as a shell would split them; no shell runs it.
    try:
        arguments = tuple(shlex.split(line))
    except ValueError as error:
        raise ConfigError.about(subject, f"cannot be split into words ({error})", "close its quotes") from None
    if not arguments or not arguments[0] or "\0" in line:
        raise ConfigError.about(subject, "names no program", f"give for example {EXAMPLE}")
    # Placeholders, and a program that is there.
    for argument in arguments:
        _check_placeholders(subject, argument)
    if _PARTS.search(arguments[0]):
        raise ConfigError.about(subject, "its first word is the program and takes no placeholder", "name the program")
    program = shutil.which(arguments[0])
    if program is None:
        reason = f"there is no program {arguments[0]!r} that can be run"
        raise ConfigError.about(subject, reason, "install it, or give its whole path")
    return CommandTemplate(program, arguments)


def _check_placeholders(subject: str, argument: str) -> None:
    if "{" in (rest := _PARTS.sub("", argument)) or "}" in rest:
        reason = f"a brace stands alone in {argument[:60]!r}"
        raise ConfigError.about(subject, reason, "close the placeholder; {{ and }} are braces")
    names = [match[1] for match in _PARTS.finditer(argument) if match[1] is not None]
    for name in names:
        if name not in PLACEHOLDERS:
            near = difflib.get_close_matches(name, PLACEHOLDERS, n=1)
            hint = f"did you mean {{{near[0]}}}? " if near else ""
            known = ", ".join(f"{{{placeholder}}}" for placeholder in PLACEHOLDERS)
            fix = f"{hint}known are {known}; {{{{ and }}}} are braces"
            raise ConfigError.about(subject, f"{{{name[:40]}}} is no placeholder", fix)
    if "text" in names and not _TEXT_ARGUMENT.fullmatch(argument):
        reason = f"in the argument {argument[:60]!r} a text could say more than what is to be spoken"
        fix = "make {text} an argument of its own or --NAME={text}, or use {text_file}"
        raise ConfigError.about(subject, reason, fix)
