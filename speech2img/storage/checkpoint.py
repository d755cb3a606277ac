"""Checkpoint folders that are whole or absent: state, settings and a manifest, kept in a small number."""

import platform
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from speech2img.errors import CheckpointError, ConfigError, DataError
from speech2img.storage.atomic import (
    disk_errors,
    disk_full,
    fsync,
    remove_leftovers,
    temp_name,
    write_checksums,
    write_json,
)
from speech2img.storage.checksums import MANIFEST, read_manifest, verify_folder
from speech2img.storage.foreign.dense_tensors import check_plain
from speech2img.storage.foreign.torch_files import load_torch_file
from speech2img.storage.notices import notice
from speech2img.storage.reading import read_json

FORMAT = "speech2img-checkpoint-1"
STATE, CONFIG = "state.pt", "config.json"
MAX_CONFIG_BYTES = 16 << 20
_FOLDER = re.compile(r"step-[0-9]{8,18}")


class CheckpointStore:
    """The checkpoints of one run: folders ``step-00012000`` of which the newest `keep` stay.

    Parameters
    ----------
    folder : Path
        Where the checkpoint folders lie; made if absent.
    keep : int
        How many stay, at least 2: a single one could be the damaged one.

    Notes
    -----
    One process at a time may save here (see `speech2img.storage.lock`). A kill at any moment leaves each
    checkpoint whole or absent: a new one is complete on the disk before it gets its name.
    """

    def __init__(self, folder: str | Path, *, keep: int = 3) -> None:
        if keep < 2:
            raise ConfigError.about("keep", f"{keep} checkpoints do not survive a damaged one", "keep at least 2")
        self.folder, self.keep = Path(folder), keep

    def save(self, step: int, state: dict[str, Any], settings: dict[str, Any]) -> Path:
        """Write the checkpoint of a step, then remove the oldest beyond `keep`.

        An intact checkpoint of the same step is left as it is.

        Parameters
        ----------
        step : int
            Optimizer steps done, >= 0.
        state : dict
            Plain containers, numbers, strings and dense tensors only (no numpy values).
        settings : dict
            The resolved settings, JSON values.

        Returns
        -------
        path : Path
            The checkpoint folder.

        Raises
        ------
        DiskFullError
            If the disk has no room; older checkpoints are untouched.
        DataError
            If something else has the checkpoint's name, or the folder cannot be written.
        CheckpointError
            If the state could not be loaded again.
        """
        # Only what a restricted reader gives back.
        check_plain(state, f"state of step {step}")
        path = self.folder / f"step-{step:08d}"
        temp = temp_name(path)
        try:
            with disk_errors(path):
                # A state that is there already is kept; what is not ours is never removed.
                self.folder.mkdir(parents=True, exist_ok=True)
                remove_leftovers(self.folder)
                if _is_intact(path):
                    return path
                if path.exists() and not _holds_only_ours(path):
                    raise DataError.about(path, "is in the way, and no checkpoint of this package", "move it away")
                self._require_room(path)
                # Write beside it, then rename: it appears whole or not at all.
                temp.mkdir()
                _save_state(state, temp / STATE)
                write_json(temp / CONFIG, settings)
                write_checksums(temp, (STATE, CONFIG), format=FORMAT, step=step, versions=_versions())
                fsync(temp)
                _remove(path)
                temp.rename(path)
                fsync(self.folder)
        finally:
            shutil.rmtree(temp, ignore_errors=True)
        # Keep the latest.
        older = [other for other in self.paths() if other != path and _is_ours(other)]
        for other in older[: -(self.keep - 1)]:
            _remove(other)
        return path

    def paths(self) -> list[Path]:
        """Return the checkpoint folders by rising step, intact or not."""
        folders = [path for path in self.folder.glob("step-*") if _FOLDER.fullmatch(path.name) and path.is_dir()]
        return sorted(folders, key=_step)

    def latest(self) -> Path | None:
        """Return the intact checkpoint of the highest step, None without any; say which were skipped."""
        for path in reversed(self.paths()):
            try:
                _verify(path)
            except CheckpointError as error:
                notice(f"skipped: {error}")
            else:
                return path
        return None

    def load(self, path: str | Path) -> tuple[dict[str, Any], dict[str, Any]]:
        """Load a checkpoint after verifying every byte of it.

        Returns
        -------
        state : dict
            As saved, all tensors on the CPU.
        settings : dict
            As saved.

        Raises
        ------
        CheckpointError
            If the checkpoint is missing, damaged or of another format; UnsafeFileError if it holds more than data.
        """
        path = Path(path)
        _verify(path)
        state = load_torch_file(path / STATE)
        try:
            settings = read_json(path / CONFIG, max_bytes=MAX_CONFIG_BYTES)
        except DataError as error:
            raise CheckpointError(str(error)) from error
        if not isinstance(state, dict) or not isinstance(settings, dict):
            raise CheckpointError.about(path, "does not hold named values", "name a checkpoint of this package")
        return state, settings

    def _require_room(self, path: Path) -> None:
        paths = self.paths()
        last = sum(file.stat().st_size for file in paths[-1].iterdir()) if paths else 0
        if shutil.disk_usage(self.folder).free < 2.2 * last:
            raise disk_full(path, int(2.2 * last))


def _save_state(state: dict[str, Any], path: Path) -> None:
    with path.open("wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:
            # torch reports a failed write as a wrong position; the reason is the error before it.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from error
            raise


def _verify(path: Path) -> None:
    """Raise CheckpointError unless a folder is a whole checkpoint, of the step that its name says."""
    manifest = verify_folder(path)
    if manifest.get("format") != FORMAT or not {STATE, CONFIG} <= manifest["files"].keys():
        raise CheckpointError.about(path, f"is no {FORMAT} folder", "name a checkpoint of this package")
    if _FOLDER.fullmatch(path.name) and manifest.get("step") != _step(path):
        reason = f"is the checkpoint of step {manifest.get('step')!r:.30}, under another name"
        raise CheckpointError.about(path, reason, "give the folder its own name again, or remove it")


def _is_intact(path: Path) -> bool:
    try:
        _verify(path)
    except CheckpointError:
        return False
    return True


def _is_ours(path: Path) -> bool:
    """Whether a folder is a checkpoint of the step that its name says; its large file is not read for that."""
    manifest = read_manifest(path) or {}
    own_name = manifest.get("format") == FORMAT and manifest.get("step") == _step(path)
    return own_name and _holds_only_ours(path)


def _holds_only_ours(path: Path) -> bool:
    """Whether a folder, and no link or file, holds nothing but what a checkpoint does."""
    ours = {STATE, CONFIG, MANIFEST}
    return path.is_dir() and not path.is_symlink() and {file.name for file in path.iterdir()} <= ours


def _remove(path: Path) -> None:
    """Remove a checkpoint folder; a kill meanwhile leaves a leftover, not half a checkpoint."""
    if path.exists():
        shutil.rmtree(path.rename(temp_name(path)))


def _step(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
