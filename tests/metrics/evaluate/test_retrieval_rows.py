"""Retrieval by Inception's features: what belongs together, each protocol's own way, and what cannot be ranked."""

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from speech2img.errors import ConfigError, MetricError
from speech2img.images.input_filters import centre, centre_unit
from speech2img.metrics.evaluate.folder_plan import FolderSettings
from speech2img.metrics.evaluate.folder_retrieval import folder_of, match_names
from speech2img.metrics.evaluate.folders import evaluate_folders
from speech2img.metrics.evaluate.retrieval_rows import LabelledImages, add_retrieval_rows, retrieval_rule
from speech2img.metrics.images.features import FeatureProtocol, ImageFeatures
from speech2img.metrics.images.sources import folder_images
from speech2img.metrics.report.protocols import PROTOCOLS, find_protocol
from speech2img.metrics.report.report import MetricReport, MetricRow


class StubReader:
    """Features are mean colours; remembers the range of what it was given."""

    name, weights_sha256, precision = "Inception-v3 (ImageNet, torchvision)", "ab" * 32, "float32"
    build, classifier, outputs = "torchvision", None, {"pool64": 64, "pool2048": 2048}

    def __init__(self) -> None:
        self.low = np.inf

    def read(self, prepared: torch.Tensor, taps: tuple[str, ...]) -> dict[str, np.ndarray]:
        self.low = min(self.low, float(prepared.min()))
        means = prepared.mean(dim=(1, 2)).numpy()
        return {tap: np.pad(means, ((0, 0), (0, (64 if tap == "pool64" else 2048) - 3))) for tap in taps}


def labelled(features: np.ndarray, items: list[str | None], classes: list[Any], **told: Any) -> LabelledImages:
    protocol = FeatureProtocol(
        n=len(features),
        network="n",
        weights_sha256="ab",
        precision="float32",
        taps=("pool2048",),
        resize="centre-unit",
        fit="each",
        crop="none",
        files_sha256="ef",
        **told,
    )
    ids = tuple(f"{row:04d}" for row in range(len(features)))
    return LabelledImages(
        ImageFeatures({"pool2048": features.astype(np.float32)}, ids, protocol, len(ids)), items, classes
    )


def report() -> MetricReport:
    return MetricReport("t", {}, {}, {})


def values(found: MetricReport) -> dict[str, MetricRow]:
    return {row.name: row for row in found.rows}


@pytest.mark.parametrize("size", [(64, 64), (500, 375), (120, 300), (299, 299), (1, 1)])
def test_centre_is_the_middle_square_in_either_range(size: tuple[int, int]) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
    unit = centre_unit(picture)
    assert unit.shape == (299, 299, 3) and unit.dtype == np.float32 and 0 <= unit.min() and unit.max() <= 1
    np.testing.assert_allclose(centre(picture), 2 * unit - 1, atol=1e-6)
    if size == (299, 299):
        np.testing.assert_array_equal(unit, np.asarray(picture, dtype=np.float32) / 255)


def test_centre_cuts_the_longer_side_alike() -> None:
    pixels = np.zeros((299, 499, 3), dtype=np.uint8)
    pixels[:, 100:399] = 255
    assert centre_unit(Image.fromarray(pixels)).min() == 1.0
    pixels[:, 99:100] = pixels[:, 399:400] = 77
    assert centre_unit(Image.fromarray(pixels)).min() == 1.0


def test_what_the_papers_rank() -> None:
    s2igan, sta, clean = (find_protocol(name).retrieval for name in ("s2igan", "sta", "clean"))
    assert s2igan is not None and sta is not None and clean is not None
    assert (s2igan.input_filter, sta.input_filter, clean.input_filter) == ("centre-unit", "centre-unit", "centre")
    assert s2igan.queries_per_class == {"cub": 2, "oxford102": 2} and s2igan.whole_batches_of == 1
    assert sta.whole_batches_of == 7 and s2igan.directions == sta.directions == ("real_to_generated",)
    assert clean.directions == ("real_to_generated", "generated_to_real") and s2igan.ks == (1, 5, 10, 50)
    for name in ("s2igan", "sta"):
        assert any("0..1" in line for line in find_protocol(name).describe())
    with pytest.raises(MetricError, match="stackgan: the paper ranks no pictures"):
        retrieval_rule("stackgan")
    assert {name for name in PROTOCOLS if PROTOCOLS[name].retrieval is None} == {"stackgan", "dfgan", "pytorch-fid"}


def test_s2igan_recall_counts_any_of_a_pictures_own_five() -> None:
    """Four real pictures, five generated of each; by hand: 0 and 1 find their own first, 2 and 3 are swapped."""
    axes = np.eye(8)
    real = labelled(axes[:4], ["a", "b", "c", "d"], [0, 0, 1, 1])
    rows, items = [], []
    for number, name in enumerate("abcd"):
        shown = {2: 3, 3: 2}.get(number, number)
        rows += [axes[shown] + 0.01 * axes[4]] * 5
        items += [name] * 5
    made = labelled(np.array(rows), items, [0] * 10 + [1] * 10)
    found = report()
    add_retrieval_rows(found, made, real, protocol="s2igan", reader=StubReader(), corpus="flickr8k")
    rows_by_name = values(found)
    assert rows_by_name["recall_at_1_real_to_generated"].value == 0.5
    assert rows_by_name["recall_at_5_real_to_generated"].value == 0.5
    assert rows_by_name["recall_at_50_real_to_generated"].value == 1.0
    row = rows_by_name["recall_at_1_real_to_generated"]
    assert row.num_samples == 4 and row.details["gallery_size"] == 20 and row.warnings == ()
    assert "left in 0..1" in row.protocol and row.details["build"] == "torchvision"
    assert not any(name.endswith("generated_to_real") for name in rows_by_name)
    both = report()
    add_retrieval_rows(both, made, real, protocol="clean", reader=StubReader())
    assert values(both)["recall_at_1_generated_to_real"].value == 0.5
    assert "ranks by 2,048 features of the fid Inception" in values(both)["recall_at_1_generated_to_real"].warnings[0]


def test_s2igan_map_has_two_queries_of_each_class_against_what_was_generated_of_them() -> None:
    rng = np.random.default_rng(0)
    items = [f"{number:02d}" for number in range(12)]
    classes = [number % 3 for number in range(12)]
    real = labelled(np.eye(3)[classes] + 0.01 * rng.normal(size=(12, 3)), items, classes)
    made_items = [item for item in items for _ in range(2)]
    made_classes = [label for label in classes for _ in range(2)]
    made = labelled(np.eye(3)[made_classes] + 0.01 * rng.normal(size=(24, 3)), made_items, made_classes)
    found = report()
    add_retrieval_rows(found, made, real, protocol="s2igan", reader=StubReader(), corpus="cub")
    row = values(found)["mean_average_precision_real_to_generated"]
    assert (row.num_samples, row.details["gallery_size"], row.value) == (6, 12, 1.0)
    assert "2 real pictures a class are queries" in row.protocol
    whole = report()
    add_retrieval_rows(whole, made, real, protocol="clean", reader=StubReader(), corpus="cub")
    row = values(whole)["mean_average_precision_real_to_generated"]
    assert (row.num_samples, row.details["gallery_size"]) == (12, 24)


def test_sta_drops_what_fills_no_batch_of_seven() -> None:
    real = labelled(np.eye(16), [f"{number:02d}" for number in range(16)], [None] * 16)
    made = labelled(np.eye(16), [f"{number:02d}" for number in range(16)], [None] * 16)
    found = report()
    add_retrieval_rows(found, made, real, protocol="sta", reader=StubReader())
    row = values(found)["recall_at_1_real_to_generated"]
    assert (row.num_samples, row.details["gallery_size"]) == (14, 14) and "batch of 7 are dropped" in row.protocol
    assert any("mAP by class: not measured" in note for note in found.notes)
    few = report()
    pictures = labelled(np.eye(5), ["a", "b", "c", "d", "e"], [None] * 5)
    add_retrieval_rows(few, pictures, pictures, protocol="sta", reader=StubReader())
    assert not few.rows and any("no query or no gallery is left" in note for note in few.notes)


def test_names_lead_to_real_pictures() -> None:
    real = ["a/x.jpg", "a/y_2.jpg", "b/z.jpg", "b/y_2.jpg"]
    made = ["a/x.png", "a/x_0.png", "x_256_sentence3.png", "b/z_1_2.png", "a/y_2.png", "a/y_2_7.png", "y_2.png", "q"]
    assert match_names(made, real) == ["a/x.jpg", "a/x.jpg", "a/x.jpg", "b/z.jpg", "a/y_2.jpg", "a/y_2.jpg", None, None]
    with pytest.raises(MetricError, match="has the same name"):
        match_names(made, ["a/x.jpg", "a/x.png"])
    assert folder_of("b/z.jpg") == "b" and folder_of("z.jpg") is None


def test_a_generated_picture_of_one_class_is_never_taken_for_another_ones() -> None:
    real = ["robin/p0.jpg", "wren/p0.jpg", "wren/p1.jpg"]
    made = ["robin/p1_0.png", "out/wren/p1_0.png", "p1_0.png", "samples/p1.png", "robin/p0_3.png"]
    assert match_names(made, real) == [None, "wren/p1.jpg", "wren/p1.jpg", "wren/p1.jpg", "robin/p0.jpg"]


def test_names_meet_in_composed_and_decomposed_unicode() -> None:
    name = "m\u00f6we/d\u00e4mmerung"
    real = [unicodedata.normalize("NFD", f"{name}.jpg")]
    assert match_names([unicodedata.normalize("NFC", f"{name}_0.png")], real) == real
    assert folder_of(real[0]) == "m\u00f6we"


def paint(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (20, 16)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    """Six real pictures of two classes in their colours, two generated of each, the last one's painted wrong."""
    for number in range(6):
        name = "red" if number < 3 else "blue"
        colour = (120 + 40 * number, 20 * number, 10) if number < 3 else (10, 30 * number, 250 - 20 * number)
        paint(tmp_path / "real" / name / f"{number}.png", colour, (30, 20 + number))
        for take in range(2):
            paint(tmp_path / "made" / name / f"{number}_{take}.png", (255, 0, 0) if number == 5 else colour)
    return tmp_path / "made", tmp_path / "real"


@pytest.mark.parametrize(("protocol", "low"), [("s2igan", 0.0), ("clean", -1.0)])
def test_folders_are_ranked_as_the_protocol_has_it(
    sides: tuple[Path, Path], tmp_path: Path, protocol: str, low: float
) -> None:
    reader = StubReader()
    seen: list[float] = []
    read = reader.read
    reader.read = lambda prepared, taps: (seen.append(float(prepared.min())), read(prepared, taps))[1]  # type: ignore
    found = evaluate_folders(
        folder_images(sides[0]),
        folder_images(sides[1]),
        reader=reader,
        out=tmp_path / "out",
        progress=False,
        settings=FolderSettings(protocol=protocol, retrieval=True, corpus="cub", fit="each"),
    )
    assert found is not None
    row = found.row("recall_at_1_real_to_generated", "pool2048")
    assert row.value == pytest.approx(5 / 6) and (row.num_samples, row.details["gallery_size"]) == (6, 12)
    assert found.row("mean_average_precision_real_to_generated", "pool2048").value < 1.0
    assert any(value >= low - 1e-6 for value in seen[-2:]) and (min(seen[-2:]) >= 0.0) == (low == 0.0)
    assert "middle square" in row.protocol and row.details["ema"] == "not told by a folder"


def test_ranking_needs_pictures_on_both_sides(sides: tuple[Path, Path], tmp_path: Path) -> None:
    for real, words in ((None, "no real pictures"),):
        with pytest.raises(ConfigError, match=words):
            evaluate_folders(
                folder_images(sides[0]),
                real,
                reader=StubReader(),
                out=tmp_path / "out",
                progress=False,
                settings=FolderSettings(retrieval=True),
            )
    lonely = tmp_path / "lonely"
    paint(lonely / "a.png", (1, 2, 3))
    paint(lonely / "b.png", (3, 2, 1))
    found = evaluate_folders(
        folder_images(lonely),
        folder_images(sides[1]),
        reader=StubReader(),
        out=tmp_path / "out",
        progress=False,
        settings=FolderSettings(retrieval=True, fit="each"),
    )
    assert found is not None
    assert any("a.png: its name fits no real picture" in note for note in found.notes)
    assert any("mAP by class: not measured" in note for note in found.notes)
