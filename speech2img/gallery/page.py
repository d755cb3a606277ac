"""The gallery as one HTML file: a row a recording, a column a model; it asks nothing of any other place."""

import importlib.resources
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from speech2img.gallery.column import GalleryColumn
from speech2img.gallery.recordings_table import GalleryRecording, Voice
from speech2img.metrics.report.html_page import audio_tag, image_tag

MARK = '<meta name="generator" content="speech2img">'
"""In the head of every page that was written here."""


@dataclass(frozen=True)
class Gallery:
    """All that the page shows."""

    title: str
    lead: str
    recordings: Sequence[GalleryRecording]
    columns: Sequence[GalleryColumn]
    seed: int
    version: str
    """Of this package."""


def gallery_html(gallery: Gallery) -> str:
    """The page as text."""
    # The sheet of the reports, and what differs.
    package = importlib.resources.files("speech2img")
    styles = (package / "metrics" / "report" / "style.css", package / "gallery" / "style.css")
    style = "\n".join(sheet.read_text(encoding="utf-8") for sheet in styles)
    # A row for each recording that any model could hear.
    rows = "".join(
        _row(recording, place, gallery.columns)
        for place, recording in enumerate(gallery.recordings)
        if any(place in column.images for column in gallery.columns)
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{MARK}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(gallery.title)}</title><style>\n{style}</style></head>"
        f'<body><main class="of{min(len(gallery.columns), 3)}">{_header(gallery)}'
        f'<div class="heard" style="--columns: {len(gallery.columns)}">{_names(gallery.columns)}{rows}</div>'
        f"{_footer(gallery)}</main></body></html>\n"
    )


def _header(gallery: Gallery) -> str:
    facts = {
        "recordings": len(gallery.recordings),
        "models": len(gallery.columns),
        "seed": gallery.seed,
        "speech2img": gallery.version,
    }
    items = "".join(f"<li>{escape(name)} <b>{escape(str(value))}</b></li>" for name, value in facts.items())
    return (
        f'<header><h1>{escape(gallery.title)}</h1><p class="lead">{escape(gallery.lead)}</p>'
        f'<ul class="facts">{items}</ul></header>'
    )


def _names(columns: Sequence[GalleryColumn]) -> str:
    """The line of headings, which stays in sight."""
    cells = "".join(
        f'<div class="model"><b>{escape(column.model)}</b>'
        f"<small>{column.image_size} px · weights {escape(_brief(column.weights_sha256))}</small></div>"
        for column in columns
    )
    return f'<div class="line head"><div class="model"><b>what was said</b><small>press play</small></div>{cells}</div>'


def _brief(sha256: str) -> str:
    """The first twelve digits of each hash."""
    return " + ".join(part[:12] for part in sha256.split("+"))


def _row(recording: GalleryRecording, place: int, columns: Sequence[GalleryColumn]) -> str:
    """What was said, and the images of every model."""
    sentence = recording.text or recording.path.name
    said = f"<blockquote>{escape(_capital(recording.text))}</blockquote>" if recording.text else ""
    tags = [recording.path.name] if recording.voice is None else _who(recording.voice, recording.spoken)
    who = "".join(f'<span class="tag">{escape(tag)}</span> ' for tag in tags)
    chips = "".join(
        f'<li class="plain">{escape(name.replace("_", " "))}: {escape(value)}</li>'
        for name, value in recording.attributes.items()
    )
    cells = "".join(_cell(column, place, sentence) for column in columns)
    return (
        f'<article class="line"><div class="said">{said}{audio_tag(recording.path)}<div class="who">{who}</div>'
        f"{f'<ul class=chips>{chips}</ul>' if chips else ''}</div>{cells}</article>"
    )


def _capital(text: str) -> str:
    """A sentence as it is written: captions are lower case."""
    return text[:1].upper() + text[1:]


def _who(voice: Voice, spoken: str) -> list[str]:
    """Voice and manner in words."""
    return [f"{voice.engine}, {voice.speaker}", f"spoken {spoken}"]


def _cell(column: GalleryColumn, place: int, sentence: str) -> str:
    """Images of one recording by one model, and how sure it is."""
    by = f'<div class="by">{escape(column.model)}</div>'
    if place not in column.images:
        return f'<div class="made">{by}<span class="who">could not be heard</span></div>'
    images = "".join(image_tag(image, f"{column.model}: {sentence}") for image in column.images[place])
    sure = column.confidence.get(place)
    caption = ""
    if sure is not None:
        doubt = sure < column.doubtful
        words = f"confidence {sure:.0%}" + (", hardly a description that it understands" if doubt else "")
        caption = f'<div class="sure{" doubt" if doubt else ""}"><i style="width: {100 * sure:.0f}%"></i>{words}</div>'
    return f'<div class="made">{by}<div class="pair">{images}</div>{caption}</div>'


def _footer(gallery: Gallery) -> str:
    """Whole hashes, and whose voices these are."""
    weights = "".join(
        f"<li>{escape(column.model)}: <code>{escape(column.weights_sha256)}</code></li>" for column in gallery.columns
    )
    voices = {recording.voice.name: recording.voice for recording in gallery.recordings if recording.voice is not None}
    credits = "".join(
        f"<li>{escape(voice.engine)}, {escape(name)}: {escape(voice.credit)}; {escape(voice.licence)}</li>"
        for name, voice in voices.items()
    )
    whose = f"<h3>Voices</h3><ul>{credits}</ul>" if credits else ""
    return f"<footer><h3>Weights (sha256)</h3><ul>{weights}</ul>{whose}</footer>"
