"""Kinds of training by name: what ``speech2img train`` knows, and ``train`` runs.

To add one, write its `Task` and its line in `STAGES`. This module imports no network: the help is printed from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from speech2img.errors import ConfigError

if TYPE_CHECKING:
    from speech2img.training.task import Task


@dataclass(frozen=True, slots=True)
class Stage:
    """One kind of training."""

    summary: str
    """One line for the help."""
    families: Mapping[str, Callable[[], "type[Task]"]]
    """``family`` of the settings -> task class, imported on use; a stage of one family has it under ""."""

    def task(self, family: str = "") -> "type[Task]":
        """Task class of a family; of the first one for "".

        Raises
        ------
        ConfigError
            If there is no such family.
        """
        if family and family not in self.families:
            raise ConfigError.about(f"family {family}", "no such family", f"choose among {', '.join(self.families)}")
        return self.families[family or next(iter(self.families))]()


def _teacher() -> "type[Task]":
    from speech2img.training.classifiers.attributes import TeacherTask

    return TeacherTask


def _judge() -> "type[Task]":
    from speech2img.training.classifiers.attributes import JudgeTask

    return JudgeTask


def _encoder() -> "type[Task]":
    from speech2img.training.encoder.task import EncoderTask

    return EncoderTask


def _stackgan() -> "type[Task]":
    from speech2img.training.stackgan.task import StackGANTask

    return StackGANTask


def _prior() -> "type[Task]":
    from speech2img.training.prior.task import PriorTask

    return PriorTask


def _classifier() -> "type[Task]":
    from speech2img.training.classifiers.task import ClassifierTask

    return ClassifierTask


def _tacotron2() -> "type[Task]":
    from speech2img.training.tacotron2.task import Tacotron2Task

    return Tacotron2Task


STAGES: dict[str, Stage] = {
    "teacher": Stage(
        "reads species and attributes off pictures; its features are what the encoder learns to give", {"": _teacher}
    ),
    "judge": Stage("the same network on other pictures, for measuring only", {"": _judge}),
    "encoder": Stage("speech -> embedding, from the mel store and the teacher's features", {"": _encoder}),
    "generator": Stage("embedding -> picture, from the extracted embeddings", {"stackgan": _stackgan}),
    "prior": Stage(
        "embedding -> features of one picture, for a generator that paints from picture features", {"": _prior}
    ),
    "classifier": Stage(
        "tells a corpus's classes apart, for an Inception Score of your own (--set network=FILE)", {"": _classifier}
    ),
    "tacotron2": Stage("text -> log-mel frames, from recordings in the layout of LJ Speech (--root)", {"": _tacotron2}),
}
"""Name on the command line, in checkpoints and of the task -> kind of training."""


def find_stage(name: str) -> Stage:
    """A kind of training by its name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if name not in STAGES:
        raise ConfigError.about(f"train {name}", "no such kind of training", f"choose among {', '.join(STAGES)}")
    return STAGES[name]


def family_of(settings: Any) -> str:
    """Family of settings, "" for those of a stage that has only one."""
    return str(getattr(settings, "family", ""))
