"""What reports call released weights, from whatever folder they are looked at."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from speech2img.errors import CheckpointError
from speech2img.storage.reading import shipped_folder
from speech2img.storage.releases.find_release import find_release, shipped_releases
from speech2img.storage.releases.release_name import release_name


def test_shipped_weights_keep_their_name_wherever_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(shipped_folder() / "taef2", tmp_path / "relE")
    monkeypatch.chdir(tmp_path)
    assert [release_name(path) for path in ("taef2", "relE", "./relE/", tmp_path / "relE")] == ["taef2"] * 4
    assert all(release_name(name) == name for name in shipped_releases())


def test_other_weights_are_called_as_their_folder_from_everywhere(
    tmp_path: Path, make_release: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_release(tmp_path / "runs" / "painter" / "export")
    os.symlink(tmp_path / "runs" / "painter", tmp_path / "latest")
    monkeypatch.chdir(folder.parent)
    paths = (".", "export", "export/weights.safetensors", "../painter", folder, tmp_path / "latest")
    assert [release_name(path) for path in paths] == ["painter"] * len(paths)
    monkeypatch.chdir(folder)
    assert find_release(".") == Path(".") and release_name(".") == "painter"


def test_what_is_no_release_has_no_name(tmp_path: Path, make_release: Callable[..., Path]) -> None:
    with pytest.raises(CheckpointError, match="no folder and no shipped weights"):
        release_name(tmp_path / "gone")
    (make_release(tmp_path / "model") / "weights.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="is not intact"):
        release_name(tmp_path / "model")
