"""Scripts outside the package name only what the package has: renaming leaves none of them behind."""

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest

REPO = Path(__file__).parents[1]
SCRIPTS = sorted(path for folder in ("experiments", "tools", "tests") for path in (REPO / folder).rglob("*.py"))
OF_OLDER_CODE = {REPO / "tests/legacy/make.py"}
"""Runs with an older commit."""


def _imported(path: Path) -> list[tuple[str, str | None]]:
    """Module and name of everything that a script imports from the package, wherever in it."""
    wanted: list[tuple[str, str | None]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "speech2img":
            wanted += [(node.module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            wanted += [(alias.name, None) for alias in node.names if alias.name.split(".")[0] == "speech2img"]
    return wanted


def _is_there(module: str, name: str | None) -> bool:
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] != "speech2img":
            pytest.skip(f"{error.name} of an extra is not installed")
        return False
    if name is None or hasattr(found, name):
        return True
    return hasattr(found, "__path__") and importlib.util.find_spec(f"{module}.{name}") is not None


def test_what_is_not_there_is_noticed() -> None:
    assert _is_there("speech2img.errors", "DataError") and _is_there("speech2img.storage", "reading")
    assert not _is_there("speech2img.errors", "NoSuchError") and not _is_there("speech2img.nothing", None)


@pytest.mark.parametrize("path", sorted(set(SCRIPTS) - OF_OLDER_CODE), ids=lambda path: str(path.relative_to(REPO)))
def test_imports_from_the_package_exist(path: Path) -> None:
    missing = [f"{module}: {name}" for module, name in _imported(path) if not _is_there(module, name)]
    assert not missing
