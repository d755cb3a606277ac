"""One step of the stacked generator's training: discriminators, relation classifier and generator in turn."""

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from speech2img.batches.image_pairs import PairBatch, PairBatches
from speech2img.corpora.records.manifest import Manifest
from speech2img.distributed.collectives import average_gradients_, by_leader
from speech2img.features.attributes import AttributeClassifier
from speech2img.features.speech_embeddings import EmbeddingFile, load_embeddings
from speech2img.images.pyramid import pyramid
from speech2img.models.generators.stackgan import StackGenerator, init_stackgan_
from speech2img.models.layers.ema import EMA
from speech2img.precision import adam, lay_out_, resolve_precision, restore_optimizer_, sent, tried_kernels
from speech2img.storage.provenance import UNKNOWN, inherited, trained_with
from speech2img.training.cuda_graphs import GraphedStep
from speech2img.training.optimization import learning_rate, set_learning_rate
from speech2img.training.stackgan.data import FrozenNetworks, demand_same_utterances, load_frozen_networks, pair_batches
from speech2img.training.stackgan.discriminators import ADAM_BETAS
from speech2img.training.stackgan.export import save_generator
from speech2img.training.stackgan.initialization import (
    keep_start,
    load_initial_weights_,
    normalize_input_,
    rescale_input_,
    started,
)
from speech2img.training.stackgan.relation_supervisor import PairEmbeddings
from speech2img.training.stackgan.settings import StackGANSettings
from speech2img.training.stackgan.supervision import build_supervision
from speech2img.training.stackgan.validation_samples import ValidationSamples, ValidationSet
from speech2img.training.task import BestWeights, Prepared, Sitting, Task


class StackGANTask(Task):
    """One Adam step of each discriminator (and of the relation classifier), then one of the generator.

    Parameters
    ----------
    settings : StackGANSettings
        How to train.
    batches : PairBatches
        Training pairs.
    probe : ValidationSet
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
        """Generator on training pictures and frozen speech embeddings; a missing image store is made.

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
            probe=ValidationSet.of(manifest.items, batches.source, settings),
            encoder=embeddings,
            frozen=frozen,
            start=start,
            is_new=is_new,
            device=device,
        )
        if settings.initial is not None and is_new:
            by_leader(lambda: keep_start(settings, start, sitting.run.folder))
        return task

    def computing(self) -> AbstractContextManager[None]:
        """Kernels of cuDNN are tried out, where memory is not short."""
        return tried_kernels(self.device, self.settings.compute.memory == "normal")

    def __init__(
        self,
        settings: StackGANSettings,
        *,
        batches: PairBatches,
        probe: ValidationSet,
        encoder: EmbeddingFile,
        frozen: FrozenNetworks,
        start: Mapping[str, Any] = MappingProxyType({}),
        is_new: bool = True,
        device: torch.device,
    ) -> None:
        self.settings, self.batches, self.device = settings, batches, device
        sight, teacher = frozen.sight, frozen.teacher
        self.encoder_tensors, self.encoder_config = encoder.encoder_release()
        before = trained_with(self.encoder_config) or {"speech encoder's own": UNKNOWN}
        self.trained_with = {**before, "speech encoder": encoder.sha256, **(sight.trained_with if sight else {})}
        if teacher is not None:
            self.trained_with["feature network"] = teacher.sha256
        if frozen.seen_through is not None:
            self.trained_with["discriminators' network"] = frozen.seen_through.sha256
        self.teacher = teacher
        self.batch_size = batches.sampler.batch_size
        model = settings.model
        self.arguments = {
            "embedding_dim": batches.source.embeddings.shape[1],
            "condition_dim": model.condition_dim,
            "noise_dim": model.noise_dim,
            "width": model.width,
            "num_stages": model.num_stages,
            "residual_blocks": model.residual_blocks,
            "dense": model.dense,
        }
        self.generator = StackGenerator(**self.arguments)
        init_stackgan_(self.generator)
        if model.standardise_condition:
            normalize_input_(self.generator.augment.project, batches.source.embeddings)
        self.precision = resolve_precision(settings.loop.precision, device)
        self.scaler = self.precision.scaler()
        self.supervision = build_supervision(
            settings,
            frozen,
            self.generator.image_sizes,
            standard=self.encoder_tensors,
            precision=self.precision,
            scaler=self.scaler,
            device=device,
        )
        if settings.initial is not None:
            self.trained_with |= inherited(start, "initial generator")
            if is_new:
                self._start_from(Path(settings.initial))
        compute = settings.compute
        self.generator.to(device)
        lay_out_(self.generator, compute.channels_last, self.precision)
        self.generator.checkpoint_("stages" if compute.memory == "low" else "nothing")
        self.forward = torch.compile(self.generator) if compute.compile else self.generator
        self.graph = self._graphed()
        self.average = EMA(self.generator, settings.ema_decay, warmup=True)
        self.optimizer = adam(
            self.generator.parameters(), settings.learning_rate, betas=ADAM_BETAS, device=device, graphs=compute.graphs
        )
        self.best = BestWeights()
        self.previews = ValidationSamples(settings, probe, self.average.module, device=device)

    def _start_from(self, run: Path) -> None:
        pixel, loss, source = self.supervision.pixel, self.supervision.feature_loss, self.batches.source
        load_initial_weights_(run, self.generator, None if pixel is None else pixel.networks)
        assert loss.features is not None
        target = loss.standardised(torch.from_numpy(loss.features)).numpy()
        rescale_input_(self.generator.augment.project, source.embeddings, target[source.image_of])

    def _graphed(self) -> GraphedStep | None:
        return GraphedStep(self._learn_alone, device=self.device) if self.settings.compute.graphs else None

    def next_batch(self) -> PairBatch:
        """Draw pairs."""
        return self.batches.next()

    def networks(self) -> list[nn.Module]:
        """Generator, discriminators and relation classifier."""
        return [self.generator, *(judge.networks for judge in self.supervision.trained())]

    def batch_ids(self, batch: PairBatch) -> list[int]:
        """Rows in the image store."""
        return [int(index) for index in batch.indices_B]

    def train_step(self, batch: PairBatch, progress: float) -> dict[str, Tensor]:
        """One step of every network."""
        settings = self.settings
        rate = learning_rate(progress, base=1.0, schedule=settings.schedule)
        set_learning_rate(self.optimizer, rate * settings.learning_rate)
        for judge in self.supervision.trained():
            judge.set_rate(rate * settings.discriminator_learning_rate)
        self.generator.train()
        host = [self._with_noise(batch.embeddings_BD), batch.real_BCHW, batch.wrong_BCHW, batch.classes_B]
        inputs = sent(host, self.device)
        terms = self._learn(batch, *inputs, progress=progress) if self.graph is None else self.graph(*inputs)
        self.average.update(self.generator)
        return terms

    def _learn_alone(self, embeddings: Tensor, real: Tensor, wrong: Tensor, classes: Tensor) -> dict[str, Tensor]:
        return self._learn(None, embeddings, real, wrong, classes, progress=0.0)

    def _learn(
        self,
        batch: PairBatch | None,
        embeddings: Tensor,
        real_pictures: Tensor,
        wrong_images: Tensor,
        classes: Tensor,
        *,
        progress: float,
    ) -> dict[str, Tensor]:
        """Step of every network; the batch is what only some losses look at."""
        settings, supervision, sizes = self.settings, self.supervision, self.generator.image_sizes
        real, wrong = pyramid(real_pictures, sizes), pyramid(wrong_images, sizes)
        noise = torch.randn(len(embeddings), settings.model.noise_dim, device=self.device)
        with self.precision.autocast():
            fake = self.forward(embeddings, noise)
        terms: dict[str, Tensor] = {}
        pairs: PairEmbeddings | None = None
        if progress >= settings.losses.adversarial_from:
            if supervision.pixel is not None:
                terms["discriminator"] = supervision.pixel.step(real, wrong, fake)
            if supervision.projected is not None:
                terms["feature_discriminator"] = supervision.projected.step(real, wrong, fake)
            if supervision.relation is not None and batch is not None and batch.positive_BCHW is not None:
                (positive,) = sent([batch.positive_BCHW], self.device)
                positive = pyramid(positive, sizes[-1:])[0]
                pairs = supervision.relation.embed(real[-1], positive, wrong[-1], fake.images[-1])
                terms["relation_classifier"] = supervision.relation.step(pairs)
        terms |= self._generator_step(
            supervision.generator_terms(batch, embeddings, classes, fake, real, pairs, progress=progress)
        )
        self.scaler.update()
        return terms

    def _with_noise(self, embeddings_BD: Tensor) -> Tensor:
        """Embeddings and up to ``embedding_noise`` times the difference of two others: noise of their own spread."""
        most = self.settings.embedding_noise
        if not most:
            return embeddings_BD
        stored = self.batches.source.embeddings
        others = [torch.randint(len(stored), (len(embeddings_BD),)) for _ in range(2)]
        plus, minus = (torch.from_numpy(stored[rows.numpy()]) for rows in others)
        return embeddings_BD + most * torch.rand(len(embeddings_BD), 1) * (plus - minus) / math.sqrt(2)

    def _generator_step(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Step of the generator on the sum of its losses; gives their values."""
        loss = torch.stack(list(terms.values())).sum()
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        average_gradients_(self.generator.parameters())
        self.scaler.step(self.optimizer)
        return {name: value.detach() for name, value in terms.items()}

    def evaluate(self, step: int) -> dict[str, float]:
        """Share of mentioned attributes (or classes) that the teacher sees in pictures of validation utterances."""
        if not isinstance(self.teacher, AttributeClassifier) or not self.settings.evaluation_utterances:
            return {}
        value = self.previews.attribute_recall(self.teacher)
        if value is None:
            return {}
        self.best.offer(self.average.module, value=value, step=step)
        return {"attribute_recall": value}

    def sample_grids(self) -> dict[str, Image.Image]:
        """Painted validation utterances."""
        grid = self.previews.grid()
        return {} if grid is None else {"samples": grid}

    def state_dict(self) -> dict[str, Any]:
        """Networks, average, optimizers, scaler, sampler and best weights."""
        pixel, projected, relation = self.supervision.pixel, self.supervision.projected, self.supervision.relation
        state = {
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "generator_optimizer": self.optimizer.state_dict(),
            **({} if pixel is None else pixel.state_dict()),
            "scaler": self.scaler.state_dict(),
            "sampler": self.batches.sampler.state_dict(),
            "best": self.best.state_dict(),
        }
        if projected is not None:
            state["projected"] = projected.state_dict()
        return state if relation is None else {**state, "relation": relation.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        pixel, projected, relation = self.supervision.pixel, self.supervision.projected, self.supervision.relation
        self.generator.load_state_dict(state["generator"])
        if pixel is not None:
            pixel.load_state_dict(state)
        if projected is not None:
            projected.load_state_dict(state["projected"])
        if relation is not None:
            relation.load_state_dict(state["relation"])
        self.average.load_state_dict(state["average"])
        restore_optimizer_(self.optimizer, state["generator_optimizer"])
        self.graph = self._graphed()  # an earlier one would go on with the optimizers' earlier places
        self.scaler.load_state_dict(state["scaler"])
        self.batches.sampler.load_state_dict(state["sampler"])
        self.best.load_state_dict(state["best"])

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write encoder and averaged generator as one release."""
        average = self.average.module
        weights = average.state_dict() if self.settings.selection == "last" else self.best.weights(average)
        save_generator(
            folder,
            weights,
            arguments=self.arguments,
            settings=self.settings,
            encoder=(self.encoder_tensors, self.encoder_config),
            trained_with=self.trained_with,
            step=step,
            images_seen=images_seen,
        )
