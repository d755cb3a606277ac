"""The weights that a training starts from: settings taken over from them, and what a run keeps of their config."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from speech2img.errors import ConfigError
from speech2img.storage.atomic import write_json
from speech2img.storage.reading import read_json

KEPT = "initial.json"
"""File of a run that says what its generator started from."""


def merged(
    own: Any, released: Mapping[str, Any], table: str, differing: list[str], *, free: Sequence[str] = ()
) -> dict[str, Any]:
    """Released values for those settings that are at their default.

    Parameters
    ----------
    own : dataclass
        Settings of the new run; what its class gives without arguments are the defaults.
    released : Mapping
        Values by the names of the settings, as the release's config has them; others of its keys are left alone.
    table : str
        What stands before the names in messages, such as ``model.``.
    differing : list of str
        Settings that were chosen and differ from the released ones are added to it, in words.
    free : sequence of str
        Settings that do not change what the weights mean: chosen ones stay.

    Returns
    -------
    dict
        What to change.
    """
    taken: dict[str, Any] = {}
    default = type(own)()
    for field in fields(own):
        if field.name not in released:
            continue
        value, mine = released[field.name], getattr(own, field.name)
        value = tuple(value) if isinstance(value, list) else value
        if mine == getattr(default, field.name):
            taken[field.name] = value
        elif mine != value and field.name not in free:
            differing.append(f"{table}{field.name} {value} (set: {mine})")
    return taken


def demand_same(name: str, differing: list[str]) -> None:
    """Raise ConfigError with all settings that do not fit the weights of ``name``, if there are any."""
    if differing:
        fix = "leave these settings out: they are taken over; or choose another initial"
        raise ConfigError.about(f"initial {name}", f"its weights have {', '.join(differing)}", fix)


def keep_start(name: str, config: Mapping[str, Any], run_dir: Path) -> None:
    """Keep what a run started from: the name, and the config that says what it was trained with."""
    write_json(run_dir / KEPT, {"initial": name, "config": dict(config)})


def kept_start(name: str, run_dir: Path) -> dict[str, Any] | None:
    """Config that `keep_start` kept under this name, so that a resumed run needs its start no more."""
    path = run_dir / KEPT
    if not path.is_file():
        return None
    kept = read_json(path)
    config = kept.get("config") if isinstance(kept, dict) and kept.get("initial") == name else None
    return config if isinstance(config, dict) else None
