"""Training of the latent flow: AdamW on the rectified flow loss in the latents of a frozen codec."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from speech2img.distributed.collectives import global_mean
from speech2img.errors import ConfigError
from speech2img.features.stores import load_latents
from speech2img.losses.flow import rectified_flow_loss
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import ImageNoise
from speech2img.models.generators.flow_transformer import FlowTransformer
from speech2img.models.generators.latent_flow import LatentFlowGenerator
from speech2img.precision import demand_compiler, to_device
from speech2img.training.encoded.attribute_reader import attribute_reader
from speech2img.training.encoded.batches import EncodedBatch
from speech2img.training.encoded.initialization import started
from speech2img.training.encoded.inputs import EncodedInputs, validation_set
from speech2img.training.encoded.task import (
    EncodedGeneratorTask,
    Ingredients,
    ingredients,
    make_batches,
    prepare_network_,
    start_from_,
)
from speech2img.training.latent_flow.settings import LatentFlowSettings
from speech2img.training.task import Prepared, Sitting
from speech2img.training.validation_samples import fixed_noise


class LatentFlowTask(EncodedGeneratorTask[LatentFlowSettings, FlowTransformer]):
    """AdamW on the flow's transformer; an average of its weights draws images and is released.

    Parameters
    ----------
    settings : LatentFlowSettings
        How to train.
    given : Ingredients
        Embeddings, latents and codec, and what belongs to them.
    device : torch.device
        Where it computes.
    """

    Settings = LatentFlowSettings
    network_key = "flow"
    summary = "a rectified flow in the latents"

    @classmethod
    def prepare(cls, root: Path, settings: LatentFlowSettings, *, run_dir: Path, device: torch.device) -> Prepared:
        """Read embeddings, codec and latents, and which flow to start from.

        Raises
        ------
        ConfigError
            If the patches do not fit the latents, and as `EncodedInputs.load` and `started`.
        CheckpointError, DataError
            As these.
        """
        if settings.compile:
            demand_compiler(device)
        inputs = EncodedInputs.load(root, settings, load_latents, frames=settings.model.needs_frames)
        side, patch = inputs.codec.latent_side(settings.image_size), settings.model.patch
        if side % patch:
            reason = f"{patch} divides not the side {side} of the latents of {settings.image_size} px"
            raise ConfigError.about("model.patch", reason, "change it, or image_size")
        settings, start = started(settings, run_dir, codec_sha256=inputs.codec.sha256, free=("dropout",))
        return Prepared(settings, inputs.identity, (inputs, start))

    @classmethod
    def build(
        cls, root: Path, settings: LatentFlowSettings, *, device: torch.device, sitting: Sitting
    ) -> "LatentFlowTask":
        """Flow over the training images' latents; DataError if teacher features are wanted and missing."""
        inputs, _ = sitting.inputs
        validation = validation_set(inputs, settings, frames=settings.model.needs_frames)
        return cls(settings, ingredients(root, settings, sitting, validation, device), device=device)

    def __init__(self, settings: LatentFlowSettings, given: Ingredients, *, device: torch.device) -> None:
        inputs = given.inputs
        # The flow, with statistics of what it will see.
        batches = make_batches(settings, inputs, frames=settings.model.needs_frames)
        reader = attribute_reader(given.teacher, inputs.embeddings) if settings.reads_attributes else None
        config = settings.generator_config(
            embedding_dim=inputs.embeddings.width,
            codec=inputs.codec.settings,
            value_counts=() if reader is None else reader.value_counts,
        )
        generator = LatentFlowGenerator(**config)
        generator.flow.latents.fit_(batches.sample().movedim(1, -1).flatten(0, -2))
        prepare_network_(generator.flow, batches, reader)
        start_from_(generator.flow, settings, given, part="flow")

        # What trains it, and what it is shown by.
        shape = generator.latent_shape
        grid_noise, noise = fixed_noise(
            settings.loop.seed, (settings.grid_noises, *shape), (max(1, len(given.validation[1])), *shape)
        )
        config = {"network": "latent-flow", **config}
        super().__init__(
            settings, generator, batches, given, config=config, grid_noise=grid_noise, noise=noise, device=device
        )
        self.generator: LatentFlowGenerator = generator

    def compute_terms(self, batch: EncodedBatch) -> dict[str, Tensor]:
        """Mean squared error of the velocity at times drawn at random."""
        sentence, words, lengths = batch.speech
        latents, sentence, words = to_device([batch.encoded_B, sentence, words], self.device)
        speech = SpeechEncoding(sentence, words, lengths)

        # Noise on what was said, but not on what attributes are read from; and some of it left out.
        read_from = sentence
        speech = self._noisy(speech)
        conditional = torch.rand(len(latents), device=self.device) >= self.settings.condition_dropout

        # The flow from noise to latents.
        data = self.network.latents(latents)
        times = draw_times(len(data), self.settings, self.device)
        with self.precision.autocast():
            condition = self.network.condition(speech, conditional, read_from_BD=read_from)

        def velocity(state_BK: Tensor, time_B: Tensor) -> Tensor:
            with self.precision.autocast():
                return self.fast_network(state_BK.view_as(data), time_B, condition).flatten(1).float()

        flat = data.flatten(1)
        return {"loss": global_mean(rectified_flow_loss(velocity, flat, torch.randn_like(flat), times))}

    def _sample(self, rows: Sequence[int], noise: Tensor) -> Tensor:
        fixed = noise.to(self.device)
        draws = ImageNoise(lambda distribution, name, shape: fixed)
        return self.generator.sample(self.spoken.batch(rows, self.device), draws)[-1]


def draw_times(count: int, settings: LatentFlowSettings, device: torch.device) -> Tensor:
    """Times 0..1 at which the velocity is learned, uniform or the logistic function of normal draws of deviation 1."""
    if settings.time_sampling == "uniform":
        return torch.rand(count, device=device)
    return (torch.randn(count, device=device) + settings.time_mean).sigmoid()
