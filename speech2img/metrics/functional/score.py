"""A measured number before it is known which network and pictures it is about."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from speech2img.metrics.functional.bootstrap import Interval


@dataclass(frozen=True)
class Score:
    """One number of one metric, with all that the mathematics knows about it.

    What it was measured on is added where it becomes a row of a report: `speech2img.metrics.report.report`.
    """

    name: str
    """Name of the metric, snake_case."""
    value: float
    """The number itself; a share of 1 is not yet in per cent."""
    num_samples: int
    """Generated pictures, queries or images; ``protocol`` says which."""
    protocol: str
    """What was computed, in one sentence."""
    seed: int = 0
    """Of subsets and resampling; the same gives the same number."""
    interval: Interval | None = None
    """95 % interval."""
    spread: float | None = None
    """Standard deviation over splits, subsets or folds."""
    higher_is_better: bool | None = True
    """None where neither is: a number that should be that of real images."""
    is_share: bool = False
    """Whether it is a part of 1, to be shown in per cent."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The metric's settings and the sizes of the sets, as JSON values.

    A report writes them beside the number, so that another program can compute it again.
    """
    warnings: tuple[str, ...] = ()
    """What a reader must know before trusting the number."""
