"""The page: one file that asks nothing of any other place; a row a recording, a column a model."""

import base64
import re
from pathlib import Path

import numpy as np

from speech2img.gallery.column import GalleryColumn
from speech2img.gallery.page import MARK, Gallery, gallery_html
from speech2img.gallery.recordings_table import GalleryRecording, own_recordings, packaged_recordings

from ..metrics.report.test_html_page import parse


def _images(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (2, 8, 8, 3), dtype=np.uint8)


def _gallery(recordings: list[GalleryRecording], *columns: GalleryColumn) -> Gallery:
    return Gallery("A title", "A lead.", recordings, columns, seed=7, version="1.2.3")


def test_the_page_holds_the_recordings_and_asks_nothing_of_any_other_place() -> None:
    twelve = packaged_recordings()
    column = GalleryColumn("m", "ab" * 32, 8, {place: _images(place) for place in range(12)})
    page = gallery_html(_gallery(twelve, column))
    tags = parse(page).tags
    assert MARK in page[:512]
    sources = [attributes["src"] or "" for name, attributes in tags if name in ("img", "audio")]
    assert len(sources) == 12 + 24 and all(source.startswith("data:") for source in sources)
    assert not re.search(r"https?://|url\(", page)
    sounds = [source for source in sources if source.startswith("data:audio/ogg;base64,")]
    assert [base64.b64decode(sound.partition(",")[2]) for sound in sounds] == [
        recording.path.read_bytes() for recording in twelve
    ]
    for recording in twelve:
        assert recording.text[1:] in page
        assert recording.voice is not None and recording.voice.credit in page
    assert "seed <b>7</b>" in page and "ab" * 32 in page and "ab" * 6 + "<" in page


def test_confidence_is_said_where_a_model_has_it_and_doubt_is_marked() -> None:
    sure = GalleryColumn("sure", "0", 8, {0: _images(0), 1: _images(1)}, {0: 0.93, 1: 0.2}, doubtful=0.5)
    plain = GalleryColumn("plain", "0", 8, {0: _images(0), 1: _images(1)})
    page = gallery_html(_gallery(packaged_recordings()[:2], sure, plain))
    parse(page)
    assert page.count("confidence 93%") == 1 and page.count('class="sure doubt"') == 1
    assert "confidence 20%, hardly a description" in page
    assert page.count('class="sure') == 2


def test_what_one_model_could_not_hear_says_so_and_what_none_could_has_no_row(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.wav").write_bytes(b"RIFF")
    recordings = own_recordings([tmp_path / f"{name}.wav" for name in ("a", "b", "c")])
    first = GalleryColumn("first", "0", 8, {0: _images(0), 1: _images(1)})
    second = GalleryColumn("second", "0", 8, {0: _images(2)})
    page = gallery_html(_gallery(recordings, first, second))
    parse(page)
    assert page.count("<article") == 2 and page.count("could not be heard") == 1
    assert "b.wav" in page and "c.wav" not in page


def test_strange_names_are_text(tmp_path: Path) -> None:
    path = tmp_path / '<b>&".wav'
    path.write_bytes(b"RIFF")
    page = gallery_html(_gallery(own_recordings([path]), GalleryColumn("<i>", "0", 8, {0: _images(0)})))
    parse(page)
    assert "<i>" not in re.sub(r"<style>.*?</style>", "", page, flags=re.S).replace("&lt;i&gt;", "")
    assert "&lt;b&gt;&amp;" in page
