"""Tables of the comparison as Markdown: encoders by `02_encoders.sh`, whole models by `04_evaluate.sh`."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from speech2img.errors import DataError
from speech2img.metrics.report.saved import metrics_by_name
from speech2img.storage.atomic import write_text
from speech2img.storage.reading import read_json

SYSTEMS = {"li2020": "Li et al.", "s2igan": "S2IGAN", "ours": "ours"}
HEARING = {
    "centroid": ("", "centroid_cosine"),
    "own picture, R@10": ("", "recall_at_10_own_photograph"),
    "mAP, utterance to pictures": (", as S2IGAN", "mean_average_precision_speech_to_picture"),
    "mAP as published": (", as S2IGAN", "mean_average_precision_as_published"),
    "R@50": (", as S2IGAN", "recall_at_50_speech_to_picture"),
}
"""Heading -> what follows the split's name in the file of scores, and the score."""
PAINTING = {
    "all that was said: relative accuracy": ("spoken_relative_accuracy", "{group}"),
    "in words: relative accuracy": ("worded_relative_accuracy", "{group}"),
    "FID 192": ("frechet_distance", "{group}, pool192"),
    "KID 768, x 1,000": ("kernel_distance", "{group}, pool768"),
    "Frechet distance, judge or GoogLeNet": ("frechet_distance", "{group}"),
    "Inception Score, GoogLeNet": ("inception_score", "{group}"),
}
"""Heading -> metric of the report, and what it is measured on."""
LEARNING = {"centroid": "centroid_accuracy", "own picture, R@10": "recall_at_10"}
"""Heading -> value of an evaluation in training."""


def main() -> None:
    """Write the tables of what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="folder with scores-*.json and report-*/")
    parser.add_argument("--splits", nargs="*", required=True, help="parts of the corpus, for the encoders' scores")
    parser.add_argument(
        "--variants", nargs="+", type=_variant, metavar="NAME=LABEL", help="other runs than the three systems"
    )
    parser.add_argument("--out", type=Path, required=True, help="the Markdown file to write")
    args = parser.parse_args()
    systems = dict(args.variants) if args.variants else SYSTEMS
    lines = learning(args.runs, systems) if args.variants else []
    lines += hearing(args.runs, args.splits, systems) + painting(args.runs, systems)
    if not lines:
        raise SystemExit(str(DataError.about(args.runs, "neither scores nor reports", "run 02_encoders.sh first")))
    write_text(args.out, "\n".join(lines) + "\n")
    print("\n".join(lines))


def _variant(text: str) -> tuple[str, str]:
    name, equals, label = text.partition("=")
    if not (name and equals and label):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=LABEL")
    return name, label


def learning(runs: Path, systems: Mapping[str, str]) -> list[str]:
    """Lines of a table of the encoders' last evaluations on validation pictures."""
    rows = []
    for system, seeds in _found(runs, "encoder-{}-[0-9]/stats.jsonl", systems).items():
        lasts = [_last_evaluation(path) for path in seeds]
        steps = ", ".join(sorted({str(last["step"]) for last in lasts}))
        cells = [_spread([float(last[name]) for last in lasts]) for name in LEARNING.values()]
        rows.append([systems[system], str(len(lasts)), steps, *cells])
    return ["", "Encoders, validation:", "", *_table(["encoder", "seeds", "steps", *LEARNING], rows)] if rows else []


def _last_evaluation(path: Path) -> dict[str, Any]:
    evaluations = [line for line in map(json.loads, path.read_text().splitlines()) if line["kind"] == "evaluation"]
    if not evaluations:
        raise SystemExit(str(DataError.about(path, "no evaluation yet", "let the training go on")))
    return evaluations[-1]


def hearing(runs: Path, splits: Sequence[str], systems: Mapping[str, str]) -> list[str]:
    """Lines of one table a split: every seed, and the mean of the seeds."""
    lines: list[str] = []
    for split in splits:
        rows = []
        for system, seeds in _found(runs, "scores-{}-[0-9].json", systems).items():
            scores = [[float(read_json(path)[split + more][name]) for more, name in HEARING.values()] for path in seeds]
            cells = [_spread(values) for values in zip(*scores, strict=True)]
            rows.append([systems[system], str(len(scores)), *cells])
        if rows:
            lines += ["", f"Encoders, {split}:", "", *_table(["system", "seeds", *HEARING], rows)]
    return lines


def _spread(values: Sequence[float]) -> str:
    return f"{100 * fmean(values):.1f} % ({100 * min(values):.1f} to {100 * max(values):.1f})"


def painting(runs: Path, systems: Mapping[str, str]) -> list[str]:
    """Lines of one table a group of utterances: every seed with its interval, and the mean of the seeds."""
    reports = {
        system: [read_json(path) for path in seeds]
        for system, seeds in _found(runs, "report-{}-[0-9]/report.json", systems).items()
    }
    groups = list(
        dict.fromkeys(
            row["group"]
            for each in reports.values()
            for report in each
            for row in report["metrics"]
            if row["name"] == "speech_centroid_accuracy"
        )
    )
    lines: list[str] = []
    for group in groups:
        rows = []
        for system, each in reports.items():
            values = [metrics_by_name(report) for report in each]
            places = [(name, where.format(group=group)) for name, where in PAINTING.values()]
            for seed, metrics in enumerate(values):
                rows.append([systems[system], str(seed), *(_cell(metrics.get(place)) for place in places)])
            if len(values) > 1:
                means = [_mean([metrics.get(place) for metrics in values]) for place in places]
                rows.append([f"**{systems[system]}**", "mean", *means])
        known = [i for i in range(2 + len(PAINTING)) if any(row[i] for row in rows)]
        whole = [["system", "seed", *PAINTING], *rows]
        head, *kept = [[row[i] for i in known] for row in whole]
        lines += ["", f"Models, {group}:", "", *_table(head, kept)]
    return lines


def _cell(row: dict[str, Any] | None) -> str:
    """A value with its interval; shares as per cent."""
    if row is None:
        return ""
    text = _number(row["value"], row)
    around = row["interval"]
    return text + (f" [{_number(around[0], row)} to {_number(around[1], row)}]" if around else "")


def _mean(rows: Sequence[dict[str, Any] | None]) -> str:
    there = [row for row in rows if row is not None]
    return f"**{_number(fmean(row['value'] for row in there), there[0])}**" if there else ""


def _number(value: float, row: dict[str, Any]) -> str:
    if row["name"] == "kernel_distance":
        return f"{1000 * value:.3g}"
    return f"{100 * value:.1f} %" if row["is_share"] else f"{value:.3g}"


def _found(runs: Path, pattern: str, systems: Mapping[str, str]) -> dict[str, list[Path]]:
    """System -> its files, by seed; systems that have none are left out."""
    found = {system: sorted(runs.glob(pattern.format(system))) for system in systems}
    return {system: paths for system, paths in found.items() if paths}


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


if __name__ == "__main__":
    main()
