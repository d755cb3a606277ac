"""What the scripts of the songbirds make: more pictures to learn from, none that is measured on."""

import runpy
from pathlib import Path

import pytest

from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.songbirds.prepare import prepare_songbirds

SCRIPTS = Path(__file__).parents[2] / "experiments" / "songbirds"
MORE = runpy.run_path(str(SCRIPTS / "more_pictures.py"))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    base = tmp_path_factory.mktemp("drawn")
    for seed in (0, 1):
        prepare_songbirds(base / str(seed), size="tiny", seed=seed, workers=1, progress=False)
    return base / "0", base / "1"


def called(root: Path, more: Path, out: Path) -> int:
    words = ["--root", str(root), "--more", str(more), "--out", str(out), "--captions", "3"]
    return int(MORE["main"](words))


def test_training_gets_more_and_nothing_that_is_measured_on(drawn: tuple[Path, Path], tmp_path: Path) -> None:
    assert called(*drawn, tmp_path / "out") == 0
    first, second, both = (Manifest.load(folder) for folder in (*drawn, tmp_path / "out"))
    assert all((tmp_path / "out" / item.image).is_file() for item in both.items)
    own = [item for item in both.items if not item.id.startswith("more/")]
    assert [item.id for item in own] == [item.id for item in first.items if item.split in ("train", "val")]
    assert {item.split for item in both.items} == {"train", "val"}
    learned = [item for item in own if item.split == "train"]
    assert all(len(item.captions) == 3 for item in learned)
    assert not any(caption.held_out_voice for item in learned for caption in item.captions)

    # Of the second drawing all but what is nearly an unseen species of the first.
    unseen = [species["attributes"] for species in first.meta["species"].values() if species["unseen"]]
    kept = {
        name for name, species in second.meta["species"].items() if not MORE["too_near"](species["attributes"], unseen)
    }
    added = [item for item in both.items if item.id.startswith("more/")]
    assert len(added) == sum(item.class_name in kept for item in second.items) > 0
    assert {item.class_id for item in added}.isdisjoint(item.class_id for item in first.items)
    assert all(len(item.captions) == 1 and str(item.captions[0].audio).startswith("more/") for item in added)


def test_a_species_that_is_nearly_an_unseen_one_is_left_out() -> None:
    unseen = {f"part{number}": "red" for number in range(6)}
    assert MORE["too_near"]({**unseen, "part0": "blue", "part1": "blue"}, [unseen])
    assert not MORE["too_near"]({**unseen, **{f"part{number}": "blue" for number in range(3)}}, [unseen])


def test_what_will_not_do_is_one_line(
    drawn: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(drawn[0], tmp_path / "none", tmp_path / "out") == 1
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert called(*drawn, tmp_path / "full") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "none" in lines[0] and "is not empty; choose a new folder" in lines[1]
