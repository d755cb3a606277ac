"""Numbers of a report that share a group of samples and a network; what cannot be measured becomes a note."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from speech2img.errors import MetricError
from speech2img.metrics.functional.score import Score
from speech2img.metrics.report.report import MetricReport, MetricRow


@dataclass(frozen=True, kw_only=True)
class ReportSection:
    """Where the numbers of one measurement go, with all that must be told with each.

    Parameters
    ----------
    report : MetricReport
        The report.
    group : str
        What was measured on, in words.
    network, weights_sha256 : str
        The network behind the numbers, and the hash of its weights.
    images : str
        Protocol of the images in words: which, how cropped and resized; empty where the score says all.
    details : Mapping
        The same as fields of JSON.
    warnings : tuple of str
        What a reader must know of every number.
    suffix : str
        End of the names of the numbers, where they are a yardstick beside others.
    protocol : callable, optional
        Says how a number was measured, instead of the score's own words and ``images``.
    refusal : str
        The note instead of numbers that cannot be had: ``{title}`` of the metric, ``{group}`` and ``{error}``; empty
        for none, where another number's note says it already.
    """

    report: MetricReport
    group: str
    network: str
    weights_sha256: str
    images: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    suffix: str = ""
    protocol: Callable[[Score], str] | None = None
    refusal: str = "{title} of {group}: not measured ({error})."

    def add(self, title: str, measure: Callable[[], Sequence[Score]]) -> None:
        """Add the rows of one metric, or a note why there are none.

        Parameters
        ----------
        title : str
            What the metric is called.
        measure : callable
            Computes its numbers; its MetricError becomes the note.
        """
        try:
            scores = measure()
        except MetricError as error:
            if self.refusal:
                self.report.notes.append(self.refusal.format(title=title, group=self.group, error=error))
            return
        for score in scores:
            self.report.add(self._row(score))

    def note(self, text: str) -> None:
        """Say something of the numbers once."""
        if text not in self.report.notes:
            self.report.notes.append(text)

    def _row(self, score: Score) -> MetricRow:
        row = MetricRow.of(
            replace(score, name=f"{score.name}{self.suffix}", warnings=(*score.warnings, *self.warnings)),
            group=self.group,
            network=self.network,
            weights_sha256=self.weights_sha256,
            images=self.images,
            details=self.details,
        )
        if self.protocol is not None:
            return replace(row, protocol=self.protocol(score))
        return row if self.images else replace(row, protocol=score.protocol)
