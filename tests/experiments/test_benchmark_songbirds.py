"""The benchmark on songbirds: scripts do what the protocol says, every recipe is read, and a system has one price."""

import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.script_calls import calls_of, trainings_of

from speech2img.cli.main import build_parser
from speech2img.metrics.evaluate.registry import METRICS
from speech2img.storage.reading import read_bytes

REPO = Path(__file__).parents[2]
FOLDER = REPO / "experiments" / "benchmark" / "songbirds"
SYSTEMS = (
    "li2020 s2igan ours latent-flow latent-flow-frames s2ivq-d s2ivq-d-published attngan attngan-no-damsm "
    "attngan-no-attention stackgan-v1"
).split()
Run = Callable[..., list[list[str]]]


@pytest.fixture(scope="module")
def protocol() -> dict[str, Any]:
    return tomllib.loads(read_bytes(FOLDER / "protocol.toml", max_bytes=1 << 16).decode())


@pytest.fixture
def calls(tmp_path: Path) -> Run:
    """What a script calls of ours, each call as its words."""

    def run(name: str, *arguments: str, **variables: str) -> list[list[str]]:
        given = {"GOOGLENET": "googlenet.npz"} | variables
        return calls_of(FOLDER / name, *arguments, folder=tmp_path, variables=given)

    return run


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_costs_what_the_protocol_allows(protocol: dict[str, Any], calls: Run, system: str) -> None:
    trainings = trainings_of(calls("02_train.sh", system))
    loops = [settings.loop for _, settings in trainings]
    budget = protocol["budget"]
    assert sum(loop.max_processor_minutes for loop in loops) == pytest.approx(budget["processor_minutes"])
    assert {loop.threads for loop in loops} == {budget["threads"]} and {loop.seed for loop in loops} == {budget["seed"]}
    assert {args.role for args, _ in trainings} <= set(budget["counted"])
    assert min(loop.max_steps for loop in loops) >= 10**6
    assert Path(trainings[-1][0].out).name == system


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_hears_by_the_shared_encoder_alone(protocol: dict[str, Any], calls: Run, system: str) -> None:
    trainings = trainings_of(calls("02_train.sh", system))
    settings = [settings for args, settings in trainings if args.role != "codec"]
    assert {one.embeddings for one in settings} <= {protocol["encoder"]["embeddings"], "picture"}
    assert settings[-1].embeddings == protocol["encoder"]["embeddings"]


def test_fewer_minutes_are_divided_in_the_same_way(calls: Run) -> None:
    trainings = trainings_of(calls("02_train.sh", "latent-flow", MINUTES="2"))
    minutes = [settings.loop.max_processor_minutes for _, settings in trainings]
    assert minutes == pytest.approx([1.7, 0.3])


def test_a_system_of_another_name_is_told_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        calls_of(FOLDER / "02_train.sh", "dalle", folder=tmp_path, variables={})
    message = failed.value.stderr.decode()
    assert failed.value.returncode == 2 and all(system in message for system in SYSTEMS)


def test_the_corpus_is_the_one_of_the_protocol(protocol: dict[str, Any], calls: Run) -> None:
    parsed = [build_parser().parse_args(words) for words in calls("01_corpus.sh")]
    wanted, encoder = protocol["corpus"], protocol["encoder"]
    assert (parsed[0].corpus, parsed[0].size, parsed[0].seed) == (wanted["name"], wanted["size"], wanted["seed"])
    assert parsed[1].engine == wanted["engine"]
    trained, extracted = parsed[-2:]
    assert Path(trained.config).resolve() == REPO / encoder["settings"]
    assert extracted.name == encoder["embeddings"] and extracted.frames


def test_the_evaluation_is_the_one_of_the_protocol(protocol: dict[str, Any], calls: Run) -> None:
    (words,) = calls("03_evaluate.sh", "ours")
    args, wanted = build_parser().parse_args(words), protocol["evaluation"]
    assert (args.split, args.limit, args.seed) == (wanted["splits"], wanted["utterances"], wanted["seed"])
    assert wanted["rank_by"] in METRICS
    assert set(wanted["splits"]).isdisjoint(protocol["budget"]["trained_on"] + protocol["budget"]["chosen_on"])


def test_every_system_is_in_the_list_of_jobs() -> None:
    jobs = dict(
        line.split(" ", 1) for line in (FOLDER / "jobs.txt").read_text().splitlines() if line and line[0] != "#"
    )
    assert [name for name in jobs if "-measure" not in name] == [
        "corpus",
        *sorted(SYSTEMS, key=list(jobs).index),
        "leaderboard",
    ]
    for system in SYSTEMS:
        assert jobs[system].endswith(f"02_train.sh {system}") and jobs[f"{system}-measure"].endswith(f" {system}")
