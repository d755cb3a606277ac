"""Argument parsing that the verbs share: one-line errors with the nearest name, and the options most verbs have."""

import argparse
import difflib
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from speech2img.options import Option, natural, positive
from speech2img.storage.notices import notice

_MAX_VALUE = 200  # characters of a value that a message repeats


class Parser(argparse.ArgumentParser):
    """An ``ArgumentParser`` whose errors are one line with the nearest valid name."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with status 2."""
        choice = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if choice:
            known = [name.strip(" '\"") for name in choice[2].split(",")]
            near = difflib.get_close_matches(choice[1], known, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            message = f"'{choice[1]}' is not known; {hint}known: {', '.join(known)}"
        if len(message) > 4 * _MAX_VALUE:
            message = f"{message[:_MAX_VALUE]} ... {message[-_MAX_VALUE:]}"
        notice(f"{message} (see {self.prog} --help)", by=self.prog)
        sys.exit(2)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print a help; unlike the standard library's, one that does not arrive is an error."""
        if file is not None and message:
            print(message, end="", file=file, flush=True)


def add_root(parser: argparse.ArgumentParser) -> None:
    """``--root``: the corpus folder."""
    parser.add_argument("--root", type=Path, required=True, metavar="DIR", help="the corpus folder")


def add_workers(parser: argparse.ArgumentParser) -> None:
    """``--workers``: processes for preparation work."""
    parser.add_argument("--workers", type=positive, default=2, metavar="N", help="processes to use (default 2)")


def add_device(parser: argparse.ArgumentParser) -> None:
    """``--device``."""
    parser.add_argument("--device", default="auto", help="auto (CUDA, else CPU), cpu, cuda, cuda:1 ... (default auto)")


def add_seed(parser: argparse.ArgumentParser) -> None:
    """``--seed``."""
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="same seed, same result (default 0)")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """``--config`` and ``--set``: a TOML file and single values over it."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file with settings; the rest are defaults")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one setting over the file's, e.g. loop.max_steps=500",
    )


def add_option(parser: "argparse.ArgumentParser | argparse._ArgumentGroup", option: Option) -> None:
    """An option of a row of a registry."""
    if option.is_flag:
        parser.add_argument(option.flag, action="store_true", help=option.help)
        return
    parser.add_argument(
        option.flag,
        type=option.kind,
        choices=option.choices or None,
        default=option.default,
        metavar=option.metavar,
        help=option.help,
    )


def add_verb(
    verbs: "argparse._SubParsersAction[Parser]", name: str, *, summary: str, description: str, examples: Iterable[str]
) -> argparse.ArgumentParser:
    """A verb's parser: description above its options, examples below them."""
    parser = verbs.add_parser(
        name,
        help=summary,
        description=description,
        epilog="examples:\n" + "\n".join(f"  {line}" for line in examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser
