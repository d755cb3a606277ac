"""Checkpoints: exact, few, and not one damaged bit accepted."""

import json
import os
import random
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.damage import mutants
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from speech2img.errors import CheckpointError, ConfigError, DataError, DiskFullError, UnsafeFileError
from speech2img.storage.atomic import write_checksums
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.checksums import verify_folder
from speech2img.storage.foreign.torch_files import load_torch_file


def training_state(seed: int) -> dict[str, Any]:
    """Return the state of a tiny run: model, optimizer and random generators."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    optimizer = {
        "state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.randn(4, 3)}},
        "param_groups": [{"lr": 1e-3, "betas": (0.5, 0.999), "amsgrad": False, "params": [0]}],
    }
    return {
        "model": model.state_dict(),
        "optimizer": optimizer,
        "torch": torch.get_rng_state(),
        "python": random.getstate(),
        "step": seed,
        "best": None,
        "name": "é",
        "rate": 0.1,
    }


def equal(left: Any, right: Any) -> bool:
    if isinstance(left, torch.Tensor):
        return left.dtype == right.dtype and torch.equal(left, right)
    if isinstance(left, dict):
        return list(left) == list(right) and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(left == right)


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints", keep=2)


def test_state_and_settings_read_back_equal(store: CheckpointStore) -> None:
    state = training_state(1)
    path = store.save(12_000, state, {"lr": 0.1})
    assert path.name == "step-00012000"
    assert sorted(os.listdir(path)) == ["config.json", "manifest.json", "state.pt"]
    loaded, settings = store.load(path)
    assert equal(loaded, state)
    assert settings == {"lr": 0.1}
    assert verify_folder(path)["step"] == 12_000
    assert set(verify_folder(path)["versions"]) == {"python", "torch", "numpy"}


def test_the_newest_stay_and_latest_is_the_highest(store: CheckpointStore) -> None:
    assert store.latest() is None
    for step in (5, 100, 20, 99_999_999, 100_000_000):
        saved = store.save(step, {"step": step}, {})
        assert saved.is_dir()
    assert [path.name for path in store.paths()] == ["step-99999999", "step-100000000"]
    assert store.latest() == store.folder / "step-100000000"
    assert store.save(7, {"step": 7}, {}).is_dir()


def test_an_intact_checkpoint_of_the_same_step_stays(store: CheckpointStore) -> None:
    path = store.save(1, {"step": 1}, {})
    before = path.stat().st_ino
    assert store.save(1, {"step": 1}, {}) == path
    assert path.stat().st_ino == before
    (path / "state.pt").write_bytes(b"broken")
    assert store.load(store.save(1, {"step": 2}, {}))[0] == {"step": 2}


def test_one_checkpoint_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="keep: 1 "):
        CheckpointStore(tmp_path, keep=1)


@pytest.mark.parametrize(
    "value",
    [
        np.float64(1),
        np.zeros(3),
        nn.Linear(1, 1),
        print,
        torch.zeros(3).to_sparse(),
        torch.device("cpu"),
        {1: [np.int64(1)]},
        torch.zeros(1).expand(10**9),
        torch.zeros(2, device="meta"),
    ],
    ids=range(9),
)
def test_what_could_not_be_loaded_is_not_saved(store: CheckpointStore, value: object) -> None:
    with pytest.raises(CheckpointError, match=r"state of step 3\['a'\]"):
        store.save(3, {"a": value}, {})
    assert store.latest() is None


def test_every_damaged_bit_is_found(store: CheckpointStore) -> None:
    path = store.save(1, training_state(1), {"lr": 0.1})
    rng = random.Random(7)
    for name in os.listdir(path):
        data = (path / name).read_bytes()
        for place in {0, len(data) - 1, *(rng.randrange(len(data)) for _ in range(120))}:
            damaged = bytearray(data)
            damaged[place] ^= 1 << rng.randrange(8)
            (path / name).write_bytes(damaged)
            with pytest.raises(CheckpointError, match="is not intact"):
                store.load(path)
        (path / name).write_bytes(data)
    assert store.load(path)


@pytest.mark.parametrize("name", ["state.pt", "config.json", "manifest.json"])
def test_cut_longer_missing_and_foreign_files_are_found(
    store: CheckpointStore, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = (store.save(step, training_state(step), {"step": step}) for step in (1, 2))
    data = (new / name).read_bytes()
    for content in (data[:-1], data[: len(data) // 2], b"", data + b"\n", (old / name).read_bytes()):
        (new / name).write_bytes(content)
        with pytest.raises(CheckpointError, match="step-00000002: is not intact"):
            store.load(new)
    (new / name).unlink()
    assert store.latest() == old
    said = capsys.readouterr().err
    assert said.startswith("speech2img: skipped: ") and "step-00000002" in said and said.count("\n") == 1
    with pytest.raises(CheckpointError, match="step-00000002: is not intact"):
        store.load(new)


@pytest.mark.parametrize(
    "manifest", [[], {}, {"seal": 1}, {"files": {}}, {"files": []}, {"files": {"../x": {}}}, {"files": {"x": 3}}, 7]
)
def test_a_strange_manifest_is_found(store: CheckpointStore, manifest: object) -> None:
    path = store.save(1, {}, {})
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="is not intact"):
        store.load(path)


def test_a_missing_checkpoint_is_named(store: CheckpointStore) -> None:
    with pytest.raises(CheckpointError, match="step-00000009: is not intact .*No such file"):
        store.load(store.folder / "step-00000009")


def test_a_sealed_folder_of_another_kind_is_no_checkpoint(tmp_path: Path, store: CheckpointStore) -> None:
    (tmp_path / "x").write_bytes(b"")
    write_checksums(tmp_path, ["x"], format="other")
    with pytest.raises(CheckpointError, match="is no speech2img-checkpoint-1 folder"):
        store.load(tmp_path)


def test_a_checkpoint_under_the_name_of_a_higher_step_is_not_the_newest(
    store: CheckpointStore, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in (1, 2):
        store.save(step, {"step": step}, {})
    false = (store.folder / "step-00000001").rename(store.folder / "step-00000009")
    assert store.latest() == store.folder / "step-00000002"
    said = capsys.readouterr().err
    assert "step-00000009: is the checkpoint of step 1, under another name" in said and said.count("\n") == 1
    with pytest.raises(CheckpointError, match="is the checkpoint of step 1, under another name"):
        store.load(false)
    elsewhere = false.rename(store.folder / "best")
    assert store.load(elsewhere)[0] == {"step": 1}


def test_what_no_run_has_saved_is_neither_removed_nor_replaced(store: CheckpointStore) -> None:
    for name in ("step-00000001", "step-00000002", "step-00000008"):
        (store.folder / name).mkdir(parents=True)
        (store.folder / name / "thesis.tex").write_text("mine")
    (store.folder / ".notes.tmp-draft").write_text("mine")
    (store.folder / "step-00000003").write_text("mine")
    (store.folder / "step-00000004").symlink_to("step-00000001")
    theirs = {path for path in store.folder.rglob("*")}
    with pytest.raises(DataError, match="step-00000008: is in the way"):
        store.save(8, {}, {})
    for step in range(10, 15):
        store.save(step, {"step": step}, {})
    assert theirs <= set(store.folder.rglob("*"))
    assert [path.name for path in store.paths() if path.name > "step-00000009"] == ["step-00000013", "step-00000014"]


@given(name=st.sampled_from(["state.pt", "config.json", "manifest.json"]), data=st.data())
def test_any_bytes_in_the_place_of_a_file_are_found(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    store = CheckpointStore(tmp_path_factory.getbasetemp() / "any", keep=2)
    path = store.save(1, {"a": torch.arange(3.0), "b": [1, "x"]}, {"lr": 0.1})
    whole = (path / name).read_bytes()
    changed = data.draw(st.binary(max_size=300) | mutants(whole).filter(lambda changed: changed != whole))
    (path / name).write_bytes(changed)
    try:
        with pytest.raises(CheckpointError):
            store.load(path)
    finally:
        (path / name).write_bytes(whole)


@given(name=st.sampled_from(["state.pt", "config.json"]), data=st.data())
def test_any_bytes_under_a_sound_seal_are_a_checkpoint_or_our_error(name: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = CheckpointStore(folder, keep=2)
        path = store.save(1, {"a": torch.arange(3.0), "b": [1, "x"]}, {"lr": 0.1})
        (path / name).write_bytes(data.draw(st.binary(max_size=300) | mutants((path / name).read_bytes())))
        write_checksums(path, ("state.pt", "config.json"), format="speech2img-checkpoint-1", step=1)
        try:
            state, settings = store.load(path)
        except CheckpointError as error:
            assert "\n" not in str(error)
        else:
            assert isinstance(state, dict) and isinstance(settings, dict)


def test_leftovers_of_a_killed_save_are_removed(store: CheckpointStore) -> None:
    (store.folder / ".step-00000001.tmp-0123").mkdir(parents=True)
    store.save(1, {}, {})
    assert os.listdir(store.folder) == ["step-00000001"]


def test_room_is_checked_first(store: CheckpointStore, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store.save(1, {"a": torch.zeros(1000)}, {})
    size = sum(file.stat().st_size for file in path.iterdir())
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, int(2.2 * size) - 1))
    with pytest.raises(DiskFullError, match="step-00000002: the disk is full .* bytes are needed"):
        store.save(2, {}, {})
    assert store.latest() == path


def sealed(store: CheckpointStore, state: object) -> Path:
    """Seal a checkpoint whose state was made by somebody else."""
    path = store.folder / "step-00000001"
    path.mkdir(parents=True)
    torch.save(state, path / "state.pt")
    (path / "config.json").write_text("{}")
    write_checksums(path, ("state.pt", "config.json"), format="speech2img-checkpoint-1", step=1)
    return path


class Runs:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("executed",)


def malformed_csr() -> torch.Tensor:
    """Return a tensor whose first product kills the process."""
    with torch.sparse.check_sparse_tensor_invariants(False):
        return torch.sparse_csr_tensor(torch.tensor([0, 10**9]), torch.tensor([10**8]), torch.tensor([1.0]), (1, 2))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["code", "csr", "coo", "quantized", "expanded", "nested", "meta", "module", "numpy"])
def test_hostile_states_are_refused(
    store: CheckpointStore, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values: dict[str, Any] = {
        "code": Runs,
        "csr": malformed_csr,
        "coo": lambda: torch.zeros(3).to_sparse(),
        "quantized": lambda: torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8),
        "expanded": lambda: torch.zeros(1).expand(10**12),
        "nested": lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
        "meta": lambda: torch.zeros(3, device="meta"),
        "module": lambda: nn.Linear(1, 1),
        "numpy": lambda: np.zeros(3),
    }
    with pytest.raises(CheckpointError, match="state.pt"):
        store.load(sealed(store, {"a": [values[kind]()]}))
    assert not Path("executed").exists()


def test_a_state_without_names_is_refused(store: CheckpointStore) -> None:
    with pytest.raises(CheckpointError, match="does not hold named values"):
        store.load(sealed(store, [1]))


def rewritten(path: Path, *, compression: int, old: bytes = b"", new: bytes = b"") -> None:
    """Write a torch file anew with another compression or pickle."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data.replace(old, new) if name.endswith("data.pkl") else data)


def test_a_compressed_torch_file_is_refused_as_a_bomb(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save(torch.zeros(1 << 20), path)
    rewritten(path, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 14
    with pytest.raises(UnsafeFileError, match="x.pt: is refused: it is compressed"):
        load_torch_file(path)


def test_a_tensor_larger_than_its_storage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save(torch.arange(4.0), path)
    rewritten(path, compression=zipfile.ZIP_STORED, old=b"K\x00K\x04\x85", new=b"K\x00J\x00\x00\x10\x00\x85")
    with pytest.raises(CheckpointError, match="x.pt: is no intact torch file"):
        load_torch_file(path)


def test_old_torch_files_are_read(tmp_path: Path) -> None:
    torch.save({"a": torch.arange(3)}, tmp_path / "x.pt", _use_new_zipfile_serialization=False)
    assert torch.equal(load_torch_file(tmp_path / "x.pt")["a"], torch.arange(3))


def test_damaged_torch_files_are_values_or_named_errors(tmp_path: Path) -> None:
    rng, path = random.Random(3), tmp_path / "x.pt"
    torch.save({"a": torch.arange(8.0), "b": [1, "x"]}, path)
    data = path.read_bytes()
    for index in range(120):
        damaged = bytearray(data)
        if index % 3:
            damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        else:
            del damaged[rng.randrange(len(data)) :]
        path.write_bytes(damaged)
        try:
            load_torch_file(path)
        except CheckpointError as error:
            assert str(error).startswith(str(path))
    with pytest.raises(CheckpointError, match="absent.pt: No such file"):
        load_torch_file(tmp_path / "absent.pt")
