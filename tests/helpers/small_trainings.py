"""Settings with which teacher, encoder, generator and prior train in seconds on a corpus of sixteen pictures."""

from pathlib import Path
from typing import Any

from speech2img.training.classifiers.settings import TeacherSettings
from speech2img.training.encoder.settings import EncoderLossSettings, EncoderModelSettings, EncoderSettings
from speech2img.training.prior.settings import PriorSettings
from speech2img.training.run import LoopSettings
from speech2img.training.stackgan.settings import StackGANLossSettings, StackGANModelSettings, StackGANSettings

STEPS = 4


def loop(**changes: Any) -> LoopSettings:
    options = {"max_steps": STEPS, "evaluate_every": 2, "grid_every": 2, "log_every": 1, "precision": "fp32"}
    return LoopSettings(**(options | {"threads": 1} | changes))


TEACHER = TeacherSettings(width=8, batch_size=8, workers=1, loop=loop())
ENCODER = EncoderSettings(
    model=EncoderModelSettings(channels=(8, 8, 8, 16, 16, 16, 16, 16)),
    losses=EncoderLossSettings(contrastive=1.0),
    batch_size=8,
    workers=1,
    loop=loop(),
)
GENERATOR = StackGANSettings(
    model=StackGANModelSettings(width=4, discriminator_width=4, condition_dim=8, noise_dim=8),
    batch_size=4,
    losses=StackGANLossSettings(feature=1.0, class_aware=1.0),
    augmentation="shift",
    wrong_same_class=0.5,
    discriminator_augmentation=("translation", "cutout", "color"),
    evaluation_utterances=4,
    grid_utterances=2,
    grid_noises=2,
    loop=loop(),
)


SETTINGS: dict[str, Any] = {"teacher": TEACHER, "encoder": ENCODER, "generator": GENERATOR}


def prior_settings(runs: Path) -> PriorSettings:
    return PriorSettings(
        generator=str(runs / "painter"),
        embeddings="standard",
        components=6,
        width=16,
        blocks=1,
        batch_size=8,
        evaluation_utterances=4,
        grid_utterances=2,
        grid_noises=2,
        steps=2,
        loop=loop(),
    )
