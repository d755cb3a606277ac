"""What is built from the tree: the source distribution holds what its tests need, the wheel what its users need."""

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

REPO = Path(__file__).parents[1]


def _build(kind: str, folder: Path) -> Path:
    pytest.importorskip("hatchling", reason="hatchling, of the extra 'dev', builds the distributions")
    command = [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(folder)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return next(folder.iterdir())


def _tracked() -> set[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPO, capture_output=True, text=True, timeout=60)
    if listed.returncode != 0:
        pytest.skip("the tree is no git checkout: there is nothing to compare the distribution with")
    return {name for name in listed.stdout.split("\0") if name and (REPO / name).is_file()}


def test_the_source_distribution_holds_every_tracked_file(tmp_path: Path) -> None:
    with tarfile.open(_build("sdist", tmp_path)) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert _tracked() <= held
    assert not [name for name in held if name.startswith(("runs/", ".venv", "dist/")) or name.endswith(".pyc")]


def test_the_wheel_holds_the_package_with_its_weights_and_nothing_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(_build("wheel", tmp_path)) as archive:
        held = set(archive.namelist())
    package = {name for name in _tracked() if name.startswith("speech2img/")}
    assert package <= held
    assert not [name for name in held - package if ".dist-info/" not in name and not name.endswith(".py")]


def test_every_dependency_says_why_it_is_there() -> None:
    lines = (REPO / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    project = tomllib.loads("\n".join(lines))["project"]
    needed = [
        *project["dependencies"],
        *project["optional-dependencies"]["tts"],
        *project["optional-dependencies"]["kokoro"],
        *project["optional-dependencies"]["app"],
    ]
    for need in needed:
        line = next(line for line in lines if f'"{need}"' in line)
        assert len(line.partition("#")[2].strip()) > 10, need
    assert project["urls"]
