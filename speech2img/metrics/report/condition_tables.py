"""The table of voices and conditions: relative accuracy by group of voices, a column a condition."""

from collections.abc import Sequence
from html import escape

from speech2img.metrics.report.report import CONDITION, MENTION_KINDS, MetricRow, format_value, relative_accuracy_name

UTTERANCES, VOICES = "utterances", "voices"
"""Names in a row's details, beside that of the condition: what was said, and by whom."""
TITLE = "Other voices, other recordings"
LEAD = (
    "The same captions as other voices say them and as other recordings have them, by the same noise of the generator. "
    "Relative accuracy = (accuracy - chance) / (real - chance), with its 95 % interval over utterances."
)


def condition_markdown(rows: Sequence[MetricRow]) -> list[str]:
    """Lines of Markdown under `TITLE`: a table for each group of utterances and kind of mention."""
    lines = [LEAD]
    for heading, columns, table in _tables(rows):
        lines += ["", f"{heading}:", "", f"| voices | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
        lines += [f"| {voices} | {' | '.join(cells)} |" for voices, cells in table]
    return lines


def condition_html(rows: Sequence[MetricRow]) -> str:
    """The same as HTML; empty where nothing was measured."""
    parts = []
    for heading, columns, table in _tables(rows):
        head = "".join(f'<th class="num">{escape(column)}</th>' for column in columns)
        body = "".join(_line(voices, cells) for voices, cells in table)
        parts.append(
            f'<h3>{escape(heading)}</h3><div class="card scroll"><table><thead><tr><th>voices</th>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )
    return "".join(parts)


def _line(voices: str, cells: Sequence[str]) -> str:
    numbers = "".join(f'<td class="num">{escape(cell)}</td>' for cell in cells)
    return f'<tr><td class="rowhead">{escape(voices)}</td>{numbers}</tr>'


def _tables(rows: Sequence[MetricRow]) -> list[tuple[str, list[str], list[tuple[str, list[str]]]]]:
    """Heading, columns, and lines (voices, cells) of every table."""
    measured = [row for row in rows if row.is_of_condition]
    cells = {(row.name, row.details[UTTERANCES], row.details[VOICES], row.details[CONDITION]): row for row in measured}
    conditions = list(dict.fromkeys(row.details[CONDITION] for row in measured))
    tables = []
    for utterances in dict.fromkeys(row.details[UTTERANCES] for row in measured):
        groups = dict.fromkeys(row.details[VOICES] for row in measured if row.details[UTTERANCES] == utterances)
        for prefix, what in MENTION_KINDS.items():
            table = []
            for voices in groups:
                found = [cells.get((relative_accuracy_name(prefix), utterances, voices, name)) for name in conditions]
                if any(found):
                    table.append((voices, ["–" if row is None else format_value(row) for row in found]))
            if table:
                tables.append((f"{utterances.capitalize()}, {what}", conditions, table))
    return tables
