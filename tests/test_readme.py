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
from speech2img.pipeline import SpeechToImage
from speech2img.systems.registry import markdown_table
from speech2img.training.stages import STAGES

from .readme.documents import (
    DATA,
    EXPERIMENTS,
    PACKAGE,
    README,
    REPO,
    anchors,
    blocks,
    commands,
    links,
    section,
    words_of,
)

DOCUMENTS = sorted([README, DATA, PACKAGE, *REPO.glob("experiments/**/*.md")])
SCRIPTS = sorted(REPO.glob("experiments/**/*.sh")) + sorted(REPO.glob("tools/*.sh"))
RECIPES = [path for path in SCRIPTS if "experiments" in path.parts and path.name != "common.sh"]
SETTINGS = sorted(path for path in REPO.glob("experiments/**/*.toml") if path.name != "protocol.toml")
LINKED = [README, DATA, EXPERIMENTS, PACKAGE, REPO / "experiments" / "LOG.md", REPO / "experiments" / "METRICS.md"]
READING_PATH = re.findall(r"^\d+\. `(.+?)`", section(PACKAGE, "Reading path"), re.MULTILINE)


def _name(path: Path) -> str:
    return str(path.relative_to(REPO))


def _check(words: list[str]) -> None:
    """The arguments parse, and the settings of a training exist."""
    args = build_parser().parse_args(words)
    if args.verb == "train":
        STAGES[args.role].load_settings(file=args.config and REPO / args.config, overrides=args.set)


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_commands_of_documents_parse_and_their_settings_exist(path: Path) -> None:
    without_tables = re.sub(r"^\|.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for line in commands(without_tables):
        _check(words_of(line))


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
    assert len(commands(README.read_text(encoding="utf-8"))) >= 15


def test_the_readme_is_short_and_says_what_its_measure_is() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 160
    first = next(line for line in lines if "relative accuracy" in line.lower())
    assert "(accuracy - chance) / (real - chance)" in first


def test_the_table_of_systems_is_what_the_registry_prints() -> None:
    assert markdown_table().strip() in README.read_text(encoding="utf-8")


def test_the_reading_path_is_twelve_files_of_2300_lines() -> None:
    files = [PACKAGE.parent / name for name in READING_PATH]
    assert len(set(files)) == 12
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files) <= 2300


def test_every_room_is_on_the_map() -> None:
    rooms = [path.name for path in PACKAGE.parent.iterdir() if path.is_dir() and path.name != "__pycache__"]
    for document in (README, PACKAGE):
        text = document.read_text(encoding="utf-8")
        assert [room for room in rooms if f"`{room}/`" not in text and room != "released"] == [], document


def test_what_the_recipes_of_extension_name_is_there() -> None:
    text = section(PACKAGE, "How to extend")
    for name in re.findall(r"`([\w/]+\.py)`", text):
        assert "NAME" in name or (PACKAGE.parent / name).is_file() or (REPO / name).is_file(), name
    tables = re.findall(r"`([A-Z]+)`\s+(?:in\s+|\()`([\w/]+\.py)`", text)
    assert len(tables) == text.count("\n**") + 1
    for table, file in tables:
        assert re.search(rf"^{table}\b", (PACKAGE.parent / file).read_text(encoding="utf-8"), re.MULTILINE), table


@pytest.mark.parametrize("path", SCRIPTS, ids=_name)
def test_scripts_are_valid_bash_and_name_no_machine(path: Path) -> None:
    subprocess.run(["bash", "-n", str(path)], check=True, timeout=20)
    assert path.read_text(encoding="utf-8").endswith("\n")


@pytest.mark.parametrize("path", SETTINGS, ids=_name)
def test_every_shipped_settings_file_loads(path: Path) -> None:
    parts = path.stem.split("-")
    named = ["-".join(parts[:count]) for count in range(len(parts), 0, -1)]
    role = next((name for name in (*named, path.parent.name) if name in STAGES), None)
    assert role is not None, f"{path}: name it, or its folder, after its role"
    STAGES[role].load_settings(file=path)


def test_there_are_settings_for_every_recipe() -> None:
    assert {path.parent.name for path in SETTINGS} >= {"songbirds", "quickstart", "cub100"}


@pytest.mark.parametrize("path", LINKED, ids=_name)
def test_bash_blocks_call_scripts_that_exist(path: Path) -> None:
    for script in re.findall(r"^bash (\S+\.sh)", path.read_text(encoding="utf-8"), re.MULTILINE):
        assert (REPO / script).is_file(), script


def test_python_block_uses_names_and_arguments_that_exist() -> None:
    found = [blocks(path, "python") for path in (README, PACKAGE)]
    assert all(found)
    for node in (node for block in sum(found, []) for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)):
        function = node.func
        if isinstance(function, ast.Name) and function.id == "pipe":
            target = SpeechToImage.__call__
        elif isinstance(function, ast.Attribute) and getattr(function.value, "id", "") == "pipe":
            target = getattr(SpeechToImage, function.attr)
        else:
            continue
        known = inspect.signature(target).parameters
        assert {keyword.arg for keyword in node.keywords} <= set(known)


@pytest.mark.parametrize("path", LINKED, ids=_name)
def test_links_lead_to_files_and_to_their_headings(path: Path) -> None:
    for target, anchor in links(path):
        assert target.exists(), target
        assert not anchor or anchor in anchors(target), f"{target}#{anchor}"
