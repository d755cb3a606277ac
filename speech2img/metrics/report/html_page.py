"""The report as one HTML file: listen, look, and read the numbers; it asks nothing of any other place."""

import base64
import importlib.resources
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from speech2img.corpora.records.utterances import UtteranceRecord
from speech2img.metrics.report.charts import charts_html
from speech2img.metrics.report.condition_tables import LEAD, TITLE, condition_html
from speech2img.metrics.report.html_tables import attribute_tables, metric_table, relative_accuracy_bars
from speech2img.metrics.report.report import MetricReport, format_value
from speech2img.storage.atomic import write_text

MAX_AUDIO_BYTES = 1_500_000
"""A longer recording is left out of the page."""
ATTENDED_TITLE = "What the pictures listened to"
ATTENDED = (
    "Each numbered region of a picture has a row: time runs from left to right under the waveform, and where the row "
    "is dark the region listened most, in the generator's last stage that looks. The seed drew the utterances."
)
_AUDIO_TYPES = {".wav": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg", ".mp3": "audio/mpeg"}


@dataclass(frozen=True)
class GalleryEntry:
    """One utterance on the page."""

    record: UtteranceRecord
    group: str
    stages: Sequence[NDArray[np.uint8]]
    """Generated pictures (S, S, 3), small to large; the last one is the result."""
    real: NDArray[np.uint8]
    reading: Mapping[str, str] | None
    """What the judge reads off the generated picture."""
    real_reading: Mapping[str, str] | None


@dataclass(frozen=True)
class DiversityEntry:
    """Several pictures of one utterance."""

    record: UtteranceRecord
    generated: NDArray[np.uint8]
    """(K, S, S, 3)."""
    fitting: NDArray[np.uint8] | None
    """Real pictures that show all that is said, (K', S, S, 3)."""
    drawn: NDArray[np.uint8] | None
    """The described bird drawn again with other seeds, (K, S, S, 3)."""


@dataclass(frozen=True)
class AttendedEntry:
    """What an image listened to."""

    record: UtteranceRecord
    group: str
    sheet: NDArray[np.uint8]
    """(H, W, 3): the image, and the stretches of the recording that its regions listened to."""


@dataclass(frozen=True)
class PageData:
    """All that the page shows."""

    report: MetricReport
    gallery: Sequence[GalleryEntry] = ()
    diversity: Sequence[DiversityEntry] = ()
    curves: Mapping[str, Path] = field(default_factory=dict)
    """Name -> ``stats.jsonl``."""
    sheets: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
    """What it was measured on -> sheet (H, W, 3) of generated pictures beside their nearest training pictures."""
    attended: Sequence[AttendedEntry] = ()
    """Of a model that attends; in the order of its sheets' numbers."""


def write_page(path: Path, data: PageData) -> None:
    """Write the page as one file, whole or not at all.

    Parameters
    ----------
    path : Path
        The HTML file.
    data : PageData
        Report, utterances and curves. A recording that is missing or longer than ``MAX_AUDIO_BYTES`` leaves its card
        without a player.
    """
    write_text(path, page_html(data))


def _style() -> str:
    """The style sheet: one column of calm type, light and dark, no request to any other place."""
    return importlib.resources.files("speech2img.metrics.report").joinpath("style.css").read_text(encoding="utf-8")


def page_html(data: PageData) -> str:
    """The page as text."""
    # Title, then answers before numbers.
    report = data.report
    sections = [
        _header(report),
        _section(
            "How much of what is said does the picture show?",
            "A judge network reads the attributes off each picture. Every bar starts where chance is (the same "
            "pictures against other utterances) and should end at the mark of the real pictures. The figure is the "
            "relative accuracy, (accuracy - chance) / (real - chance): 0 % at chance, 100 % at the real pictures.",
            relative_accuracy_bars(report),
        ),
        _section(TITLE, LEAD, condition_html(report.rows)),
        _section(
            "Listen and look",
            "These utterances were drawn by the seed, not picked by eye. The model heard the recording only: "
            "the sentence "
            "is printed for you. Small pictures: the generator's earlier stages, and the real picture that was "
            "described.",
            _gallery(data.gallery),
        ),
        _section(ATTENDED_TITLE, ATTENDED, _attended(data.attended)),
        _section(
            "One utterance, several noises",
            "What is said should stay, what is not said may vary. A generator that ignores its noise makes one picture "
            "over and over.",
            _diversity(data.diversity, report),
        ),
        _section(
            "Nearest training pictures",
            "Each generated picture stands left of the training picture that is nearest to it by the network's "
            "features: the nearest pairs of all in the first row, pairs drawn by the seed in the second. A model that "
            "only repeats its training pictures shows twins.",
            "".join(
                f"<h3>{escape(name.capitalize())}</h3>{image_tag(sheet, 'pairs of a generated and a training picture')}"
                for name, sheet in data.sheets.items()
            ),
        ),
        _section(
            "By attribute",
            "Grouped by utterances; the last column is the judge's own accuracy on real pictures, "
            "beyond which no number here can be trusted.",
            attribute_tables(report),
        ),
        _section(
            "Learning curves",
            "Faint: as logged. Bold: running mean. The figure is the end of the curve.",
            charts_html(data.curves),
        ),
        _section("Every number and how it was measured", "", metric_table(report)),
        _footer(report),
    ]
    # One file that needs nothing else.
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(report.title)}</title>'
        f"<style>\n{_style()}</style></head><body><main>{''.join(sections)}</main></body></html>\n"
    )


def image_tag(image: NDArray[np.uint8], alt: str) -> str:
    """An ``img`` element with the picture (S, S, 3) inside it as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img loading="lazy" alt="{escape(alt)}" src="data:image/png;base64,{data}">'


def audio_tag(path: Path) -> str:
    """An ``audio`` element with the recording inside it; a remark where there is none to play."""
    kind = _AUDIO_TYPES.get(path.suffix.lower())
    if kind is None or not path.is_file() or path.stat().st_size > MAX_AUDIO_BYTES:
        return '<span class="who">recording not included</span>'
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<audio controls preload="none" src="data:{kind};base64,{data}"></audio>'


def species_name(class_name: str) -> str:
    """``001.Crested_Marshlark`` as "Crested Marshlark"."""
    return class_name.split(".", 1)[-1].replace("_", " ")


def _section(title: str, lead: str, body: str) -> str:
    if not body:
        return ""
    return f'<section><h2>{escape(title)}</h2><p class="lead">{escape(lead)}</p>{body}</section>'


def _header(report: MetricReport) -> str:
    facts = [
        *(("model" if key == "name" else key, value) for key, value in report.model.items()),
        *(("corpus" if key == "name" else key, value) for key, value in report.corpus.items()),
        ("seed", report.settings.get("seed")),
    ]
    items = "".join(f"<li>{escape(key.replace('_', ' '))} <b>{escape(_brief(value))}</b></li>" for key, value in facts)
    return f'<header><h1>{escape(report.title)}</h1><ul class="facts">{items}</ul></header>'


def _brief(value: object) -> str:
    text = str(value)
    return text[:12] if len(text) == 64 and all(letter in "0123456789abcdef" for letter in text) else text


def _gallery(entries: Sequence[GalleryEntry]) -> str:
    # What the marks mean.
    groups = dict.fromkeys(entry.group for entry in entries)
    read = any(entry.reading is not None for entry in entries)
    legend = (
        (
            '<div class="legend"><ul class="chips"><li>✓ said, and the judge sees it</li>'
            '<li class="miss">✗ <s>said</s> → what the judge sees instead</li>'
            '<li class="manner">outlined: given by the manner of speaking alone</li></ul></div>'
        )
        if read
        else ""
    )
    return legend + "".join(
        f"<h3>{escape(group.capitalize())}</h3>"
        f'<div class="gallery">{"".join(_card(entry) for entry in entries if entry.group == group)}</div>'
        for group in groups
    )


def _card(entry: GalleryEntry) -> str:
    # Stages, real image and tags beside the result.
    record = entry.record
    result, name = entry.stages[-1], species_name(record.class_name)
    side = [(stage, f"stage {number}, {stage.shape[0]} px") for number, stage in enumerate(entry.stages[:-1], start=1)]
    side.append((entry.real, "real"))
    small = "".join(
        f"<figure>{image_tag(image, f'{name}: {label}')}<figcaption>{label}</figcaption></figure>"
        for image, label in side
    )
    tags = [name, f"voice {record.voice}" + (" (unseen)" if record.held_out_voice else "")]
    if record.manner is not None:
        tags.append(f"spoken {record.manner}")
    return (
        f'<article class="card utterance"><div class="pictures"><figure class="big">'
        f"{image_tag(result, f'generated: {record.text}')}"
        f"<figcaption>generated, {result.shape[0]} px</figcaption>"
        f'</figure><div class="side">{small}</div></div>{audio_tag(record.audio)}'
        f"<blockquote>“{escape(record.text)}”</blockquote>{_chips(entry)}"
        f'<div class="who">{" ".join(f"<span class=tag>{escape(tag)}</span>" for tag in tags)}</div></article>'
    )


def _chips(entry: GalleryEntry) -> str:
    """One chip a mention: shown, or struck through with what the judge reads instead."""
    chips = []
    for name, said in entry.record.mentions.items():
        label = escape(f"{name.replace('_', ' ')}: {said}")
        read = None if entry.reading is None else entry.reading.get(name)
        by_manner = entry.record.manner is not None and name in entry.record.by_manner
        extra = " manner" if by_manner else ""
        hint = ' title="given by the manner of speaking alone"' if by_manner else ""
        if read is None:
            chips.append(f'<li class="plain{extra}"{hint}>{label}</li>')
        elif read == said:
            chips.append(f'<li class="hit{extra}"{hint}>✓ {label}</li>')
        else:
            chips.append(f'<li class="miss{extra}"{hint}>✗ <s>{label}</s> → {escape(read)}</li>')
    return f'<ul class="chips">{"".join(chips)}</ul>' if chips else ""


def _attended(entries: Sequence[AttendedEntry]) -> str:
    cards = "".join(
        f'<figure class="card utterance attended">{image_tag(entry.sheet, f"listened to: {entry.record.text}")}'
        f"<figcaption>“{escape(entry.record.text)}”, {escape(entry.group)}</figcaption>"
        f"{audio_tag(entry.record.audio)}</figure>"
        for entry in entries
    )
    return f'<div class="gallery">{cards}</div>' if cards else ""


def _diversity(entries: Sequence[DiversityEntry], report: MetricReport) -> str:
    """Mean distances first, then the pictures behind them."""
    # Distances within each set.
    distances = "".join(
        f"<li>{escape(row.group)} <b>{escape(format_value(row))}</b></li>"
        for row in report.rows
        if row.name == "diversity_features"
    )
    # A strip for each set of an utterance.
    rows = []
    for entry in entries:
        strips = [
            ("generated, other noise each", entry.generated),
            ("real pictures that fit", entry.fitting),
            ("same bird drawn again", entry.drawn),
        ]
        shown = "".join(_strip(label, images) for label, images in strips if images is not None)
        rows.append(f'<div class="row"><p>“{escape(entry.record.text)}”</p>{shown}</div>')
    if not rows:
        return ""
    numbers = (
        f'<p class="note">Mean distance between two pictures of a set, in features:</p><ul class="facts">'
        f"{distances}</ul>"
        if distances
        else ""
    )
    return f'{numbers}<div class="card rows">{"".join(rows)}</div>'


def _strip(label: str, images: NDArray[np.uint8]) -> str:
    tags = "".join(image_tag(image, label) for image in images[:8])
    return f'<div class="strip"><span>{label}</span>{tags}</div>'


def _footer(report: MetricReport) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    made = ", ".join(f"{key} {value}" for key, value in {**report.settings, **report.environment}.items())
    return f"<footer>{f'<ul>{notes}</ul>' if notes else ''}<p>{escape(made)}</p></footer>"
