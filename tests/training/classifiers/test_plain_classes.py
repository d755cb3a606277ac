"""A corpus that knows nothing of its pictures but their class: teacher, judge and evaluation work on the class."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from speech2img.batches.labelled_images import NOT_COUNTED, head_values, label_items
from speech2img.corpora.records.facts import CorpusFacts
from speech2img.corpora.records.items import recorded_caption
from speech2img.corpora.records.manifest import Item, Manifest
from speech2img.corpora.songbirds.attributes import ATTRIBUTES, FACTS
from speech2img.errors import ConfigError, DataError
from speech2img.features.attributes import AttributeClassifier
from speech2img.metrics.evaluate.model import evaluate_pipeline
from speech2img.storage.releases.release import load_release
from speech2img.training.classifiers.settings import TeacherSettings
from speech2img.training.run import LoopSettings
from speech2img.training.train import train
from speech2img.training.validation_samples import count_correct_attributes

LOOP = LoopSettings(max_steps=16, evaluate_every=8, grid_every=0, precision="fp32", threads=1)
SETTINGS = TeacherSettings(width=4, feature_dim=16, batch_size=8, workers=1, learning_rate=5e-3, loop=LOOP)
NAMES = ("dark", "light")


def paint(name: str, number: int) -> np.ndarray:
    grey = (40 if name == "dark" else 200) + 5 * (number % 3)
    return np.full((28, 28, 3), grey, dtype=np.uint8)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """28 px grey pictures of two classes, as MNIST's are; recordings are only named."""
    root = tmp_path_factory.mktemp("plain")
    items = []
    for number in range(24):
        name = NAMES[number % 2]
        Image.fromarray(paint(name, number)).convert("L").save(root / f"{number}.png")
        (root / f"{name}_{number}.wav").write_bytes(b"RIFF")
        split = "val" if number >= 20 else "test_seen" if number >= 12 else "train"
        items.append(
            Item(
                f"{number}",
                f"{number}.png",
                number % 2,
                name,
                split,
                None,
                None,
                (recorded_caption(0, f"{name}_{number}.wav", speaker="Ada"),),
            )
        )
    manifest = Manifest(root, "folder", items)
    manifest.save()
    return manifest


@pytest.fixture(scope="module")
def judge(corpus: Manifest, tmp_path_factory: pytest.TempPathFactory) -> AttributeClassifier:
    run = tmp_path_factory.mktemp("runs") / "judge"
    train("judge", corpus.root, run, SETTINGS, device="cpu", progress=False)
    return AttributeClassifier.load(run / "export")


def test_the_head_is_the_class(corpus: Manifest) -> None:
    for species in (True, False):
        assert head_values(corpus.items, CorpusFacts(), species=species) == {"class": NAMES}
    unseen = replace(corpus.items[0], class_name="other")
    assert label_items([*corpus.items[:2], unseen], {"class": NAMES}, CorpusFacts()).tolist() == [
        [0],
        [1],
        [NOT_COUNTED],
    ]
    assert head_values(corpus.items[::2], FACTS, species=True) == {}
    assert head_values(corpus.items[:2], FACTS, species=True) == {}


def test_teacher_and_judge_learn_classes(corpus: Manifest, judge: AttributeClassifier, tmp_path: Path) -> None:
    assert judge.heads == {"class": NAMES} and judge.classes == "2 values of class"
    assert judge.accuracy == {"class": 1.0}
    short = replace(SETTINGS, loop=replace(LOOP, max_steps=2))
    train("teacher", corpus.root, tmp_path, short, device="cpu", progress=False)
    assert load_release(tmp_path / "export")[1]["heads"] == {"class": list(NAMES)}


def test_one_class_or_no_validation_is_refused(corpus: Manifest, tmp_path: Path) -> None:
    for name, items, error, reason in (
        ("one", corpus.items[::2], ConfigError, "one class or a class for each picture"),
        ("no-val", corpus.items[:20], DataError, "no validation pictures"),
    ):
        root = tmp_path / name
        root.mkdir()
        for item in items:
            (root / item.image).write_bytes((corpus.root / item.image).read_bytes())
        Manifest(root, "folder", items).save()
        with pytest.raises(error, match=reason):
            train("teacher", root, tmp_path / f"run-{name}", SETTINGS, device="cpu", progress=False)


class Painter:
    """A model whose file names say what it hears; every fifth picture is wrong."""

    name, weights_sha256, image_size = "painter", "0" * 64, 28
    sampling = {"conditioning": "mean"}
    needs_frames = False

    def encode_paths(self, paths, *, on_error=None):
        return np.array([[float(path.stem.startswith(name)) for name in NAMES] for path in paths], np.float32)

    def generate(self, embeddings, *, seed=0, num_images=1, return_stages=False, first_index=0):
        pictures = []
        for row, vector in enumerate(embeddings):
            heard = int(vector.argmax()) ^ ((first_index + row) % 4 == 0)
            pictures.append([paint(NAMES[heard], number) for number in range(num_images)])
        stage = np.array(pictures)
        return [stage] if return_stages else stage


def test_accuracy_of_classes_is_reported(corpus: Manifest, judge: AttributeClassifier, tmp_path: Path) -> None:
    report = evaluate_pipeline(
        Painter(),
        corpus,
        splits=["test_seen"],
        judge=judge,
        num_utterances=8,
        num_shown=2,
        out=tmp_path,
        progress=False,
    )
    row = report.row("spoken_attribute_accuracy", "seen classes")
    assert row.value == pytest.approx(6 / 8) and row.num_samples == 8
    assert report.row("spoken_attribute_real", "seen classes").value == 1.0
    assert report.judge_accuracy == {"class": 1.0}


def test_what_a_teacher_sees_of_the_class() -> None:
    said = np.full((3, len(ATTRIBUTES)), NOT_COUNTED)
    guesses = {"class": np.array([0, 1, 1])}
    shown = count_correct_attributes(guesses, {"class": NAMES}, said, ["dark", "dark", "other"], attributes=ATTRIBUTES)
    assert shown == (1, 2)
    said[:2, 0] = 1
    first = next(iter(ATTRIBUTES))
    heads = {"species": NAMES, first: tuple(ATTRIBUTES[first])}
    guesses = {"species": guesses["class"], first: np.array([1, 0, 0])}
    assert count_correct_attributes(guesses, heads, said, ["dark"] * 3, attributes=ATTRIBUTES) == (1, 2)


def test_a_teacher_may_number_the_values_otherwise_or_lack_some() -> None:
    """Values are compared by name: one that the teacher does not know cannot be counted."""
    attributes = {"shape": ("round", "square", "long"), "size": ("small", "large")}
    heads = {"shape": ("square", "round")}
    said = np.array([[0, 1], [1, NOT_COUNTED], [2, 0], [NOT_COUNTED, 0]])
    guesses = {"shape": np.array([1, 1, 0, 0])}
    assert count_correct_attributes(guesses, heads, said, [""] * 4, attributes=attributes) == (1, 2)
