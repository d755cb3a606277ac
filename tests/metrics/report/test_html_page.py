"""The page: one file that asks nothing of any other place, whatever text is in it; curves from any ``stats.jsonl``."""

import base64
import io
import json
import os
import re
import tempfile
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from speech2img.corpora.records.utterances import UtteranceRecord
from speech2img.errors import DataError
from speech2img.metrics.evaluate import model_rows as measures
from speech2img.metrics.report.charts import charts_html, curve_svg, read_curves
from speech2img.metrics.report.html_page import (
    DiversityEntry,
    GalleryEntry,
    PageData,
    page_html,
    species_name,
    write_page,
)
from speech2img.metrics.report.report import MetricReport, MetricRow

VOID = {"meta", "img", "line"}


class Tags(HTMLParser):
    """Collects tags and attributes and checks that every element is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"


def parse(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    tags.close()
    assert tags.open == []
    return tags


class FakeJudge:
    """Name and hash of a judge."""

    name, weights_sha256, values, accuracy = "judge", "ab" * 32, {"size": ("small", "large")}, {"size": 0.99}


@pytest.fixture
def data(tmp_path: Path) -> PageData:
    audio = tmp_path / "a.wav"
    audio.write_bytes(b"RIFF....WAVE")
    rng = np.random.default_rng(0)
    record = UtteranceRecord(
        id="x_0",
        item_id="x",
        audio=audio,
        text='a <b>small</b> & "grey" bird',
        image=tmp_path / "x.jpg",
        class_id=0,
        class_name="001.Crested_Marshlark",
        split="test",
        mentions={"size": "small", "light": "day"},
        voice="en-gb",
        manner="plain",
        by_manner=frozenset({"light"}),
        held_out_voice=True,
    )
    report = MetricReport(
        title="T <script>",
        model={"name": "m", "weights_sha256": "cd" * 32},
        corpus={"name": "c"},
        settings={"seed": 0},
        notes=["note <i>"],
    )
    said = [{"size": "small", "light": "day"}, {"size": "large", "light": "night"}]
    measures.add_spoken_attributes(
        report, "unseen species", said, said, said, manner=frozenset({"light"}), judge=FakeJudge, seed=0
    )
    report.add(
        MetricRow(
            name="diversity_features",
            group="generated",
            value=0.5,
            num_samples=4,
            protocol="p <&>",
            seed=0,
            network="judge",
            weights_sha256="ab" * 32,
        )
    )
    picture = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    pictures = rng.integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    stats = tmp_path / "stats.jsonl"
    stats.write_text(
        "\n".join(
            json.dumps({"kind": "train", "step": step, "loss": 1 / step, "seconds": 1.0}) for step in range(1, 400)
        )
        + '\n{"kind": "tra'
    )
    gallery = [
        GalleryEntry(
            record, "unseen species", [picture[:8, :8], picture], picture, {"size": "large", "light": "day"}, None
        )
    ]
    return PageData(report, gallery, [DiversityEntry(record, pictures, pictures[:2], None)], {"run <1>": stats})


def test_the_page_is_one_sound_file(data: PageData, tmp_path: Path) -> None:
    write_page(tmp_path / "report.html", data)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    tags = parse(page)
    names = [tag for tag, _ in tags.tags]
    assert names.count("audio") == 1 and names.count("svg") == 1
    assert names.count("img") == 3 + 4 + 2
    for tag, attributes in tags.tags:
        for key in ("src", "href"):
            value = attributes.get(key)
            assert value is None or value.startswith(("data:", "#")), f"{tag} asks for {value}"
    assert "url(" not in page and "@import" not in page and "<script" not in page
    ids = {attributes["id"] for _, attributes in tags.tags if "id" in attributes}
    assert {value[1:] for _, attributes in tags.tags if (value := attributes.get("href"))} <= ids


def test_pictures_and_sound_survive(data: PageData) -> None:
    page = page_html(data)
    pictures = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(code))))
        for code in re.findall(r"data:image/png;base64,([^\"]+)", page)
    ]
    assert any(np.array_equal(picture, data.gallery[0].stages[-1]) for picture in pictures)
    (sound,) = re.findall(r"data:audio/wav;base64,([^\"]+)", page)
    assert base64.b64decode(sound) == b"RIFF....WAVE"


def test_hits_and_misses_are_told_apart(data: PageData) -> None:
    page = page_html(data)
    assert '<li class="miss">✗ <s>size: small</s> → large</li>' in page
    assert '<li class="hit manner" title="given by the manner of speaking alone">✓ light: day</li>' in page
    assert "a &lt;b&gt;small&lt;/b&gt; &amp; &quot;grey&quot; bird" in page
    assert "100 % relative" in page


def test_missing_and_huge_recordings_leave_a_remark(data: PageData) -> None:
    audio = data.gallery[0].record.audio
    audio.write_bytes(bytes(2_000_000))
    assert "recording not included" in page_html(data)
    audio.unlink()
    assert "recording not included" in page_html(data)


def test_an_empty_report_is_a_page_too() -> None:
    page = page_html(PageData(MetricReport(title="T", model={}, corpus={}, settings={})))
    parse(page)
    assert "Listen and look" not in page


def test_species_names() -> None:
    assert species_name("001.Crested_Marshlark") == "Crested Marshlark"
    assert species_name("Blue_Jay") == "Blue Jay"


def test_curves_are_read_from_any_run(tmp_path: Path) -> None:
    path = tmp_path / "stats.jsonl"
    lines = [
        {"kind": "train", "step": 1, "loss": 2.0, "lr": 1.0, "flag": True, "bad": None},
        {"kind": "train", "step": 2, "loss": 1.0, "once": 5.0},
        {"kind": "evaluation", "step": 2, "loss": 3.0, "accuracy_size": 0.5},
        {"kind": "evaluation", "step": 4, "loss": 2.5, "accuracy_size": 0.6},
        ["no", "dict"],
        {"loss": 3.0},
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\nnot json\n\xff")
    assert read_curves(path) == {"loss": [(1.0, 2.0), (2.0, 1.0)], "held-out loss": [(2.0, 3.0), (4.0, 2.5)]}
    assert read_curves(tmp_path / "absent.jsonl") == {}
    assert charts_html({"nothing": tmp_path / "absent.jsonl"}) == ""


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1e30, 1e30), min_size=2, max_size=300))
def test_any_curve_stays_inside_its_frame(values: list[float]) -> None:
    svg = curve_svg([(float(step), value) for step, value in enumerate(values)], label="a & b")
    parse(svg)
    numbers = re.findall(r"[ML]([-\d.]+),([-\d.]+)", svg)
    assert numbers
    assert all(0 <= float(x) <= 260 and 0 <= float(y) <= 132 for x, y in numbers)


def test_lines_of_curves_that_cannot_be_read_are_counted_on_the_page(tmp_path: Path) -> None:
    path = tmp_path / "stats.jsonl"
    sound = [json.dumps({"step": step, "loss": 1.0 / step}) for step in (1, 2, 3)]
    hostile = [
        f'{{"step": 4, "loss": {"9" * 5000}}}',
        f'{{"step": 5, "loss": {"[" * 100_000}',
        "NaN",
        '{"step": 1e400}',
    ]
    path.write_text("\n".join([*sound, *hostile, '{"step": 6, "loss": NaN}', '{"step": 7, "loss": 1e300}']))
    assert read_curves(path) == {"loss": [(1.0, 1.0), (2.0, 0.5), (3.0, 1.0 / 3)]}
    html = charts_html({"run": path})
    assert "<p>4 lines of stats.jsonl cannot be read and are left out.</p>" in html
    path.write_text("\n".join([*sound, '{"step": 4, "lo']))
    assert "cannot be read" not in charts_html({"run": path})  # the torn last line of a run that was killed


def test_pipes_and_devices_are_no_curves(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "stats.jsonl")
    for path in (tmp_path / "stats.jsonl", Path("/dev/zero")):
        with pytest.raises(DataError, match="not a regular file"):
            read_curves(path)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=300)
    | st.lists(st.fixed_dictionaries({"step": st.floats() | st.integers(), "a": st.floats() | st.integers()})).map(
        lambda lines: "\n".join(json.dumps(line) for line in lines).encode()
    )
)
def test_any_bytes_give_curves_or_none(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stats.jsonl"
        path.write_bytes(data)
        html = charts_html({"run": path})
    parse(f"<div>{html}</div>")
    assert "nan" not in html and "inf" not in html


@pytest.mark.parametrize("value", [0.0, 5e-324, 1e-300, 1e16, 1e100, -1e100])
def test_curves_of_one_value_or_step_are_drawn(value: float) -> None:
    for series in ([(0.0, value), (1.0, value)], [(value, 1.0), (value, 2.0)], [(value, 1.0), (-value, 2.0)]):
        parse(curve_svg(series, label="flat"))
