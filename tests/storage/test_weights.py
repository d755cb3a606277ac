"""Releases: small, verified, and into no other model than their own."""

import os
import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from speech2img.errors import CheckpointError, ConfigError, UnsafeFileError
from speech2img.storage.atomic import file_sha256
from speech2img.storage.networks import load_weights
from speech2img.storage.seal import seal_folder
from speech2img.storage.weights import load_release, release_sha256, save_release


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def test_a_release_reads_back_to_half_precision(tmp_path: Path) -> None:
    tensors = model().state_dict()
    save_release(tmp_path / "r", tensors, {"kind": "x", "sizes": [1, 2]}, "# Card\n")
    assert sorted(os.listdir(tmp_path / "r")) == ["CARD.md", "config.json", "manifest.json", "weights.safetensors"]
    assert {tensor.dtype for tensor in load_file(tmp_path / "r" / "weights.safetensors").values()} == {
        torch.float16,
        torch.int64,
    }
    loaded, config = load_release(tmp_path / "r")
    assert config == {"kind": "x", "sizes": [1, 2]}
    assert (tmp_path / "r" / "CARD.md").read_text() == "# Card\n"
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        torch.testing.assert_close(loaded[name], tensor, rtol=2**-11, atol=2**-25)


def test_full_precision_is_exact(tmp_path: Path) -> None:
    tensors = model().state_dict()
    save_release(tmp_path, tensors, {}, "", half=False)
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in load_release(tmp_path)[0].items())


def test_what_half_precision_cannot_hold_stays_single(tmp_path: Path) -> None:
    big = torch.tensor([1e6, 1.0])
    save_release(tmp_path, {"running_var": big, "turned": torch.arange(6.0).reshape(2, 3).T}, {}, "")
    loaded, _ = load_release(tmp_path)
    assert torch.equal(loaded["running_var"], big)
    assert loaded["turned"].shape == (3, 2)


def test_a_release_is_replaced_as_a_whole_but_other_files_are_not(tmp_path: Path) -> None:
    save_release(tmp_path / "r", {"a": torch.ones(1)}, {"n": 1}, "")
    first = release_sha256(tmp_path / "r")
    save_release(tmp_path / "r", {"a": torch.zeros(1)}, {"n": 2}, "")
    assert load_release(tmp_path / "r")[1] == {"n": 2}
    assert release_sha256(tmp_path / "r") == file_sha256(tmp_path / "r" / "weights.safetensors") != first
    assert os.listdir(tmp_path) == ["r"]
    (tmp_path / "r" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds other files .notes.txt"):
        save_release(tmp_path / "r", {"a": torch.ones(1)}, {}, "")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_not_released(tmp_path: Path, value: float) -> None:
    with pytest.raises(CheckpointError, match="layer: holds values that are not finite"):
        save_release(tmp_path / "r", {"layer": torch.tensor([value])}, {}, "")
    assert os.listdir(tmp_path) == []


def test_every_damaged_bit_is_found(tmp_path: Path) -> None:
    save_release(tmp_path, {"a": torch.arange(40.0)}, {"kind": "x"}, "# Card\n")
    rng = random.Random(5)
    for name in os.listdir(tmp_path):
        data = (tmp_path / name).read_bytes()
        for _ in range(40):
            damaged = bytearray(data)
            damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            (tmp_path / name).write_bytes(damaged)
            with pytest.raises(CheckpointError, match="is not intact"):
                load_release(tmp_path)
        (tmp_path / name).write_bytes(data)
    assert load_release(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff" * 20, (2**40).to_bytes(8, "little") + b"{}"], ids=range(3))
def test_a_sealed_folder_with_no_safetensors_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "weights.safetensors").write_bytes(content)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "CARD.md").write_text("")
    seal_folder(tmp_path, ["weights.safetensors", "config.json", "CARD.md"], format="speech2img-release-1")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_release(tmp_path)


def test_other_folders_are_no_release(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not intact .*No such file"):
        load_release(tmp_path / "absent")
    (tmp_path / "x").write_bytes(b"")
    seal_folder(tmp_path, ["x"], format="speech2img-checkpoint-1")
    with pytest.raises(CheckpointError, match="is no speech2img-release-1 folder"):
        release_sha256(tmp_path)


def test_weights_enter_their_own_model() -> None:
    source, target = model(), nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    load_weights(target, source.state_dict(), name="songbirds")
    assert all(torch.equal(value, source.state_dict()[name]) for name, value in target.state_dict().items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0.weight": None}, "0.weight is missing"),
        ({"2.weight": torch.ones(1)}, "2.weight is unknown"),
        ({"0.bias": torch.ones(5)}, r"0.bias has shape \(5,\) instead of \(4,\)"),
        ({"0.bias": torch.ones(4, dtype=torch.int64)}, "0.bias is torch.int64 instead of torch.float32"),
        ({"1.num_batches_tracked": torch.tensor(1.0)}, "1.num_batches_tracked is torch.float32 instead of torch.int64"),
    ],
)
def test_other_weights_are_refused_and_nothing_is_changed(change: dict[str, torch.Tensor | None], message: str) -> None:
    target = model()
    before = {name: value.clone() for name, value in target.state_dict().items()}
    state = {name: value for name, value in ({**before, **change}).items() if value is not None}
    with pytest.raises(CheckpointError, match=f"songbirds: does not fit the model: {message}"):
        load_weights(target, state, name="songbirds")
    assert all(torch.equal(value, before[name]) for name, value in target.state_dict().items())


def test_a_long_list_of_differences_is_cut() -> None:
    with pytest.raises(CheckpointError, match="and 4 more; use the settings"):
        load_weights(nn.Linear(2, 2), model().state_dict(), name="x")


def test_sparse_weights_are_refused() -> None:
    state = {**nn.Linear(2, 2).state_dict(), "weight": torch.ones(2, 2).to_sparse()}
    with pytest.raises(UnsafeFileError, match="x: weight: is not a dense strided tensor"):
        load_weights(nn.Linear(2, 2), state, name="x")
