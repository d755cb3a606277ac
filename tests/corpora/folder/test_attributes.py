"""The user's own attributes: columns of a table become a vocabulary that is learned, and measured."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from speech2img.cli.main import main
from speech2img.corpora.folder.attributes import MAX_VALUES, folder_facts
from speech2img.corpora.folder.entries import Entry, Line
from speech2img.corpora.folder.table import read_table
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.registry import facts_of
from speech2img.errors import DataError
from speech2img.features.attributes import AttributeClassifier
from speech2img.metrics.evaluate.model import evaluate_pipeline
from speech2img.storage.releases.release import load_release

SHADES = {"dark": 40, "light": 200}
SIDES = ("left", "right")


def paint(shade: str, side: str, number: int = 0) -> np.ndarray:
    picture = np.full((28, 28, 3), 120, dtype=np.uint8)
    half = slice(0, 14) if side == "left" else slice(14, 28)
    picture[:, half] = SHADES[shade] + 5 * (number % 3)
    return picture


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """32 pictures of one class with two captions each: the first says the shade, the second the side."""
    root = tmp_path_factory.mktemp("own")
    lines = ["image,text,split,attribute:Shade,attribute:side,attribute:kind,remark"]
    for number in range(32):
        shade, side = list(SHADES)[number % 2], SIDES[number // 2 % 2]
        Image.fromarray(paint(shade, side, number)).save(root / f"{number}.png")
        split = "val" if number >= 24 else "test" if number >= 16 else "train"
        lines.append(f"{number}.png,it is {shade},{split},{shade},,patch,x")
        lines.append(f"{number}.png,it is {side},{split},,{side},patch,x")
    (root / "items.csv").write_text("\n".join(lines) + "\n")
    assert main(["prepare", "folder", "--root", str(root)]) == 0
    return Manifest.load(root)


def test_a_caption_says_what_its_row_holds_and_the_picture_shows_it_all(corpus: Manifest) -> None:
    item = corpus.items[0]
    assert item.attributes == {"shade": "dark", "side": "left", "kind": "patch"}
    assert [caption.mentions for caption in item.captions] == [
        {"shade": "dark", "kind": "patch"},
        {"side": "left", "kind": "patch"},
    ]


def test_the_manifest_has_the_vocabulary(corpus: Manifest) -> None:
    facts = facts_of(corpus)
    assert facts.attributes == {"shade": ("dark", "light"), "side": ("left", "right")} and facts.judge is None
    notes = "\n".join(corpus.meta["notes"])
    assert "attributes: shade (2 values), side (2 values)" in notes
    assert "are not measured: kind" in notes and "passed over: remark" in notes


def test_a_table_without_attributes_says_that_there_are_none(tmp_path: Path) -> None:
    facts, notes = folder_facts(tmp_path, [Entry("a.jpg", None, None, (Line(0, None, "a bird"),))])
    assert not facts.attributes and not notes


class Painter:
    """Its recordings' names are what it hears: the number of the picture, and which of its captions."""

    name, weights_sha256, image_size = "painter", "0" * 64, 28
    sampling = {"conditioning": "mean"}
    needs_frames = False

    def encode_paths(self, paths: Sequence[Path], *, on_error: object = None) -> np.ndarray:
        numbers = [int(path.stem.split("_")[0]) for path in paths]
        return np.array([[number % 2, number // 2 % 2] for number in numbers], np.float32)

    def generate(self, embeddings, *, seed=0, num_images=1, return_stages=False, first_index=0):
        """Every shade as it was said; every side is the left one."""
        shades = [list(SHADES)[int(row[0])] for row in embeddings]
        stage = np.array([[paint(shade, "left", k) for k in range(num_images)] for shade in shades])
        return [stage] if return_stages else stage


def test_own_attributes_are_learned_and_measured(corpus: Manifest, tmp_path: Path) -> None:
    """From the table to the report: heads of teacher and judge, accuracy of all and of each."""
    short = ["loop.max_steps=60", "loop.evaluate_every=30", "loop.grid_every=0", "loop.threads=1", "width=4"]
    short += ["feature_dim=32", "batch_size=16", "workers=1", "learning_rate=5e-3", "shift=0", "renders=0"]
    options = [word for setting in short for word in ("--set", setting)]
    for kind in ("judge", "teacher"):
        argv = ["train", kind, "--root", str(corpus.root), "--out", str(tmp_path / kind), "--device", "cpu"]
        assert main([*argv, *options]) == 0
        config = load_release(tmp_path / kind / "export")[1]
        assert config["heads"] == {"shade": ["dark", "light"], "side": ["left", "right"]}, "one class is no head"
    judge = AttributeClassifier.load(tmp_path / "judge" / "export")
    assert judge.accuracy == {"shade": 1.0, "side": 1.0}

    report = evaluate_pipeline(
        Painter(), corpus, splits=["test"], judge=judge, num_utterances=32, out=tmp_path / "report", progress=False
    )
    group = "unseen classes"
    scores = report.attributes[group]
    assert scores.keys() == {"shade", "side"}
    assert scores["shade"].accuracy == 1.0 and scores["shade"].real == 1.0
    assert scores["side"].accuracy == pytest.approx(0.5) and scores["side"].chance == pytest.approx(0.5, abs=0.1)
    assert report.row("spoken_attribute_accuracy", group).value == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("image,text,attribute:\na.jpg,x,red\n", "names no attribute"),
        ("image,text,attribute:Körper\na.jpg,x,red\n", "names no attribute"),
        ("image,text,attribute:species\na.jpg,x,red\n", "cannot be called 'species'"),
        ("image,text,attribute:size\na.jpg,x,big\na.jpg,y,small\n", "line 3: a.jpg is size 'small'"),
        (f"image,text,attribute:size\na.jpg,x,{'very ' * 20}big\n", "line 2: attribute:size is longer"),
    ],
)
def test_what_is_no_attribute_is_named(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "items.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=reason):
        read_table(tmp_path / "items.csv")


def test_free_text_is_no_attribute(tmp_path: Path) -> None:
    entries = [Entry(f"{n}.jpg", None, None, (), {"note": f"remark {n}"}) for n in range(MAX_VALUES + 1)]
    with pytest.raises(DataError, match="'note' has 201 values"):
        folder_facts(tmp_path, entries)
