"""Parts of the page as HTML: what was heard, the pictures, the visit, and sentences for those who listen to a page."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from speech2img.app.drawings import mel_image, preview_image, waveform_svg
from speech2img.app.hearing import HeardSpeech
from speech2img.app.models import label
from speech2img.app.takes import Take
from speech2img.gallery.recordings_table import GalleryRecording

_LEFT_OUT = "Silence left out"
"""Beginning of the one remark that is no doubt."""
_TITLE = "<h2>Your visit</h2>"
_BRIEF = 12
"""Digits of a hash that the page shows."""


def message_card(text: str) -> str:
    """A sentence on what went wrong, in the place of pictures."""
    return f'<div class="s2i-message s2i-alert" role="alert">{escape(_sentence(text))}</div>'


def welcome_card(num_images: int = 4, *, said: str = "Your pictures will be here") -> str:
    """Where the pictures will be, and a word on it."""
    empty = '<div class="s2i-empty"></div>' * num_images
    places = f'<div class="s2i-pictures s2i-of{num_images}" aria-hidden="true">{empty}</div>'
    return f'<div class="s2i-welcome">{places}<p role="status">{escape(said)}</p></div>'


def heard_card(heard: HeardSpeech) -> str:
    """Waveform, mel, doubts, and the text of a model that reads one."""
    facts = [f"{heard.seconds:.1f} s"]
    if heard.confidence is not None:
        facts.append(f"confidence {heard.confidence:.0%}")
    plain = [remark for remark in heard.remarks if remark.startswith(_LEFT_OUT)]
    doubts = [remark for remark in heard.remarks if remark not in plain]
    if heard.is_doubtful:
        doubts.append("Hardly a description that this model understands: the pictures may have nothing to do with it.")
    said = (
        "" if heard.transcript is None else f'<p class="s2i-transcript">Read as: <q>{escape(heard.transcript)}</q></p>'
    )
    listed = "".join(f"<li>{escape(doubt)}</li>" for doubt in doubts)
    noted = "".join(f'<p class="s2i-remarks">{escape(remark)}</p>' for remark in plain)
    return (
        f'<section class="s2i-heard" aria-label="What was heard"><header><h3>Heard</h3>'
        f"<span>{escape(' · '.join(facts))}</span></header>"
        f"{waveform_svg(heard.wave)}{mel_image(heard.mel)}{said}{noted}"
        f"{f'<ul class=s2i-doubts role=status>{listed}</ul>' if doubts else ''}</section>"
    )


def preview_card(images: np.ndarray, *, stage: int) -> str:
    """Pictures on their way."""
    shown = "".join(preview_image(image, f"preview {number + 1}") for number, image in enumerate(images))
    kind = f"s2i-pictures s2i-of{len(images)} s2i-painting"
    return f'<div class="{kind}" aria-busy="true" data-stage="{stage}">{shown}</div>'


def stages_card(stages: Sequence[np.ndarray]) -> str:
    """The first picture at every stage of a generator that has them, small to large."""
    shown = "".join(
        f"<figure>{preview_image(images[0], f'stage {number}')}<figcaption>{images.shape[1]} px</figcaption></figure>"
        for number, images in enumerate(stages, start=1)
    )
    return f'<div class="s2i-stages" aria-label="Stages of the first picture">{shown}</div>'


def pictures_card(take: Take) -> str:
    """The finished pictures, each a link to its PNG."""
    said = take.facts.get("text") or "the recording"
    links = "".join(_picture(take, number, f"picture {number + 1} of {said}") for number in range(len(take.pictures)))
    count = f"{len(take.pictures)} pictures" if len(take.pictures) > 1 else "1 picture"
    about = f"{count} by {label(take.facts['model'])}, seed {take.facts['seed']}"
    how = "Click one to download it; what made it is written inside."
    done = f'<p class="s2i-done" role="status">{escape(about)}. {how}</p>'
    return f'<div class="s2i-pictures s2i-of{len(take.pictures)}">{links}</div>{done}'


def attention_card(take: Take) -> str:
    """What each picture listened to, folded; nothing where the model attends to nothing."""
    shown = "".join(
        f'<img loading="lazy" alt="what picture {number} listened to" src="{_url(take, path.name)}">'
        for number, path in enumerate(take.sheets, start=1)
    )
    if not shown:
        return ""
    return (
        '<details class="s2i-attention"><summary>What they listened to</summary><p>Each numbered region of a picture '
        "has a row; where it is dark, the region listened to that part of the recording.</p>"
        f"<div>{shown}</div></details>"
    )


def visit_card(takes: Sequence[Take], *, where: str) -> str:
    """Everything of this visit, newest first.

    Parameters
    ----------
    takes : sequence of Take
        Oldest first.
    where : str
        A sentence that says how long it is kept.
    """
    if not takes:
        return f'{_TITLE}<p class="s2i-none">What you make appears here, with its recording. {escape(where)}</p>'
    zipped = "&".join(f"take={take.name}" for take in takes)
    listed = "".join(map(_take, reversed(takes)))
    return (
        f'{_TITLE}<div class="s2i-visit-head"><p>{escape(where)}</p>'
        f'<a class="s2i-button" href="/kept.zip?{zipped}" download="speech2img.zip">Download all (zip)</a></div>'
        f'<div class="s2i-takes">{listed}</div>'
    )


def examples_card(recordings: Iterable[GalleryRecording]) -> str:
    """Recordings of the package to play and to paint."""
    rows = "".join(
        f"<li><p>{escape(recording.text[:1].upper() + recording.text[1:])}</p>"
        f'<audio controls preload="metadata" src="/examples/{escape(recording.path.name)}" '
        f'aria-label="Example {number}"></audio>'
        f'<button type="button" class="s2i-button" data-example="{escape(recording.path.name)}" '
        f'aria-label="Paint example {number}">Paint</button></li>'
        for number, recording in enumerate(recordings, start=1)
    )
    return f'<ul class="s2i-examples">{rows}</ul>'


def _take(take: Take) -> str:
    """One recording, its pictures, and how they are made again."""
    facts: dict[str, Any] = take.facts
    heard = _url(take, facts["recording"])
    links = "".join(_picture(take, number, f"picture {number + 1}") for number in range(len(take.pictures)))
    said = f"<blockquote>{escape(facts['text'])}</blockquote>" if facts.get("text") else ""
    about = {
        "model": label(facts["model"]),
        "seed": facts["seed"],
        "weights": facts["weights_sha256"][:_BRIEF],
        "recording": facts["recording_sha256"][:_BRIEF],
    }
    listed = "".join(f"<dt>{name}</dt><dd>{escape(str(value))}</dd>" for name, value in about.items())
    return (
        f'<article class="s2i-take">{said}'
        f'<div class="s2i-strip">{links}</div>'
        f'<audio controls preload="metadata" src="{heard}" aria-label="recording"></audio>'
        f"{attention_card(take)}<details><summary>Make it again</summary><dl>{listed}</dl>"
        f'<p>Save the <a href="{heard}" download="{escape(facts["recording"])}">recording</a>, then</p>'
        f"<pre>{escape(facts['shell'])}</pre><p>or</p><pre>{escape(facts['python'])}</pre></details>"
        f'<button type="button" class="s2i-button s2i-quiet" data-delete="{take.name}">Delete</button></article>'
    )


def _picture(take: Take, number: int, alt: str) -> str:
    """A picture that is a link to its PNG."""
    url = _url(take, f"{number}.png")
    name = escape(f"{label(take.facts['model'])}-{take.name[:6]}-seed{take.facts['seed']}-{number}.png")
    shown = f'<img loading="lazy" alt="{escape(alt)}" src="{url}">'
    return f'<a href="{url}" download="{name}" title="Download this picture">{shown}</a>'


def _url(take: Take, file: str) -> str:
    """Where a file of a take is served."""
    return f"/kept/{take.name}/{escape(file)}"


def _sentence(text: str) -> str:
    """A text that ends as a sentence does."""
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
