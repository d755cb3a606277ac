"""Weights that several releases share: stored once, found by their hash, kept where they will not be found."""

import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from speech2img.errors import CheckpointError
from speech2img.storage.releases import shared_weights
from speech2img.storage.releases.release import load_own, load_release, release_sha256
from speech2img.storage.releases.shared_weights import SHARED, VARIABLE, find_shared_weights
from speech2img.storage.releases.writing import copy_release, save_release

EARS = {"a.weight": torch.tensor([0.5, 1.5]), "b": torch.tensor([2.0])}


@pytest.fixture(autouse=True)
def nothing_is_shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only what a test makes can be found."""
    monkeypatch.setattr(shared_weights, "shipped_folder", lambda: tmp_path / "shipped")
    monkeypatch.delenv(VARIABLE, raising=False)


def ears(folder: Path) -> str:
    """Write the shared release and return its hash."""
    save_release(folder, EARS, {"kind": "acoustic-front-end"}, "# Ears\n")
    return release_sha256(folder)


def encoder(folder: Path, sha256: str, *, shared: dict[str, Tensor] = EARS) -> None:
    """Write a release that shares them."""
    tensors = {f"encoder.front_end.{name}": value for name, value in shared.items()} | {"encoder.own": torch.ones(3)}
    config = {"kind": "speech-encoder", SHARED: {"encoder.front_end.": {"sha256": sha256, "name": "whisper tiny.en"}}}
    save_release(folder, tensors, config, "# Encoder\n")


def assert_whole(folder: Path) -> None:
    """The release holds what `encoder` wrote, wherever the parts lie."""
    tensors, _ = load_release(folder)
    assert tensors.keys() == {"encoder.own", "encoder.front_end.a.weight", "encoder.front_end.b"}
    assert torch.equal(tensors["encoder.front_end.a.weight"], EARS["a.weight"])


@pytest.mark.parametrize("place", ["run/front-end", "front-end", "shipped/ears"])
def test_what_will_be_found_is_not_stored_again(tmp_path: Path, place: str) -> None:
    sha256 = ears(tmp_path / place)
    encoder(tmp_path / "run" / "export", sha256)
    assert load_own(tmp_path / "run" / "export")[0].keys() == {"encoder.own"}
    assert_whole(tmp_path / "run" / "export")


def test_a_folder_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = ears(tmp_path / "far" / "away" / "ears")
    for named in ("far/away/ears", "far/away"):
        monkeypatch.setenv(VARIABLE, f"{tmp_path / 'none'}:{tmp_path / named}")
        encoder(tmp_path / "near" / "by" / "encoder", sha256)
        assert load_own(tmp_path / "near" / "by" / "encoder")[0].keys() == {"encoder.own"}
        assert_whole(tmp_path / "near" / "by" / "encoder")


def test_what_will_not_be_found_is_kept(tmp_path: Path) -> None:
    sha256 = ears(tmp_path / "far" / "away" / "ears")
    encoder(tmp_path / "near" / "by" / "encoder", sha256)
    assert SHARED not in load_own(tmp_path / "near" / "by" / "encoder")[1]
    assert_whole(tmp_path / "near" / "by" / "encoder")


def test_tuned_weights_are_kept(tmp_path: Path) -> None:
    sha256 = ears(tmp_path / "ears")
    encoder(tmp_path / "encoder", sha256, shared={**EARS, "b": torch.tensor([2.5])})
    tensors, config = load_own(tmp_path / "encoder")
    assert tensors["encoder.front_end.b"].tolist() == [2.5] and SHARED not in config


def test_a_part_of_a_release_that_shares_another_can_be_shared(tmp_path: Path) -> None:
    ears_sha256 = ears(tmp_path / "ears")
    encoder(tmp_path / "encoder", ears_sha256)
    heard, config = load_release(tmp_path / "encoder")
    part = {"sha256": release_sha256(tmp_path / "encoder"), "name": "encoder", "prefix": "encoder."}
    model = {**heard, "generator.a": torch.ones(2)}
    whole = {"kind": "speech-to-image", SHARED: {"encoder.": part, **config[SHARED]}}
    save_release(tmp_path / "model", model, whole, "# Model\n")
    assert load_own(tmp_path / "model")[0].keys() == {"generator.a"}
    loaded, _ = load_release(tmp_path / "model")
    assert loaded.keys() == model.keys() and all(torch.equal(loaded[name], model[name]) for name in model)

    # With another value it keeps its own, and what that one shares is shared still.
    save_release(tmp_path / "other", {**model, "encoder.own": torch.zeros(3)}, whole, "# Model\n")
    own, config = load_own(tmp_path / "other")
    assert own.keys() == {"generator.a", "encoder.own"} and config[SHARED].keys() == {"encoder.front_end."}

    # A copy elsewhere takes both along; without them it says what is missing.
    copy_release(tmp_path / "model", tmp_path / "far" / "away" / "model")
    shutil.rmtree(tmp_path / "encoder")
    assert load_release(tmp_path / "far" / "away" / "model")[0].keys() == model.keys()
    with pytest.raises(
        CheckpointError, match=rf"weights of encoder.*copy them to .*or name their folder in \${VARIABLE}"
    ):
        load_release(tmp_path / "model")


def test_missing_weights_are_one_line_that_says_how_to_get_them(tmp_path: Path) -> None:
    encoder(tmp_path / "run" / "export", ears(tmp_path / "run" / "ears"))
    shutil.rmtree(tmp_path / "run" / "ears")
    with pytest.raises(CheckpointError) as caught:
        load_release(tmp_path / "run" / "export")
    message = str(caught.value)
    assert "whisper tiny.en" in message and "import whisper-encoder FILE" in message and VARIABLE in message
    assert "\n" not in message


def test_damaged_weights_are_not_used(tmp_path: Path) -> None:
    encoder(tmp_path / "run" / "export", ears(tmp_path / "run" / "ears"))
    weights = tmp_path / "run" / "ears" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(CheckpointError, match="not intact"):
        load_release(tmp_path / "run" / "export")


def test_a_copy_finds_them_too(tmp_path: Path) -> None:
    encoder(tmp_path / "a" / "run" / "export", ears(tmp_path / "a" / "run" / "ears"))
    copy_release(tmp_path / "a" / "run" / "export", tmp_path / "b" / "corpus" / "derived" / "encoder")
    shutil.rmtree(tmp_path / "a")
    assert_whole(tmp_path / "b" / "corpus" / "derived" / "encoder")
    assert len(list((tmp_path / "b" / "corpus" / "derived").iterdir())) == 2


def test_strange_neighbours_are_passed_over(tmp_path: Path) -> None:
    sha256 = ears(tmp_path / "z-ears")
    (tmp_path / "a-folder").mkdir()
    (tmp_path / "a-folder" / "manifest.json").write_text("{}")
    (tmp_path / "b-file").write_text("manifest.json")
    assert find_shared_weights(sha256, beside=tmp_path / "encoder") == tmp_path / "z-ears"
    assert find_shared_weights("0" * 64, beside=tmp_path / "encoder") is None


@pytest.mark.parametrize("shared", [[], {"encoder.": "hash"}, {"encoder.": {"sha256": 3, "name": "x"}}])
def test_a_config_that_shares_nonsense_is_refused(tmp_path: Path, shared: object) -> None:
    save_release(tmp_path / "r", {"a": torch.ones(1)}, {"kind": "speech-encoder"}, "# R\n")
    from speech2img.storage.releases.config import check_config

    with pytest.raises(CheckpointError, match="shared_weights"):
        check_config({SHARED: shared}, name="r")
