"""Recipes that build on a preset say what differs from it, and nothing else."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from speech2img.systems.registry import preset
from speech2img.training.stages import STAGES

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
RECIPES = sorted([*EXPERIMENTS.glob("s2igan/*.toml"), *EXPERIMENTS.glob("comparison/*.toml")])


def lines(table: dict[str, Any], before: str = "") -> Iterator[str]:
    """Names of all settings in a file, such as ``loop.seed``."""
    for name, value in table.items():
        yield from lines(value, f"{before}{name}.") if isinstance(value, dict) else [before + name]


def value(settings: Any, name: str) -> Any:
    for part in name.split("."):
        settings = getattr(settings, part)
    return settings


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_line_differs_from_the_preset(path: Path) -> None:
    stage, _, system = path.stem.partition("-")
    base = preset(stage, "s2igan" if path.parent.name == "s2igan" else system.partition("-")[0])
    settings = STAGES[stage].load_settings(file=path, overrides=[], base=base)
    names = list(lines(tomllib.loads(path.read_text(encoding="utf-8"))))
    assert names
    assert not [name for name in names if value(settings, name) == value(base, name)]


def test_scripts_name_the_preset_wherever_they_name_a_recipe() -> None:
    for folder in ("s2igan", "comparison"):
        for script in sorted((EXPERIMENTS / folder).glob("*.sh")):
            trainings = [line for line in script.read_text(encoding="utf-8").splitlines() if "speech2img train" in line]
            for line in trainings:
                recipe = ".toml" in line or "$recipe" in line
                assert not recipe or "/teacher.toml" in line or "--preset" in line, f"{script}: {line}"


def test_no_recipe_ends_by_the_clock() -> None:
    """Minutes are other steps, and so other networks, on another machine and beside other work."""
    recipes = sorted(path for kind in ("*.toml", "*.sh") for path in EXPERIMENTS.rglob(kind))
    assert len(recipes) > 50
    assert not [str(path) for path in recipes if "max_minutes" in path.read_text(encoding="utf-8")]
