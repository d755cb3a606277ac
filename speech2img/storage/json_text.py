"""JSON from anywhere: a value of finite numbers and bounded depth, or one ``ValueError``."""

import json
import math
import re
from typing import Any

MAX_DEPTH = 100
"""Deepest nesting of arrays and objects; what this package writes stays below 20."""
MAX_INTEGER = 2**63 - 1
"""Largest absolute whole number: what a 64-bit integer holds."""

_LARGE_NUMBER = re.compile(r"[0-9]{16}|[0-9][eE]\+?[0-9]{3}")


def parse_json(text: str | bytes, *, allow_nan: bool = False) -> Any:
    """Parse JSON text whose numbers fit 64 bits and whose nesting is bounded.

    Parameters
    ----------
    text : str or bytes
        One JSON value; bytes are UTF-8.
    allow_nan : bool
        Whether ``NaN`` and ``Infinity``, which JSON does not know but Python writes, are values.

    Returns
    -------
    Any
        Dicts, lists, texts, ints of at most 64 bits, finite floats (unless `allow_nan`), booleans and None.

    Raises
    ------
    ValueError
        For everything else, and only this: broken text, nesting beyond `MAX_DEPTH`, numbers of hundreds of digits.
    """
    if isinstance(text, bytes):
        text = text.decode()
    constants: dict[str, Any] = {} if allow_nan else {"parse_constant": _refuse_constant}
    # Functions of our own for numbers cost a third of the time, so they are used where a number may be large.
    numbers: dict[str, Any] = {"parse_int": _integer, "parse_float": _finite} if _LARGE_NUMBER.search(text) else {}
    try:
        value = json.loads(text, **constants, **numbers)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value):
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(value := int(digits)) > MAX_INTEGER:
        raise ValueError(f"a whole number of {len(digits)} digits")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is too large")
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        containers = (item for item in level if isinstance(item, dict | list))
        level = [part for item in containers for part in (item.values() if isinstance(item, dict) else item)]
        if not level:
            return False
    return any(isinstance(item, dict | list) for item in level)
