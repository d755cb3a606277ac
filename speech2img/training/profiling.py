"""Traces of training steps: what ran when, on which device, to look at in chrome://tracing or Perfetto."""

from pathlib import Path
from types import TracebackType

import torch
from torch.profiler import ProfilerActivity, profile

from speech2img.precision import is_asynchronous
from speech2img.storage.atomic import atomic_path

WARM_UP = 2
"""Steps of a sitting before the trace: in the first ones memory is fetched and kernels are chosen."""


class StepProfiler:
    """Traces some steps of a sitting and writes ``profile/steps-<first>-<last>.json`` into a run folder.

    Parameters
    ----------
    folder : Path
        The run folder.
    steps : int
        How many steps; 0 for none, and no effect at all.
    step : int
        Steps that the run has made before this sitting.
    device : torch.device
        Where it computes; on CUDA the device's kernels are in the trace as well.

    Notes
    -----
    A sitting that ends earlier leaves a trace of the steps there were.
    """

    def __init__(self, folder: Path, *, steps: int, step: int, device: torch.device) -> None:
        self._folder, self._first, self._last = folder / "profile", step + WARM_UP + 1, step + WARM_UP + steps
        self._step = step
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if is_asynchronous(device) else [])]
        self._profile = profile(activities=activities) if steps else None
        self._running = False

    def __enter__(self) -> "StepProfiler":
        return self

    def after_step(self, step: int) -> None:
        """Take notice of a finished step."""
        self._step = step
        if self._profile is None:
            return
        if self._running and step >= self._last:
            self._write(self._profile)
        elif not self._running and step == self._first - 1:
            self._profile.start()
            self._running = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._profile is not None and self._running:
            self._write(self._profile)

    def _write(self, profile: profile) -> None:
        profile.stop()
        self._running, self._profile = False, None
        with atomic_path(self._folder / f"steps-{self._first:08d}-{self._step:08d}.json") as path:
            profile.export_chrome_trace(str(path))
