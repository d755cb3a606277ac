"""The leaderboard: one table of all systems from their reports, with floors, prices and the same eight utterances.

    python experiments/benchmark/leaderboard.py --reports runs/benchmark/report-* [--floor runs/benchmark/floor]
                                                --out experiments/LEADERBOARD.md

Reports are folders of 'speech2img evaluate --model'; system.json beside a report (system_facts.py) has what it costs.
Reports of different corpora stand in tables of their own; what the page says of a corpus without reports stays.
Nothing is measured here.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from speech2img.errors import DataError, Speech2ImgError
from speech2img.metrics.report.saved import metrics_by_name
from speech2img.storage.atomic import atomic_path, write_text
from speech2img.storage.reading import read_bytes, read_json

COLUMNS: Mapping[str, tuple[str, float]] = {
    "kernel_distance": ("KID x 1,000", 1000.0),
    "frechet_distance": ("FID", 1.0),
    "mind": ("MIND", 1.0),
    "precision": ("precision %", 100.0),
    "recall": ("recall %", 100.0),
    "coverage": ("coverage %", 100.0),
    "described_class_accuracy": ("species found %", 100.0),
    "spoken_relative_accuracy": ("relative accuracy %", 100.0),
    "worded_relative_accuracy": ("in words %", 100.0),
    "manner_relative_accuracy": ("light by manner %", 100.0),
    "whole_sentence_accuracy": ("whole sentences %", 100.0),
    "nearer_to_training": ("nearer to training %", 100.0),
}
"""Metric -> heading and factor, in the order of the table behind the one that ranks. Empty columns are left out."""
SMALLER_IS_BETTER = "kernel_distance"
"""What ranks, as the protocol of photographs has it."""
LARGER_IS_BETTER: Mapping[str, str] = {"songbirds": "spoken_relative_accuracy"}
"""Corpus -> what ranks there instead, as its protocol has it."""
QUOTED = ("songbirds",)
"""Corpora whose sentences are ours to print; an utterance of others is given by its name."""
FLOORS = {"_of_training_pictures": "training pictures", "_of_test_halves": "halves of the test pictures"}
EVALUATE = "name folders of 'speech2img evaluate'"
PRICES = ("parameters", "seconds_a_picture", "processor_hours")
"""Numbers of system.json."""
PARTS: Mapping[str, type] = {"model": dict, "corpus": dict, "metrics": list}
"""Parts of a report that are read; a floor has the last alone."""
UTTERANCES = 8
SIDE, LABEL = 96, 136
MOST_BYTES = 1 << 20
"""Of an earlier page."""


@dataclass(frozen=True)
class System:
    """One row of the leaderboard."""

    folder: Path
    report: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Name in the table."""
        return str(self.facts.get("title") or self.report["model"].get("name") or self.folder.name)

    @property
    def corpus(self) -> str:
        """What it was measured on."""
        return str(self.report["corpus"].get("name", "pictures"))


def read_system(folder: Path, *, needs: Sequence[str] = tuple(PARTS)) -> System:
    """A system from the folder of its report; DataError names a file that cannot be read, or lacks a part."""
    path, facts_path = folder / "report.json", folder / "system.json"
    report = read_json(path)
    if not isinstance(report, dict) or not all(isinstance(report.get(part), PARTS[part]) for part in needs):
        raise DataError.about(path, f"is no report with {', '.join(needs)}", EVALUATE)
    if not all(is_row(row) for row in report["metrics"]):
        raise DataError.about(path, "has a metric without name, group, value or a whole interval", EVALUATE)
    facts = read_json(facts_path) if facts_path.is_file() else {}
    if not isinstance(facts, dict) or not all(is_number(facts.get(name) or 0) for name in PRICES):
        reason = f"does not say {', '.join(PRICES)} in numbers"
        raise DataError.about(facts_path, reason, "write it with experiments/benchmark/system_facts.py")
    system = System(folder, report, facts)
    if "corpus" in needs and not re.fullmatch(r"\w[\w .+-]*", system.corpus):
        raise DataError.about(path, f"its corpus is called {system.corpus!r:.60}", EVALUATE)
    return system


def is_number(value: Any) -> bool:
    """Whether something is a number that can be shown."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_row(row: Any) -> bool:
    """Whether something is a metric as reports have them."""
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in ("name", "group")):
        return False
    interval = row.get("interval")
    whole = interval is None or (isinstance(interval, list) and len(interval) == 2 and all(map(is_number, interval)))
    return is_number(row.get("value")) and whole


def read_utterances(folder: Path) -> list[dict[str, Any]]:
    """What a report's pictures were painted of; DataError if the file is no such list."""
    path = folder / "utterances.json"
    entries = read_json(path)
    sound = isinstance(entries, list) and all(
        isinstance(entry, dict) and all(isinstance(entry.get(name), str) for name in ("id", "text"))
        for entry in entries
    )
    if not sound:
        raise DataError.about(path, "is no list of utterances with id and text", EVALUATE)
    return list(entries)


def groups_of(systems: Sequence[System]) -> list[str]:
    """What pictures were measured on: groups of a network's deepest output, or all there are."""
    names = dict.fromkeys(
        group
        for system in systems
        for metric, group in metrics_by_name(system.report)
        if metric == SMALLER_IS_BETTER and not group.endswith(("pool64", "pool192", "pool768"))
    )
    deep = [name for name in names if name.endswith("pool2048")]
    return deep or list(names)


def cell(row: Mapping[str, Any] | None, factor: float) -> str:
    """A number with its interval; a dash where there is none."""
    if row is None:
        return "–"
    value = f"{factor * row['value']:.3g}"
    if row.get("interval") is None:
        return value
    low, high = (f"{factor * end:.3g}" for end in row["interval"])
    return f"{value} [{low}, {high}]"


def table_of(systems: Sequence[System], group: str, floor: System | None) -> list[str]:
    """Lines of Markdown: floors first, then systems from the best to the worst by the first column."""
    larger = LARGER_IS_BETTER.get(systems[0].corpus)
    rank = larger or SMALLER_IS_BETTER
    columns = [rank, *(name for name in COLUMNS if name != rank)]
    # Numbers that only some have, such as those of speech, lie under the group without the network's output.
    plain = group.rpartition(", ")[0] if group.endswith("pool2048") else group

    def rows_of(system: System, suffix: str = "") -> dict[str, Mapping[str, Any] | None]:
        numbers = metrics_by_name(system.report)
        return {name: numbers.get((name + suffix, group)) or numbers.get((name + suffix, plain)) for name in columns}

    measured = [(system, rows_of(system)) for system in systems]
    measured = [(system, rows) for system, rows in measured if rows[rank] is not None]
    measured.sort(key=lambda pair: pair[1][rank]["value"], reverse=larger is not None)  # type: ignore[index]
    shown = [name for name in columns if any(rows[name] is not None for _, rows in measured)]
    if not measured:
        return []
    head = [*(COLUMNS[name][0] for name in shown), "parameters", "s a picture", "processor hours"]
    lines = [f"| system | {' | '.join(head)} |", f"|---|{'---|' * len(head)}"]
    # Real pictures: what the best generator could have, and what knowing the training pictures by heart would give.
    floors = [(f"*{words}*", rows_of(system, suffix)) for suffix, words in FLOORS.items() for system, _ in measured[:1]]
    if floor is not None:
        outputs = {group.rpartition(", ")[2]: row for (_, group), row in metrics_by_name(floor.report).items()}
        numbers = metrics_by_name(floor.report)
        output = group.rpartition(", ")[2]
        floors.append(("*floor*", {name: numbers.get((name, output)) for name in columns} if outputs else {}))
    for title, rows in floors:
        if any(rows.get(name) is not None for name in shown):
            lines.append(f"| {title} | {' | '.join(cell(rows.get(name), COLUMNS[name][1]) for name in shown)} | | | |")
    for system, rows in measured:
        facts = system.facts
        price = [
            f"{facts['parameters'] / 1e6:.1f} M" if facts.get("parameters") else "–",
            f"{facts['seconds_a_picture']:.2g}" if facts.get("seconds_a_picture") else "–",
            f"{facts['processor_hours']:.2g}" if facts.get("processor_hours") else "–",
        ]
        numbers_shown = " | ".join(cell(rows[name], COLUMNS[name][1]) for name in shown)
        lines.append(f"| {system.title} | {numbers_shown} | {' | '.join(price)} |")
    return lines


def fixed_utterances(systems: Sequence[System]) -> list[dict[str, Any]]:
    """The first utterances, by their names, that every system painted; the same for any order of the systems."""
    lists = [read_utterances(system.folder) for system in systems]
    common = set.intersection(*({entry["id"] for entry in entries} for entries in lists))
    by_id = {entry["id"]: entry for entry in lists[0]}
    return [by_id[name] for name in sorted(common)[:: max(1, len(common) // UTTERANCES)][:UTTERANCES]]


def sheet_of(systems: Sequence[System], utterances: Sequence[Mapping[str, Any]]) -> Image.Image:
    """Pictures of the utterances, a row a system in the order given, behind its title."""
    sheet = Image.new("RGB", (LABEL + SIDE * len(utterances), SIDE * len(systems)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, system in enumerate(systems):
        pen.text((4, SIDE * row + SIDE // 2), system.title, fill="black", anchor="lm")
        for column, entry in enumerate(utterances):
            path = system.folder / "pictures" / f"{entry['id'].replace('/', '__')}.png"
            try:
                with Image.open(path) as image:
                    small = image.convert("RGB").resize((SIDE, SIDE))
            except OSError as error:
                raise DataError.about(path, f"cannot be read ({error})", "evaluate that system again") from error
            sheet.paste(small, (LABEL + SIDE * column, SIDE * row))
    return sheet


def sections_of(page: str) -> dict[str, str]:
    """What an earlier page says of each corpus: heading and what is below it, by the corpus's name."""
    _, *parts = f"\n{page}".split("\n## ")
    return {part.split("\n", 1)[0].strip(): f"## {part.strip()}\n" for part in parts}


def read_page(path: Path) -> str:
    """An earlier page; DataError if it is none."""
    try:
        return read_bytes(path, max_bytes=MOST_BYTES).decode()
    except UnicodeDecodeError as error:
        raise DataError.about(path, "is no earlier page, for it is not text in UTF-8", "name another --out") from error


def unranked(systems: Sequence[System]) -> list[str]:
    """Titles of systems that no table can have, as what ranks was not measured."""
    return [
        system.title
        for system in systems
        if not any(
            metric == LARGER_IS_BETTER.get(system.corpus, SMALLER_IS_BETTER)
            for metric, _ in metrics_by_name(system.report)
        )
    ]


def write_leaderboard(systems: Sequence[System], floor: System | None, out: Path) -> None:
    """The page, and a sheet of pictures for each corpus beside it."""
    earlier = sections_of(read_page(out)) if out.is_file() else {}
    lines = ["# Leaderboard", ""]
    lines += [
        "Made from reports by `experiments/benchmark/leaderboard.py`; rules: [benchmark](benchmark/README.md).",
        "",
    ]
    lines += [
        "The first column ranks. Smaller is better for KID, FID and MIND. Brackets: 95 % intervals. In italics: the",
        "same numbers of real pictures. Nearer to training: 50 % where nothing is memorised. Relative accuracy: 0 %",
        "where pictures ignore what is said, 100 % where they show it as real ones do; whole sentences: of all.",
        "",
    ]
    for corpus in dict.fromkeys(system.corpus for system in systems):
        own = [system for system in systems if system.corpus == corpus]
        lines += [f"## {corpus}", ""]
        for group in groups_of(own):
            lines += [f"### {group}", "", *table_of(own, group, floor), ""]
        # The same sentences, painted by each.
        painted = [system for system in own if (system.folder / "utterances.json").is_file()]
        if not painted:
            continue
        utterances = fixed_utterances(painted)
        if utterances:
            name = f"{out.stem.lower()}-{corpus}.jpg"
            sheet = sheet_of(painted, utterances)
            with atomic_path(out.parent / name) as path:
                Image.fromarray(np.asarray(sheet)).save(path, format="JPEG", quality=90)
            lines += ["### The same utterances", "", f"![a row a system, a column an utterance]({name})", ""]
            words = [f"“{entry['text']}”" if corpus in QUOTED else f"`{entry['id']}`" for entry in utterances]
            lines += [f"{number}. {said}" for number, said in enumerate(words, start=1)]
            lines += [""]
    # Corpora that nobody measured again keep their tables.
    measured = {system.corpus for system in systems}
    lines += [section for corpus, section in earlier.items() if corpus not in measured]
    write_text(out, "\n".join(lines).rstrip() + "\n")


def main() -> int:
    """Read the reports and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", nargs="+", type=Path, required=True, metavar="DIR")
    parser.add_argument("--floor", type=Path, metavar="DIR", help="report of 04_floor.sh")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    args = parser.parse_args()
    try:
        systems = [read_system(folder) for folder in sorted(args.reports)]
        floor = None if args.floor is None else read_system(args.floor, needs=["metrics"])
        names = [(system.corpus, system.title) for system in systems]
        if twice := next((name for name in names if names.count(name) > 1), None):
            parser.error(f"two systems are called {twice[1]!r}: give one another --title (system_facts.py)")
        if lacking := unranked(systems):
            parser.error(f"{lacking[0]}: its report lacks what ranks; evaluate it by the protocol, or leave it out")
        write_leaderboard(systems, floor, args.out)
    except Speech2ImgError as error:
        parser.exit(error.exit_code, f"leaderboard: {error}\n")
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
