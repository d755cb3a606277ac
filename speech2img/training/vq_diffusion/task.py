"""Training of the discrete diffusion: AdamW on the bound of Gu et al. (arXiv:2111.14822) in the tokens of a codec."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from speech2img.distributed.collectives import gather_with_grad, global_mean
from speech2img.features.stores import load_tokens
from speech2img.losses.step_importance import StepImportance
from speech2img.losses.vq_diffusion import DiffusionLoss, vq_diffusion_loss
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.flow_transformer import SpeechConditioned
from speech2img.models.generators.vq_diffusion.base import PublishedTransformer
from speech2img.models.generators.vq_diffusion.generator import VQDiffusionGenerator
from speech2img.models.generators.vq_diffusion.speech_transformer import SpeechTokenTransformer
from speech2img.models.generators.vq_diffusion.transitions import log_one_hot, log_posterior, log_predicted, noised
from speech2img.precision import demand_compiler, to_device
from speech2img.seeded_noise import seeded_noise
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
from speech2img.training.task import Prepared, Sitting
from speech2img.training.vq_diffusion.checks import demand_tokens_fit
from speech2img.training.vq_diffusion.settings import VQDiffusionSettings


class VQDiffusionTask(EncodedGeneratorTask[VQDiffusionSettings, nn.Module]):
    """AdamW on the token transformer; an average of its weights draws images and is released.

    Parameters
    ----------
    settings : VQDiffusionSettings
        How to train.
    given : Ingredients
        Embeddings, tokens and codec, and what belongs to them.
    device : torch.device
        Where it computes.
    """

    Settings = VQDiffusionSettings
    network_key = "transformer"
    summary = "a discrete diffusion over the tokens"

    @classmethod
    def prepare(cls, root: Path, settings: VQDiffusionSettings, *, run_dir: Path, device: torch.device) -> Prepared:
        """Read embeddings, codec and tokens, and which diffusion to start from.

        Raises
        ------
        ConfigError
            If form or order do not fit what was read, and as `EncodedInputs.load` and `started`.
        CheckpointError, DataError
            As these, and if tokens and codec have not the same number of codes.
        """
        if settings.compile:
            demand_compiler(device)
        inputs = EncodedInputs.load(root, settings, load_tokens, frames=settings.model.looks_at_frames)
        tables, free = ("model", "diffusion"), ("dropout",)
        settings, start = started(settings, run_dir, codec_sha256=inputs.codec.sha256, tables=tables, free=free)
        demand_tokens_fit(settings, inputs)
        return Prepared(settings, inputs.identity, (inputs, start))

    @classmethod
    def build(
        cls, root: Path, settings: VQDiffusionSettings, *, device: torch.device, sitting: Sitting
    ) -> "VQDiffusionTask":
        """Diffusion over the training images' tokens; DataError if teacher features are wanted and missing."""
        inputs, _ = sitting.inputs
        validation = validation_set(inputs, settings, frames=settings.model.looks_at_frames)
        return cls(settings, ingredients(root, settings, sitting, validation, device), device=device)

    def __init__(self, settings: VQDiffusionSettings, given: Ingredients, *, device: torch.device) -> None:
        inputs = given.inputs
        # The transformer, with statistics of what it will hear.
        batches = make_batches(settings, inputs, frames=settings.model.looks_at_frames)
        reader = attribute_reader(given.teacher, inputs.embeddings) if settings.reads_attributes else None
        config = settings.generator_config(
            embedding_dim=inputs.embeddings.width,
            codec=inputs.codec.settings,
            value_counts=() if reader is None else reader.value_counts,
        )
        generator = VQDiffusionGenerator(**config)
        transformer = generator.transformer
        assert isinstance(transformer, SpeechTokenTransformer | PublishedTransformer)
        if isinstance(transformer, SpeechConditioned):
            prepare_network_(transformer, batches, reader)
        transformer.recompute = settings.memory == "low"
        start_from_(transformer, settings, given, part="transformer")

        # What trains it, and what it is shown by: the noise of an image is a number that its draws come from.
        super().__init__(
            settings,
            generator,
            batches,
            given,
            config={"network": "vq-diffusion", **config},
            grid_noise=torch.arange(settings.grid_noises),
            noise=torch.arange(max(1, len(given.validation[1]))),
            betas=settings.betas,
            device=device,
        )
        self.generator: VQDiffusionGenerator = generator
        self.schedule = generator.schedule.to(device)
        self.importance = StepImportance(settings.diffusion.num_steps, is_even=not settings.losses.importance).to(
            device
        )
        self.steps_made = 0
        if settings.memory == "low":
            self.average.module.cpu()

    def compute_terms(self, batch: EncodedBatch) -> dict[str, Tensor]:
        """Bound and auxiliary term at steps of the diffusion that are drawn by their importance."""
        settings, schedule = self.settings, self.schedule
        if settings.memory == "low":  # gradients of the step before need not lie there through this one
            self.optimizer_step.optimizer.zero_grad(set_to_none=True)
        sentence, words, lengths = batch.speech
        codes, sentence, words = to_device([batch.encoded_B.flatten(1), sentence, words], self.device)
        speech, count = self._noisy(SpeechEncoding(sentence, words, lengths)), len(codes)

        # Draw steps, and what is left of the codes there; and leave out some of what was said.
        time_B, probability_B = self.importance.draw(torch.rand(count, device=self.device))
        tokens = noised(schedule, codes, time_B, torch.rand(codes.shape, device=self.device))
        conditional_B = None
        if settings.model.has_empty:
            conditional_B = torch.rand(count, device=self.device) >= settings.condition_dropout

        # What the network makes of it, and both posteriors.
        with self.precision.autocast():
            condition = self._condition(speech, conditional_B, sentence)
            logits = self.fast_network(tokens, time_B, condition)
        log_x0 = log_predicted(logits)
        losses = vq_diffusion_loss(
            log_posterior(schedule, log_one_hot(codes, schedule.num_codes), tokens, time_B),
            log_posterior(schedule, log_x0, tokens, time_B),
            log_x0,
            codes,
            tokens == schedule.num_codes,
            time_B=time_B,
            probability_B=probability_B,
            num_steps=schedule.num_steps,
            weight=settings.losses.auxiliary,
            adaptive=settings.losses.adaptive,
            mask_weights=(settings.losses.masked_weight, settings.losses.unmasked_weight),
        )
        self.importance.update_(*gather_with_grad((time_B, losses.variational_B.detach())))
        return {"loss": global_mean(losses.total), **_logged(losses, probability_B, codes)}

    def _condition(self, speech: SpeechEncoding, conditional_B: Tensor | None, read_from_BD: Tensor) -> Any:
        """What was said, as the form takes it; attributes are read from sentences without noise."""
        network = self.network
        if isinstance(network, SpeechConditioned):
            return network.condition(speech, conditional_B, read_from_BD=read_from_BD)
        assert isinstance(network, PublishedTransformer)
        return network.condition(speech, conditional_B)

    def _update_average(self) -> None:
        self.steps_made += 1
        if self.steps_made % self.settings.ema_every == 0:
            super()._update_average()

    @contextmanager
    def _average_on_device(self) -> Iterator[None]:
        """Draw images where the codec is; the average goes back to where it was."""
        place = next(self.average.module.parameters()).device
        self.average.module.to(self.device)
        try:
            yield
        finally:
            self.average.module.to(place)

    def _sample(self, rows: Sequence[int], noise: Tensor) -> Tensor:
        draws = seeded_noise([(self.settings.loop.seed, 0, number) for number in noise.tolist()], self.device)
        return self.generator.sample(self.spoken.batch(rows, self.device), draws)[-1]

    def evaluate(self, step: int) -> dict[str, float]:
        """Share of mentioned attributes (or classes) that the teacher sees in images of validation utterances."""
        with self._average_on_device():
            return super().evaluate(step)

    def sample_grids(self) -> dict[str, Image.Image]:
        """Validation utterances (rows), the real image first, with fixed noise (columns)."""
        with self._average_on_device():
            return super().sample_grids()

    def state_dict(self) -> dict[str, Any]:
        """Transformer, optimizer, scaler, sampler, average and importance of steps."""
        more = {"importance": self.importance.state_dict(), "steps_made": self.steps_made}
        return super().state_dict() | more

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        super().load_state_dict(state)
        self.importance.load_state_dict(state["importance"])
        self.steps_made = int(state["steps_made"])


def _logged(losses: DiffusionLoss, probability_B: Tensor, codes_BN: Tensor) -> dict[str, Tensor]:
    """Bound of a place in nats, and how surprising its clean code is, over the rows of all processes."""
    bound = (losses.variational_B.detach() / probability_B).mean() / codes_BN.shape[1]
    surprise = losses.auxiliary_B.detach().mean() / codes_BN.shape[1]
    return {"bound": global_mean(bound), "surprise": global_mean(surprise)}
