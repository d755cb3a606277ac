"""Sheets of what images listened to: a fixed choice, with the image and its noise, in the report and beside it."""

from pathlib import Path

import numpy as np
from PIL import Image

from speech2img.corpora.records.utterances import UtteranceRecord
from speech2img.metrics.evaluate.attngan.attended_images import SHOWN, add_attended
from speech2img.metrics.evaluate.model_groups import EvaluatedGroup
from speech2img.metrics.report.html_page import ATTENDED_TITLE, PageData, page_html
from speech2img.metrics.report.report import MetricReport


def spoken_group(name: str, *, count: int, first: int) -> EvaluatedGroup:
    records = [
        UtteranceRecord(
            id=f"{name}{row}",
            item_id=f"{name}{row}",
            audio=Path(f"{row}.wav"),
            text=f"a <bird>\n of {name} {row}",
            image=Path("x"),
            class_id=0,
            class_name="0",
            split="test",
        )
        for row in range(count)
    ]
    images = np.arange(first, first + count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    return EvaluatedGroup(name, records, np.zeros((count, 2), np.float32), images, images, first)


def test_some_of_each_group_are_shown_with_their_own_image_and_noise(tmp_path: Path) -> None:
    groups = [spoken_group("seen", count=9, first=0), spoken_group("unseen", count=2, first=9)]
    asked: list[tuple[str, int]] = []

    def draw(record: UtteranceRecord, image: np.ndarray, index: int) -> np.ndarray:
        assert (image == index).all()  # the image of that noise
        asked.append((record.id, index))
        return np.full((6, 5, 3), 10 * index, np.uint8)

    report = MetricReport(title="t", model={}, corpus={}, settings={})
    entries = add_attended(report, groups, draw, tmp_path, seed=7)
    rows = sorted(np.random.default_rng(7).permutation(9)[:SHOWN].tolist())
    assert asked == [*((f"seen{row}", row) for row in rows), ("unseen0", 9), ("unseen1", 10)]
    assert [entry.group for entry in entries] == ["seen"] * SHOWN + ["unseen"] * 2
    for number, (_, index) in enumerate(asked, start=1):
        assert (np.asarray(Image.open(tmp_path / f"attention-{number}.png")) == 10 * index).all()
    # Linked from the report, and inside the page, with nothing of a text taken for markup.
    markdown = report.to_markdown()
    assert f"## {ATTENDED_TITLE}" in markdown and "(attention-6.png)" in markdown
    assert "unseen: “a <bird> of unseen 1”" in markdown
    page = page_html(PageData(report, attended=entries))
    assert page.count('class="card utterance attended"') == 6 and "a &lt;bird&gt;" in page and "<bird>" not in page


def test_a_page_without_any_has_no_such_section() -> None:
    report = MetricReport(title="t", model={}, corpus={}, settings={})
    assert ATTENDED_TITLE not in page_html(PageData(report))
