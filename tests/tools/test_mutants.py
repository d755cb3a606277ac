"""The hunt for mutants: readers that keep the contract pass; one that breaks it in any way is told with its number."""

import importlib.util
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from speech2img.errors import DataError

SOAK = Path(__file__).parents[2] / "tools" / "soak"


@pytest.fixture(scope="module")
def readers(mutants):
    sys.path.insert(0, str(SOAK))
    yield importlib.import_module("readers").READERS
    sys.path.remove(str(SOAK))


@pytest.fixture(scope="module")
def mutants():
    spec = importlib.util.spec_from_file_location("mutants", SOAK / "mutants.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def _make(path: Path) -> None:
    path.write_bytes(b"a sealed line of text")


def _refuse(path: Path) -> str:
    data = path.read_bytes()
    if data != b"a sealed line of text":
        raise DataError.about(path, "damaged", "restore it")
    return data.decode()


def _when_damaged(action: Callable[[], object]) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        return path.read_bytes() if path.read_bytes() == b"a sealed line of text" else action()

    return read


def _fail() -> None:
    raise KeyError("what")


def test_a_reader_that_refuses_passes(mutants, tmp_path: Path) -> None:
    tally = mutants.hunt(mutants.Reader("text", _make, _refuse, sealed=True), tmp_path, 20, seed=0)
    assert tally.refused >= 15 and tally.accepted + tally.refused == 20  # a change may leave the content as it is
    assert not tally.faults


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (_fail, "another exception than ours"),
        (lambda: time.sleep(60), "signal SIGALRM"),
        (lambda: bytearray(3 << 30), "no memory"),
        (lambda: "something else", "damage was read as data"),
    ],
)
def test_each_breach_of_the_contract_is_told(mutants, tmp_path: Path, action, told: str, monkeypatch) -> None:
    monkeypatch.setattr(mutants, "SECONDS", 1)
    tally = mutants.hunt(mutants.Reader("text", _make, _when_damaged(action), sealed=True), tmp_path, 2, seed=3)
    assert tally.faults and all(told in fault for fault in tally.faults), tally.faults
    assert "seed 3 number" in str(tally)


def test_mutants_are_drawn_by_the_seed_and_differ(mutants) -> None:
    data = bytes(range(256)) * 8
    several = [mutants.mutate(data, random.Random(number)) for number in range(60)]
    assert several == [mutants.mutate(data, random.Random(number)) for number in range(60)]
    assert sum(one != data for one in several) > 50 and len(set(several)) > 50
    assert any(len(one) < len(data) for one in several) and any(len(one) > len(data) for one in several)


def test_a_part_of_the_hunt_over_every_reader(mutants, readers, tmp_path: Path) -> None:
    assert len(readers) >= 40
    for number, reader in enumerate(readers):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert not mutants.hunt(reader, folder, 4, seed=11).faults, reader.name
