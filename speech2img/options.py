"""`Option`: what a row of a registry adds to the command line, and the kinds of numbers that options take."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LARGEST = 2**63 - 1
"""Largest number that an option takes."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option that one row of a registry has: ``--name`` on the command line, ``name`` as keyword argument."""

    name: str
    """Words joined by ``_``."""
    help: str
    """One line."""
    metavar: str | None = None
    """What stands for the value in the help."""
    kind: Callable[[str], Any] = str
    """Turns the text into the value; raises ValueError or ``argparse.ArgumentTypeError`` otherwise."""
    choices: tuple[Any, ...] = ()
    """The values allowed, or empty for any."""
    default: Any = None
    """The value where the option is not given."""
    is_flag: bool = False
    """Whether the option has no value and means True."""

    @property
    def flag(self) -> str:
        """The option as it is typed."""
        return f"--{self.name.replace('_', '-')}"


def positive(text: str) -> int:
    """An integer of at least 1."""
    return _integer(text, least=1, otherwise="is not at least 1")


def natural(text: str) -> int:
    """An integer of at least 0."""
    return _integer(text, least=0, otherwise="is below 0")


def _integer(text: str, *, least: int, otherwise: str) -> int:
    shown = text if len(text) <= 40 else f"{text[:20]}... ({len(text)} characters)"
    try:
        value = int(text)
    except ValueError as error:  # Python reads no number of more than 4,300 digits
        raise argparse.ArgumentTypeError(f"{shown} is not a whole number that can be used") from error
    if value < least:
        raise argparse.ArgumentTypeError(f"{shown} {otherwise}")
    if value > LARGEST:
        raise argparse.ArgumentTypeError(f"{shown} is above {LARGEST}")
    return value
