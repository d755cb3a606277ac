"""Words of the code: the field's, and none of our own; lines that tell a reader where a long body has got to."""

import ast
import io
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "speech2img"
MODULES = sorted(PACKAGE.rglob("*.py"))
PRIVATE = {"pupil", "sight", "told", "critics", "joined", "descent", "painter"}
"""Words that this code once had for what the field calls otherwise; `RENAMED` holds them for files that still do."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_MARKS = ("fmt: skip", "type: ignore", "noqa", "pragma")
"""Comments that speak to programs."""
_LAYOUT = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@cache
def _tokens(path: Path) -> tuple[tokenize.TokenInfo, ...]:
    return tuple(tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline))


def _found_in(pattern: str) -> set[str]:
    """Files of the package whose text has a match."""
    return {_name(path) for path in MODULES if re.search(pattern, path.read_text(encoding="utf-8"))}


def _outside(files: set[str], *places: str) -> set[str]:
    """Those of some files that lie neither in these folders nor are these files."""
    return {file for file in files if not file.startswith(places)}


def _docstring_lines(tree: ast.AST) -> set[int]:
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("PixelDiscriminators", ["pixel", "discriminators"]),
        ("said_and_shown", ["said", "and", "shown"]),
        ("RDGCritics", ["rdg", "critics"]),
        ("_MOST_TOLD", ["most", "told"]),
    ],
)
def test_words_of_a_name_are_told_apart(name: str, words: list[str]) -> None:
    assert [word.lower() for word in _WORD.findall(name)] == words


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_no_name_has_a_private_word(path: Path) -> None:
    names = {token.string for token in _tokens(path) if token.type == tokenize.NAME}
    private = {name for name in names if PRIVATE & {word.lower() for word in _WORD.findall(name)}}
    assert not private, f"{path}: {', '.join(sorted(private))}"
    assert not PRIVATE & {word.lower() for part in Path(_name(path)).with_suffix("").parts for word in part.split("_")}


def test_each_network_is_known_where_it_belongs() -> None:
    """Other rooms ask the registries, so that another generator or extractor does not touch them."""
    stackgan = _found_in(r"\bStackGenerator\b")
    assert stackgan and not _outside(stackgan, "models/generators/", "models/published/", "training/stackgan/")
    pool = _found_in(r"\bpool2048\b")
    inception = ("models/vision/inception.py", "models/vision/image_classifier.py", "metrics/report/protocols.py")
    assert pool and not _outside(pool, "features/", *inception)


def test_no_general_room_knows_the_corpus_that_is_drawn_here() -> None:
    """Named where it is made and listed, and where weights that came with the package are, which bear its name."""
    assert not _outside(_found_in(r"(?<!number\.)\bcorpus (?:==|!=) "), "metrics/report/published_results.py")
    identifiers = {
        _name(path)
        for path in MODULES
        for token in _tokens(path)
        if token.type == tokenize.NAME and "songbird" in token.string.lower()
    }
    assert not _outside(identifiers, "corpora/songbirds/", "corpora/registry.py", "systems/")


def test_columns_are_kept_by_hand_in_tables_only() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in MODULES)
    assert text.count("# fmt: skip") < 20


def test_long_bodies_have_landmarks() -> None:
    """At least three lines of comment in a hundred of code, docstrings counted as neither."""
    comments = code = 0
    for path in MODULES:
        lines: set[int] = set()
        for token in _tokens(path):
            if token.type == tokenize.COMMENT:
                comments += not any(mark in token.string for mark in _MARKS)
            elif token.type not in _LAYOUT:
                lines |= set(range(token.start[0], token.end[0] + 1))
        code += len(lines - _docstring_lines(ast.parse(path.read_text(encoding="utf-8"))))
    assert comments >= 0.03 * code, f"{comments} lines of comments, {code} of code"
