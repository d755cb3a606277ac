"""The leaderboard from toy reports: rank, intervals, floors, prices, utterances; the list of jobs."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import program_environment
from PIL import Image

from speech2img.cli.main import build_parser
from speech2img.encoded_speech import EncodedSpeech

REPO = Path(__file__).parents[2]
FOLDER = REPO / "experiments" / "benchmark"


def report(
    folder: Path, kid: float, *, corpus: str = "cub100", color: int = 0, facts: dict[str, Any] | None = None
) -> Path:
    """A toy report of a model: two numbers, a floor, and twenty pictures of one colour."""
    rows = [
        ("kernel_distance", "unseen species, pool2048", kid, [kid - 0.001, kid + 0.001]),
        ("kernel_distance", "unseen species, pool64", 9.0, None),
        ("kernel_distance_of_training_pictures", "unseen species, pool2048", 0.004, None),
        ("kernel_distance_of_test_halves", "unseen species, pool2048", 0.0001, None),
        ("described_class_accuracy", "unseen species, pool2048", 0.25, None),
        ("spoken_attribute_way", "unseen species", 0.5, None),
    ]
    metrics = [
        {"name": name, "group": group, "value": value, "interval": interval} for name, group, value, interval in rows
    ]
    (folder / "pictures").mkdir(parents=True)
    content = {"title": "t", "model": {"name": folder.name}, "corpus": {"name": corpus}, "metrics": metrics}
    (folder / "report.json").write_text(json.dumps(content))
    names = [f"{number:02d}/a_0" for number in range(20)]
    (folder / "utterances.json").write_text(json.dumps([{"id": name, "text": f"bird {name}"} for name in names]))
    for name in names:
        Image.fromarray(np.full((8, 8, 3), color, np.uint8)).save(
            folder / "pictures" / f"{name.replace('/', '__')}.png"
        )
    if facts is not None:
        (folder / "system.json").write_text(json.dumps(facts))
    return folder


def board(tmp_path: Path, *folders: Path, monkeypatch: pytest.MonkeyPatch, floor: Path | None = None) -> str:
    """The page."""
    out = tmp_path / "LEADERBOARD.md"
    argv = ["leaderboard.py", "--reports", *map(str, folders), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", [*argv, *(["--floor", str(floor)] if floor else [])])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(FOLDER / "leaderboard.py"), run_name="__main__")
    assert ended.value.code == 0
    return out.read_text()


def test_systems_are_ranked_with_floors_prices_and_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"title": "our flow", "parameters": 12_340_000, "seconds_a_picture": 0.25, "processor_hours": 1.0}
    folders = [
        report(tmp_path / "bad", 0.05, color=10),
        report(tmp_path / "good", 0.02, color=200, facts=facts),
        report(tmp_path / "drawn", 0.5, corpus="songbirds"),
    ]
    page = board(tmp_path, *folders, monkeypatch=monkeypatch)
    lines = page.splitlines()
    first = lines.index("### unseen species, pool2048") + 2
    head, _, training, halves, good, bad = lines[first : first + 6]
    assert head.startswith(
        "| system | KID x 1,000 | species found % | relative accuracy % | parameters | s a picture |"
    )
    assert training.startswith("| *training pictures* | 4 |") and halves.startswith(
        "| *halves of the test pictures* | 0.1 |"
    )
    assert good == "| our flow | 20 [19, 21] | 25 | 50 | 12.3 M | 0.25 | 1 |"
    assert bad == "| bad | 50 [49, 51] | 25 | 50 | – | – | – |"
    assert "pool64" not in page and lines.index("## cub100") < lines.index("## songbirds")
    # Sentences of others are not printed.
    photographed, drawn = page.split("## songbirds")
    assert "1. `00/a_0`" in photographed and "8. `14/a_0`" in photographed and "bird 00/a_0" not in photographed
    assert "1. “bird 00/a_0”" in drawn and "8. “bird 14/a_0”" in drawn
    with Image.open(tmp_path / "leaderboard-cub100.jpg") as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape == (2 * 96, 136 + 8 * 96, 3)
    assert abs(int(pixels[40, 176, 0]) - 10) < 4 and abs(int(pixels[140, 836, 0]) - 200) < 4
    # The title of each row stands before it.
    assert pixels[:96, :136].min() < 64 and pixels[96:, :136].min() < 64


def test_songbirds_are_ranked_by_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [report(tmp_path / name, kid, corpus="songbirds") for name, kid in (("near", 0.02), ("right", 0.05))]
    content = json.loads((folders[1] / "report.json").read_text())
    next(row for row in content["metrics"] if row["name"] == "spoken_attribute_way")["value"] = 0.75
    (folders[1] / "report.json").write_text(json.dumps(content))
    lines = board(tmp_path, *folders, monkeypatch=monkeypatch).splitlines()
    assert next(line for line in lines if line.startswith("| system")).startswith(
        "| system | relative accuracy % | KID"
    )
    rows = [line.split(" | ")[:2] for line in lines if line.startswith(("| near", "| right"))]
    assert rows == [["| right", "75"], ["| near", "50"]]


def test_a_corpus_without_new_reports_keeps_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = board(tmp_path, report(tmp_path / "drawn", 0.5, corpus="songbirds"), monkeypatch=monkeypatch)
    kept = first[first.index("## songbirds") :]
    page = board(tmp_path, report(tmp_path / "photographed", 0.02), monkeypatch=monkeypatch)
    assert page.endswith(f"\n\n{kept}") and page.index("## cub100") < page.index("## songbirds")
    again = board(tmp_path, report(tmp_path / "better", 0.01), monkeypatch=monkeypatch)
    assert "photographed" not in again and "| better |" in again and again.endswith(kept)
    assert again.count("## songbirds") == again.count("## cub100") == 1


def test_two_systems_of_one_name_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [report(tmp_path / name, 0.1, facts={"title": "same"}) for name in ("a", "b")]
    monkeypatch.setattr(sys, "argv", ["x", "--reports", *map(str, folders), "--out", str(tmp_path / "L.md")])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(FOLDER / "leaderboard.py"), run_name="__main__")
    assert ended.value.code == 2 and "two systems are called 'same'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"metrics": [', "is not valid JSON"),
        ('{"metrics": 3}', "is no report with model, corpus, metrics"),
        (None, "No such file"),
    ],
)
def test_what_is_no_report_is_one_line(tmp_path: Path, content: str | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    command = [
        sys.executable,
        str(FOLDER / "leaderboard.py"),
        "--reports",
        str(tmp_path),
        "--out",
        str(tmp_path / "L.md"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=program_environment())
    assert done.returncode == 1 and done.stderr.startswith(f"leaderboard: {tmp_path / 'report.json'}: ")
    assert reason in done.stderr and done.stderr.count("\n") == 1 and not (tmp_path / "L.md").exists()


GOOD_ROW = {"name": "kernel_distance", "group": "g, pool2048", "value": 0.1, "interval": None}


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("report.json", {"metrics": [{**GOOD_ROW, "value": None}]}, "has a metric without name, group, value"),
        ("report.json", {"metrics": [{**GOOD_ROW, "interval": [0.1]}]}, "or a whole interval"),
        ("report.json", {"metrics": ["kid"]}, "has a metric without"),
        ("report.json", {"corpus": {"name": "x/../../out"}}, "its corpus is called 'x/../../out'"),
        ("report.json", {"metrics": []}, "its report lacks what ranks"),
        ("system.json", ["a"], "does not say parameters"),
        ("system.json", {"parameters": "many"}, "does not say parameters"),
        ("utterances.json", {"id": "a"}, "is no list of utterances"),
        ("utterances.json", [{"text": "a"}], "is no list of utterances"),
        ("pictures/00__a_0.png", b"no picture", "cannot be read"),
        ("../L.md", b"\xff\xfe", "is not text in UTF-8"),
    ],
)
def test_damaged_reports_are_one_line(
    file: str, content: Any, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    folders = [report(tmp_path / name, 0.1) for name in ("good", "bad")]
    target = tmp_path / "bad" / file
    if file == "report.json":
        content = json.loads(target.read_text()) | content
    target.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    argv = ["leaderboard.py", "--reports", *map(str, folders), "--out", str(tmp_path / "L.md")]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(FOLDER / "leaderboard.py"), run_name="__main__")
    said = capsys.readouterr().err
    assert ended.value.code in (1, 2) and reason in said.splitlines()[-1] and "Traceback" not in said
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_model_that_paints_nothing_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / "system_facts.py"), "hear-anyone", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=program_environment())
    assert done.returncode == 1 and done.stderr.startswith("system_facts: ") and "not a generator" in done.stderr
    assert done.stderr.count("\n") == 1 and not list(tmp_path.iterdir())


def test_what_a_system_costs_is_counted() -> None:
    facts_of = runpy.run_path(str(FOLDER / "system_facts.py"))["facts_of"]

    class Pipe:
        weights_sha256 = "ab"

        def __init__(self, *, needs_frames: bool) -> None:
            self.needs_frames, self.drawn = needs_frames, 0
            self.sampler: Any = torch.nn.Linear(3, 4)
            self.sampler.embedding_dim = 3

        def generate(self, speech: EncodedSpeech, *, seed: int) -> None:
            assert speech.sentences.shape == (1, 3)
            assert (speech.frames is None) != self.needs_frames
            assert speech.frames is None or speech.frames[0].shape == (64, 3)
            self.drawn += 1

    for needs_frames in (False, True):
        pipe = Pipe(needs_frames=needs_frames)
        found = facts_of(pipe, title="toy", hours=0.5)
        assert (found["parameters"], found["title"], found["processor_hours"], pipe.drawn) == (16, "toy", 0.5, 11)
        assert found["seconds_a_picture"] >= 0


def test_the_jobs_of_the_benchmark_can_be_parsed() -> None:
    text = (FOLDER / "jobs.txt").read_text()
    jobs = dict(line.split(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    assert list(jobs)[-1] == "leaderboard"
    for name, command in jobs.items():
        words = [
            word for word in command.split() if "=" not in word or word.startswith("--") or "." in word.split("=")[0]
        ]
        if "speech2img" in words:
            start = words.index("speech2img")
            arguments = command.split()[command.split().index("speech2img") + 1 :]
            assert build_parser().parse_args(arguments).verb == "train", (name, start)
        else:
            script = next(word for word in words if word.endswith((".sh", ".py")))
            assert (REPO / script).is_file(), name
