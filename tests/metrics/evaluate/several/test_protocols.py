"""Several protocols in one pass: a table of the same pictures, and which file is missing for the rest."""

from pathlib import Path

import pytest
from helpers.folder_evaluations import StubReader, random_pictures

from speech2img.errors import MetricError
from speech2img.metrics.evaluate.folder_plan import FolderSettings
from speech2img.metrics.evaluate.several.protocols import TITLE, ProtocolSides, evaluate_protocols, table_of
from speech2img.metrics.images.sources import folder_images
from speech2img.metrics.report.protocols import PROTOCOLS


class Folded(StubReader):
    """The FID network without its softmax."""

    classifier = None
    outputs = dict.fromkeys(("pool64", "pool192", "pool768", "pool2048"), 20)


class Torchvision(StubReader):
    """torchvision's network."""

    name, weights_sha256 = "Inception-v3 (ImageNet, torchvision)", "cd" * 32
    build, classifier = "torchvision", "torchvision"


def evaluate(
    tmp_path: Path, *readers: type[StubReader], names: tuple[str, ...], retrieval: bool = False
) -> dict[str, str]:
    """The table's lines by protocol."""
    made, real = (random_pictures(tmp_path / name, 24, seed=seed) for seed, name in enumerate(("made", "real")))
    sides = {name: ProtocolSides(folder_images(made), folder_images(real)) for name in names}
    report = evaluate_protocols(
        sides,
        readers=[reader() for reader in readers],  # type: ignore[misc]
        settings=FolderSettings(corpus="cub", workers=1, allow_small=True, retrieval=retrieval),
        out=tmp_path / "out",
        progress=False,
    )
    assert not any("_of_test_halves" in row.name or row.name == "mind" for row in report.rows)
    return {line.split(" | ")[0].strip("| "): line for line in report.sections[TITLE][2:]}


def test_every_protocol_has_its_line_and_says_which_file_is_missing(tmp_path: Path) -> None:
    names = ("clean", "s2igan", "stackgan", "sta", "dfgan")
    lines = evaluate(tmp_path, Folded, names=names)
    assert tuple(lines) == names
    for name in ("s2igan", "stackgan", "dfgan"):
        assert "inception_finetuned_models" in lines[name] and "FID:" not in lines[name]
    assert "pt_inception-2015-12-05-6726825d.pth with its softmax" in lines["clean"]
    assert "inception_v3_google-0cc3c7bd.pth" in lines["sta"]
    # The network of FID is the same, so what differs is how pictures come to it.
    fids = {name: line.split(" | ")[1] for name, line in lines.items()}
    assert fids["s2igan"] == fids["stackgan"] == fids["dfgan"] != fids["clean"] and fids["sta"] != fids["s2igan"]
    assert (tmp_path / "out" / "report.md").is_file()


def test_each_protocol_takes_the_network_that_it_needs(tmp_path: Path) -> None:
    lines = evaluate(tmp_path, Torchvision, StubReader, names=("clean", "sta"))
    assert all(line.endswith("| nothing |") and "–" not in line for line in lines.values())
    only = evaluate(tmp_path / "again", Torchvision, names=("clean", "sta"))
    assert only["sta"].count("–") == 2 and "FID: the FID Inception to its 2,048 pool" in only["sta"]
    with pytest.raises(MetricError, match="no number can be had .*FID: the FID Inception"):
        evaluate(tmp_path / "none", Torchvision, names=("stackgan",))


def test_rankings_stand_in_the_table_where_they_are_asked_for(tmp_path: Path) -> None:
    lines = evaluate(tmp_path, Torchvision, StubReader, names=("sta", "dfgan"), retrieval=True)
    sta, dfgan = (line.strip("| ").split(" | ") for line in lines.values())
    assert len(sta) == len(dfgan) == 8 and "%" in sta[4] and dfgan[4:6] == ["–", "–"]
    lacking = evaluate(tmp_path / "again", StubReader, names=("sta",), retrieval=True)["sta"]
    assert "recall and mAP: inception_v3_google-0cc3c7bd.pth" in lacking


def test_the_table_shows_a_dash_for_what_is_missing() -> None:
    assert table_of([], {"clean": ["FID: a file"]})[-1] == "| clean | – | – | – | – | FID: a file |"
    assert {*PROTOCOLS} >= {"clean", "s2igan", "stackgan", "sta", "dfgan"}
