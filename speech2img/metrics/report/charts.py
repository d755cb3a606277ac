"""Learning curves as inline SVG, from a run's ``stats.jsonl``."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from speech2img.renamed import renamed
from speech2img.storage.reading import parse_json, read_bytes

Series = list[tuple[float, float]]
BOOKKEEPING = frozenset(
    {
        "step",
        "kind",
        "images_seen",
        "seconds",
        "processor_seconds",
        "steps_per_second",
        "lr",
        "learning_rate",
        "gradient_norm",
        "loss_scale",
    }
)
"""Keys of ``stats.jsonl`` that say nothing about how well a model learns."""
MAX_CURVE_BYTES = 256 << 20
"""Largest ``stats.jsonl``; a run of a million lines has fewer."""
LARGEST = 1e100
"""Largest absolute number that is drawn: sums and spans of such numbers are finite."""
_SMALLEST = 1e-100
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 260.0, 132.0, 34.0, 16.0, 8.0


def read_curves(path: Path, *, limit: int = 9) -> dict[str, Series]:
    """Curves of a run: name -> points (step, value), in the order of first appearance.

    Parameters
    ----------
    path : Path
        A ``stats.jsonl``: one flat JSON object a line with ``step``, ``kind`` and numbers. Damaged lines are skipped:
        a run that was killed may have a torn last one. So are numbers that are not finite or beyond `LARGEST`.
    limit : int
        At most so many curves; those with one point only, and the per-head accuracies of a network with many heads,
        give way first.

    Returns
    -------
    dict of str to list of (float, float)
        Evaluation curves are named "held-out ..."; none where there is no file.

    Raises
    ------
    DataError
        If it is a pipe or a device, too large, or cannot be read.
    """
    curves, _ = _read(path)
    drawn = {name: series for name, series in curves.items() if len(series) > 1 and "accuracy_" not in name}
    return dict(list(drawn.items())[:limit])


def _read(path: Path) -> tuple[dict[str, Series], int]:
    """All curves, and the number of lines that are no JSON objects."""
    if not path.exists():
        return {}, 0
    curves: dict[str, Series] = {}
    damaged = 0
    # Line by line; a damaged one is counted and passed over.
    for line in read_bytes(path, max_bytes=MAX_CURVE_BYTES).split(b"\n"):
        try:
            entry = parse_json(line, allow_nan=True) if line.strip() else {}
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            damaged += 1
            continue
        if not _is_number(entry.get("step")):
            continue
        # Training and evaluation are curves of their own.
        prefix = "held-out " if entry.get("kind") == "evaluation" else ""
        for key, value in renamed("stats", entry).items():
            if key not in BOOKKEEPING and _is_number(value):
                curves.setdefault(prefix + key, []).append((float(entry["step"]), float(value)))
    return curves, damaged


def curve_svg(series: Sequence[tuple[float, float]], *, label: str) -> str:
    """One curve as an SVG element: raw values faint, their running mean bold, three grid lines.

    Parameters
    ----------
    series : sequence of (step, value)
        At least two points, finite.
    label : str
        Said to screen readers.
    """
    # Range of the values without outliers.
    steps = [step for step, _ in series]
    values = [value for _, value in series]
    low, high = _robust_range(values)
    left = min(steps)
    right = max(max(steps), left + 1.0, left + abs(left) * 1e-9)

    def place(step: float, value: float) -> tuple[float, float]:
        x = _LEFT + (step - left) / (right - left) * (_WIDTH - _LEFT - 4)
        clipped = min(max(value, low), high)
        return x, _TOP + (high - clipped) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    # Frame and axes.
    parts = [f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{escape(label)}">']
    for value in _ticks(low, high):
        _, y = place(left, value)
        parts.append(
            f'<line class="grid" x1="{_LEFT:g}" x2="{_WIDTH - 4:g}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 4:g}" y="{y + 3:.1f}" text-anchor="end">{_short(value)}</text>'
        )
    parts.append(
        f'<text x="{_LEFT:g}" y="{_HEIGHT - 3:g}">{_short(left)}</text>'
        f'<text x="{_WIDTH - 4:g}" y="{_HEIGHT - 3:g}" text-anchor="end">step {_short(right)}</text>'
    )
    # As logged, faint, and a running mean over it.
    thinned = _thin(series, 240)
    if len(thinned) > 20:
        parts.append(_path([place(*point) for point in thinned], "raw"))
        thinned = _running_mean(thinned, max(3, len(thinned) // 20))
    parts.append(_path([place(*point) for point in thinned], "smooth"))
    return "".join(parts) + "</svg>"


def last_value(series: Sequence[tuple[float, float]]) -> str:
    """The mean of the last twentieth of a curve, short."""
    tail = [value for _, value in series[-max(1, len(series) // 20) :]]
    return _short(sum(tail) / len(tail))


def charts_html(runs: Mapping[str, Path]) -> str:
    """All curves of several runs as cards; empty where there is nothing to draw."""
    sections = []
    for name, path in runs.items():
        damaged = _read(path)[1]
        cards = [
            f'<div class="card chart"><h4>{escape(key.replace("_", " "))}<small>{last_value(series)}</small></h4>'
            f"{curve_svg(series, label=f'{name}: {key} over steps')}</div>"
            for key, series in read_curves(path).items()
        ]
        lost = f"<p>{damaged:,} lines of {escape(path.name)} cannot be read and are left out.</p>"
        if cards or damaged > 1:
            parts = [f"<h3>{escape(name)}</h3>", lost if damaged > 1 else ""]
            sections.append("".join((*parts, '<div class="charts">', *cards, "</div>")))
    return "".join(sections)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _robust_range(values: Sequence[float]) -> tuple[float, float]:
    """Range without the wildest hundredth at each end, so that one spike does not flatten the curve."""
    ordered = sorted(values)
    cut = len(ordered) // 100
    low, high = ordered[cut], ordered[-1 - cut]
    margin = (high - low) * 0.05 or abs(high) * 0.05
    margin = max(margin, abs(high) * 1e-9, abs(low) * 1e-9)
    margin = margin if margin > _SMALLEST else 1.0
    return low - margin, high + margin


def _ticks(low: float, high: float) -> list[float]:
    """Two to five round numbers between ``low`` and ``high``."""
    power = 10.0 ** math.floor(math.log10(high - low))
    step = next(power * factor for factor in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0) if (high - low) / (power * factor) <= 5)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [number * step for number in range(first, last + 1)]


def _thin(series: Sequence[tuple[float, float]], count: int) -> Series:
    if len(series) <= count:
        return list(series)
    edges = [index * len(series) // count for index in range(count + 1)]
    return [
        (series[stop - 1][0], sum(value for _, value in series[start:stop]) / (stop - start))
        for start, stop in zip(edges[:-1], edges[1:], strict=True)
    ]


def _running_mean(series: Series, width: int) -> Series:
    means: Series = []
    for index, (step, _) in enumerate(series):
        window = series[max(0, index - width // 2) : index + width // 2 + 1]
        means.append((step, sum(value for _, value in window) / len(window)))
    return means


def _path(points: Sequence[tuple[float, float]], kind: str) -> str:
    return f'<path class="{kind}" d="M' + "L".join(f"{x:.1f},{y:.1f}" for x, y in points) + '"/>'


def _short(value: float) -> str:
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g}M"
    if abs(value) >= 1e3:
        return f"{value / 1e3:.3g}k"
    return f"{0.0 if abs(value) < 1e-12 else value:.3g}"
