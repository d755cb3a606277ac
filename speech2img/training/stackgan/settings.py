"""Settings of the generator's training; published systems: ``speech2img.systems``."""

from dataclasses import dataclass, field
from typing import Any, Literal

from speech2img.batches.image_pairs import Augmentation, Positive
from speech2img.errors import ConfigError
from speech2img.training.optimization import Schedule
from speech2img.training.run import LoopSettings, demand_ranges
from speech2img.training.stackgan.diff_augment import Policy


@dataclass(frozen=True)
class StackGANModelSettings:
    """The networks' sizes; defaults are StackGAN-v2 with a single stage."""

    num_stages: int = 1
    """1: 64 px; 2: 64 and 128 px; 3: 64, 128 and 256 px."""
    width: int = 64
    """Base width of the generator."""
    discriminator_width: int = 64
    """Base width of the discriminators."""
    discriminators: Literal["pixels", "features", "both"] = "pixels"
    """What they look at: images (published), or the frozen teacher's maps of them (Projected GANs)."""
    projection_network: str | None = None
    """Frozen network whose maps they see, in any form that --teacher takes; none: the teacher behind features."""
    feature_discriminator_width: int = 64
    """Width behind each of the teacher's maps."""
    condition_dim: int = 128
    """Size of the condition drawn from the embedding."""
    noise_dim: int = 100
    """Size of the noise."""
    residual_blocks: int = 2
    """Residual blocks of each stage after the first."""
    dense: bool = False
    """Stack densely: a later stage doubles its refined map together with the map before it (S2IGAN)."""
    standardise_condition: bool = True
    """Start the first layer so that embeddings come in with mean 0 and deviation 1; published: as they are."""

    def __post_init__(self) -> None:
        if not 1 <= self.num_stages <= 4:
            raise ConfigError.about("model.num_stages", f"{self.num_stages}", "choose 1 to 4")

    def generator_config(self, *, embedding_dim: int) -> dict[str, Any]:
        """Arguments of ``StackGenerator``, as the release holds them."""
        names = ("condition_dim", "noise_dim", "width", "num_stages", "residual_blocks", "dense")
        return {"embedding_dim": embedding_dim, **{name: getattr(self, name) for name in names}}


@dataclass(frozen=True)
class StackGANLossSettings:
    """Weights of the losses."""

    unconditional: float = 1.0
    """Unconditional parts of the adversarial losses."""
    kl: float = 2.0
    """Conditioning augmentation to the standard normal."""
    color: float = 0.0
    """Colour consistency of neighbouring stages (published: 0 for birds, 50 for unconditional sets)."""
    class_aware: float = 0.0
    """Class-aware loss of Li et al. (published: 50)."""
    feature: float = 0.0
    """Teacher's features of the generated image against a target (our own extra)."""
    feature_target: Literal["speech", "image"] = "speech"
    """The target: the speech embedding, or the features of the real image."""
    feature_noise: float = 0.0
    """Noise on what the teacher sees (images are -1..1): a pattern that only this teacher can see is no help."""
    feature_shift: int = 0
    """Largest shift in pixels of what the teacher sees, for the same reason."""
    reconstruction: float = 0.0
    """Mean absolute difference to the real image, at the start (our own extra: shows short runs what is where)."""
    reconstruction_floor: float = 0.0
    """The same weight at the end; it falls evenly in between, so that the noise is left something to decide."""
    adversarial_from: float = 0.0
    """Part of the run, 0..1, that the generator learns alone before the discriminators join (published: 0)."""

    def __post_init__(self) -> None:
        if not 0 <= self.adversarial_from <= 1:
            raise ConfigError.about("losses.adversarial_from", f"{self.adversarial_from}", "choose 0 to 1")
        if self.adversarial_from > 0 and not (self.reconstruction or self.feature):
            reason = "without discriminators there is nothing to learn from"
            fix = "set losses.reconstruction or losses.feature, or adversarial_from to 0"
            raise ConfigError.about("losses.adversarial_from", reason, fix)
        if self.feature_noise < 0 or self.feature_shift < 0:
            raise ConfigError.about("losses.feature_noise, losses.feature_shift", "negative", "choose 0 or more")


@dataclass(frozen=True)
class RelationSettings:
    """Relation supervisor of S2IGAN: generated images should be to real ones as others of their class are."""

    weight: float = 0.0
    """Weight of the generator's loss (published: 1); 0 does without the supervisor."""
    encoder: str | None = None
    """Run folder of the speech encoder whose image head sees the images; none takes the embeddings' own."""
    positive: Positive = "class"
    """What a real image is positive to: another of its class, or itself in another crop (published: where there are
    no classes). With picture nothing is called identical."""
    form: Literal["corrected", "published"] = "corrected"
    """published: each kind of pair is normalised by itself, a fourth output that no pair has, and with positive =
    picture an image head of random weights."""
    width: int = 128
    """Hidden units of the classifier; it learns at discriminator_learning_rate."""

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise ConfigError.about("relation.weight", f"{self.weight}", "choose 0 or more")

    @property
    def draws_head(self) -> bool:
        """Whether the image head has random weights."""
        return self.form == "published" and self.positive == "picture"


@dataclass(frozen=True)
class ComputeSettings:
    """How a step is computed; what it computes stays the same, up to rounding."""

    memory: Literal["normal", "low"] = "normal"
    """low: the generator's activations are computed again when they are needed, and discriminators learn from one kind
    of image at a time; 256 px and batch 24 then fit 6 GB in float32, for about a tenth more time."""
    channels_last: Literal["auto", "on", "off"] = "auto"
    """Channels last in memory; auto: on CUDA in half precision (on a CPU training is slower so)."""
    compile: bool = False
    """Compile the networks (torch.compile): minutes at the start, slower on a CPU."""
    graphs: bool = False
    """Replay each step as one CUDA graph; not with relation, feature or reconstruction losses, nor torchrun."""

    def __post_init__(self) -> None:
        if self.compile and self.memory == "low":
            raise ConfigError.about("compute.compile", "it keeps what memory = low gives up", "choose one of them")


@dataclass(frozen=True)
class StackGANSettings:
    """Settings of the generator's training."""

    family: Literal["stackgan"] = "stackgan"
    """Kind of generator, which decides what else can be set."""
    embeddings: str = "encoder"
    """Name of the speech embeddings, <root>/derived/embeddings/<name>/."""
    initial: str | None = None
    """Generator to start from, weights only: a run, a release, a name of shipped weights; none starts afresh. The sizes
    of its network are taken over; those chosen in [model] must fit. Pixel discriminators are taken over where
    both have them, projected ones start afresh. For few images of one's own take both learning rates of 5e-5,
    features of the start's own teacher (features --teacher songbirds), and discriminator_augmentation."""
    features: str | None = "teacher"
    """Name of the teacher features, for the feature loss and the evaluation; none does without."""
    embedding_noise: float = 0.0
    """Most noise that embeddings get, as part of their own spread: those that a prior draws are never quite right."""
    model: StackGANModelSettings = field(default_factory=StackGANModelSettings)
    """Networks."""
    losses: StackGANLossSettings = field(default_factory=StackGANLossSettings)
    """Losses."""
    relation: RelationSettings = field(default_factory=RelationSettings)
    """Relation supervisor."""
    batch_size: int = 24
    """Images a step."""
    learning_rate: float = 2e-4
    """Adam, generator."""
    discriminator_learning_rate: float = 2e-4
    """Adam, discriminators and relation classifier."""
    schedule: Schedule = "constant"
    """Course of both rates: constant (published), cosine or step."""
    ema_decay: float = 0.999
    """Of the averaged generator, which is what is released; short runs use min(decay, (1 + t) / (10 + t))."""
    augmentation: Augmentation = "none"
    """Of real images: none, shift, crop or crop_flip (published; wrong where direction is an attribute)."""
    shift: int = 2
    """Largest shift in pixels."""
    wrong_same_class: float = 0.0
    """Part of the wrong images that are of the right class but contradict the utterance (known attributes only)."""
    discriminator_augmentation: tuple[Policy, ...] = ()
    """Differentiable augmentation of what discriminators see: translation, cutout, color."""
    selection: Literal["last", "attribute_recall"] = "last"
    """Which averaged weights are released: the last, or the best by the evaluation on the validation part."""
    grid_utterances: int = 8
    """Rows of the sample grid."""
    grid_noises: int = 8
    """Columns of the sample grid."""
    evaluation_utterances: int = 256
    """Validation utterances that an evaluation generates images of; 0 for none."""
    workers: int = 2
    """Processes that decode images where the store is missing."""
    compute: ComputeSettings = field(default_factory=ComputeSettings)
    """How a step is computed."""
    loop: LoopSettings = field(default_factory=lambda: LoopSettings(max_steps=50_000, evaluate_every=2000))
    """How long and how often."""

    def __post_init__(self) -> None:
        self._demand_teacher()
        self._demand_fitting_relation()
        self._demand_steady_graph()
        if self.embedding_noise < 0:
            raise ConfigError.about("embedding_noise", f"{self.embedding_noise}", "choose 0 or more")
        if self.batch_size < 2:
            raise ConfigError.about("batch_size", "batch normalisation needs two images or more", "set it to 2 or more")
        demand_ranges(self)

    def _demand_teacher(self) -> None:
        """Whatever looks at images needs a network to look with."""
        if self.losses.feature and self.features is None:
            raise ConfigError.about("losses.feature", "it needs a teacher", "set features to the teacher's name")
        if self.model.discriminators != "pixels" and self.features is None and self.model.projection_network is None:
            fix = "set model.projection_network, or features to a teacher"
            raise ConfigError.about("model.discriminators", "they need a network", fix)
        if self.selection != "last" and (self.features is None or not self.evaluation_utterances):
            fix = "set features, or selection last"
            raise ConfigError.about("selection", "it needs a teacher and an evaluation", fix)
        if self.initial is not None and self.features is None:
            raise ConfigError.about("initial", "fitting it to these embeddings needs a teacher", "set features")

    def _demand_fitting_relation(self) -> None:
        """The relation supervisor's pairs must be what their names say."""
        if self.relation.weight and self.relation.positive == "picture" and self.augmentation == "none":
            reason = "an image is its own copy without augmentation"
            raise ConfigError.about("relation.positive", reason, "set augmentation, e.g. to crop")
        if self.relation.weight and self.wrong_same_class:
            reason = "relation needs wrong images of another class"
            raise ConfigError.about("wrong_same_class", reason, "set it to 0, or relation.weight")

    def _demand_steady_graph(self) -> None:
        """A captured step must be the same in all the run."""
        losses = self.losses
        changing = losses.feature or losses.reconstruction or losses.adversarial_from or self.relation.weight
        if self.compute.graphs and self.loop.nonfinite == "skip":
            raise ConfigError.about("loop.nonfinite", "a captured step cannot be taken back", "set it to stop")
        if self.compute.graphs and (changing or self.model.discriminators != "pixels"):
            reason = "feature, reconstruction and relation losses change from step to step"
            raise ConfigError.about("compute.graphs", reason, "set it to false, or these losses to 0")

    @property
    def image_size(self) -> int:
        """Side of the last stage's images in pixels."""
        return 64 << (self.model.num_stages - 1)
