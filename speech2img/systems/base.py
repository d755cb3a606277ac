"""What a system is: a title, a source, and settings of the kinds of training it is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One system from speech to image, or a part of one.

    Settings stand behind functions without arguments, so that the names of all systems can be shown before torch is
    loaded.
    """

    title: str
    """What it is, in one line."""
    source: str
    """Authors and year, and where to read it."""
    stages: Mapping[str, Callable[[], Any]]
    """Stage -> its settings, in the order of training; slips of the published code are corrected."""
    published: Mapping[str, Callable[[], Any]] = field(default_factory=lambda: MappingProxyType({}))
    """The same with the slips of the published code; instead of the stages of the same name."""
    protocol: str | None = None
    """How its numbers were measured: a name of ``metrics.report.protocols``."""
