"""The tree of spoken digits: no picture and no recording in two parts, and the judge's pictures in none."""

import csv
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "experiments/spoken-digits/make_tree.py"


def make(realdata: Path, folder: Path, *options: str) -> list[dict[str, str]]:
    command = [sys.executable, str(SCRIPT), "--realdata", str(realdata), "--root", str(folder / "corpus"), *options]
    subprocess.run(command, check=True, timeout=120)
    with (folder / "corpus/items.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_parts_share_nothing_but_speakers(realdata, tmp_path):
    rows = make(realdata, tmp_path, "--judge", str(tmp_path / "judge"))
    assert Counter(row["split"] for row in rows) == {"train": 6900, "val": 150, "test": 300}
    for column in ("image", "audio"):
        assert len({(row[column], row["split"]) for row in rows}) == len({row[column] for row in rows})
    assert all(Path(row["audio"]).name.startswith(row["class"]) for row in rows)
    numbers = {(row["split"], int(Path(row["audio"]).stem.split("_")[2])) for row in rows}
    assert {number for split, number in numbers if split == "test"} == set(range(10)) and len(numbers) == 50
    corpus = {(tmp_path / "corpus" / row["image"]).read_bytes() for row in rows}
    judge = [path.read_bytes() for path in (tmp_path / "judge").rglob("*.png")]
    assert len(judge) == 4400 and corpus.isdisjoint(judge)


def test_an_unheard_speaker_is_in_the_test_only():
    part_of = runpy.run_path(str(SCRIPT))["part_of"]
    parts = {(name, part_of(number, name, "Ben")) for name in ("Ada", "Ben", "Cyd") for number in range(50)}
    assert parts == {("Ada", "train"), ("Ada", "val"), ("Ben", "test"), ("Cyd", "train"), ("Cyd", "val")}
