"""A run folder: its lock, its settings, its seed, and its newest checkpoint."""

import json
import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from speech2img.config import defaults_to_dict, dump_toml, settings_to_dict
from speech2img.distributed.collectives import is_main_process, process_group, world
from speech2img.errors import ConfigError
from speech2img.precision import PrecisionName, cuda_random_states, restore_cuda_random_states
from speech2img.renamed import modern_value, renamed
from speech2img.storage.atomic import write_text
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.lock import LOCK, run_lock
from speech2img.storage.places import made_folder, require_writable_place
from speech2img.storage.rank import this_rank
from speech2img.storage.releases.networks import networks_draw
from speech2img.storage.releases.writing import require_release_place

WhenNotFinite = Literal["stop", "skip"]
_WRITTEN = ("config.toml", "stats.jsonl", "nonfinite.json", "checkpoints", "export", "tensorboard", "profile", "grids")
"""What a run writes whatever it trains."""
_SIZE, _LAYERS, _FRAMES, _SHARE = (1, 1 << 16), (1, 64), (1, 100_000), (0.0, 1.0)
_RANGES: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("channels", "components", "location_filters"), _SIZE),
    **dict.fromkeys(("rnn_layers", "blocks", "encoder_layers", "postnet_layers"), _LAYERS),
    **dict.fromkeys(("padded_frames", "max_frames"), _FRAMES),
    **dict.fromkeys(("ema_decay", "warmup", "wrong_same_class", "label_smoothing"), _SHARE),
    **dict.fromkeys(("learning_rate", "discriminator_learning_rate"), (0.0, 1e3)),
    **dict.fromkeys(("seed", "render_seed", "deal_seed"), (0, 2**63 - 1)),
    **dict.fromkeys(("renders", "held_out_renders"), (0, 10**7)),
    **dict.fromkeys(("shift", "feature_shift", "grid_utterances", "grid_noises"), (0, 1024)),
    **dict.fromkeys(("frames_per_step", "location_kernel", "steps"), (1, 1000)),
    "hidden": (0, 1 << 16),
    "residual_blocks": (0, 64),
    "last_stride": (1, 2),
    "image_size": (64, 2048),
    "batch_size": (1, 1 << 20),
    "views": (1, 1000),
    "candidates": (1, 128),
    "workers": (0, 1024),
    "threads": (1, 4096),
    "pad_value": (-1e6, 1e6),
    "time_mean": (-10.0, 10.0),
    "losses.temperature": (1e-3, 1e3),
}
_WHOLE, _REAL = (0, 2**40), (0.0, 1e6)
"""Ranges of all other numbers of settings."""


@dataclass(frozen=True)
class LoopSettings:
    """How long a run goes on and how often it looks up."""

    max_steps: int = 20_000
    """Optimizer steps after which the run is finished."""
    max_minutes: float | None = None
    """Minutes of training (over all sittings) after which it is finished, if that comes first; schedules follow it."""
    max_processor_minutes: float | None = None
    """The same in minutes of the processor (user and system, all threads of the process): an equal price, however
    busy the machine is."""
    checkpoint_minutes: float = 10.0
    """Minutes between checkpoints."""
    log_every: int = 50
    """Steps between log lines (numbers are read off the device only there)."""
    evaluate_every: int = 1000
    """Steps between evaluations; 0 for one at the end only."""
    grid_every: int = 1000
    """Steps between sample grids; 0 for one at the end only."""
    keep: int = 3
    """Checkpoints kept, 2 or more."""
    seed: int = 0
    """Seed of weights, order and noise."""
    precision: PrecisionName = "auto"
    """Arithmetic: auto, fp32, bf16 or fp16."""
    threads: int | None = None
    """CPU threads; unset leaves PyTorch's choice."""
    nonfinite: WhenNotFinite = "stop"
    """When a loss or a weight is not finite: stop, or skip (take the step back and go on, 10 in a row at most; all
    state is copied before each step)."""
    profile_steps: int = 0
    """Steps of each sitting to trace, after the first two: profile/*.json in the run folder; 0 for none."""

    def __post_init__(self) -> None:
        # Numbers of steps, and minutes.
        for name in ("max_steps", "log_every"):
            if getattr(self, name) < 1:
                raise ConfigError.about(f"loop.{name}", f"{getattr(self, name)} is not positive", "set it to 1 or more")
        for name in ("evaluate_every", "grid_every", "seed", "checkpoint_minutes", "profile_steps"):
            if getattr(self, name) < 0:
                raise ConfigError.about(f"loop.{name}", f"{getattr(self, name)} is negative", "set it to 0 or more")
        for name in ("max_minutes", "max_processor_minutes"):
            minutes = getattr(self, name)
            if minutes is not None and not minutes > 0:
                raise ConfigError.about(f"loop.{name}", f"{minutes} is not positive", "leave it unset or raise it")

        # Checkpoints and threads.
        if self.keep < 2:
            raise ConfigError.about(
                "loop.keep", "one checkpoint is not enough to survive a bad disk", "set it to 2 or more"
            )
        if self.threads is not None and self.threads < 1:
            raise ConfigError.about(
                "loop.threads", f"{self.threads} is not positive", "leave it unset or set 1 or more"
            )
        demand_ranges(self, "loop.")


FREE_ON_RESUME = frozenset(
    "workers loop.max_steps loop.max_minutes loop.max_processor_minutes loop.checkpoint_minutes loop.log_every "
    "loop.evaluate_every loop.grid_every loop.keep loop.threads loop.nonfinite loop.profile_steps compute.memory "
    "compute.channels_last compute.compile compute.graphs compile memory".split()
)
"""Settings that may change when a run goes on: they say how long, how often and by how many, not what is trained."""


@dataclass(frozen=True)
class Run:
    """An open, locked run folder."""

    folder: Path
    """The run folder."""
    loop: LoopSettings
    """How long and how often."""
    settings: dict[str, Any]
    """The resolved settings as plain data, as they go into every checkpoint."""
    store: CheckpointStore
    """Where checkpoints are."""
    state: dict[str, Any] | None
    """State of the newest sound checkpoint, or None in a new run."""


def demand_ranges(settings: Any, table: str = "") -> None:
    """Check every number of a training's settings, so that none of them fails in the middle of a run.

    Parameters
    ----------
    settings : dataclass
        Frozen settings; those inside it are looked at too, unless their class says ``checks_own_ranges``.
    table : str
        Where they stand, as ``model.``, for messages.

    Raises
    ------
    ConfigError
        If a number is out of its range; the message names both.
    """
    for field in fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value) and not getattr(value, "checks_own_ranges", False):
            demand_ranges(value, f"{table}{field.name}.")
        for number in value if isinstance(value, tuple) else (value,):
            if type(number) in (int, float):
                low, high = _range_of(f"{table}{field.name}", number)
                if not low <= number <= high:
                    reason = f"{number} is out of range"
                    raise ConfigError.about(f"{table}{field.name}", reason, f"use {low:,} to {high:,}")


def _range_of(path: str, number: float) -> tuple[float, float]:
    """Smallest and largest value of a setting, by its name."""
    name = path.rpartition(".")[2]
    if name.endswith("dropout"):
        return 0.0, 0.99
    if type(number) is int and name.endswith(("width", "_dim")):
        return _SIZE
    return _RANGES.get(path) or _RANGES.get(name) or (_WHOLE if type(number) is int else _REAL)


@contextmanager
def open_run(
    run_dir: Path, settings: Any, *, name: str, extra: dict[str, Any] | None = None, parallel: bool = False
) -> Iterator[Run]:
    """Lock a run folder, join the other processes of the job, check that the settings are the same, seed everything.

    Parameters
    ----------
    run_dir : Path
        Made where it does not exist; resumed where it holds a checkpoint.
    settings : dataclass
        Frozen settings with a field ``loop`` of type `LoopSettings`.
    name : str
        Kind of training.
    extra : dict, optional
        More plain data that must not change between sittings (what the run learns from).
    parallel : bool
        Whether this kind of training divides its batch among the processes of ``torchrun``.

    Raises
    ------
    ConfigError
        If another job trains in the folder, the folder's checkpoints were made with other settings, ``torchrun``
        started several processes for a training that is not parallel, or `require_run_place` refuses the folder.
    RunInterrupted
        If another process of the job is gone.

    Notes
    -----
    A setting that did not exist yet when the run began counts as its default.
    """
    # Refuse what cannot be, before anything is written.
    rank = this_rank()
    if rank.count > 1 and not parallel:
        reason = f"it does not divide its batch among processes, and torchrun started {rank.count}"
        raise ConfigError.about(f"train {name}", reason, "start it without torchrun")
    require_run_place(run_dir)
    made_folder(run_dir)
    loop: LoopSettings = settings.loop
    plain = json.loads(json.dumps({"task": name, **settings_to_dict(settings), **(extra or {})}))
    with run_lock(run_dir, rank=rank), process_group(rank):
        # The newest checkpoint; the run resumes from it under the same settings only.
        store = CheckpointStore(run_dir / "checkpoints", keep=loop.keep)
        newest = store.latest()
        state = None
        if newest is not None:
            state, saved = store.load(newest)
            _demand_same(run_dir, {**_flat(defaults_to_dict(type(settings))), **_modern(saved)}, _flat(plain))

        # Settings to read, threads, seeds.
        if is_main_process():
            write_text(run_dir / "config.toml", dump_toml(settings))
        if loop.threads is not None:
            torch.set_num_threads(loop.threads)
        seed_everything(loop.seed)
        with networks_draw():
            yield Run(run_dir, loop, plain, store, state)


def require_run_place(run_dir: Path) -> None:
    """Raise ConfigError if a run cannot be kept in a folder, or would replace there what no run has made."""
    require_writable_place(run_dir)
    made_here = (run_dir / LOCK).is_file() or any(run_dir.glob("checkpoints/step-*/manifest.json"))
    foreign = [] if made_here else [name for name in _WRITTEN if os.path.lexists(run_dir / name)]
    if foreign:
        reason = f"holds '{foreign[0]}', and no run of this package"
        raise ConfigError.about(f"run folder {run_dir}", reason, "choose another folder, or move the file away")
    require_release_place(run_dir / "export")


def seed_everything(seed: int) -> None:
    """Seed the global random states of Python, NumPy and PyTorch (every device)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def random_state() -> dict[str, Any]:
    """The global random states as tensors."""
    kind, words, gauss = random.getstate()
    numpy_state = np.random.get_state(legacy=False)
    state = {
        "python": torch.tensor(words, dtype=torch.int64),
        "python_version": kind,
        "python_gauss": gauss,
        "numpy": torch.from_numpy(numpy_state["state"]["key"].astype(np.int64)),
        "numpy_position": int(numpy_state["state"]["pos"]),
        "numpy_has_gauss": int(numpy_state["has_gauss"]),
        "numpy_gauss": float(numpy_state["gauss"]),
        "torch": torch.get_rng_state(),
    }
    if states := cuda_random_states(own=world().count > 1):
        state["cuda"] = states
    return state


def restore_random_state(state: dict[str, Any]) -> None:
    """Set the global random states to what `random_state` gave."""
    random.setstate((state["python_version"], tuple(state["python"].tolist()), state["python_gauss"]))
    np.random.set_state(
        (
            "MT19937",
            state["numpy"].numpy().astype(np.uint32),
            state["numpy_position"],
            state["numpy_has_gauss"],
            state["numpy_gauss"],
        )
    )
    torch.set_rng_state(state["torch"])
    restore_cuda_random_states(state.get("cuda", []), own=world().count > 1)


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Run something (an evaluation, a sample grid) without moving the random states of the training."""
    state = random_state()
    try:
        yield
    finally:
        restore_random_state(state)


def _flat(mapping: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in mapping.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _modern(saved: dict[str, Any]) -> dict[str, Any]:
    """Saved settings by dotted name, with the new names of settings and of what they choose by."""
    return {key: modern_value(key, value) for key, value in renamed("settings", _flat(saved)).items()}


def _demand_same(run_dir: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    missing = "not set"
    differing = [
        f"{key} (was {old.get(key, missing)}, now {new.get(key, missing)})"
        for key in sorted(old.keys() | new.keys())
        if key not in FREE_ON_RESUME and old.get(key) != new.get(key)
    ]
    if differing:
        raise ConfigError.about(
            f"run folder {run_dir}",
            f"it was trained with other settings: {', '.join(differing)}",
            "resume with the settings in its config.toml, or choose a new run folder",
        )
