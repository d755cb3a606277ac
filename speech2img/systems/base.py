"""What a system is: a title, a source, and settings of the kinds of training it is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One system from speech to image, or a part of one.

    Settings stand behind functions without arguments, so that the names of all systems can be shown before torch is
    loaded. `speech2img.systems.registry` finds them by name.
    """

    title: str
    """What it is, in one line, as ``train --list`` prints it."""
    source: str
    """Authors and year, and where to read it: an arXiv number, a DOI, or a page of ours."""
    protocol: str
    """How its paper measured, or the nearest way that has a name: what ``evaluate --protocol`` takes, a key of
    ``metrics.report.protocols.PROTOCOLS``."""
    stages: Mapping[str, Callable[[], Any]]
    """Stage -> its settings, in the order of training; slips of the published code are corrected."""
    published: Mapping[str, Callable[[], Any]] = field(default_factory=lambda: MappingProxyType({}))
    """The same with the slips of the published code; instead of the stages of the same name.

    Empty where the code was never published, or where nothing in it contradicts its paper.
    """

    def __post_init__(self) -> None:
        """Check that the published form is one of what is there.

        Raises
        ------
        ValueError
            If there is no stage, or the published form has a stage that the corrected one lacks.
        """
        if not self.stages:
            raise ValueError(f"{self.title}: a system has one stage at least")
        if unknown := set(self.published) - set(self.stages):
            raise ValueError(f"{self.title}: a published form of {', '.join(sorted(unknown))}, which is no stage of it")
