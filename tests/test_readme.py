"""What README, recipe scripts and settings files promise is there: commands parse, settings load, names exist."""

import ast
import inspect
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from speech2img.cli.main import build_parser
from speech2img.cli.train import ROLES, settings_class_of
from speech2img.config import load_settings
from speech2img.pipeline import SpeechToImage

REPO = Path(__file__).parents[1]
DOCUMENTS = sorted([REPO / "README.md", REPO / "data" / "README.md", *REPO.glob("experiments/**/*.md")])
SCRIPTS = sorted(REPO.glob("experiments/**/*.sh")) + sorted(REPO.glob("tools/*.sh"))
RECIPES = [path for path in SCRIPTS if "experiments" in path.parts and path.name != "common.sh"]
SETTINGS = sorted(REPO.glob("experiments/**/*.toml"))
VERBS = "check|prepare|synthesize|features|train|extract|generate|evaluate|import"


def _name(path: Path) -> str:
    return str(path.relative_to(REPO))


def _commands(text: str) -> list[list[str]]:
    """Arguments of every ``speech2img`` call in a document."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        match = re.search(rf"(?:^|\s|`)speech2img ((?:{VERBS})\b[^`]*)", line)
        if match and "VERB" not in line and not line.lstrip().startswith(("#", "|")):
            found.append(shlex.split(match[1], comments=True))
    return found


def _check(words: list[str]) -> None:
    """The arguments parse, and the settings of a training exist."""
    args = build_parser().parse_args(words)
    if args.verb == "train":
        load_settings(settings_class_of(args.role), file=args.config and REPO / args.config, overrides=args.set)


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_commands_of_documents_parse_and_their_settings_exist(path: Path) -> None:
    for words in _commands(path.read_text(encoding="utf-8")):
        _check(words)


@pytest.mark.parametrize("path", RECIPES, ids=_name)
def test_recipes_call_what_exists(path: Path, tmp_path: Path) -> None:
    log = tmp_path / "calls"
    stub = tmp_path / "bin" / "speech2img"
    stub.parent.mkdir()
    # One write a line: two of them run side by side.
    stub.write_text(f"#!/usr/bin/env bash\ncalled=$(printf '%q ' \"$@\"); echo \"$called\" >> '{log}'\n")
    stub.chmod(0o755)
    python = stub.with_name("python")
    known = '[ -f "$1" ] || [ "$1" = -m ]'
    python.write_text(f"#!/usr/bin/env bash\n{{ {known}; }} && echo python \"$@\" >> '{log}'\n")
    python.chmod(0o755)
    environ = {name: value for name, value in os.environ.items() if name not in ("SPEECH2IMG_VENV", "ROOT", "RUNS")}
    environ |= {"PATH": f"{stub.parent}:{environ['PATH']}", "SPEECH2IMG_REALDATA": str(tmp_path)}
    done = subprocess.run(["bash", str(path)], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    calls = log.read_text().splitlines()
    assert calls
    for line in calls:
        if not line.startswith("python "):
            _check(shlex.split(line))


def test_quickstart_says_where_the_report_is() -> None:
    assert "report.html" in (REPO / "experiments" / "quickstart.sh").read_text(encoding="utf-8").splitlines()[-1]


def test_the_documents_hold_commands() -> None:
    assert len(_commands((REPO / "README.md").read_text(encoding="utf-8"))) >= 15


@pytest.mark.parametrize("path", SCRIPTS, ids=_name)
def test_scripts_are_valid_bash_and_name_no_machine(path: Path) -> None:
    subprocess.run(["bash", "-n", str(path)], check=True, timeout=20)
    assert path.read_text(encoding="utf-8").endswith("\n")


@pytest.mark.parametrize("path", SETTINGS, ids=_name)
def test_every_shipped_settings_file_loads(path: Path) -> None:
    role = next((name for name in (path.stem.split("-")[0], path.parent.name) if name in ROLES), None)
    assert role is not None, f"{path}: name it, or its folder, after its role"
    load_settings(settings_class_of(role), file=path)


def test_there_are_settings_for_every_recipe() -> None:
    assert {path.parent.name for path in SETTINGS} >= {"songbirds", "quickstart", "cub100"}


def test_bash_blocks_call_scripts_that_exist() -> None:
    for script in re.findall(r"^bash (\S+\.sh)", (REPO / "README.md").read_text(encoding="utf-8"), re.MULTILINE):
        assert (REPO / script).is_file(), script


def test_python_block_uses_names_and_arguments_that_exist() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (REPO / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for node in (node for block in blocks for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)):
        function = node.func
        if isinstance(function, ast.Name) and function.id == "pipe":
            target = SpeechToImage.__call__
        elif isinstance(function, ast.Attribute) and getattr(function.value, "id", "") == "pipe":
            target = getattr(SpeechToImage, function.attr)
        else:
            continue
        known = inspect.signature(target).parameters
        assert {keyword.arg for keyword in node.keywords} <= set(known)


def test_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (REPO / "README.md").read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (REPO / target).exists(), target
