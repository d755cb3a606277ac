"""Tables of the comparison: every seed of a system, in its order, and the mean."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "experiments/comparison/table.py"


def run(runs: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--runs", str(runs), "--out", str(runs / "table.md"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def write(path: Path, *lines: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def scores(centroid: float) -> dict:
    published = dict.fromkeys(
        (
            "mean_average_precision_speech_to_picture",
            "mean_average_precision_as_published",
            "recall_at_50_speech_to_picture",
        ),
        0.5,
    )
    own = {"centroid_cosine": centroid, "recall_at_10_own_photograph": 0.25}
    return {"test": own, "test, as S2IGAN": published}


def evaluation(step: int, centroid: float) -> dict:
    return {"kind": "evaluation", "step": step, "centroid_accuracy": centroid, "recall_at_10": 0.5}


def report(words: float) -> dict:
    rows = [
        {"name": "speech_centroid_accuracy", "group": "seen", "value": 0.5, "interval": None, "is_share": True},
        {
            "name": "worded_attribute_way",
            "group": "seen",
            "value": words,
            "interval": [words - 0.1, words + 0.1],
            "is_share": True,
        },
        {"name": "kernel_distance", "group": "seen, pool768", "value": 0.00872, "interval": None, "is_share": False},
    ]
    return {"metrics": rows}


def test_mean_and_range_of_the_seeds(tmp_path):
    for seed, centroid in enumerate((0.2, 0.4, 0.3)):
        write(tmp_path / f"scores-s2igan-{seed}.json", scores(centroid))
    write(tmp_path / "scores-s2igan-short-0.json", scores(0.9))  # another run whose name begins alike
    assert run(tmp_path, "--splits", "test").returncode == 0
    text = (tmp_path / "table.md").read_text()
    assert "| S2IGAN | 3 | 30.0 % (20.0 to 40.0) | 25.0 % (25.0 to 25.0) | 50.0 %" in text and "90.0" not in text


def test_models_with_intervals_and_their_mean(tmp_path):
    for seed, words in enumerate((0.4, 0.5)):
        write(tmp_path / f"report-ours-{seed}" / "report.json", report(words))
    assert run(tmp_path, "--splits").returncode == 0
    rows = (tmp_path / "table.md").read_text().splitlines()
    assert "| system | seed | in words: relative accuracy | KID 768, x 1,000 |" in rows
    assert "| ours | 0 | 40.0 % [30.0 % to 50.0 %] | 8.72 |" in rows
    assert "| **ours** | mean | **45.0 %** | **8.72** |" in rows


def test_variants_show_their_last_evaluation(tmp_path):
    write(tmp_path / "encoder-li2020-0" / "stats.jsonl", evaluation(200, 0.9), evaluation(400, 0.1), {"kind": "end"})
    write(tmp_path / "encoder-li2020-unmasked-0" / "stats.jsonl", evaluation(400, 0.2))
    variants = ("--variants", "li2020=as it is", "li2020-unmasked=not masked")
    assert run(tmp_path, "--splits", *variants).returncode == 0
    rows = (tmp_path / "table.md").read_text().splitlines()
    assert rows[-2:] == [
        "| as it is | 1 | 400 | 10.0 % (10.0 to 10.0) | 50.0 % (50.0 to 50.0) |",
        "| not masked | 1 | 400 | 20.0 % (20.0 to 20.0) | 50.0 % (50.0 to 50.0) |",
    ]


def test_nothing_there_is_one_error(tmp_path):
    done = run(tmp_path, "--splits", "test")
    assert done.returncode != 0 and "02_encoders.sh" in done.stderr and "Traceback" not in done.stderr


def test_bad_variants_are_one_error(tmp_path):
    done = run(tmp_path, "--splits", "--variants", "nolabel")
    assert done.returncode == 2 and "'nolabel' is not NAME=LABEL" in done.stderr and "Traceback" not in done.stderr
    write(tmp_path / "encoder-young-0" / "stats.jsonl", {"kind": "train", "step": 10})
    done = run(tmp_path, "--splits", "--variants", "young=just begun")
    assert done.returncode != 0 and "no evaluation yet" in done.stderr and "Traceback" not in done.stderr
