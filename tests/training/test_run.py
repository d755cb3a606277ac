"""Run folders: nobody else's files are taken for a run, and a checkpoint without its parts is one clear line."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from speech2img.cli.main import main
from speech2img.errors import CheckpointError, ConfigError
from speech2img.models.generators.stackgan import StackGenerator
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.training.run import open_run, require_run_place
from speech2img.training.stackgan.initialization import load_initial_weights_
from speech2img.training.stages import find_stage
from speech2img.training.train import train


@pytest.mark.parametrize("name", ["config.toml", "stats.jsonl", "export", "checkpoints", "grids"])
def test_a_folder_with_somebody_elses_files_is_no_run_folder(tmp_path: Path, toy: ModuleType, name: str) -> None:
    (tmp_path / name).write_text("mine")
    for enter in (lambda: require_run_place(tmp_path), lambda: toy.train_toy(tmp_path, toy.toy_settings(3))):
        with pytest.raises(ConfigError, match=f"holds '{name}', and no run of this package"):
            enter()
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text() == "mine"


def test_other_files_beside_a_run_stay(tmp_path: Path, toy: ModuleType) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for _ in range(2):
        toy.train_toy(tmp_path, toy.toy_settings(3))
    (tmp_path / "run.lock").unlink()
    require_run_place(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_lock_that_is_none_of_ours_stays(tmp_path: Path, toy: ModuleType) -> None:
    (tmp_path / "run.lock").write_text("yarn lockfile v1\n")
    with pytest.raises(ConfigError, match="run.lock: is no lock of this package"):
        toy.train_toy(tmp_path, toy.toy_settings(3))
    assert (tmp_path / "run.lock").read_text() == "yarn lockfile v1\n"


def test_an_export_that_is_none_is_said_before_a_step_is_trained(tmp_path: Path, toy: ModuleType) -> None:
    toy.train_toy(tmp_path, toy.toy_settings(2))
    shutil.rmtree(tmp_path / "export", ignore_errors=True)
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "thesis.tex").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match=r"export: holds other files \(thesis.tex\)"):
        toy.train_toy(tmp_path, toy.toy_settings(3))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("place", ["file", "file/run", "\0", "n" * 300])
def test_a_place_that_cannot_be_a_run_folder(tmp_path: Path, toy: ModuleType, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match="choose a folder that can be made and written"):
        toy.train_toy(tmp_path / place, toy.toy_settings(3))
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state.clear(),
        lambda state: state.pop("loop"),
        lambda state: state.pop("task"),
        lambda state: state.pop("random"),
        lambda state: state.update(task=[]),
        lambda state: state.update(loop={"position": {"other": 1}}),
        lambda state: state["task"].clear(),
        lambda state: state["random"].pop("torch"),
        lambda state: state["random"].update(torch=torch.zeros(3)),
    ],
    ids=range(9),
)
def test_a_sealed_checkpoint_without_a_part_is_named(tmp_path: Path, toy: ModuleType, damage: object) -> None:
    assert callable(damage)
    toy.train_toy(tmp_path, toy.toy_settings(3))
    store = CheckpointStore(tmp_path / "checkpoints")
    newest = store.latest()
    assert newest is not None
    state, settings = store.load(newest)
    damage(state)
    store.save(4, state, settings)
    with pytest.raises(CheckpointError, match="its checkpoint does not fit this training"):
        toy.train_toy(tmp_path, toy.toy_settings(9))


@pytest.mark.parametrize(
    "state",
    [{}, {"task": 3}, {"task": {"average": []}}, {"task": {"average": {"module": 5}}}, {"task": {"average": {}}}],
    ids=range(5),
)
def test_a_checkpoint_that_holds_no_generator_starts_none(tmp_path: Path, state: dict[str, object]) -> None:
    CheckpointStore(tmp_path / "checkpoints").save(3, state, {})
    generator = StackGenerator(embedding_dim=8, condition_dim=6, noise_dim=4, width=8, num_stages=1)
    with pytest.raises(CheckpointError, match="it holds no generator|holds no tensors by name"):
        load_initial_weights_(tmp_path, generator, None)


def test_networks_that_a_run_loads_draw_from_its_seed(tmp_path: Path, toy: ModuleType) -> None:
    from speech2img.storage.releases.networks import build_network

    arguments = {"embedding_dim": 8, "condition_dim": 6, "noise_dim": 4, "width": 8, "num_stages": 1}
    state = StackGenerator(**arguments).state_dict()
    with open_run(tmp_path / "one", toy.toy_settings(3), name="toy"):
        build_network(StackGenerator, arguments, state, name="release")
        found = torch.rand(3)
    with open_run(tmp_path / "two", toy.toy_settings(3), name="toy"):
        StackGenerator(**arguments)
        assert torch.equal(torch.rand(3), found)


ALL_SETTINGS = {
    role: find_stage(role).task().Settings
    for role in ("teacher", "encoder", "generator", "prior", "classifier", "tacotron2")
}


def numbers(settings: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int | float]]:
    """Every number of settings, those in lists and tables too, with its place."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value):
            yield from numbers(value, (*path, field.name))
        for number in value if isinstance(value, tuple) else (value,):
            if type(number) in (int, float):
                yield (*path, field.name), number


def with_number(settings: Any, path: tuple[str, ...], number: float) -> Any:
    """The settings with another number at a place; in a list, at its beginning."""
    name, *rest = path
    value = getattr(settings, name)
    if rest:
        return replace(settings, **{name: with_number(value, tuple(rest), number)})
    return replace(settings, **{name: (number, *value[1:]) if isinstance(value, tuple) else number})


@pytest.mark.parametrize("role", ALL_SETTINGS)
def test_every_number_of_every_training_has_a_range(role: str) -> None:
    settings = ALL_SETTINGS[role]()
    places = dict(numbers(settings))
    assert len(places) >= 15
    for path, number in places.items():
        beyond = (-(2**62), 2**62) if type(number) is int else (-1e300, -1e7, 1e300)
        for wrong in beyond:
            if path[-1] in ("seed", "render_seed", "deal_seed") and wrong > 0:
                continue
            with pytest.raises(ConfigError) as caught:
                with_number(settings, path, wrong)
            assert {*path} & {*re.findall(r"\w+", str(caught.value))}, (path, wrong)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("model.rnn_layers=0", "model.rnn_layers: 0 is out of range; use 1 to 64"),
        ("model.last_stride=3", "model.last_stride: 3 is out of range; use 1 to 2"),
        ("model.dropout=-0.5", "model.dropout: -0.5 is out of range; use 0.0 to 0.99"),
        ("model.padded_frames=0", "model.padded_frames: 0 is out of range; use 1 to 100,000"),
        ("max_frames=-1", "max_frames: -1 is out of range; use 1 to 100,000"),
        ("learning_rate=-1e-3", "learning_rate: -0.001 is out of range; use 0.0 to 1,000.0"),
        ("losses.temperature=0", "losses.temperature: 0.0 is out of range; use 0.001 to 1,000.0"),
        ("batch_size=9223372036854775807", "batch_size: 9223372036854775807 is out of range; use 1 to 1,048,576"),
        ("max_frames=0", "max_frames: 0 is out of range; use 1 to 100,000"),
        ("crnn.embedding_dim=-1", "crnn.embedding_dim: -1 is out of range; use 1 to 65,536"),
        ("loop.threads=1000000000000", "loop.threads: 1000000000000 is out of range; use 1 to 4,096"),
    ],
)
def test_a_number_out_of_range_is_one_line(
    setting: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "encoder", "--root", str(tmp_path), "--out", str(tmp_path / "run"), "--set", setting]) == 2
    assert capsys.readouterr().err == f"speech2img: {told}\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["grid_utterances", "grid_noises"])
def test_a_run_ends_without_a_sample_grid_where_none_is_asked_for(tiny: ModuleType, tmp_path: Path, name: str) -> None:
    root = tiny.build(tmp_path / "corpus")
    loop = replace(tiny.LOOP, max_steps=1)
    settings = replace(tiny.PRIOR, generator=str(root / "painter"), loop=loop, **{name: 0})
    assert train("prior", root, tmp_path / "run", settings, device="cpu", progress=False).finished
    assert not list((tmp_path / "run").glob("grids/*"))
