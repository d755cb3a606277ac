"""The whole measurement with models whose worth is known: one that paints what it hears, and one that never listens."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.plain_colors import COLORS, LIGHTS, SIZE, ColorJudge, paint
from PIL import Image

from speech2img.corpora.records.manifest import Caption, Item, Manifest
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import DataError, MetricError
from speech2img.metrics.evaluate import model_groups
from speech2img.metrics.evaluate.model import evaluate_pipeline
from speech2img.metrics.evaluate.model_rows import RetrievalArrays
from speech2img.metrics.images.real_images import RealImages


class Painter:
    """Hears colour and light in the recording's name, and paints them unless it is deaf."""

    name, weights_sha256, image_size = "painter", "cd" * 32, SIZE
    sampling = {"candidates": 2}
    needs_frames = False

    def __init__(self, *, deaf: bool = False) -> None:
        self.deaf = deaf
        self.generated = 0

    def encode_paths(self, paths: Sequence[Path], *, on_error: Any = None) -> np.ndarray:
        rows = []
        for path in paths:
            color, light, _ = path.stem.split("-")
            rows.append([*(float(color == name) for name in COLORS), float(light == "day")])
        return np.array(rows, np.float32)

    def generate(
        self,
        embeddings: np.ndarray,
        *,
        seed: int = 0,
        num_images: int = 1,
        return_stages: bool = False,
        first_index: int = 0,
    ) -> Any:
        images = []
        for row, vector in enumerate(embeddings):
            color = list(COLORS)[int(vector[:4].argmax())]
            light = "day" if vector[4] > 0.5 else "night"
            for number in range(num_images):
                rng = np.random.default_rng((seed, first_index + row, number))
                images.append(paint("red", "day", np.random.default_rng(0)) if self.deaf else paint(color, light, rng))
        self.generated += len(images)
        stage = np.stack(images).reshape(len(embeddings), num_images, SIZE, SIZE, 3)
        return [stage[:, :, ::2, ::2], stage] if return_stages else stage


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    root = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    items = []
    for split in ("test_seen", "test", "train"):
        for number in range(24):
            color, light = list(COLORS)[number % 4], list(LIGHTS)[number // 4 % 2]
            name = f"{split}_{number}"
            Image.fromarray(paint(color, light, rng, 48)).save(root / f"{name}.png")
            captions = []
            for index in range(2):
                audio = f"{color}-{light}-{name}_{index}.wav"
                (root / audio).write_bytes(b"RIFF")
                captions.append(
                    Caption(
                        index=index,
                        text=f"a {color} bird",
                        voice=f"v{index}",
                        audio=audio,
                        rate=175,
                        pitch=50,
                        pitch_range=50,
                        mentions={"body_color": color, "light": light},
                        manner="plain",
                        held_out_voice=index == 1,
                    )
                )
            class_id = number % 4 + 4 * (split == "test")
            items.append(
                Item(
                    id=name,
                    image=f"{name}.png",
                    class_id=class_id,
                    class_name=f"{class_id}.{color}",
                    split=split,
                    box=None,
                    attributes={"body_color": color, "light": light},
                    captions=tuple(captions),
                )
            )
    return Manifest(root, "songbirds", items)


def evaluate(corpus: Manifest, out: Path, pipeline: Painter, **settings: Any) -> Any:
    options: dict[str, Any] = {
        "judge": ColorJudge(),
        "num_utterances": 20,
        "num_shown": 4,
        "out": out,
        "progress": False,
    }
    return evaluate_pipeline(pipeline, corpus, **(options | settings))


def test_a_model_that_listens(corpus: Manifest, tmp_path: Path) -> None:
    report = evaluate(
        corpus,
        tmp_path,
        Painter(),
        renderer=lambda attributes, seed, size: paint(
            attributes["body_color"], attributes["light"], np.random.default_rng(seed), size
        ),
    )
    for group in (
        "seen species",
        "unseen species",
        "all species",
        "unseen species, unseen voices",
        "seen species, voices heard in training",
    ):
        for prefix in ("spoken", "worded", "manner"):
            assert report.row(f"{prefix}_relative_accuracy", group).value == pytest.approx(1.0)
    assert 0.2 < report.row("worded_attribute_chance", "seen species").value < 0.3
    assert report.row("speech_centroid_accuracy", "unseen species").value == 1.0
    assert report.row("inception_score", "seen species").value > 3.5
    groups = {row.group for row in report.rows if row.name == "diversity_pixels"}
    assert {
        "generated, one utterance, 8 noises",
        "real renders of one bird",
        "real pictures that fit one utterance",
    } <= groups
    names = {path.name for path in tmp_path.iterdir()}
    sheets = {"nearest-1.png", "nearest-2.png"}
    assert names == {"report.json", "report.md", "report.html", "utterances.json", "pictures", *sheets}
    # Floors, and what may be copied.
    for metric in ("frechet_distance", "kernel_distance", "mind"):
        for floor in ("training_pictures", "test_halves"):
            assert report.row(f"{metric}_of_{floor}", "seen species").value < 1e6
    assert 0 <= report.row("nearer_to_training", "unseen species").value <= 1
    assert "![pairs of a generated and a training picture](nearest-1.png)" in (tmp_path / "report.md").read_text()
    assert "Nearest training pictures" in (tmp_path / "report.html").read_text()
    utterances = json.loads((tmp_path / "utterances.json").read_text())
    assert len(utterances) == 40 and utterances[0]["read"] == utterances[0]["mentions"]
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 40


def test_a_model_that_never_listens(corpus: Manifest, tmp_path: Path) -> None:
    report = evaluate(corpus, tmp_path, Painter(deaf=True), splits=["test"])
    assert report.row("spoken_relative_accuracy", "unseen species").value == pytest.approx(0.0, abs=1e-9)
    assert report.row("diversity_features", "generated, one utterance, 8 noises").value == 0.0
    assert report.row("diversity_features", "real pictures that fit one utterance").value > 0.0
    heard = evaluate(corpus, tmp_path / "other", Painter(), splits=["test"])
    assert any(note.startswith("Collapsed") for note in report.notes)
    assert not any(note.startswith("Collapsed") for note in heard.notes)
    distance = "frechet_distance"
    assert report.row(distance, "unseen species").value > 10 * heard.row(distance, "unseen species").value
    assert "all species" not in {row.group for row in report.rows}


def test_the_same_seed_gives_the_same_report(corpus: Manifest, tmp_path: Path) -> None:
    first, second = (evaluate(corpus, tmp_path / name, Painter(), splits=["test"]) for name in "ab")
    assert first.rows == second.rows
    assert (tmp_path / "a/report.html").read_text() == (tmp_path / "b/report.html").read_text()
    assert evaluate(corpus, tmp_path / "c", Painter(), splits=["test"], seed=1).rows != first.rows


def test_the_report_says_what_the_corpus_says_of_its_captions(corpus: Manifest, tmp_path: Path) -> None:
    meta = {"captions": "written by nobody", "photographs": "whole", "seed": 0}
    described = Manifest(corpus.root, "songbirds", corpus.items, meta=meta)
    report = evaluate(described, tmp_path / "a", Painter(), splits=["test"])
    assert list(report.corpus.items())[:3] == [
        ("name", "songbirds"),
        ("captions", "written by nobody"),
        ("photographs", "whole"),
    ]
    assert "written by nobody" in (tmp_path / "a/report.md").read_text()
    assert "captions" not in evaluate(corpus, tmp_path / "b", Painter(), splits=["test"]).corpus


class Monoglot(Painter):
    """Understands the captions with an even number, and hears nothing but noise in the others."""

    def encode_paths(self, paths: Sequence[Path], *, on_error: Any = None) -> np.ndarray:
        rows = super().encode_paths(paths)
        deaf = [path.stem.endswith("_1") for path in paths]
        rows[deaf] = np.random.default_rng(0).random((sum(deaf), 5))
        return rows


def in_languages(corpus: Manifest, codes: str, *, unheard: str = "") -> Manifest:
    """The corpus with its first captions in one language, its second ones in another; voices stay, or one's are new."""

    def spoken(item: Item, caption: Caption, code: str) -> Caption:
        held_out = code == unheard and len(item.id) % 2 == 0 if unheard else caption.held_out_voice
        return replace(caption, language=code, held_out_voice=held_out)

    items = [
        replace(item, captions=tuple(map(spoken, [item] * 2, item.captions, codes.split("+")))) for item in corpus.items
    ]
    return Manifest(corpus.root, "songbirds", items)


def test_each_language_of_several_is_measured_apart(corpus: Manifest, tmp_path: Path) -> None:
    mixed = in_languages(corpus, "en+ar", unheard="en")
    report = evaluate(mixed, tmp_path, Monoglot(), num_utterances=32)
    for group in ("seen species", "unseen species", "all species"):
        english, arabic, whole = (
            report.row("worded_relative_accuracy", name)
            for name in (f"{group}, language en", f"{group}, language ar", group)
        )
        assert english.value == pytest.approx(1.0) and arabic.value < 0.6
        assert english.num_samples == arabic.num_samples == whole.num_samples // 2
        assert arabic.interval is not None and arabic.interval[0] < arabic.value < arabic.interval[1]
        sentences = [report.row("whole_sentence_accuracy", f"{group}, language {code}") for code in ("en", "ar")]
        assert sentences[0].value == 1.0 and sentences[1].value < 0.6
        # A share of the whole is the mean of equal halves.
        both = report.row("whole_sentence_accuracy", group)
        assert both.value == pytest.approx((sentences[0].value + sentences[1].value) / 2)
        assert both.num_samples == 2 * sentences[0].num_samples
    # By voices within the language that has both kinds; speech by language where nothing is judged.
    names = {row.group for row in report.rows}
    assert {code for code in ("en", "ar") if f"seen species, language {code}, unseen voices" in names} == {"en"}
    spoken = {code: report.row("speech_centroid_accuracy", f"seen species, language {code}") for code in ("en", "ar")}
    assert spoken["en"].value == 1.0 > spoken["ar"].value and report.corpus["languages"] == "ar, en"
    # In every form of the report, and for each utterance.
    for form in ("report.md", "report.html", "report.json"):
        assert "een species, language ar" in (tmp_path / form).read_text()
    told = json.loads((tmp_path / "utterances.json").read_text())
    assert [entry["language"] for entry in told] == 2 * (16 * ["ar"] + 16 * ["en"])


def test_a_corpus_of_one_language_is_reported_as_ever(corpus: Manifest, tmp_path: Path) -> None:
    english = evaluate(corpus, tmp_path / "en", Painter())
    for code in ("en", "ar"):
        report = evaluate(in_languages(corpus, f"{code}+{code}"), tmp_path / code, Painter())
        assert report.to_markdown() == english.to_markdown() and "language" not in report.to_markdown()
        assert "language" not in (tmp_path / code / "utterances.json").read_text()


class FramePainter(Painter):
    """The same, but it takes nothing without frames."""

    needs_frames = True

    def encode_speech(self, recordings: Sequence[Path], *, on_error: Any = None) -> EncodedSpeech:
        rows = self.encode_paths(recordings)
        return EncodedSpeech(rows, [row[None] for row in rows])

    def generate(self, embeddings: Any, **settings: Any) -> Any:
        assert isinstance(embeddings, EncodedSpeech) and embeddings.frames is not None
        return super().generate(embeddings.sentences, **settings)


def test_a_model_that_needs_frames_is_given_them(corpus: Manifest, tmp_path: Path) -> None:
    plain = evaluate(corpus, tmp_path / "plain", Painter(), splits=["test"])
    assert evaluate(corpus, tmp_path / "frames", FramePainter(), splits=["test"]).rows == plain.rows


def test_the_teachers_features(corpus: Manifest, tmp_path: Path) -> None:
    pipeline = Painter()
    items = [item for item in corpus.items if item.split == "test"]
    features = pipeline.encode_paths([corpus.root / (item.captions[0].audio or "") for item in items])
    arrays = RetrievalArrays(features, [item.class_id for item in items], "a teacher", "ef" * 32)
    report = evaluate(corpus, tmp_path, pipeline, splits=["test"], retrieval={"test": arrays})
    row = report.row("class_centroid_accuracy", "unseen species")
    assert (row.value, row.network, row.weights_sha256, row.num_samples) == (1.0, "teacher: a teacher", "ef" * 32, 24)
    assert report.row("average_precision_at_50", "unseen species").value == pytest.approx(6 / 50)


def test_without_a_judge_the_rest_is_measured(corpus: Manifest, tmp_path: Path) -> None:
    report = evaluate(corpus, tmp_path, Painter(), judge=None, network=ColorJudge(), splits=["test"])
    assert "frechet_distance" in {row.name for row in report.rows}
    assert not any("attribute" in row.name for row in report.rows)
    assert any("No judge" in note for note in report.notes)


class Store:
    """Prepared pictures in memory."""

    def __init__(self, corpus: Manifest, size: int) -> None:
        self.ids = [item.id for item in corpus.items][::-1]
        self.size = size

    def read(self, indices: Sequence[int]) -> np.ndarray:
        return np.stack([np.full((self.size, self.size, 3), index, np.uint8) for index in indices])


def test_real_pictures_from_a_store_or_from_files(corpus: Manifest) -> None:
    ids = [corpus.items[5].id, corpus.items[0].id]
    stored = RealImages(corpus, size=16, store=Store(corpus, 32))
    assert stored.read(ids)[:, 0, 0, 0].tolist() == [len(corpus.items) - 6, len(corpus.items) - 1]
    too_small = RealImages(corpus, size=48, store=Store(corpus, 32))
    assert "image files, not cropped" in too_small.protocol
    np.testing.assert_array_equal(too_small.read(ids)[1], np.asarray(Image.open(corpus.root / corpus.items[0].image)))
    for pictures in (stored, too_small):
        with pytest.raises(DataError, match="nobody"):
            pictures.read(["nobody"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"judge": None}, "neither a judge"), ({"splits": ["train"]}, "training data"), ({"splits": []}, r"\(none\)")],
)
def test_bad_input(corpus: Manifest, tmp_path: Path, settings: dict, message: str) -> None:
    pipeline = Painter()
    with pytest.raises(MetricError, match=message):
        evaluate(corpus, tmp_path, pipeline, **settings)
    assert pipeline.generated == 0


def test_each_picture_comes_from_its_utterances_place_in_the_report(
    corpus: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for chunk in (3, 64):
        monkeypatch.setattr(model_groups, "CHUNK", chunk)
        out = tmp_path / str(chunk)
        evaluate(corpus, out, Painter(), splits=["test_seen", "test"], seed=5)
        told = json.loads((out / "utterances.json").read_text())
        assert len({entry["group"] for entry in told}) == 2 and len(told) == 40
        audio = {
            f"{item.id}_{caption.index}": corpus.root / str(caption.audio)
            for item in corpus.items
            for caption in item.captions
        }
        painter = Painter()
        for place, entry in enumerate(told):
            heard = painter.encode_paths([audio[entry["id"]]])
            expected = painter.generate(heard, seed=5, first_index=place)[0, 0]
            np.testing.assert_array_equal(np.asarray(Image.open(out / "pictures" / f"{entry['id']}.png")), expected)


def test_a_model_that_paints_one_picture_is_told(corpus: Manifest, tmp_path: Path) -> None:
    notes = evaluate(corpus, tmp_path / "deaf", Painter(deaf=True), splits=["test"]).notes
    assert any(note.startswith("unseen species, generated: all 20 pictures are identical") for note in notes)
    notes = evaluate(corpus, tmp_path / "hearing", Painter(), splits=["test"]).notes
    assert not any("identical" in note or "repeat" in note for note in notes)
