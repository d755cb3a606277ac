"""Settings of the classifier behind an Inception Score over a corpus's own classes."""

from dataclasses import dataclass, field
from typing import Literal

from speech2img.errors import ConfigError
from speech2img.training.run import LoopSettings
from speech2img.training.task import Schedule

Classes = Literal["unseen", "seen", "all"]
Tune = Literal["head", "all"]


@dataclass(frozen=True)
class ClassifierSettings:
    """Settings of ``train classifier``.

    StackGAN (Zhang et al. 2017, section 4.1) fine-tuned Inception-v3 on the unseen classes of birds and flowers;
    that is what the defaults do, as far as the given network allows.
    """

    network: str | None = None
    """Published weights to start from: Inception-v3 or GoogLeNet, as a file or as a release of import."""
    initial: str | None = None
    """Run of this training to go on from, in the place of ``network``; needed for tune = "all"."""
    tune: Tune = "head"
    """What is trained: the new classifier on features that are computed once (head), or the network too (all)."""
    classes: Classes = "unseen"
    """Which are told apart: those of the test split (unseen: 50 of CUB, 20 of Oxford-102), the others, or all."""
    crop: bool = True
    """Cut photographs to their bounding box where one is known, as generators are trained."""
    validation: float = 0.15
    """Part of each class's pictures that chooses the weights."""
    held_out: float = 0.15
    """Part of each class's pictures that neither trains nor chooses: the accuracy in the report is on these."""
    deal_seed: int = 0
    """Seed that deals the pictures to the parts."""
    views: int = 4
    """Views of a training picture whose features are kept: itself and views - 1 random parts, for tune = "head"."""
    smallest: float = 0.8
    """Smallest side of a random part, as a share of the picture's; half of them are mirrored."""
    hidden: int = 0
    """Units of a hidden layer before the new classifier; 0 for none."""
    dropout: float = 0.5
    """Dropout before the last layer."""
    label_smoothing: float = 0.1
    """Part of the target that is spread over all classes."""
    batch_size: int = 64
    """Pictures a step."""
    learning_rate: float = 1e-3
    """Highest rate of AdamW; 1e-5 to 1e-4 for tune = "all"."""
    weight_decay: float = 0.05
    """Weight decay of AdamW."""
    schedule: Schedule = "cosine"
    """Course of the rate: cosine, constant or step."""
    warmup: float = 0.05
    """Part of the run in which the rate rises."""
    workers: int = 2
    """Threads that decode pictures."""
    loop: LoopSettings = field(default_factory=lambda: LoopSettings(max_steps=1500, evaluate_every=50, grid_every=0))
    """How long and how often."""

    def check_start(self) -> None:
        """Raise ConfigError unless it is said, and makes sense, what the training starts from."""
        if (self.network is None) == (self.initial is None):
            raise ConfigError.about(
                "network",
                "neither or both of network and initial are set",
                "give --set network=FILE with published weights, or --set initial=RUN to go on from a run",
            )
        if self.tune == "all" and self.initial is None:
            raise ConfigError.about(
                "tune",
                "a new classifier would spoil the network's weights",
                "train with tune=head first, and give that run as initial",
            )

    def __post_init__(self) -> None:
        for name in ("validation", "held_out"):
            if not 0.0 < getattr(self, name) < 0.5:
                raise ConfigError.about(name, f"{getattr(self, name)} is no usable part", "set it between 0 and 0.5")
        if not 0.0 < self.smallest <= 1.0 or self.views < 1 or self.workers < 1 or self.hidden < 0:
            raise ConfigError.about(
                "views",
                f"{self.views} views down to {self.smallest}, {self.hidden} hidden units, {self.workers} workers",
                "set views and workers to 1 or more, smallest to 0..1, hidden to 0 or more",
            )
