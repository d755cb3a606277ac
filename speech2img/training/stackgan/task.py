"""Training of the stacked generator: a step of every adversary, then one of the generator."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from speech2img.batches.image_pairs import PairBatch, PairBatches
from speech2img.corpora.records.manifest import Manifest
from speech2img.distributed.collectives import average_gradients_, gather_with_grad, on_main_process
from speech2img.features.speech_embeddings import EmbeddingFile, load_embeddings
from speech2img.losses.generator import kl_to_standard_normal
from speech2img.models.generators.stackgan import StackGenerator, init_stackgan_
from speech2img.models.layers.ema import EMA
from speech2img.precision import (
    cudnn_benchmark,
    make_adam,
    resolve_precision,
    restore_optimizer_,
    to_channels_last_,
    to_device,
)
from speech2img.storage.releases.provenance import inherited
from speech2img.training.cuda_graphs import GraphedStep
from speech2img.training.initial_weights import keep_start
from speech2img.training.optimization import learning_rate, set_learning_rate
from speech2img.training.stackgan.adversary import StepBatch
from speech2img.training.stackgan.data import (
    FrozenNetworks,
    demand_same_utterances,
    load_frozen_networks,
    pair_batches,
    validation_set,
    with_noise,
)
from speech2img.training.stackgan.export import networks_behind, save_stackgan
from speech2img.training.stackgan.initialization import load_initial_weights_, normalize_input_, rescale_input_, started
from speech2img.training.stackgan.pixel_discriminators import ADAM_BETAS
from speech2img.training.stackgan.settings import StackGANSettings
from speech2img.training.stackgan.supervision import build_adversaries, build_image_losses
from speech2img.training.task import BestWeights, Prepared, Sitting, Task
from speech2img.training.validation_samples import ValidationSamples, ValidationSet, fixed_noise


class StackGANTask(Task):
    """StackGAN-v2 and what it is varied to: an Adam step of each adversary, then one of the generator.

    Parameters
    ----------
    settings : StackGANSettings
        How to train.
    batches : PairBatches
        Training pairs.
    validation : ValidationSet
        Validation utterances.
    encoder : EmbeddingFile
        Where the embeddings came from; the encoder goes into the release.
    frozen : FrozenNetworks
        Networks that look at images, those that the settings want.
    start : Mapping
        Config of the release that it starts from, for what that was trained with.
    is_new : bool
        Whether to load the weights it starts from; a resumed run has its own.
    device : torch.device
        Where it computes.
    """

    Settings = StackGANSettings
    name = "generator"

    @classmethod
    def prepare(cls, root: Path, settings: StackGANSettings, *, run_dir: Path, device: torch.device) -> Prepared:
        """Read the embeddings, and which generator to start from.

        Raises
        ------
        DataError
            If embeddings are missing.
        CheckpointError
            If there is no generator of the name ``initial``.
        """
        embeddings = load_embeddings(root, settings.embeddings)
        settings, start = started(settings, run_dir)
        return Prepared(settings, {"encoder_sha256": embeddings.sha256}, (embeddings, start))

    @classmethod
    def build(cls, root: Path, settings: StackGANSettings, *, device: torch.device, sitting: Sitting) -> "StackGANTask":
        """Generator on training images and frozen speech embeddings; a missing image store is made.

        Raises
        ------
        DataError
            If teacher features are missing, or the embeddings belong to another manifest.
        CheckpointError
            If the relation supervisor's encoder has no image head, or one for another teacher.
        """
        embeddings, start = sitting.inputs
        manifest = Manifest.load(root)
        demand_same_utterances(manifest, embeddings)
        frozen = load_frozen_networks(root, settings, embeddings, device=device)
        batches = pair_batches(manifest, settings, embeddings, progress=sitting.progress)
        is_new = sitting.run.state is None
        task = cls(
            settings,
            batches=batches,
            validation=validation_set(manifest.items, batches.source, settings),
            encoder=embeddings,
            frozen=frozen,
            start=start,
            is_new=is_new,
            device=device,
        )
        if (name := settings.initial) is not None and is_new:
            on_main_process(lambda: keep_start(name, start, sitting.run.folder))
        return task

    def computing(self) -> AbstractContextManager[None]:
        """Kernels of cuDNN are tried out, where memory is not short."""
        return cudnn_benchmark(self.device, self.settings.compute.memory == "normal")

    def __init__(
        self,
        settings: StackGANSettings,
        *,
        batches: PairBatches,
        validation: ValidationSet,
        encoder: EmbeddingFile,
        frozen: FrozenNetworks,
        start: Mapping[str, Any] = MappingProxyType({}),
        is_new: bool = True,
        device: torch.device,
    ) -> None:
        self.settings, self.batches, self.device = settings, batches, device
        self.teacher, self.image_features = frozen.teacher, frozen.features
        self.batch_size = batches.sampler.batch_size

        # What the release will say that it was trained with.
        self.encoder_tensors, self.encoder_config = encoder.encoder_release()
        self.trained_with = networks_behind(encoder, self.encoder_config, frozen)
        if settings.initial is not None:
            self.trained_with |= inherited(start, "initial generator")

        # Draw the weights: of the generator, then of its adversaries.
        model = settings.model
        self.config = model.generator_config(embedding_dim=batches.source.embeddings.shape[1])
        self.generator = StackGenerator(**self.config)
        init_stackgan_(self.generator)
        if model.standardise_condition:
            normalize_input_(self.generator.augment.project, batches.source.embeddings)
        self.precision = resolve_precision(settings.loop.precision, device)
        self.scaler = self.precision.scaler()
        self.adversaries = build_adversaries(
            settings, frozen, self.generator.image_sizes, scaler=self.scaler, precision=self.precision, device=device
        )
        self.image_losses = build_image_losses(
            settings, frozen, standard=self.encoder_tensors, precision=self.precision, device=device
        )
        if settings.initial is not None and is_new:
            self._start_from(Path(settings.initial))

        # Put the generator onto the device.
        compute = settings.compute
        self.generator.to(device)
        to_channels_last_(self.generator, compute.channels_last, self.precision)
        self.generator.checkpoint_("stages" if compute.memory == "low" else "nothing")
        self.forward = torch.compile(self.generator) if compute.compile else self.generator
        self.graph = self._graphed_step()
        self.average = EMA(self.generator, settings.ema_decay, warmup=True)
        self.optimizer = make_adam(
            self.generator.parameters(), settings.learning_rate, betas=ADAM_BETAS, device=device, graphs=compute.graphs
        )

        # What it is looked at by.
        self.best = BestWeights()
        count = max(1, len(validation.embeddings))
        grid_noise, noise = fixed_noise(
            settings.loop.seed, (settings.grid_noises, model.noise_dim), (count, model.noise_dim)
        )
        self.validation_samples = ValidationSamples(
            validation, self._sample, grid_noise=grid_noise, noise=noise, grid_utterances=settings.grid_utterances
        )

    def _start_from(self, run: Path) -> None:
        """Load the weights of another run, and let the first layer fit the embeddings of this one."""
        pixel, source = self.adversaries.get("pixel"), self.batches.source
        load_initial_weights_(run, self.generator, None if pixel is None else pixel.networks)
        assert self.image_features is not None
        target = self.image_losses.perceptual.standardised(torch.from_numpy(self.image_features)).numpy()
        rescale_input_(self.generator.augment.project, source.embeddings, target[source.image_of])

    def _sample(self, rows: Sequence[int], noise: Tensor) -> Tensor:
        """Images (B, 3, S, S) of validation utterances by the averaged generator, at the mean of the condition."""
        embeddings = self.validation_samples.validation.embeddings[list(rows)]
        zeros = torch.zeros(len(embeddings), self.settings.model.condition_dim, device=self.device)
        output = self.average.module(embeddings.to(self.device), noise.to(self.device), eps=zeros)
        return output.images[-1].float()

    def next_batch(self) -> PairBatch:
        """Draw pairs."""
        return self.batches.next()

    def networks(self) -> list[nn.Module]:
        """The generator and its adversaries."""
        return [self.generator, *(adversary.networks for adversary in self.adversaries.values())]

    def batch_ids(self, batch: PairBatch) -> list[int]:
        """Rows in the image store."""
        return [int(index) for index in batch.indices_B]

    def train_step(self, batch: PairBatch, progress: float) -> dict[str, Tensor]:
        """One step of every network."""
        settings = self.settings
        rate = learning_rate(progress, base=1.0, schedule=settings.schedule)
        set_learning_rate(self.optimizer, rate * settings.learning_rate)
        for adversary in self.adversaries.values():
            adversary.set_learning_rate(rate * settings.discriminator_learning_rate)
        self.generator.train()

        embeddings_BD = with_noise(batch.embeddings_BD, self.batches.source.embeddings, settings.embedding_noise)
        pairs = [embeddings_BD, batch.real_BCHW, batch.wrong_BCHW, batch.classes_B]
        if self.graph is not None:
            terms = self.graph(*to_device(pairs, self.device))
        else:
            terms = self._step(self._step_batch(pairs, batch), progress)
        self.average.update(self.generator)
        return terms

    def _step_batch(self, pairs: Sequence[Tensor], batch: PairBatch) -> StepBatch:
        """The pairs, and what only some losses look at, on the device."""
        extras = {}
        if batch.positive_BCHW is not None:
            extras["positive"] = batch.positive_BCHW
        if self.image_features is not None and self.image_losses.needs_features:
            extras["features_BF"] = torch.from_numpy(self.image_features[batch.indices_B])
        on_device = to_device([*pairs, *extras.values()], self.device)
        named = dict(zip(extras, on_device[len(pairs) :], strict=True))
        return StepBatch.of(*on_device[: len(pairs)], sizes=self.generator.image_sizes, **named)

    def _graphed_step(self) -> GraphedStep | None:
        """The step as one CUDA graph, where the settings ask for it: of pairs alone, and the same in all the run."""

        def step(*pairs: Tensor) -> dict[str, Tensor]:
            return self._step(StepBatch.of(*pairs, sizes=self.generator.image_sizes), 0.0)

        return GraphedStep(step, device=self.device) if self.settings.compute.graphs else None

    def _step(self, batch: StepBatch, progress: float) -> dict[str, Tensor]:
        """Step of every network; the generator's losses are summed in the order in which they stand here."""
        weights = self.settings.losses
        adversaries = list(self.adversaries.values()) if progress >= weights.adversarial_from else []

        # Generate.
        noise = torch.randn(len(batch.embeddings_BD), self.settings.model.noise_dim, device=self.device)
        with self.precision.autocast():
            fake = self.forward(batch.embeddings_BD, noise)

        # Train the adversaries.
        terms: dict[str, Tensor] = {}
        for adversary in adversaries:
            terms |= adversary.discriminator_step(batch, fake)

        # Train the generator.
        losses = {"kl": weights.kl * kl_to_standard_normal(*gather_with_grad((fake.mu, fake.logvar)))}
        for adversary in adversaries:
            losses |= adversary.generator_terms(batch, fake)
        losses |= self.image_losses(batch, fake, progress)
        self._optimizer_step(torch.stack(list(losses.values())).sum())
        return terms | {name: loss.detach() for name, loss in losses.items()}

    def _optimizer_step(self, loss: Tensor) -> None:
        """Step of the generator, the last one under this scale of the losses."""
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        average_gradients_(self.generator.parameters())
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def evaluate(self, step: int) -> dict[str, float]:
        """Share of mentioned attributes (or classes) that the teacher sees in images of validation utterances."""
        scores = self.validation_samples.scores(self.teacher) if self.settings.evaluation_utterances else {}
        if scores:
            self.best.offer(self.average.module, value=scores["attribute_recall"], step=step)
        return scores

    def sample_grids(self) -> dict[str, Image.Image]:
        """Images of validation utterances."""
        return self.validation_samples.grids()

    def state_dict(self) -> dict[str, Any]:
        """Networks, average, optimizers, scaler, sampler and best weights."""
        return {
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "generator_optimizer": self.optimizer.state_dict(),
            **{name: adversary.state_dict() for name, adversary in self.adversaries.items()},
            "scaler": self.scaler.state_dict(),
            "sampler": self.batches.sampler.state_dict(),
            "best": self.best.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.generator.load_state_dict(state["generator"])
        for name, adversary in self.adversaries.items():
            adversary.load_state_dict(state[name])
        self.average.load_state_dict(state["average"])
        restore_optimizer_(self.optimizer, state["generator_optimizer"])
        self.graph = self._graphed_step()  # the old one would continue with the optimizers' former tensors
        self.scaler.load_state_dict(state["scaler"])
        self.batches.sampler.load_state_dict(state["sampler"])
        self.best.load_state_dict(state["best"])

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write encoder and averaged generator as one release."""
        average = self.average.module
        weights = average.state_dict() if self.settings.selection == "last" else self.best.weights(average)
        save_stackgan(
            folder,
            weights,
            generator_config=self.config,
            settings=self.settings,
            encoder=(self.encoder_tensors, self.encoder_config),
            trained_with=self.trained_with,
            step=step,
            images_seen=images_seen,
        )
