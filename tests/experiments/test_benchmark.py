"""The protocol of the benchmark: what it names exists, and the recipes do what it says."""

import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import program_environment
from helpers.script_calls import calls_of, trainings_of

from speech2img.cli.main import build_parser
from speech2img.corpora.readers.cub100.photographs import read_named_crops
from speech2img.corpora.readers.cub100.prepare import part_of
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.splits import IMAGES
from speech2img.metrics.evaluate.registry import METRICS
from speech2img.storage.reading import read_bytes
from speech2img.training.stages import STAGES

REPO = Path(__file__).parents[2]
FOLDER = REPO / "experiments" / "benchmark"
SYSTEMS = ["latent-flow", "ours", "s2igan", "li2020"]


@pytest.fixture(scope="module")
def protocol() -> dict[str, Any]:
    return tomllib.loads(read_bytes(FOLDER / "protocol.toml", max_bytes=1 << 16).decode())


@pytest.fixture
def calls(tmp_path: Path) -> Callable[..., list[list[str]]]:
    """What a recipe calls, each call as its words."""
    return lambda name, *arguments: calls_of(
        FOLDER / name, *arguments, folder=tmp_path, variables={"SPEECH2IMG_REALDATA": "DATA"}
    )


def test_the_recipe_prepares_the_corpus_of_the_protocol(protocol, calls) -> None:
    prepare, synthesize, features, detail, latents, extract = (
        build_parser().parse_args(words) for words in calls("01_corpus.sh")
    )
    wanted = protocol["corpus"]
    for key in ("photographs", "captions", "captions_per_picture", "seed"):
        assert getattr(prepare, key) == wanted[key]
    assert (prepare.corpus, synthesize.engine, features.image_size) == (
        "cub100",
        wanted["engine"],
        wanted["image_size"],
    )
    assert features.name == extract.features == protocol["encoder"]["features"]
    assert latents.image_size == wanted["image_size"]
    assert detail.teacher == features.teacher and detail.side < features.side


def test_the_shared_encoder_is_the_one_of_the_protocol(protocol, calls) -> None:
    train, extract = (build_parser().parse_args(words) for words in calls("02_encoder.sh"))
    wanted = protocol["encoder"]
    assert Path(train.config).resolve() == REPO / wanted["settings"]
    settings = STAGES["encoder"].load_settings(file=Path(train.config), overrides=train.set)
    assert settings.features == wanted["features"] and settings.loop.seed == protocol["budget"]["seed"]
    assert extract.name == wanted["embeddings"] and extract.frames


def test_the_recipe_evaluates_by_the_command_of_the_protocol(protocol, calls) -> None:
    wanted = protocol["evaluation"]
    words = shlex.split(wanted["command"])[1:]
    (called,) = calls("03_evaluate.sh", "ours")
    named = {"MODEL": "runs/benchmark/ours", "REPORT": "runs/benchmark/report-ours"}
    assert called == [named.get(word, word) for word in words]
    args = build_parser().parse_args(words)
    assert (args.split, args.limit, args.seed) == (wanted["splits"], wanted["utterances"], wanted["seed"])
    assert {wanted["rank_by"], *wanted["also"]} <= METRICS.keys()
    assert set(wanted["splits"]).isdisjoint(protocol["budget"]["trained_on"] + protocol["budget"]["chosen_on"])


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_has_an_hour_and_the_shared_encoder(protocol, calls, system: str) -> None:
    trainings = trainings_of(calls("05_train.sh", system))
    loops, budget = [settings.loop for _, settings in trainings], protocol["budget"]
    assert sum(loop.max_processor_minutes for loop in loops) == pytest.approx(60 * budget["processor_hours"])
    assert {loop.threads for loop in loops} == {budget["threads"]} and {loop.seed for loop in loops} == {budget["seed"]}
    assert {args.role for args, _ in trainings} <= set(budget["counted"])
    heard = [settings.embeddings for _, settings in trainings]
    assert set(heard) <= {protocol["encoder"]["embeddings"], "picture"} and heard[-1] != "picture"
    assert Path(trainings[-1][0].out).name == system


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_paints_as_large_as_the_protocol_says(protocol, calls, system: str) -> None:
    settings = [settings for args, settings in trainings_of(calls("05_train.sh", system)) if args.role == "generator"]
    sides = [getattr(one, "image_size", 32 * 2 ** getattr(one.model, "num_stages", 0)) for one in settings]
    assert sides == [protocol["corpus"]["image_size"]]


def test_a_system_of_another_name_is_told_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        calls_of(FOLDER / "05_train.sh", "dalle", folder=tmp_path, variables={})
    message = failed.value.stderr.decode()
    assert failed.value.returncode == 2 and all(system in message for system in SYSTEMS)


@pytest.mark.parametrize("minutes", ["60m", "2 3", "1,5", "abc", "-1", "1e3", "nan"])
@pytest.mark.parametrize(
    "script", ["05_train.sh", "03_evaluate.sh", "songbirds/02_train.sh", "songbirds/03_evaluate.sh"]
)
def test_minutes_that_are_none_are_refused(script: str, minutes: str, calls, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        calls_of(FOLDER / script, "li2020", folder=tmp_path, variables={"MINUTES": minutes})
    assert failed.value.returncode == 2
    assert f"MINUTES: '{minutes}' is no number of minutes".encode() in failed.value.stderr
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize("script", ["05_train.sh", "songbirds/02_train.sh"])
def test_two_systems_at_once_are_refused(script: str, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        calls_of(FOLDER / script, "li2020", "ours", folder=tmp_path, variables={})
    assert failed.value.returncode == 2 and b"one system at a time, got li2020 ours" in failed.value.stderr


def test_a_list_of_no_corpus_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / "split_list.py"), "--root", str(tmp_path), "--split", "train", "--out"]
    done = subprocess.run(
        [*command, str(tmp_path / "l.txt")], env=program_environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1 and done.stderr.startswith(f"split_list: {tmp_path}") and done.stderr.count("\n") == 1


def test_every_system_is_in_the_list_of_jobs() -> None:
    jobs = dict(
        line.split(" ", 1) for line in (FOLDER / "jobs.txt").read_text().splitlines() if line and line[0] != "#"
    )
    measured = [f"{system}{end}" for system in SYSTEMS for end in ("", "-measure")]
    assert list(jobs) == ["corpus", "encoder", "floor", *measured, "leaderboard"]
    for system in SYSTEMS:
        assert jobs[system].endswith(f"05_train.sh {system}") and jobs[f"{system}-measure"].endswith(f" {system}")


def test_the_floor_has_as_many_pictures_as_a_row(protocol, calls) -> None:
    (called,) = calls("04_floor.sh")
    args = build_parser().parse_args(called)
    assert args.side == protocol["corpus"]["image_size"] and args.seed == protocol["evaluation"]["seed"]
    assert protocol["floor"]["limit"] == protocol["evaluation"]["utterances"]
    assert f"--limit {protocol['floor']['limit']} " in (FOLDER / "04_floor.sh").read_text()


def test_a_list_of_a_part(make_corpus: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "corpus").mkdir()
    root, out = make_corpus(tmp_path / "corpus"), tmp_path / "lists" / "train.txt"
    names = {item.image.removeprefix(f"{IMAGES}/") for item in Manifest.load(root).split("train")}

    def listed(*more: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", ["x", "--root", str(root), "--split", "train", "--out", str(out), *more])
        runpy.run_path(str(FOLDER / "split_list.py"), run_name="__main__")
        return out.read_text().splitlines()

    assert set(listed()) == names and len(names) > 3
    with pytest.raises(SystemExit) as ended:
        listed("--limit", "0")
    assert ended.value.code == 2
    few = listed("--limit", "3")
    assert len(set(few)) == 3 and set(few) < names and listed("--limit", "3") == few


def test_the_real_corpus_has_the_parts_of_the_protocol(protocol, realdata: Path) -> None:
    photographs = read_named_crops(realdata)
    parts = [part_of(one) for one in photographs]
    assert {part: parts.count(part) for part in set(parts)} == protocol["corpus"]["pictures"]
    species = {
        side: {one.class_folder for one in photographs if one.is_unseen == (side == "unseen")}
        for side in ("seen", "unseen")
    }
    assert {side: len(names) for side, names in species.items()} == protocol["corpus"]["species"]
