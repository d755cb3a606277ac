"""A measured number before it is known which network and pictures it is about; ``row`` makes a report's row of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from speech2img.metrics.functional.bootstrap import Interval
from speech2img.metrics.report.report import MetricRow


@dataclass(frozen=True)
class Score:
    """One number of one metric, with all that the mathematics knows about it."""

    name: str
    """Name of the metric, snake_case."""
    value: float
    num_samples: int
    """Generated pictures, queries or images; ``protocol`` says which."""
    protocol: str
    """What was computed, in one sentence."""
    seed: int = 0
    interval: Interval | None = None
    """95 % interval."""
    spread: float | None = None
    """Standard deviation over splits, subsets or folds."""
    higher_is_better: bool | None = True
    is_share: bool = False
    """Whether it is a part of 1, to be shown in per cent."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The metric's settings and the sizes of the sets, as JSON values."""
    warnings: tuple[str, ...] = ()
    """What a reader must know before trusting the number."""

    def row(
        self, *, group: str, network: str, weights_sha256: str, pictures: str, details: Mapping[str, Any] | None = None
    ) -> MetricRow:
        """The report's row of this number.

        Parameters
        ----------
        group : str
            What it was measured on, in words.
        network, weights_sha256 : str
            The network that made the features, and the hash of its weights.
        pictures : str
            Protocol of the pictures in words: which, how cropped and resized.
        details : Mapping, optional
            The same as fields of JSON: resize filter, crop rule, EMA, hash of the file list.
        """
        return MetricRow(
            name=self.name,
            group=group,
            value=self.value,
            num_samples=self.num_samples,
            protocol=f"{self.protocol}; {pictures}",
            seed=self.seed,
            network=network,
            weights_sha256=weights_sha256,
            interval=self.interval,
            spread=self.spread,
            higher_is_better=self.higher_is_better,
            is_share=self.is_share,
            details={**self.settings, **(details or {})},
            warnings=self.warnings,
        )
