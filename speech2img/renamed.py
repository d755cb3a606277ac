"""Old names of settings and of what else is written to disk: files that hold them are read under the new ones."""

from collections.abc import Mapping, Set
from typing import Any, TypeVar

T = TypeVar("T")

RENAMED: Mapping[str, Mapping[str, str]] = {
    "settings": {
        "model.looks_through": "model.projection_network",
        "stretch": "mean_scale",
        "unsaid": "condition_dropout",
        "guidance": "guidance_scale",
    },
    "checkpoint": {
        "pupil": "model",
        "feature_critics": "projected",
        "discriminators": "pixel.networks",
        "optimizers": "pixel.optimizers",
    },
    "release": {
        "reader": "reranker",
        "stretch": "mean_scale",
        "guidance": "guidance_scale",
        "candidates": "num_candidates",
    },
    "tensors": {
        "reader": "reranker",
        "prior.said": "prior.regression",
        "prior.rest": "prior.residual_scale",
        "prior.unsaid": "prior.null_embedding",
    },
    "stats": {"said_and_shown": "attribute_recall"},
    "report": {
        "spoken_attribute_way": "spoken_relative_accuracy",
        "worded_attribute_way": "worded_relative_accuracy",
        "manner_attribute_way": "manner_relative_accuracy",
        "way": "relative_accuracy",
        "way_interval": "relative_accuracy_interval",
    },
}
"""Kind of file -> old name -> new name, of what is written to disk. Readers accept both, writers write the new one; a
line is never removed. "settings" are dotted, as in TOML, in saved settings and for ``--set``; "checkpoint" are keys of
a task's state, a dotted new one within a table; "release" are keys of a release's config; "tensors" are names of its
tensors, or what they begin with; "stats" are measures in ``stats.jsonl`` and checkpoints, and in the
setting ``selection``; "report" are metrics of ``report.json`` and fields of its scores by attribute."""


def renamed(section: str, mapping: Mapping[str, Any]) -> dict[str, Any]:
    """A flat mapping from a file, with new names (of `RENAMED`) for old ones.

    Parameters
    ----------
    section : str
        Kind of file, a key of `RENAMED`.
    mapping : Mapping of str to Any
        As it was written; where it has a name in both forms, the later one counts.
    """
    names = RENAMED[section]
    return {names.get(name, name): value for name, value in mapping.items()}


def modern_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """State of a training task under its new names; what has moved into a table is put there."""
    modern: dict[str, Any] = {}
    for name, value in renamed("checkpoint", state).items():
        table, _, key = name.partition(".")
        there = modern.get(table)
        modern[table] = {**(there if isinstance(there, dict) else {}), key: value} if key else value
    return modern


def modern_tensors(tensors: Mapping[str, T], *, part: str = "") -> dict[str, T]:
    """Tensors under their new names.

    Parameters
    ----------
    tensors : Mapping of str to tensor
        As they were written, in a release or in a network's state.
    part : str
        What the network's tensors begin with in a release, such as ``prior.``.
    """
    modern = {}
    for name, tensor in tensors.items():
        whole = f"{part}{name}"
        old = next((old for old in RENAMED["tensors"] if f"{whole}.".startswith(f"{old}.")), None)
        if old is not None:
            whole = RENAMED["tensors"][old] + whole.removeprefix(old)
        modern[whole.removeprefix(part)] = tensor
    return modern


def modern_value(name: str, value: Any) -> Any:
    """New form of a setting's value: ``selection`` holds the name of a measure."""
    return RENAMED["stats"].get(value, value) if name == "selection" and isinstance(value, str) else value


def modern_key(key: str, known: Set[str]) -> str:
    """New name of a dotted setting; a class that has a setting of the old name (among `known`) keeps it."""
    return key if key in known else RENAMED["settings"].get(key, key)


def modern_settings(values: Mapping[str, Any], known: Set[str], path: tuple[str, ...] = ()) -> dict[str, Any]:
    """Settings under their new names, table by table; with both names given, the old one is left as it is.

    Parameters
    ----------
    values : Mapping of str to Any
        As they were written, tables in tables.
    known : set of str
        Dotted names of all settings that the class has now.
    path : tuple of str
        Names of the tables around `values`.
    """
    modern: dict[str, Any] = {}
    for name, value in values.items():
        key = ".".join((*path, str(name)))
        if (new := modern_key(key, known)) != key and new.rpartition(".")[2] not in values:
            name = new.rpartition(".")[2]
        is_table = isinstance(value, Mapping)
        modern[name] = modern_settings(value, known, (*path, name)) if is_table else modern_value(name, value)
    return modern
