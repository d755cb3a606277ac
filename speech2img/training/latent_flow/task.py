"""Training of the latent flow: AdamW on the rectified flow loss in the latents of a frozen codec."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from speech2img.distributed.collectives import global_mean, on_main_process
from speech2img.encoded_speech import EncodedSpeech
from speech2img.features.attributes import AttributeClassifier
from speech2img.features.base import FeatureExtractor
from speech2img.features.image_features import load_features
from speech2img.losses.flow import rectified_flow_loss
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import ImageNoise
from speech2img.models.generators.flow_transformer import FlowTransformer
from speech2img.models.generators.latent_flow import LatentFlowGenerator
from speech2img.models.layers.ema import EMA
from speech2img.precision import demand_compiler, to_device
from speech2img.storage.releases.provenance import inherited
from speech2img.training.initial_weights import keep_start
from speech2img.training.latent_flow.attribute_reader import attribute_reader
from speech2img.training.latent_flow.data import FlowInputs, LatentBatch, LatentBatches, validation_set
from speech2img.training.latent_flow.export import save_latent_flow
from speech2img.training.latent_flow.initialization import CODEC_ROLE, load_initial_weights_, started
from speech2img.training.latent_flow.settings import LatentFlowSettings
from speech2img.training.supervised import SupervisedTask
from speech2img.training.task import Prepared, Sitting
from speech2img.training.validation_samples import ValidationSamples, ValidationSet, fixed_noise


class LatentFlowTask(SupervisedTask[LatentFlowSettings, FlowTransformer]):
    """AdamW on the flow's transformer; an average of its weights draws images and is released.

    Parameters
    ----------
    settings : LatentFlowSettings
        How to train.
    inputs : FlowInputs
        Embeddings, latents and codec.
    validation : tuple of ValidationSet and EncodedSpeech
        Validation utterances, and what is said in them.
    teacher : FeatureExtractor, optional
        Reads generated images in evaluations, where it knows attributes.
    start : Mapping
        Config of the release that it starts from, for what that was trained with.
    is_new : bool
        Whether to load the weights it starts from; a resumed run has its own.
    device : torch.device
        Where it computes.
    """

    Settings = LatentFlowSettings
    name = "generator"
    network_key = "flow"
    keeps_best = False

    @classmethod
    def prepare(cls, root: Path, settings: LatentFlowSettings, *, run_dir: Path, device: torch.device) -> Prepared:
        """Read embeddings, codec and latents, and which flow to start from.

        Raises
        ------
        ConfigError, CheckpointError, DataError
            As `FlowInputs.load` and `started`.
        """
        if settings.compile:
            demand_compiler(device)
        inputs = FlowInputs.load(root, settings)
        settings, start = started(settings, run_dir, codec_sha256=inputs.codec.sha256)
        return Prepared(settings, inputs.identity, (inputs, start))

    @classmethod
    def build(
        cls, root: Path, settings: LatentFlowSettings, *, device: torch.device, sitting: Sitting
    ) -> "LatentFlowTask":
        """Flow over the training images' latents; DataError if teacher features are wanted and missing."""
        inputs, start = sitting.inputs
        teacher = None
        if settings.features is not None:
            teacher = load_features(root, settings.features).open_teacher(device=device)
        is_new = sitting.run.state is None
        task = cls(
            settings,
            inputs=inputs,
            validation=validation_set(inputs, settings),
            teacher=teacher,
            start=start,
            is_new=is_new,
            device=device,
        )
        if (name := settings.initial) is not None and is_new:
            on_main_process(lambda: keep_start(name, start, sitting.run.folder))
        return task

    def __init__(
        self,
        settings: LatentFlowSettings,
        *,
        inputs: FlowInputs,
        validation: tuple[ValidationSet, EncodedSpeech],
        teacher: FeatureExtractor | None,
        start: Mapping[str, Any] = MappingProxyType({}),
        is_new: bool = True,
        device: torch.device,
    ) -> None:
        # What the release will hold and say beside the flow.
        self.codec, self.teacher = inputs.codec, teacher
        self.encoder = inputs.embeddings.encoder_release()
        encoder_config, codec_config = self.encoder[1], inputs.codec.settings
        self.trained_with = {
            **inherited(encoder_config, "speech encoder"),
            "speech encoder": inputs.embeddings.sha256,
            CODEC_ROLE: inputs.codec.sha256,
        }
        if settings.initial is not None:
            self.trained_with |= inherited(start, "initial generator")

        # The flow, with statistics of what it will see.
        batches = LatentBatches(
            inputs.manifest.items,
            inputs.latents,
            inputs.speech(frames=settings.model.needs_frames),
            batch_size=settings.batch_size,
            seed=settings.loop.seed,
            mirrored=settings.mirrored,
        )
        reader = attribute_reader(teacher, inputs.embeddings) if settings.reads_attributes else None
        self.config = settings.generator_config(
            embedding_dim=inputs.embeddings.width,
            codec=codec_config,
            value_counts=() if reader is None else reader.value_counts,
        )
        self.generator = LatentFlowGenerator(**self.config)
        flow = self.generator.flow
        flow.latents.fit_(batches.latent_values())
        sentences, frames = batches.spoken_values()
        flow.sentence.fit_(sentences)
        if len(frames):
            flow.frames.fit_(frames)
        if reader is not None:
            flow.read_with_(reader.weight_VD, reader.bias_V)
        if settings.initial is not None and is_new:
            load_initial_weights_(settings.initial, flow)
        flow.to(device)
        optimizer = torch.optim.AdamW(flow.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
        super().__init__(settings, flow, optimizer, batches, device=device, clip=settings.clip)
        self.average = EMA(flow, settings.ema_decay, warmup=True)
        self.velocity_network: Callable[..., Tensor] = torch.compile(flow) if settings.compile else flow

        # Images are drawn by the average and decoded by the codec as it was released.
        averaged = self.average.module
        assert isinstance(averaged, FlowTransformer)
        self.generator.flow, self.generator.codec = averaged, inputs.codec.network.to(device)
        self.generator.eval()
        self.spoken = validation[1]
        shape = self.generator.latent_shape
        grid_noise, noise = fixed_noise(
            settings.loop.seed, (settings.grid_noises, *shape), (max(1, len(self.spoken)), *shape)
        )
        self.validation_samples = ValidationSamples(
            validation[0], self._sample, grid_noise=grid_noise, noise=noise, grid_utterances=settings.grid_utterances
        )

    def compute_terms(self, batch: LatentBatch) -> dict[str, Tensor]:
        """Mean squared error of the velocity at times drawn at random."""
        sentence, words, lengths = batch.speech
        latents, sentence, words = to_device([batch.latents_BChh, sentence, words], self.device)
        speech = SpeechEncoding(sentence, words, lengths)

        # Noise on what was said, but not on what attributes are read from; and some of it left out.
        read_from = sentence
        if self.settings.embedding_noise:
            speech = self._noisy(speech)
        conditional = torch.rand(len(latents), device=self.device) >= self.settings.condition_dropout

        # The flow from noise to latents.
        data = self.network.latents(latents)
        times = draw_times(len(data), self.settings, self.device)
        with self.precision.autocast():
            condition = self.network.condition(speech, conditional, read_from_BD=read_from)

        def velocity(state_BK: Tensor, time_B: Tensor) -> Tensor:
            with self.precision.autocast():
                return self.velocity_network(state_BK.view_as(data), time_B, condition).flatten(1).float()

        flat = data.flatten(1)
        return {"loss": global_mean(rectified_flow_loss(velocity, flat, torch.randn_like(flat), times))}

    def _noisy(self, speech: SpeechEncoding) -> SpeechEncoding:
        """The same, with noise on sentences and frames in parts of their spread."""
        most, flow = self.settings.embedding_noise, self.network
        # Of a shape, and not like a tensor: draws would follow how it lies in memory, which several processes change.
        sentence, words = (torch.randn(part.shape, device=self.device) for part in speech[:2])
        return speech._replace(
            sentence=speech.sentence + most * flow.sentence.deviation * sentence,
            words=speech.words + most * flow.frames.deviation * words,
        )

    def train_step(self, batch: LatentBatch, progress: float) -> dict[str, Tensor]:
        """One step of AdamW, and of the average."""
        terms = super().train_step(batch, progress)
        self.average.update(self.network)
        return terms

    def _sample(self, rows: Sequence[int], noise_BChh: Tensor) -> Tensor:
        """Images (B, 3, S, S) of validation utterances from given noise."""
        fixed = noise_BChh.to(self.device)
        noise = ImageNoise(lambda distribution, name, shape: fixed)
        return self.generator.sample(self.spoken.batch(rows, self.device), noise)[-1]

    def evaluate(self, step: int) -> dict[str, float]:
        """Share of mentioned attributes (or classes) that the teacher sees in images of validation utterances."""
        if not isinstance(self.teacher, AttributeClassifier) or not self.settings.evaluation_utterances:
            return {}
        value = self.validation_samples.attribute_recall(self.teacher)
        return {} if value is None else {"attribute_recall": value}

    def sample_grids(self) -> dict[str, Image.Image]:
        """Validation utterances (rows), the real image first, with fixed noise (columns)."""
        grid = self.validation_samples.grid()
        return {} if grid is None else {"samples": grid}

    def state_dict(self) -> dict[str, Any]:
        """Flow, optimizer, scaler, sampler and average."""
        return super().state_dict() | {"average": self.average.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        super().load_state_dict(state)
        self.average.load_state_dict(state["average"])

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write encoder, averaged flow and codec as one release."""
        save_latent_flow(
            folder,
            self.generator,
            config=self.config,
            codec=self.codec,
            encoder=self.encoder,
            trained_with=self.trained_with,
            step=step,
            images_seen=images_seen,
        )


def draw_times(count: int, settings: LatentFlowSettings, device: torch.device) -> Tensor:
    """Times 0..1 at which the velocity is learned, uniform or the logistic function of normal draws of deviation 1."""
    if settings.time_sampling == "uniform":
        return torch.rand(count, device=device)
    return (torch.randn(count, device=device) + settings.time_mean).sigmoid()
