"""Logs of a run: stats.jsonl, TensorBoard and the status line."""

import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from speech2img.renamed import RENAMED, renamed
from speech2img.storage.atomic import atomic_write_bytes, disk_errors
from speech2img.storage.progress import Progress
from speech2img.storage.reading import parse_json, read_bytes

MAX_STATS_BYTES = 128 << 20
_MAX_LINE_BYTES = 1 << 20


class StatsLog:
    """stats.jsonl (one flat JSON object a line) and TensorBoard events of one run.

    Parameters
    ----------
    folder : Path
        Run folder.
    step, evaluated : int
        Step at which the run goes on, and of its last evaluation; later lines of an earlier sitting are dropped.

    Raises
    ------
    DiskFullError, DataError
        In every method, if one of the two cannot be written; the message names it.
    """

    def __init__(self, folder: Path, *, step: int, evaluated: int) -> None:
        self._path = folder / "stats.jsonl"
        with disk_errors(self._path):
            if os.path.lexists(self._path):
                last = {"evaluation": evaluated}
                data = read_bytes(self._path, max_bytes=MAX_STATS_BYTES)
                lines = [(line, *_kind_and_step(line)) for line in data.splitlines()]
                kept = [_modern(line) for line, kind, logged_at in lines if logged_at <= last.get(kind, step)]
                atomic_write_bytes(self._path, b"".join(line + b"\n" for line in kept))
            self._file = self._path.open("a", encoding="utf-8")
        self._events = folder / "tensorboard"
        with disk_errors(self._events):
            self._writer = SummaryWriter(str(self._events), purge_step=step + 1, max_queue=50)

    def add(self, kind: str, step: int, values: Mapping[str, float], **fields: float) -> None:
        """Log the values of one step.

        Parameters
        ----------
        kind : {"train", "evaluation"}
            What the values are.
        step : int
            Optimizer steps so far.
        values : Mapping[str, float]
            Names and values; not-finite ones are written as null.
        **fields : float
            More numbers for stats.jsonl alone (images seen, seconds, speed).
        """
        numbers = {key: value if math.isfinite(value) else None for key, value in {**fields, **values}.items()}
        with disk_errors(self._path):
            self._file.write(json.dumps({"kind": kind, "step": step, **numbers}) + "\n")
            self._file.flush()
        with disk_errors(self._events):
            for key, value in values.items():
                self._writer.add_scalar(f"{kind}/{key}", value, step)

    def add_image(self, name: str, step: int, image: Image.Image) -> None:
        """Show a picture in TensorBoard."""
        with disk_errors(self._events):
            self._writer.add_image(name, np.asarray(image), step, dataformats="HWC")

    def sync(self) -> None:
        """Force what was logged so far onto the disk."""
        with disk_errors(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
        with disk_errors(self._events):
            self._writer.flush()

    def close(self) -> None:
        """Close both files."""
        with disk_errors(self._events):
            self._writer.close()
        with disk_errors(self._path):
            self._file.close()


class NullLog:
    """Log of a process that does not log: the methods of `StatsLog`, without effect."""

    def add(self, kind: str, step: int, values: Mapping[str, float], **fields: float) -> None:
        """Log nothing."""

    def add_image(self, name: str, step: int, image: Image.Image) -> None:
        """Show nothing."""

    def sync(self) -> None:
        """Nothing to force."""

    def close(self) -> None:
        """Nothing to close."""


def _modern(line: bytes) -> bytes:
    """A whole line of an earlier sitting with the new names of measures; one without old names stays as it is."""
    if not any(f'"{name}"'.encode() in line for name in RENAMED["stats"]):
        return line
    return json.dumps(renamed("stats", parse_json(line))).encode()


def _kind_and_step(line: bytes) -> tuple[str, float]:
    """Kind and step of a line; of a torn one a step that is never reached."""
    try:
        fields = parse_json(line) if len(line) <= _MAX_LINE_BYTES else {}
        return str(fields["kind"]), float(fields["step"])
    except (ValueError, LookupError, TypeError):
        return "", math.inf


class StatusLine:
    """A progress bar on a terminal; elsewhere a line about every ten seconds.

    Parameters
    ----------
    name : str
        What is being trained.
    step, max_steps : int
        Where the run stands and where it ends.
    shown : bool
        False for silence.
    """

    def __init__(self, name: str, *, step: int, max_steps: int, shown: bool) -> None:
        self._bar = Progress(total=max_steps, initial=step, what=name, unit="step", progress=shown)
        self._start = time.monotonic()
        self._step = step
        self._note = ""

    def __enter__(self) -> "StatusLine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def note(self, values: Mapping[str, float]) -> None:
        """Values to show from now on."""
        self._note = " ".join(f"{key}={value:.4g}" for key, value in values.items())

    def update(self, step: int, progress: float, start_progress: float) -> None:
        """Show the step reached.

        Parameters
        ----------
        step : int
            Steps so far.
        progress, start_progress : float
            Used part of the budget (of steps or minutes, whichever ends first) now and when this sitting began.
        """
        done = max(progress - start_progress, 1e-9)
        left = (time.monotonic() - self._start) * (1.0 - progress) / done
        self._bar.update(step - self._step, note=self._note, remaining=left)
        self._step = step
