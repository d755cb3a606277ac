"""Releases: small, verified, and in nobody else's place."""

import errno
import json
import os
import random
import shutil
import tempfile
import time
from pathlib import Path

import pytest
import torch
from helpers.damage import mutants
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn

from speech2img.errors import CheckpointError, ConfigError, DataError
from speech2img.pipeline import SpeechToImage
from speech2img.storage.atomic import write_checksums
from speech2img.storage.reading import file_sha256
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.release import load_hashed_release, load_release, release_sha256
from speech2img.storage.releases.writing import release_config, require_release_place, save_release


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


def test_each_file_is_hashed_once_for_weights_config_and_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []

    def counted(path: Path) -> str:
        hashed.append(Path(path).name)
        return file_sha256(path)

    save_release(tmp_path / "r", model().state_dict(), {"kind": "x"}, "# Card\n")
    monkeypatch.setattr("speech2img.storage.checksums.file_sha256", counted)
    tensors, config, sha256 = load_hashed_release(tmp_path / "r")
    assert sorted(hashed) == ["CARD.md", "config.json", "weights.safetensors"]
    assert sha256 == file_sha256(tmp_path / "r" / "weights.safetensors") == release_sha256(tmp_path / "r")
    again, same = load_release(tmp_path / "r")
    assert same == config and all(torch.equal(again[name], value) for name, value in tensors.items())
    hashed.clear()
    assert release_config(tmp_path / "r") == {"kind": "x"} and not hashed
    (tmp_path / "r" / "config.json").unlink()
    with pytest.raises(CheckpointError, match="r: cannot be read"):
        release_config(tmp_path / "r")


@pytest.mark.parametrize("name", ["songbirds", "hear-anyone"])
def test_shipped_weights_are_hashed_once_when_they_are_loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Path] = []

    def counted(path: Path) -> str:
        hashed.append(Path(path))
        return file_sha256(path)

    monkeypatch.setattr("speech2img.storage.checksums.file_sha256", counted)
    pipe = SpeechToImage.load(name, device="cpu")
    assert any(path.parent.name == name for path in hashed) and len(hashed) == len(set(hashed))
    assert pipe.weights_sha256.split("+")[0] == file_sha256(find_release(name) / "weights.safetensors")


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


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_values_that_are_not_finite_are_not_loaded(tmp_path: Path, value: float, dtype: torch.dtype) -> None:
    save_file({"layer": torch.tensor([0.0, 3e4, value], dtype=dtype)}, tmp_path / "weights.safetensors")
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "CARD.md").write_text("")
    write_checksums(tmp_path, ["weights.safetensors", "config.json", "CARD.md"], format="speech2img-release-1")
    with pytest.raises(CheckpointError, match="layer: holds values that are not finite"):
        load_release(tmp_path)


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
    write_checksums(tmp_path, ["weights.safetensors", "config.json", "CARD.md"], format="speech2img-release-1")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_release(tmp_path)


def test_other_folders_are_no_release(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not intact .*No such file"):
        load_release(tmp_path / "absent")
    (tmp_path / "x").write_bytes(b"")
    write_checksums(tmp_path, ["x"], format="speech2img-checkpoint-1")
    with pytest.raises(CheckpointError, match="is no speech2img-release-1 folder"):
        release_sha256(tmp_path)


@pytest.mark.parametrize("content", ["file", "folder", "others", "config", "checkpoint"])
def test_what_is_no_release_is_neither_moved_nor_replaced(tmp_path: Path, content: str) -> None:
    out = tmp_path / "out"
    if content == "file":
        out.write_bytes(b"the only copy")
    else:
        out.mkdir()
        name = {"folder": "weights", "others": "notes.txt", "config": "config.json", "checkpoint": "state.pt"}[content]
        (out / name).write_text("mine")
        if content == "checkpoint":
            write_checksums(out, ["state.pt"], format="speech2img-checkpoint-1")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for write in (require_release_place, lambda folder: save_release(folder, {"a": torch.ones(1)}, {}, "")):
        with pytest.raises(ConfigError, match="out: ") as caught:
            write(out)
        assert caught.value.exit_code == 2
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_release_goes_through_a_link_and_into_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to("disk")
    for value in (1.0, 2.0):
        save_release(tmp_path / "out", {"a": torch.full((1,), value)}, {}, "")
        assert (tmp_path / "out").is_symlink() and load_release(tmp_path / "out")[0]["a"].item() == value
    assert sorted(os.listdir(tmp_path)) == ["disk", "out"]


def test_an_older_release_is_there_again_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_release(tmp_path / "r", {"a": torch.ones(1)}, {"n": 1}, "")
    rename, calls = Path.rename, []

    def second_fails(path: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(errno.EIO, "broken")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", second_fails)
    with pytest.raises(DataError, match="r: broken"):
        save_release(tmp_path / "r", {"a": torch.zeros(1)}, {"n": 2}, "")
    assert load_release(tmp_path / "r")[1] == {"n": 1} and os.listdir(tmp_path) == ["r"]


def sealed(folder: Path, tensors: dict[str, torch.Tensor], config: object) -> Path:
    """A release that `save_release` would not have written, with a sound seal."""
    folder.mkdir()
    save_file(tensors, folder / "weights.safetensors")
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    (folder / "CARD.md").write_text("")
    write_checksums(folder, ["weights.safetensors", "config.json", "CARD.md"], format="speech2img-release-1")
    return folder


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ([], "no settings by name"),
        (None, "no settings by name"),
        ("[" * 100_000, "cannot be read"),
        ('{"step": 1' + "0" * 5000 + "}", "cannot be read"),
        ({"conditioning": "maen"}, "conditioning = 'maen', where mean or sampled belongs"),
        ({"variant": "bvcl"}, "where bvlc or torchvision belongs"),
        ({"heads": {"color": "red"}}, "lists of two names"),
        ({"heads": None}, "lists of two names"),
        ({"classes": ["a", "a"]}, "different names"),
        ({"image_size": 10**6}, "8 to 2048"),
        ({"candidates": True}, "num_candidates = True.*1 to 128"),
        ({"pad_to_frames": 10**9}, "1 to 100000"),
        ({"encoder": [1]}, "a table of settings"),
        ({"kind": 5}, "a text"),
        ({"accuracy": {"color": "high"}}, "shares"),
        ({"trained_with": {"judge": 3}}, "a table of texts"),
    ],
)
def test_a_config_that_says_what_no_release_says(tmp_path: Path, config: object, message: str) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        load_release(sealed(tmp_path / "r", {"a": torch.ones(1)}, config))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "tensor", [torch.tensor([float("nan")]), torch.ones(2, dtype=torch.float8_e4m3fn), torch.tensor([1j])]
)
def test_tensors_that_no_network_has_are_refused(tmp_path: Path, tensor: torch.Tensor) -> None:
    with pytest.raises(CheckpointError, match="r: layer: holds "):
        load_release(sealed(tmp_path / "r", {"layer": tensor}, {}))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("any") / "r"
    config = {"kind": "attribute-network", "heads": {"color": ["red", "blue"]}, "image_size": 64}
    save_release(folder, {"a": torch.arange(40.0)}, config, "# Card\n")
    return folder


@given(name=st.sampled_from(["weights.safetensors", "config.json", "CARD.md", "manifest.json"]), data=st.data())
def test_any_bytes_in_the_place_of_a_file_are_found(release: Path, name: str, data: st.DataObject) -> None:
    whole = (release / name).read_bytes()
    changed = data.draw(st.binary(max_size=300) | mutants(whole).filter(lambda changed: changed != whole))
    (release / name).write_bytes(changed)
    try:
        with pytest.raises(CheckpointError):
            load_release(release)
    finally:
        (release / name).write_bytes(whole)
    assert load_release(release)[0]["a"].tolist() == list(range(40))


@given(name=st.sampled_from(["weights.safetensors", "config.json"]), data=st.data())
def test_any_bytes_under_a_sound_seal_are_a_release_or_our_error(release: Path, name: str, data: st.DataObject) -> None:
    whole = (release / name).read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(release, Path(folder) / "r"))
        (copy / name).write_bytes(data.draw(st.binary(max_size=300) | mutants(whole)))
        write_checksums(copy, ["weights.safetensors", "config.json", "CARD.md"], format="speech2img-release-1")
        try:
            tensors, config = load_release(copy)
        except CheckpointError as error:
            assert "\n" not in str(error)
        else:
            assert isinstance(config, dict) and all(value.isfinite().all() for value in tensors.values())


def test_a_header_of_a_million_tensors_costs_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "release"
    save_release(folder, {"a": torch.ones(2)}, {"kind": "toy"}, "# card")
    header = json.dumps({f"t{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(200_000)})
    (folder / "weights.safetensors").write_bytes(len(header).to_bytes(8, "little") + header.encode())
    write_checksums(folder, ("weights.safetensors", "config.json", "CARD.md"), format="speech2img-release-1")
    start = time.process_time()
    with pytest.raises(CheckpointError, match=r"cannot be read \(a header of [\d,]+ bytes\); fetch"):
        load_release(folder)
    assert time.process_time() - start < 2
