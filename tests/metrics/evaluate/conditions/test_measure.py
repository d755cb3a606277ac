"""Voices and conditions: a listener that goes by one tone is right where it is heard, and wrong where it is not."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.plain_colors import COLORS, SIZE, ColorJudge, paint
from PIL import Image

from speech2img.audio.inputs import hear
from speech2img.audio.wav import write_wav
from speech2img.corpora.records.manifest import Caption, Item, Manifest
from speech2img.errors import AudioError, DataError, MetricError
from speech2img.metrics.evaluate.conditions.measure import VoicesAndConditions
from speech2img.metrics.evaluate.conditions.recordings import recorded_elsewhere
from speech2img.metrics.evaluate.model import evaluate_pipeline

RATE = 16_000
HERTZ = {"red": 1000.0, "green": 2000.0, "blue": 5000.0, "white": 6000.0}


def tone(color: str) -> np.ndarray:
    return np.float32(0.3 * np.sin(2 * np.pi * HERTZ[color] * np.arange(RATE // 4) / RATE))


class Listener:
    """Hears the colour by its tone."""

    name, weights_sha256, image_size, needs_frames = "listener", "cd" * 32, SIZE, False
    sampling: dict[str, Any] = {}

    def encode_paths(self, paths: Sequence[Any], *, on_error: Any = None) -> np.ndarray:
        rows = []
        for place, recording in enumerate(paths):
            try:
                y = hear(recording, sample_rate=RATE).y[-RATE // 4 :]
            except AudioError as error:
                on_error(place, error)
                rows.append(np.full(4, np.nan))
                continue
            spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)), 4 * RATE))
            loud = spectrum[[round(4 * hertz) for hertz in HERTZ.values()]]
            rows.append(loud if loud.max() > 1 else np.eye(4)[0])
        return np.array(rows, np.float32)

    def generate(self, embeddings: np.ndarray, *, seed: int = 0, num_images: int = 1, **options: Any) -> Any:
        rng = np.random.default_rng(seed)
        images = [paint(list(COLORS)[int(row.argmax())], "day", rng) for row in embeddings for _ in range(num_images)]
        stage = np.stack(images).reshape(len(embeddings), num_images, SIZE, SIZE, 3)
        return [stage] if options.get("return_stages") else stage


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    root = tmp_path_factory.mktemp("corpus")
    items = []
    for number in range(16):
        color = list(COLORS)[number % 4]
        Image.fromarray(paint(color, "day", np.random.default_rng(number), 48)).save(root / f"{number}.png")
        captions = []
        for index in range(2):
            audio = f"speech/{number}_{index}.wav"
            (root / "speech").mkdir(exist_ok=True)
            write_wav(root / audio, tone(color), sample_rate=RATE)
            captions.append(
                Caption(
                    index,
                    f"a {color} bird",
                    f"v{index}",
                    audio,
                    175,
                    50,
                    50,
                    {"body_color": color},
                    "plain",
                    "en",
                    held_out_voice=index == 1,
                )
            )
        items.append(
            Item(f"b/{number}", f"{number}.png", number % 4, color, "test", None, {"body_color": color}, captions)
        )
    return Manifest(root, "songbirds", items)


def measured(corpus: Manifest, out: Path, **settings: Any) -> Any:
    measure = VoicesAndConditions(Listener(), corpus, judge=ColorJudge(), progress=False, **settings)
    return evaluate_pipeline(
        Listener(),
        corpus,
        splits=["test"],
        judge=ColorJudge(),
        num_utterances=16,
        num_shown=2,
        extras=[measure],
        out=out,
        progress=False,
    )


def cell(report: Any, voices: str, condition: str) -> float:
    (row,) = [
        row
        for row in report.rows
        if row.name == "spoken_relative_accuracy"
        and (row.details.get("voices"), row.details.get("condition")) == (voices, condition)
    ]
    assert row.interval is not None
    return float(row.value)


def test_what_is_out_of_the_band_is_not_understood(corpus: Manifest, tmp_path: Path) -> None:
    report = measured(corpus, tmp_path, conditions=["clean", "8khz", "silence"])
    for voices in ("voices heard in training", "unseen voices"):
        assert cell(report, voices, "clean") == pytest.approx(1)
        assert cell(report, voices, "silence") == pytest.approx(1)
        assert cell(report, voices, "8khz") < 0.7


def test_the_table_stands_in_every_form_of_the_report_and_only_once(corpus: Manifest, tmp_path: Path) -> None:
    measured(corpus, tmp_path, conditions=["clean", "8khz"])
    markdown, page = (tmp_path / "report.md").read_text(), (tmp_path / "report.html").read_text()
    assert "## Other voices, other recordings" in markdown and "| voices | clean | 8khz |" in markdown
    assert "| unseen voices | 100.0 % [100.0 % to 100.0 %] |" in markdown
    assert "Other voices, other recordings" in page and page.count('<td class="rowhead">unseen voices</td>') == 1
    assert "8 kHz" not in markdown.split("## All numbers")[1].split("## By attribute")[0]
    rows = json.loads((tmp_path / "report.json").read_text())["metrics"]
    found = {row["details"]["condition"] for row in rows if "condition" in row["details"]}
    assert found == {"clean", "8khz"}


def test_languages_are_rows_of_their_own_where_there_are_several(corpus: Manifest, tmp_path: Path) -> None:
    assert not any("language" in row.group for row in measured(corpus, tmp_path / "one", conditions=["clean"]).rows)
    # Of the pictures of even number the captions are Arabic; whoever listens to the 8 kHz understands half.
    items = [
        replace(item, captions=[replace(caption, language="ar" if row % 2 else "en") for caption in item.captions])
        for row, item in enumerate(corpus.items)
    ]
    mixed = Manifest(corpus.root, "songbirds", items)
    folder = tmp_path / "festival"
    folder.mkdir()
    for item in mixed.items:
        write_wav(folder / f"{item.id.replace('/', '__')}_0.wav", tone(item.class_name), sample_rate=RATE)
    report = measured(mixed, tmp_path / "two", conditions=["clean", "silence"], recordings=[folder])
    for voices in ("voices heard in training", "unseen voices", "festival"):
        for condition in ("clean", "silence"):
            assert cell(report, voices, condition) == pytest.approx(1)
            assert cell(report, f"{voices}, language ar", condition) == pytest.approx(1)
            assert cell(report, f"{voices}, language en", condition) == pytest.approx(1)
    assert "| festival, language ar |" in (tmp_path / "two" / "report.md").read_text()


def test_other_recordings_are_a_row_each(corpus: Manifest, tmp_path: Path) -> None:
    good, confused = tmp_path / "festival", tmp_path / "confused" / "speech"
    good.mkdir()
    confused.mkdir(parents=True)
    for item in corpus.items:
        color, wrong = item.class_name, list(COLORS)[(item.class_id + 1) % 4]
        write_wav(good / f"{item.id.replace('/', '__')}_0.wav", tone(color), sample_rate=RATE)
        for index in range(2):
            write_wav(confused / f"{item.id[2:]}_{index}.wav", tone(wrong), sample_rate=RATE)
    report = measured(corpus, tmp_path / "out", recordings=[good, confused.parent])
    assert cell(report, "festival", "clean") == pytest.approx(1)
    assert cell(report, "confused", "clean") < 0
    assert "voices: festival" in next(row.protocol for row in report.rows if row.details.get("voices") == "festival")


def test_a_recording_that_cannot_be_used_is_told_once_and_left_out(corpus: Manifest, tmp_path: Path) -> None:
    folder = tmp_path / "festival"
    folder.mkdir()
    for item in corpus.items:
        write_wav(folder / f"{item.id.replace('/', '__')}_0.wav", tone(item.class_name), sample_rate=RATE)
    (folder / "b__5_0.wav").write_bytes(b"RIFF, and no more")
    options: dict[str, Any] = {"recordings": [folder], "conditions": ["clean", "silence"]}
    with pytest.raises(AudioError, match="b__5_0.wav"):
        measured(corpus, tmp_path / "out", **options)
    told: list[AudioError] = []
    report = measured(corpus, tmp_path / "out", **options, on_error=told.append)
    assert len(told) == 1 and "b__5_0.wav" in str(told[0])
    for condition in ("clean", "silence"):
        assert cell(report, "festival", condition) == pytest.approx(1)
        assert cell(report, "unseen voices", condition) == pytest.approx(1)
    counts = {row.num_samples for row in report.rows if row.details.get("voices") == "festival"}
    assert counts == {15}
    (note,) = [note for note in report.notes if "left out" in note]
    assert "unseen species, festival: 1 of 16 recordings" in note and "b__5_0.wav" in note


def test_folders_without_recordings_and_of_one_name_are_refused(corpus: Manifest, tmp_path: Path) -> None:
    (tmp_path / "a" / "x").mkdir(parents=True)
    (tmp_path / "b" / "x").mkdir(parents=True)
    with pytest.raises(MetricError, match="two groups of voices of one name"):
        measured(corpus, tmp_path / "out", recordings=[tmp_path / "a" / "x", tmp_path / "b" / "x"])
    with pytest.raises(DataError, match="recordings of 0 of the 32 utterances.*as b__0_0.wav"):
        measured(corpus, tmp_path / "out", recordings=[tmp_path / "a" / "x"])
    with pytest.raises(DataError, match="no such folder"):
        recorded_elsewhere([], tmp_path / "nowhere", root=tmp_path)
