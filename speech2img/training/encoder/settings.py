"""Settings of the speech encoder's training; published systems: ``speech2img.systems``."""

from dataclasses import dataclass, field
from typing import Literal

from speech2img.audio.augmentation.augment import AugmentationSettings
from speech2img.errors import ConfigError
from speech2img.training.optimization import Schedule
from speech2img.training.run import LoopSettings, demand_ranges

Selection = Literal[
    "score",
    "centroid_accuracy",
    "recall_at_1",
    "recall_at_10",
    "ap_at_50",
    "mean_average_precision",
    "recall_at_10_both",
]


MOST_COPIES = 1000
"""Augmented copies of a recording that a frozen front-end may hear."""


@dataclass(frozen=True)
class EncoderModelSettings:
    """Architecture of the network li2020; defaults are as published with the padding taken out of every sum."""

    channels: tuple[int, ...] = (64, 64, 128, 256, 256, 512, 512, 1024)
    """Widths of the eight convolutions."""
    rnn_layers: int = 1
    """LSTM layers."""
    bidirectional: bool = True
    """Two directions of half the embedding's size each."""
    embedding_dim: int = 1024
    """Size of the embedding; the teacher's features have the same."""
    pooling: Literal["masked_mean", "padded_mean"] = "masked_mean"
    """padded_mean is the published mean over padded steps too."""
    dropout: float = 0.5
    """Between LSTM layers."""
    masked: bool = True
    """Keep padding out of every layer; the published network does not."""
    last_stride: int = 2
    """2 as published; 1 gives twice as many time steps."""
    padded_frames: int | None = None
    """Fixed length of every input (published: 2048); unset pads to the batch."""
    pad_value: float | None = None
    """What stands behind an utterance; unset takes the mel preset's floor, published 0.0 is its loudest value."""


@dataclass(frozen=True)
class CRNNSettings:
    """Architecture of the network s2igan (Wang et al. 2020); its embeddings have unit length."""

    channels: tuple[int, ...] = (64, 128)
    """Widths of the two convolutions."""
    rnn_layers: int = 2
    """GRU layers, each in both directions."""
    embedding_dim: int = 1024
    """Size of the embedding, half of it from each direction."""
    attention_dim: int = 128
    """Width inside the attention."""
    masked: bool = True
    """Keep padding out of attention and batch statistics; the published training does not."""
    attention_start: Literal["orthogonal", "published"] = "orthogonal"
    """published leaves the attention's second map as PyTorch makes it."""


@dataclass(frozen=True)
class PretrainedSettings:
    """Architecture of the network pretrained: a front-end that was trained on other speech, and an adapter on it."""

    front_end: str = "whisper-tiny.en"
    """Weights of the front-end: a folder from 'speech2img import whisper-encoder', or a name of shipped weights."""
    tuned: bool = False
    """Train the front-end too; otherwise it stays as it is, and what it hears is computed once and kept on the disk."""
    adapter: Literal["frames", "parallel"] = "frames"
    """What learns on it: our adapter, or SpeechCLIP's parallel branch: one block over all frames, of the front-end's
    width, and embeddings of unit length. Of the settings below that has num_heads, embedding_dim, frame_stride,
    max_frames, dropout and the mix."""
    manner: bool = False
    """Give pitch, rate and loudness to the adapter as well, for what words do not say."""
    width: int = 256
    """Width of the adapter."""
    num_layers: int = 2
    """Transformer blocks of the adapter."""
    num_heads: int = 4
    """Heads of each block and of the pooling."""
    kernel: int = 3
    """Frames that the convolution at the entrance sees; odd."""
    embedding_dim: int = 1024
    """Size of the embedding."""
    frame_stride: int = 2
    """Steps of the front-end that become one frame; 2 of Whisper's are 25 frames a second."""
    max_frames: int = 128
    """Most frames of an utterance; a longer one has wider frames."""
    dropout: float = 0.1
    """In the adapter's blocks."""
    unit_length: bool = False
    """Bring embeddings to unit length."""
    feed_forward: int = 4
    """Width of the layer inside a block, in widths of the adapter."""
    centred: bool = False
    """Take the mean frame of an utterance off its frames: voice, room and line are in it."""
    copies: int = 2
    """Augmented copies of each recording that a frozen front-end hears beside it, where augment is set."""
    mix: tuple[float, ...] = ()
    """Weight of each of the front-end's states, the last layer's last; not given, the mix is learned as follows."""
    mix_utterances: int = 3000
    """Utterances on which the mix of a frozen front-end's layers is learned first; then it is fixed."""
    mix_steps: int = 400
    """Steps of that; 0 gives all layers the same weight."""


@dataclass(frozen=True)
class EncoderLossSettings:
    """What the embedding learns from: the teacher's features (Li et al. 2020), pictures of the batch, classes."""

    form: Literal["corrected", "published"] = "corrected"
    """Formulas of the three losses; see speech2img.losses."""
    joint: float = 1.0
    """Weight of the joint embedding loss."""
    margin: float = 1.0
    """Margin of pairs of different classes."""
    loss_diff: float = 1.0
    """Weight of pairs of different classes."""
    loss_same: float = 0.1
    """Weight of pairs of the same class."""
    scale: float = 10.0
    """Factor on cosines (corrected joint loss and contrastive loss)."""
    l1: float = 5.0
    """Weight of the L1 loss (published 5)."""
    distillation: float = 1.0
    """Weight of the distillation loss (published form: 1000)."""
    temperature: float = 2.0
    """Softening of the distillation."""
    squared: float = 0.0
    """Weight of the mean squared difference: to imitate an encoder, whose embeddings' lengths count too."""
    heads: float = 0.0
    """Weight of the divergence between what the attribute heads of a network say of the target and of speech."""
    heads_of: str | None = None
    """That network: a run of 'train teacher', or a whole model that holds one ("songbirds")."""
    contrastive: float = 0.0
    """Weight of a symmetric contrastive loss between pictures and utterances of the batch (our own extra)."""
    matching: float = 0.0
    """Weight of S2IGAN's matching loss: as contrastive, others of the same class left out, both directions added."""
    info_nce: float = 0.0
    """Weight of SpeechCLIP's loss: as contrastive, others of the same class left out, at a temperature of its own."""
    info_nce_temperature: float = 0.07
    """That temperature, or where it begins."""
    info_nce_learned: bool = True
    """Learn it, as SpeechCLIP's large models and S2IVQ-D do."""
    distinctive: float = 0.0
    """Weight of S2IGAN's distinctive loss: one classifier names the class from either embedding."""

    @property
    def weights(self) -> tuple[float, ...]:
        """Weights of all losses."""
        regression = self.joint, self.l1, self.distillation, self.squared, self.heads
        return (*regression, self.contrastive, self.matching, self.info_nce, self.distinctive)


@dataclass(frozen=True)
class EncoderSettings:
    """Settings of the speech encoder's training."""

    mel_preset: str = "li2020"
    """Front-end; it travels with the weights."""
    features: str = "teacher"
    """Name of the teacher features, <root>/derived/features-<name>.h5."""
    standardise: bool = False
    """Learn features less their mean, divided by their standard deviation (over the training pictures)."""
    network: Literal["li2020", "s2igan", "pretrained"] = "li2020"
    """Speech encoder: [model] describes the first, [crnn] the second, [pretrained] the third."""
    model: EncoderModelSettings = field(default_factory=EncoderModelSettings)
    """Architecture of li2020."""
    crnn: CRNNSettings = field(default_factory=CRNNSettings)
    """Architecture of s2igan."""
    pretrained: PretrainedSettings = field(default_factory=PretrainedSettings)
    """Architecture of pretrained."""
    augment: bool = False
    """Change the recordings in training as [augmentation] says, each time another way; what a frozen front-end hears is
    kept, so it hears pretrained.copies of each recording."""
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    """How often each change is made, and how strong it is."""
    image_head: bool = False
    """Train a linear map of the features (of any size) into the space of the speech; without it speech goes to them."""
    initial: str | None = None
    """Start from the weights of this release, run folder or name of shipped weights ("songbirds"). Its network and
    mel_preset are taken over; those chosen here must fit. For recordings of one's own take features of its own teacher
    (features --teacher songbirds), learning_rate 1e-4 and few steps: loop.max_steps of 300 for ten recordings, 2,000
    for a hundred, with loop.evaluate_every of 50, so that the best weights are kept before it learns them by heart."""
    imitate: str | None = None
    """Learn from stored speech embeddings of this name (``extract``) instead of the images' features: what another
    encoder makes of the recordings as they are. From augmented copies and other voices the new encoder learns to give
    the same, so that the generator and the prior of the other one understand it ('speech2img compose')."""
    spoken_again: tuple[str, ...] = ()
    """Corpus folders of 'speech2img synthesize --again': training captions in other voices, which are heard besides and
    have the same targets. With augment only."""
    spoken_again_share: float = 0.0
    """Part of the training in those recordings; 0 has each of them as often as one of the corpus's own."""
    losses: EncoderLossSettings = field(default_factory=EncoderLossSettings)
    """Losses."""
    batch_size: int = 64
    """Utterances a step."""
    draw: Literal["utterances", "pictures"] = "utterances"
    """What an epoch goes over: all utterances, or all pictures with one utterance of each at random (S2IGAN)."""
    labels: Literal["class", "picture"] = "class"
    """What the losses take for one class: the corpus's, or each picture by itself (S2IGAN on Flickr8k and Places)."""
    max_frames: int = 2048
    """Longer utterances are cut (20.48 s at 10 ms)."""
    mask_bands: int = 4
    """Most mel bands masked in training; 0 for none."""
    mask_time: float = 0.05
    """Largest part of an utterance masked in training; 0 for none."""
    learning_rate: float = 1e-3
    """Highest rate of Adam."""
    weight_decay: float = 1e-5
    """Weight decay of Adam."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay rates of Adam's averages."""
    schedule: Schedule = "cosine"
    """Course of the rate: cosine, constant or step (published)."""
    step_parts: float = 5.0
    """Parts of the run between the steps of step: 5 for Li et al., 3 for S2IGAN (every 50 of 150 epochs)."""
    step_factor: float = 0.5
    """What the rate is multiplied by at each step: 0.5 for Li et al., 0.1 for S2IGAN."""
    warmup: float = 0.02
    """Part of the run in which the rate rises."""
    clip: float = 5.0
    """Largest norm of the gradient."""
    selection: Selection = "score"
    """What chooses the best weights on the validation part; score is the mean of centroid_accuracy and recall_at_10."""
    evaluation_captions: int = 2
    """Utterances of each validation picture in an evaluation."""
    workers: int = 2
    """Processes that compute log-mels where they are missing."""
    loop: LoopSettings = field(
        default_factory=lambda: LoopSettings(max_steps=20_000, evaluate_every=1000, grid_every=0)
    )
    """How long and how often."""

    def __post_init__(self) -> None:
        if len(self.model.channels) != 8:
            raise ConfigError.about("model.channels", f"{len(self.model.channels)} widths", "give all eight")
        if not 0 <= self.mask_time < 1 or self.mask_bands < 0:
            raise ConfigError.about("mask_time, mask_bands", "out of range", "use 0..1 and 0 or more")
        if self.evaluation_captions < 1:
            raise ConfigError.about("evaluation_captions", "must be positive", "set it to 1 or more")
        if len(self.crnn.channels) != 2:
            raise ConfigError.about("crnn.channels", f"{len(self.crnn.channels)} widths", "give both")
        if min(self.losses.weights) < 0 or not any(self.losses.weights):
            raise ConfigError.about("losses", "no weight is above 0, or one is below", "give one loss a weight")
        own = self.pretrained
        if not 0 <= own.copies <= MOST_COPIES or min(own.mix_utterances, own.mix_steps + 1) < 1:
            fix = f"use 0 to {MOST_COPIES}, 1 or more, and 0 or more"
            raise ConfigError.about("pretrained.copies, mix_utterances, mix_steps", "out of range", fix)
        if own.mix and (min(own.mix) < 0 or not any(own.mix)):
            raise ConfigError.about("pretrained.mix", f"{list(own.mix)}", "give weights of 0 or more, one above 0")
        if bool(self.losses.heads) != (self.losses.heads_of is not None) or (self.losses.heads and self.image_head):
            reason = "one goes with the other, and speech must give the features themselves"
            raise ConfigError.about("losses.heads, heads_of", reason, "give both or none, and image_head false")
        if self.imitate is not None and (self.image_head or self.draw == "pictures" or self.losses.distinctive):
            reason = "it is learned from utterance by utterance, without images"
            fix = "set image_head to false, draw to utterances and losses.distinctive to 0"
            raise ConfigError.about("imitate", reason, fix)
        if not 0 <= self.spoken_again_share < 1 or (self.spoken_again and not self.augment):
            reason = "the share is 0 or more and less than 1, and other voices are heard with augment only"
            raise ConfigError.about("spoken_again, spoken_again_share", reason, "set augment to true")
        if self.step_parts < 1 or not 0 < self.step_factor <= 1:
            raise ConfigError.about("step_parts, step_factor", "out of range", "use 1 or more, and above 0 to 1")
        if self.losses.info_nce_temperature <= 0:
            reason = f"{self.losses.info_nce_temperature} is not positive"
            raise ConfigError.about("losses.info_nce_temperature", reason, "use more than 0")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError.about("betas", f"{self.betas} are out of range", "use 0 or more and less than 1")
        demand_ranges(self)

    @property
    def embedding_dim(self) -> int:
        """Size of the speech embedding."""
        sizes = {
            "li2020": self.model.embedding_dim,
            "s2igan": self.crnn.embedding_dim,
            "pretrained": self.pretrained.embedding_dim,
        }
        return sizes[self.network]
