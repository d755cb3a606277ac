"""What a release was trained with: the networks and voices whose part in it travels with the weights."""

from collections.abc import Mapping
from typing import Any

TRAINED_WITH = "trained_with"
"""Key in a release's config: role -> SHA-256 of the weights of each network that the training used."""

UNKNOWN = "unknown"
"""Stands for the hash of networks of a part of the training that was not recorded."""


def trained_with(config: Mapping[str, Any]) -> dict[str, str] | None:
    """Networks that a release was trained with.

    Parameters
    ----------
    config : Mapping
        The release's config.

    Returns
    -------
    dict of str to str, or None
        Role -> SHA-256 of the weights in lower case; None if the config does not record them.
    """
    record = config.get(TRAINED_WITH)
    if not isinstance(record, Mapping) or not all(isinstance(value, str) for value in record.values()):
        return None
    return {str(role): value.lower() for role, value in record.items()}


def inherited(config: Mapping[str, Any], part: str) -> dict[str, str]:
    """What a training takes over with a release that it starts from or contains.

    Parameters
    ----------
    config : Mapping
        That release's config.
    part : str
        What it is in the new model, in words: "generator".

    Returns
    -------
    dict of str to str
        Role, named after the part, -> hash; `UNKNOWN` where the config does not record it.
    """
    recorded = trained_with(config)
    if recorded is None:
        return {f"{part}'s own": UNKNOWN}
    return {f"{part}'s {role}": sha256 for role, sha256 in recorded.items()}
