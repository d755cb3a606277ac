"""`EncodedGeneratorTask`: AdamW on a network that draws latents or tokens, whose average is shown and released."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

import torch
from PIL import Image
from torch import Tensor, nn

from speech2img.distributed.collectives import on_main_process
from speech2img.encoded_speech import EncodedSpeech
from speech2img.features.base import FeatureExtractor
from speech2img.features.image_features import load_features
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.flow_transformer import SpeechConditioned
from speech2img.models.layers.ema import EMA
from speech2img.precision import make_adamw
from speech2img.storage.releases.provenance import inherited
from speech2img.training.encoded.attribute_reader import AttributeReader
from speech2img.training.encoded.batches import EncodedBatches
from speech2img.training.encoded.export import save_with_codec
from speech2img.training.encoded.initialization import CODEC_ROLE, load_initial_weights_
from speech2img.training.encoded.inputs import EncodedInputs, InputSettings
from speech2img.training.initial_weights import keep_start
from speech2img.training.supervised import SupervisedSettings, SupervisedTask
from speech2img.training.task import Sitting
from speech2img.training.validation_samples import ValidationSamples, ValidationSet


class EncodedSettings(SupervisedSettings, InputSettings, Protocol):
    """What settings of such a training say beside what is each family's own."""

    @property
    def batch_size(self) -> int:
        """Images a step."""

    @property
    def initial(self) -> str | None:
        """What the weights start from."""

    @property
    def features(self) -> str | None:
        """Name of the teacher features."""

    @property
    def embedding_noise(self) -> float:
        """Noise on training speech, as part of its spread."""

    @property
    def weight_decay(self) -> float:
        """Of AdamW."""

    @property
    def clip(self) -> float:
        """Largest norm of the gradient."""

    @property
    def ema_decay(self) -> float:
        """Of the average."""

    @property
    def grid_noises(self) -> int:
        """Columns of the sample grid."""

    @property
    def compile(self) -> bool:
        """Whether the network is compiled."""


class Ingredients(NamedTuple):
    """What is there before the network is built."""

    inputs: EncodedInputs[Any]
    """Embeddings, encoded images and codec."""
    validation: tuple[ValidationSet, EncodedSpeech]
    """Validation utterances, and what is said in them."""
    teacher: FeatureExtractor | None
    """Reads generated images in evaluations, where it knows attributes."""
    start: Mapping[str, Any]
    """Config of the release that it starts from, for what that was trained with."""
    is_new: bool
    """Whether to load the weights it starts from; a resumed run has its own."""


def ingredients(
    root: Path,
    settings: EncodedSettings,
    sitting: Sitting,
    validation: tuple[ValidationSet, EncodedSpeech],
    device: torch.device,
) -> Ingredients:
    """Open the teacher, and keep the config of the start in a new run; DataError if teacher features are missing."""
    inputs, start = sitting.inputs
    teacher = None
    if settings.features is not None:
        teacher = load_features(root, settings.features).open_teacher(device=device)
    is_new = sitting.run.state is None
    if (name := settings.initial) is not None and is_new:
        on_main_process(lambda: keep_start(name, start, sitting.run.folder))
    return Ingredients(inputs, validation, teacher, start, is_new)


SettingsT = TypeVar("SettingsT", bound=EncodedSettings)
NetworkT = TypeVar("NetworkT", bound=nn.Module)


class EncodedGeneratorTask(SupervisedTask[SettingsT, NetworkT]):
    """AdamW on the network of a generator behind a codec; an average of its weights draws images and is released.

    A subclass must define `build`, `compute_terms` and `_sample`.

    Parameters
    ----------
    settings : SettingsT
        How to train.
    generator : nn.Module
        An `ImageGenerator` whose attribute of the name `network_key` is what is trained, on the CPU and already
        initialised, and whose ``codec`` is replaced by that of the ingredients.
    batches : EncodedBatches
        Of the training images.
    given : Ingredients
        From `ingredients`.
    config : Mapping of str to Any
        Arguments of the generator.
    grid_noise, noise : Tensor
        As of `ValidationSamples`.
    betas : (float, float)
        Of AdamW.
    device : torch.device
        Where it computes.
    """

    name = "generator"
    keeps_best = False
    summary: ClassVar[str]
    """What it is, for the card of the release."""

    def __init__(
        self,
        settings: SettingsT,
        generator: nn.Module,
        batches: EncodedBatches,
        given: Ingredients,
        *,
        config: Mapping[str, Any],
        grid_noise: Tensor,
        noise: Tensor,
        betas: tuple[float, float] = (0.9, 0.999),
        device: torch.device,
    ) -> None:
        # What the release will hold and say beside the network.
        inputs = given.inputs
        self.codec, self.teacher, self.config = inputs.codec, given.teacher, dict(config)
        self.encoder = inputs.embeddings.encoder_release()
        self.trained_with = {
            **inherited(self.encoder[1], "speech encoder"),
            "speech encoder": inputs.embeddings.sha256,
            CODEC_ROLE: inputs.codec.sha256,
        }
        if settings.initial is not None:
            self.trained_with |= inherited(given.start, "initial generator")

        # The network and its average.
        network: NetworkT = getattr(generator, self.network_key).to(device)
        optimizer = make_adamw(
            network.parameters(), settings.learning_rate, betas=betas, weight_decay=settings.weight_decay, device=device
        )
        super().__init__(settings, network, optimizer, batches, device=device, clip=settings.clip)
        self.average = EMA(network, settings.ema_decay, warmup=True)
        self.fast_network: Callable[..., Tensor] = torch.compile(network) if settings.compile else network

        # Images are drawn by the average and decoded by the codec as it was released.
        self.generator = generator
        setattr(generator, self.network_key, self.average.module)
        generator.codec = inputs.codec.network.to(device)
        generator.eval()
        validation, self.spoken = given.validation
        self.validation_samples = ValidationSamples(
            validation, self._sample, grid_noise=grid_noise, noise=noise, grid_utterances=settings.grid_utterances
        )

    def _sample(self, rows: Sequence[int], noise: Tensor) -> Tensor:
        """Images (B, 3, S, S) of validation utterances from given noise."""
        raise NotImplementedError

    def _noisy(self, speech: SpeechEncoding) -> SpeechEncoding:
        """The same, with noise on sentences and frames in parts of their spread, where the network knows that."""
        most, network = self.settings.embedding_noise, self.network
        if not most or not isinstance(network, SpeechConditioned):
            return speech
        # Of a shape, and not like a tensor: draws would follow how it lies in memory, which several processes change.
        sentence, words = (torch.randn(part.shape, device=self.device) for part in speech[:2])
        return speech._replace(
            sentence=speech.sentence + most * network.sentence.deviation * sentence,
            words=speech.words + most * network.frames.deviation * words,
        )

    def train_step(self, batch: Any, progress: float) -> dict[str, Tensor]:
        """One step of AdamW, and of the average."""
        terms = super().train_step(batch, progress)
        self._update_average()
        return terms

    def _update_average(self) -> None:
        self.average.update(self.network)

    def evaluate(self, step: int) -> dict[str, float]:
        """Share of mentioned attributes (or classes) that the teacher sees in images of validation utterances."""
        return self.validation_samples.scores(self.teacher) if self.settings.evaluation_utterances else {}

    def sample_grids(self) -> dict[str, Image.Image]:
        """Validation utterances (rows), the real image first, with fixed noise (columns)."""
        return self.validation_samples.grids()

    def state_dict(self) -> dict[str, Any]:
        """Network, optimizer, scaler, sampler and average."""
        return super().state_dict() | {"average": self.average.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        super().load_state_dict(state)
        self.average.load_state_dict(state["average"])

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write encoder, averaged network and codec as one release."""
        save_with_codec(
            folder,
            self.generator,
            summary=self.summary,
            config=self.config,
            codec=self.codec,
            encoder=self.encoder,
            trained_with=self.trained_with,
            step=step,
            images_seen=images_seen,
        )


def make_batches(settings: EncodedSettings, inputs: EncodedInputs[Any], *, frames: bool) -> EncodedBatches:
    """Batches of the training images, with frames of their speech or without."""
    return EncodedBatches(
        inputs.manifest.items,
        inputs.store,
        inputs.speech(frames=frames),
        batch_size=settings.batch_size,
        seed=settings.loop.seed,
        mirrored=settings.mirrored,
    )


def prepare_network_(
    network: SpeechConditioned, batches: EncodedBatches, reader: AttributeReader | None = None
) -> None:
    """Give a network the statistics of the training speech, and what it reads attributes with, in place."""
    sentences, frames = batches.spoken_values()
    network.sentence.fit_(sentences)
    if len(frames):
        network.frames.fit_(frames)
    if reader is not None:
        network.read_with_(reader.weight_VD, reader.bias_V)


def start_from_(network: nn.Module, settings: EncodedSettings, given: Ingredients, *, part: str) -> None:
    """Load the weights that a new run starts from, in place, where there are any."""
    if settings.initial is not None and given.is_new:
        load_initial_weights_(settings.initial, network, part=part)
