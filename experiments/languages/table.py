"""One table of what each language's model has learned, from the reports of `02_languages.sh`, as Markdown."""

import argparse
from pathlib import Path
from typing import Any

from speech2img.corpora.songbirds.languages.registry import LANGUAGES
from speech2img.errors import DataError
from speech2img.metrics.report.saved import metrics_by_name
from speech2img.storage.atomic import write_text
from speech2img.storage.reading import read_json

GROUP = "seen species"
COLUMNS = {
    "words: relative accuracy": ("worded_relative_accuracy", GROUP),
    "accuracy": ("worded_attribute_accuracy", GROUP),
    "chance": ("worded_attribute_chance", GROUP),
    "words, voices heard": ("worded_relative_accuracy", f"{GROUP}, voices heard in training"),
    "words, unseen voices": ("worded_relative_accuracy", f"{GROUP}, unseen voices"),
    "light: relative accuracy": ("manner_relative_accuracy", GROUP),
    "all: relative accuracy": ("spoken_relative_accuracy", GROUP),
}
"""Heading -> metric of the report and what it is measured on."""


def main() -> None:
    """Read the reports that are there and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="folder with <language>/report/report.json")
    parser.add_argument("--out", type=Path, required=True, help="the Markdown file to write")
    args = parser.parse_args()
    found = {code: args.runs / code / "report" / "report.json" for code in LANGUAGES}
    reports = {code: read_json(path) for code, path in found.items() if path.is_file()}
    if not reports:
        raise SystemExit(str(DataError.about(args.runs, "no language has a report", "run 02_languages.sh first")))
    text = "\n".join(rows(reports)) + "\n"
    write_text(args.out, text)
    print(text)


def rows(reports: dict[str, Any]) -> list[str]:
    """Lines of the table.

    Parameters
    ----------
    reports : dict of str to dict
        Code of a language -> its ``report.json``.
    """
    head = f"| language | utterances | mentions in words | {' | '.join(COLUMNS)} |"
    lines = [head, "|---" * (3 + len(COLUMNS)) + "|"]
    for code, report in reports.items():
        metrics = metrics_by_name(report)
        cells = [cell(metrics.get(place)) for place in COLUMNS.values()]
        said = metrics[COLUMNS["words: relative accuracy"]]["num_samples"]
        lines.append(f"| {LANGUAGES[code].name} | {report['corpus']['utterances']} | {said} | {' | '.join(cells)} |")
    return lines


def cell(metric: dict[str, Any] | None) -> str:
    """A share with its interval, as per cent."""
    if metric is None:
        return ""
    interval = metric["interval"]
    around = f" [{100 * interval[0]:.1f} to {100 * interval[1]:.1f}]" if interval else ""
    return f"{100 * metric['value']:.1f} %{around}"


if __name__ == "__main__":
    main()
