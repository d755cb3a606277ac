"""Kinds of training by name: what ``speech2img train`` knows, and ``train`` runs.

To add one, or a family of generators, write its `Task` and its line in `STAGES`. This module imports no network: the
help is printed from it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech2img.config import load_settings, named_setting
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

    def load_settings(self, *, file: str | Path | None = None, overrides: Iterable[str] = (), base: Any = None) -> Any:
        """Settings of the family that they name: ``family`` in the file or the overrides, else that of the base.

        Parameters
        ----------
        file, overrides, base
            As for `speech2img.config.load_settings`.

        Raises
        ------
        ConfigError
            As there; and if there is no such family, or the base is of another one.
        """
        overrides = list(overrides)
        family = "" if "" in self.families else named_setting("family", file=file, overrides=overrides, base=base)
        settings = self.task("" if family is None else str(family)).Settings
        if base is not None and not isinstance(base, settings):
            reason = f"the settings that it is set over are of family {family_of(base)}"
            raise ConfigError.about(f"family {family}", reason, "omit it, or the preset")
        return load_settings(settings, file=file, overrides=overrides, base=base)


def _task(module: str, name: str) -> "Callable[[], type[Task]]":
    """A class of a module below this one, imported when it is asked for."""
    return lambda: getattr(import_module(f"speech2img.training.{module}"), name)


STAGES: dict[str, Stage] = {
    "teacher": Stage(
        "reads species and attributes off images; its features are what the encoder learns to give",
        {"": _task("classifiers.attributes", "TeacherTask")},
    ),
    "judge": Stage(
        "the same network on other images, for measuring only", {"": _task("classifiers.attributes", "JudgeTask")}
    ),
    "codec": Stage(
        "image -> latents of an eighth of its side -> image, for a latent flow (--set family=vqgan: codes)",
        {"autoencoder": _task("codec.task", "CodecTask"), "vqgan": _task("codec.vq_task", "VQCodecTask")},
    ),
    "encoder": Stage(
        "speech -> embedding, from the mel store and the teacher's features", {"": _task("encoder.task", "EncoderTask")}
    ),
    "generator": Stage(
        "embedding -> image, from the extracted embeddings (--set family=latent-flow: in the latents of a codec)",
        {
            "stackgan": _task("stackgan.task", "StackGANTask"),
            "latent-flow": _task("latent_flow.task", "LatentFlowTask"),
            "stackgan-v1": _task("stackgan_v1.task", "StackGANv1Task"),
            "attngan": _task("attngan.task", "AttnGANTask"),
            "vq-diffusion": _task("vq_diffusion.task", "VQDiffusionTask"),
        },
    ),
    "damsm": Stage(
        "finds images by the frames of speech and speech by regions of images, for attngan and R-precision",
        {"speech": _task("damsm.task", "DAMSMTask"), "text": _task("damsm.text_task", "TextDAMSMTask")},
    ),
    "prior": Stage(
        "embedding -> features of one image, for a generator that was trained on image features",
        {"": _task("prior.task", "PriorTask")},
    ),
    "classifier": Stage(
        "tells a corpus's classes apart, for an Inception Score of your own (--set network=FILE)",
        {"": _task("classifiers.task", "ClassifierTask")},
    ),
    "recogniser": Stage(
        "speech -> characters, from the captions of a corpus or recordings in the layout of LJ Speech (--root)",
        {"": _task("recogniser.task", "RecogniserTask")},
    ),
    "text-encoder": Stage(
        "caption -> speech embedding, from stored embeddings (extract): what a cascade reads text with",
        {"": _task("text_encoder.task", "TextEncoderTask")},
    ),
    "tacotron2": Stage(
        "text -> log-mel frames, from recordings in the layout of LJ Speech (--root)",
        {"": _task("tacotron2.task", "Tacotron2Task")},
    ),
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
