"""Settings of the classifiers: teacher and judge, and what is behind an Inception Score of a corpus's own classes."""

from dataclasses import dataclass, field
from typing import Literal

from speech2img.errors import ConfigError
from speech2img.training.optimization import Schedule
from speech2img.training.run import LoopSettings, demand_ranges

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
    """Run of this training to go on from, instead of ``network``; needed for tune = "all"."""
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
        demand_ranges(self)


@dataclass(frozen=True)
class TeacherSettings:
    """Settings of the teacher and of the judge."""

    image_size: int = 64
    """Side of the pictures it sees, in pixels (64 or more)."""
    width: int = 32
    """Base width of the network."""
    feature_dim: int = 1024
    """Number of pooled features, and so the size of the speech embedding; GoogLeNet has 1024."""
    dropout: float = 0.1
    """Dropout on the features before the heads."""
    batch_size: int = 64
    """Pictures a step."""
    learning_rate: float = 2e-3
    """Highest rate of AdamW."""
    weight_decay: float = 0.02
    """Weight decay of AdamW."""
    schedule: Schedule = "cosine"
    """Course of the rate: cosine, constant or step."""
    warmup: float = 0.05
    """Part of the run in which the rate rises."""
    shift: int = 3
    """Largest random shift in pixels; direction and light are attributes, so nothing is flipped or brightened."""
    noise: float = 3.0
    """Standard deviation of added noise, in grey levels of 255."""
    species_weight: float = 1.0
    """Weight of the species (class) head beside the sum of the attribute heads."""
    renders: int = 0
    """Pictures drawn again with even attributes to learn from; 0 learns from the corpus (the teacher's way)."""
    held_out_renders: int = 2000
    """Pictures drawn again to be tested on, where ``renders`` is not 0."""
    render_seed: int = 1
    """Names the collection of drawn pictures; the tested ones are the next collection."""
    workers: int = 2
    """Processes that draw or decode pictures."""
    loop: LoopSettings = field(default_factory=lambda: LoopSettings(max_steps=6000, evaluate_every=500, grid_every=0))
    """How long and how often."""

    def __post_init__(self) -> None:
        if self.image_size < 64:
            raise ConfigError.about("image_size", f"{self.image_size} is too small", "set it to 64 or more")
        if self.renders < 0 or (self.renders and self.held_out_renders < 1):
            raise ConfigError.about("renders", "drawn pictures need held-out ones too", "set held_out_renders above 0")
        demand_ranges(self)
