"""The report: every number with what it was measured on and how; nothing gets in without."""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from speech2img.errors import MetricError
from speech2img.metrics.functional.score import Score
from speech2img.metrics.functional.spoken_attributes import AttributeScore
from speech2img.storage.atomic import write_json, write_text

MENTION_KINDS: Mapping[str, str] = {
    "spoken_attribute": "all that is said",
    "worded_attribute": "said in words",
    "manner_attribute": "light, by manner of speaking alone",
}
"""First part of the names of the spoken-attribute metrics -> what is counted."""
FLOORS: Mapping[str, str] = {
    "_of_training_pictures": "real training pictures",
    "_of_test_halves": "halves of the real test pictures",
}
"""End of the names of the same measures of real pictures alone -> which pictures."""
CONDITION = "condition"
"""Name in the details of a number of one condition of recording."""


@dataclass(frozen=True)
class MetricRow:
    """One number and all that is needed to compare it with another one."""

    name: str
    """Name of the metric, snake_case."""
    group: str
    """What it was measured on, in words: "unseen species", ..."""
    value: float
    num_samples: int
    """Pictures, utterances or mentions; ``protocol`` says which."""
    protocol: str
    """How it was measured, in one sentence."""
    seed: int
    network: str
    """The network whose features or answers it rests on, "none" where there is none."""
    weights_sha256: str
    """Hash of that network's weights, "none" where there is none."""
    interval: tuple[float, float] | None = None
    """95 % interval."""
    spread: float | None = None
    """Standard deviation over splits or subsets."""
    higher_is_better: bool | None = True
    """None where more is neither better nor worse by itself."""
    is_share: bool = False
    """Whether it is a part of 1, to be shown in per cent."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """The protocol as fields: sizes of the sets, splits, resize filter, crop rule, ..., as JSON values."""
    warnings: tuple[str, ...] = ()
    """What a reader must know before trusting the number; ``report.md`` shows it among the notes."""

    @property
    def is_of_condition(self) -> bool:
        """Whether the tables of voices and conditions show it, and the others leave it out."""
        return CONDITION in self.details

    @classmethod
    def of(
        cls,
        score: Score,
        *,
        group: str,
        network: str,
        weights_sha256: str,
        images: str,
        details: Mapping[str, Any] | None = None,
    ) -> "MetricRow":
        """The row of a measured number.

        Parameters
        ----------
        score : Score
            The number.
        group : str
            What it was measured on, in words.
        network, weights_sha256 : str
            The network that made the features, and the hash of its weights.
        images : str
            Protocol of the pictures in words: which, how cropped and resized.
        details : Mapping, optional
            The same as fields of JSON: resize filter, crop rule, EMA, hash of the file list.
        """
        return cls(
            name=score.name,
            group=group,
            value=score.value,
            num_samples=score.num_samples,
            protocol=f"{score.protocol}; {images}",
            seed=score.seed,
            network=network,
            weights_sha256=weights_sha256,
            interval=score.interval,
            spread=score.spread,
            higher_is_better=score.higher_is_better,
            is_share=score.is_share,
            details={**score.settings, **(details or {})},
            warnings=score.warnings,
        )


@dataclass
class MetricReport:
    """All numbers of one evaluation, and what was evaluated."""

    title: str
    model: dict[str, Any]
    """Name, weights hash, picture size."""
    corpus: dict[str, Any]
    """Name, splits, numbers of utterances."""
    settings: dict[str, Any]
    """Seed and counts of the evaluation."""
    rows: list[MetricRow] = field(default_factory=list)
    attributes: dict[str, dict[str, AttributeScore]] = field(default_factory=dict)
    """Group -> attribute -> score."""
    judge_accuracy: dict[str, float] = field(default_factory=dict)
    """The judge's own accuracy per attribute on held-out real pictures."""
    notes: list[str] = field(default_factory=list)
    """What a reader must know to judge the numbers."""
    sections: dict[str, list[str]] = field(default_factory=dict)
    """Heading -> lines of Markdown, after the numbers."""
    every_row: dict[str, Any] = field(default_factory=dict)
    """What holds for all numbers and goes into the details of each, as JSON values: whether weights are averaged."""
    environment: dict[str, str] = field(
        default_factory=lambda: {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "machine": platform.machine(),
        }
    )

    def add(self, row: MetricRow) -> None:
        """Add a number.

        Raises
        ------
        MetricError
            If it is not finite, or says not how, on how many samples, or with which network it was measured.
        """
        # Every number says how it was measured.
        for name in ("protocol", "network", "weights_sha256", "group"):
            if not getattr(row, name).strip():
                raise MetricError.about(
                    f"metric {row.name}",
                    f"it has no {name}",
                    "say it: a number without its protocol cannot be compared with any other",
                )
        # It is a number of something.
        if row.num_samples < 1:
            raise MetricError.about(f"metric {row.name}", "it counts no samples", "say on how many it was measured")
        if not np.isfinite(row.value):
            raise MetricError.about(
                f"metric {row.name}", f"its value is {row.value}", "find out why before reporting it"
            )
        if any(row.name == other.name and row.group == other.group for other in self.rows):
            raise MetricError.about(f"metric {row.name}", f"'{row.group}' has it already", "name the second one apart")
        self.rows.append(replace(row, details={**self.every_row, **row.details}))

    def row(self, name: str, group: str) -> MetricRow:
        """The row of a metric and group; MetricError if there is none."""
        for row in self.rows:
            if (row.name, row.group) == (name, group):
                return row
        raise MetricError.about(f"metric {name}", f"not measured on '{group}'", "look at report.json for what was")

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values for JSON."""
        plain = asdict(self)
        plain["metrics"] = plain.pop("rows")
        return plain

    def to_markdown(self) -> str:
        """The report as a Markdown text."""
        # What was measured.
        lines = [f"# {self.title}", ""]
        lines += [
            f"- {label}: {_inline(values)}"
            for label, values in (
                ("model", self.model),
                ("corpus", self.corpus),
                ("settings", self.settings),
                ("environment", self.environment),
            )
        ]
        # All numbers.
        lines += self._spoken_attributes()
        lines += ["", "## All numbers", "", "| metric | measured on | value | n | seed | network | weights |"]
        lines += ["|---|---|---|---|---|---|---|"]
        lines += [
            f"| {row.name} | {row.group} | {format_value(row)} | {row.num_samples} | {row.seed} | {row.network} "
            f"| `{row.weights_sha256[:12]}` |"
            for row in self.rows
            if not row.is_of_condition and not row.name.endswith(tuple(FLOORS))
        ]
        lines += self._floors()
        if self.attributes:
            lines += ["", "## By attribute", ""]
            lines += [
                "| measured on | attribute | accuracy | chance | real | relative accuracy | mentions | judge alone |",
                "|---|---|---|---|---|---|---|---|",
            ]
            lines += [
                f"| {group} | {name} | {percent(score.accuracy)} | {percent(score.chance)} "
                f"| {percent(score.real)} | {percent(score.relative_accuracy)} | {score.num_mentions} "
                f"| {percent(self.judge_accuracy.get(name))} |"
                for group, scores in self.attributes.items()
                for name, score in scores.items()
            ]
        # What else was found, and how each number was measured.
        for heading, section in self.sections.items():
            lines += ["", f"## {heading}", "", *section]
        lines += ["", "## Protocols", ""]
        protocols: dict[str, str] = {}
        for row in self.rows:
            protocols.setdefault(row.protocol, row.name)
        lines += [f"- **{name}**: {protocol}" for protocol, name in protocols.items()]
        notes = [*self.notes, *(f"{row.name}, {row.group}: {warning}" for row in self.rows for warning in row.warnings)]
        if notes:
            lines += ["", "## Notes", ""] + [f"- {note}" for note in notes]
        return "\n".join(lines) + "\n"

    def _floors(self) -> list[str]:
        """One line a distance: of generated pictures, and what real pictures alone have by the same measure."""
        rows = {(row.name, row.group): row for row in self.rows}
        lines = []
        for (name, group), row in rows.items():
            floors = [rows.get((name + end, group)) for end in FLOORS]
            if any(floor is not None for floor in floors):
                cells = ["–" if one is None else f"{format_value(one)} (n {one.num_samples})" for one in (row, *floors)]
                lines.append(f"| {name} | {group} | {' | '.join(cells)} |")
        if not lines:
            return []
        head = ["metric", "measured on", "generated", *FLOORS.values()]
        return ["", "## Beside real pictures", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines]

    def _spoken_attributes(self) -> list[str]:
        """One line a group and kind of mention: accuracy, chance, real, relative accuracy."""
        rows = {(row.name, row.group): row for row in self.rows if not row.is_of_condition}
        lines = []
        for group in dict.fromkeys(group for _, group in rows):
            for prefix, what in MENTION_KINDS.items():
                if (f"{prefix}_accuracy", group) in rows:
                    names = (f"{prefix}_accuracy", f"{prefix}_chance", f"{prefix}_real", relative_accuracy_name(prefix))
                    cells = [rows.get((name, group)) for name in names]
                    shown = " | ".join("–" if row is None else format_value(row) for row in cells)
                    lines.append(f"| {group} | {what} | {shown} |")
        if not lines:
            return []
        return [
            "",
            "## How much of what is said does the picture show?",
            "",
            "Relative accuracy = (accuracy - chance) / (real - chance): 0 % where pictures ignore what is said, 100 %",
            "where they show it as well as the real pictures do.",
            "",
            "| measured on | mentions | accuracy | chance | real | relative accuracy |",
            "|---|---|---|---|---|---|",
            *lines,
        ]

    def save(self, folder: Path) -> None:
        """Write ``report.json`` and ``report.md`` into ``folder``, each whole or not at all."""
        write_json(folder / "report.json", self.to_dict())
        write_text(folder / "report.md", self.to_markdown())


def relative_accuracy_name(prefix: str) -> str:
    """Name of the relative accuracy of one of ``MENTION_KINDS``: ``spoken_relative_accuracy``, ..."""
    return f"{prefix.removesuffix('_attribute')}_relative_accuracy"


def percent(value: float | None) -> str:
    """``0.4211`` as "42.1 %"; a dash for None."""
    return "–" if value is None else f"{100 * value:.1f} %"


def format_value(row: MetricRow) -> str:
    """Value with its interval or spread, shares in per cent."""
    show = percent if row.is_share else _significant
    text = show(row.value)
    if row.interval is not None:
        text += f" [{show(row.interval[0])} to {show(row.interval[1])}]"
    if row.spread is not None:
        text += f" ± {show(row.spread)}"
    return text


def _significant(value: float) -> str:
    return f"{value:.4g}"


def _inline(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())
