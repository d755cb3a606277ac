"""Numbers that are not finite: where they are, the report, and steps that are taken back because of them."""

import copy
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from speech2img.errors import NonFiniteError
from speech2img.storage.atomic import write_json
from speech2img.training.run import WhenNotFinite
from speech2img.training.task import Task

_MOST_IN_A_ROW = 10


def first_not_finite(value: Any, name: str = "") -> str:
    """Name of the first tensor in nested data that is not finite, or an empty string."""
    if isinstance(value, Tensor):
        return name if value.is_floating_point() and not bool(torch.isfinite(value).all()) else ""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    for key, inner in pairs:
        if offending := first_not_finite(inner, f"{name}.{key}" if name else str(key)):
            return offending
    return ""


class NonFiniteGuard:
    """Ends a run whose numbers are not finite, or takes back the step that made them so.

    Parameters
    ----------
    task : Task
        What is trained.
    folder : Path
        Run folder; ``nonfinite.json`` there holds the last such step, its terms and its batch.
    when : {"stop", "skip"}
        As the setting ``loop.nonfinite``.
    writes : bool
        Whether this process writes the report.
    """

    def __init__(self, task: Task, folder: Path, when: WhenNotFinite, *, writes: bool) -> None:
        self.task, self.report, self.skips, self.writes = task, folder / "nonfinite.json", when == "skip", writes
        self.in_a_row = 0
        self._kept: dict[str, Any] | None = None

    def before_step(self) -> None:
        """Keep all state, where a step may have to be taken back."""
        if self.skips:
            self._kept = copy.deepcopy(self.task.state_dict())

    def rollback(self, terms: dict[str, Tensor], batch: Any, *, step: int, saved: int) -> bool:
        """Take a step back if its terms, or the state behind it, are not finite.

        Parameters
        ----------
        terms : dict of str to Tensor
            Of the step.
        batch : object
            What it saw: the next batch is the one after it.
        step, saved : int
            Number of the step, and of the last checkpoint.

        Returns
        -------
        bool
            True where the step was taken back.

        Raises
        ------
        NonFiniteError
            At the tenth in a row.
        """
        # A step that may stand.
        if self._kept is None:
            return False
        name = first_not_finite(terms) or first_not_finite(self.task.state_dict())
        if not name:
            self.in_a_row = 0
            return False

        # One that may not: report it, and go back to the state before it.
        self.in_a_row += 1
        offending = _values(terms) if name in terms else {"state": name}
        if self.in_a_row >= _MOST_IN_A_ROW:
            self.fail(offending, batch, step=step, saved=saved)
        self._write(offending, batch, step=step)
        self.task.load_state_dict(self._kept)
        return True

    def check(self, terms: dict[str, Tensor], batch: Any, *, step: int, saved: int) -> None:
        """Raise NonFiniteError, after a report, unless all terms are finite."""
        if not torch.isfinite(torch.stack([value.detach().float().reshape(()) for value in terms.values()])).all():
            self.fail(_values(terms), batch, step=step, saved=saved)

    def fail(self, offending: dict[str, Any], batch: Any, *, step: int, saved: int) -> NoReturn:
        """Write the report and raise NonFiniteError."""
        self._write(offending, batch, step=step)
        shown = ", ".join(f"{name}={value}" for name, value in offending.items())
        raise NonFiniteError.about(
            f"{self.task.name}, step {step}",
            f"a loss or a weight is not finite ({shown}; see {self.report})",
            f"lower the learning rate or use precision fp32 (the checkpoint of step {max(saved, 0)} stays)",
        )

    def _write(self, offending: dict[str, Any], batch: Any, *, step: int) -> None:
        if self.writes:
            ids = [] if batch is None else self.task.batch_ids(batch)
            terms = {name: str(value) for name, value in offending.items()}
            write_json(self.report, {"step": step, "terms": terms, "batch": ids})


def _values(terms: dict[str, Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in terms.items()}
