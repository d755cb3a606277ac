"""The numbers of the report page: bars of relative accuracy, tables by attribute, and the table of every metric."""

from html import escape

from speech2img.metrics.report.report import (
    MENTION_KINDS,
    MetricReport,
    MetricRow,
    format_value,
    percent,
    relative_accuracy_name,
)


def relative_accuracy_bars(report: MetricReport) -> str:
    """Relative accuracy, a bar for every group of utterances and kind of mention; empty if not measured."""
    rows = {(row.name, row.group): row for row in report.rows if not row.is_of_condition}
    bars = []
    for group in dict.fromkeys(group for name, group in rows if name == "spoken_attribute_accuracy"):
        for index, (prefix, label) in enumerate(MENTION_KINDS.items()):
            accuracy = rows.get((f"{prefix}_accuracy", group))
            if accuracy is None:
                continue
            values = {name: row.value for name in ("chance", "real") if (row := rows.get((f"{prefix}_{name}", group)))}
            relative = rows.get((relative_accuracy_name(prefix), group))
            title = group.capitalize() if index == 0 else label
            track = _track(accuracy.value, values.get("chance"), values.get("real"))
            bars.append(
                f'<div class="way {"sub" if index else "first"}"><span class="label">{escape(title)}</span>'
                f"{track}{_figure(relative, accuracy)}</div>"
            )
    if not bars:
        return ""
    # What the bars mean.
    legend = (
        '<div class="legend"><span><i class="key chance"></i>chance</span>'
        '<span><i class="key made"></i>generated pictures</span>'
        '<span><i class="key real"></i>real pictures</span>'
        "<span>scale: 0 to 100 % of the mentions shown</span></div>"
    )
    return f'{legend}<div class="card ways">{"".join(bars)}</div>'


def attribute_tables(report: MetricReport) -> str:
    """One folded table of attributes a group; the first one open."""
    # A table for each group, best attributes first.
    tables = []
    for number, (group, scores) in enumerate(report.attributes.items()):
        lines = []
        ordered = sorted(
            scores.items(),
            key=lambda entry: -2.0 if entry[1].relative_accuracy is None else -entry[1].relative_accuracy,
        )
        for name, score in ordered:
            low_high = score.relative_accuracy_interval
            interval = "" if low_high is None else f" <small>{percent(low_high[0])} to {percent(low_high[1])}</small>"
            lines.append(
                f'<tr><td class="rowhead">{escape(name.replace("_", " "))}</td>'
                f"<td>{_track(score.accuracy, score.chance, score.real)}</td>"
                f'<td class="num"><b>{percent(score.relative_accuracy)}</b>{interval}</td>'
                f'<td class="num">{percent(score.accuracy)}</td>'
                f'<td class="num">{percent(score.chance)}</td><td class="num">{percent(score.real)}</td>'
                f'<td class="num">{score.num_mentions}</td>'
                f'<td class="num">{percent(report.judge_accuracy.get(name))}</td></tr>'
            )
        tables.append(
            f'<details class="card"{"" if number else " open"}><summary>{escape(group.capitalize())}'
            f"<small>{len(scores)} attributes</small></summary>"
            '<div class="scroll"><table><thead><tr><th>attribute</th><th>chance → generated → real</th>'
            '<th class="num" title="(accuracy - chance) / (real - chance)">relative accuracy</th>'
            '<th class="num">generated</th><th class="num">chance</th>'
            '<th class="num">real</th><th class="num">mentions</th><th class="num">judge alone</th></tr></thead>'
            f"<tbody>{''.join(lines)}</tbody></table></div></details>"
        )
    return "".join(tables)


def _descending(value: float | None) -> float:
    """Key that puts large values first, and None before all."""
    return -2.0 if value is None else -value


def metric_table(report: MetricReport) -> str:
    """Every row of the report, with its protocol as a numbered note below."""
    # Rows by group; protocols are numbered and stand once below.
    protocols: dict[str, int] = {}
    lines = []
    rows = [row for row in report.rows if not row.is_of_condition]
    for group in dict.fromkeys(row.group for row in rows):
        lines.append(f'<tr><th colspan="6">{escape(group.capitalize())}</th></tr>')
        for row in (row for row in rows if row.group == group):
            number = protocols.setdefault(row.protocol, len(protocols) + 1)
            lines.append(
                f'<tr><td class="rowhead">{escape(row.name.replace("_", " "))}{_arrow(row)}'
                f'<sup><a href="#p{number}">{number}</a></sup></td><td class="value">{escape(format_value(row))}</td>'
                f'<td class="num">{row.num_samples:,}</td><td class="num">{row.seed}</td><td>{escape(row.network)}</td>'
                f'<td class="mono">{escape(row.weights_sha256[:12])}</td></tr>'
            )
    notes = "".join(f'<li id="p{number}">{escape(text)}</li>' for text, number in protocols.items())
    return (
        '<div class="card scroll"><table><thead><tr><th>metric</th><th>value</th><th class="num">n</th>'
        '<th class="num">seed</th><th>network</th><th>weights</th></tr></thead>'
        f'<tbody>{"".join(lines)}</tbody></table></div><h3>Protocols</h3><ol class="protocols">{notes}</ol>'
    )


def _track(accuracy: float, chance: float | None, real: float | None) -> str:
    start = 0.0 if chance is None else chance
    left, width = min(start, accuracy), abs(accuracy - start)
    kind = "made" if accuracy >= start else "below"
    marks = "".join(
        f'<i class="{name}" style="left:{100 * value:.1f}%"></i>'
        for name, value in (("chance", chance), ("real", real))
        if value is not None
    )
    words = f"generated {percent(accuracy)}, chance {percent(chance)}, real {percent(real)}"
    return (
        f'<div class="track" role="img" title="{words}" aria-label="{words}">'
        f'<i class="{kind}" style="left:{100 * left:.1f}%;width:{100 * width:.1f}%"></i>{marks}</div>'
    )


def _figure(relative: MetricRow | None, accuracy: MetricRow) -> str:
    if relative is None:
        return f'<span class="figure"><b>{percent(accuracy.value)}</b><small>shown</small></span>'
    low_high = relative.interval
    interval = "" if low_high is None else f"{100 * low_high[0]:.0f} to {100 * low_high[1]:.0f} %, "
    return (
        f'<span class="figure"><b>{100 * relative.value:.0f} % relative</b>'
        f"<small>{interval}n = {relative.num_samples:,}</small></span>"
    )


def _arrow(row: MetricRow) -> str:
    if row.higher_is_better is None:
        return ""
    return (
        ' <small title="higher is better">↑</small>'
        if row.higher_is_better
        else ' <small title="lower is better">↓</small>'
    )
