"""``speech2img VERB ...``: finds the verb, runs it, turns errors into one line and an exit status."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from speech2img.cli.interrupts import INTERRUPTS

if TYPE_CHECKING:
    from speech2img.cli.parsing import Parser

VERBS = (
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
    "import_weights",
    "compose",
    "calibrate",
)
"""Modules with ``add(verbs)``, in the order of the work; each imports what is heavy only when it runs."""

EPILOG = """\
the whole way on the corpus that comes with the library:
  speech2img prepare songbirds --size small --root data/songbirds
  speech2img synthesize --root data/songbirds
  speech2img features --root data/songbirds
  speech2img train teacher --root data/songbirds --out runs/teacher
  speech2img features --root data/songbirds --teacher runs/teacher
  speech2img train encoder --root data/songbirds --out runs/encoder
  speech2img extract --run runs/encoder --root data/songbirds
  speech2img train generator --root data/songbirds --out runs/generator
  speech2img evaluate --model runs/generator --root data/songbirds --split test_seen
with the weights that come with it:
  speech2img gallery --out gallery
  speech2img serve
  speech2img generate --model songbirds bird.wav --out pictures
"""


def build_parser(verb: str | None = None) -> "Parser":
    """The whole command line, or what there is of it for one verb: it parses that verb's arguments just the same."""
    import argparse
    from importlib import import_module

    from speech2img import __version__
    from speech2img.cli.parsing import Parser

    # The description, and a verb for each module; a process that runs one verb waits for no other.
    parser = Parser(
        prog="speech2img",
        description="A spoken description straight into an image, with no text in between.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"speech2img {__version__}")
    verbs = parser.add_subparsers(title="verbs", dest="verb", metavar="VERB", required=True, parser_class=Parser)
    wanted = [module for module in VERBS if module.removesuffix("_weights") == verb]
    for module in wanted or VERBS:
        import_module(f"speech2img.cli.{module}").add(verbs)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program's name; None: those of this process.

    Returns
    -------
    int
        Exit status: 0, or what :mod:`speech2img.errors` says of the error.
    """
    from speech2img.cli.process import run_reporting

    words = sys.argv[1:] if argv is None else argv
    return run_reporting(lambda: _run(words), debug="--debug" in words)


def _run(words: Sequence[str]) -> int:
    from speech2img.cli.complaints import require_address_space

    args = build_parser(words[0] if words else None).parse_args(words)
    require_address_space(args.verb)
    status: int = args.run(args)
    return status


def entry_point() -> NoReturn:
    """The installed command: as :func:`main`, in a process of its own that may be tuned and takes its own signals."""
    INTERRUPTS.install(saves=sys.argv[1:2] == ["train"])
    from speech2img.cli.process import open_streams, restart_tuned

    open_streams()
    restart_tuned()
    status = main()
    INTERRUPTS.finish()
    sys.exit(status)
