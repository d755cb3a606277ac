"""Training of the stacked generator (StackGAN-v2, as Li et al. 2020 and S2IGAN use it) on frozen speech embeddings."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.batches.pairs import PairBatch, PairBatches, PairSource
from speech2img.corpora.manifest import Manifest, utterance_id
from speech2img.errors import DataError
from speech2img.images.pyramid import pyramid
from speech2img.losses.color_consistency import color_consistency_loss
from speech2img.losses.kl import kl_to_standard_normal
from speech2img.metrics.independence import UNKNOWN, inherited, trained_with
from speech2img.models.ema import EMA
from speech2img.models.stackgan import GeneratorOutput, StackGenerator, init_stackgan_
from speech2img.training.critics import ADAM_BETAS, Discriminators
from speech2img.training.device import resolve_device, resolve_precision
from speech2img.training.extract import EmbeddingFile, load_embeddings
from speech2img.training.feature_critics import FeatureDiscriminators
from speech2img.training.feature_loss import FeatureLoss
from speech2img.training.features import load_features
from speech2img.training.generator_release import save_generator
from speech2img.training.generator_settings import GeneratorLossSettings, GeneratorModelSettings, GeneratorSettings
from speech2img.training.generator_start import config_of, fit_input_, standardise_input_, take_over_
from speech2img.training.loop import TrainingResult, run_training
from speech2img.training.parallel import average_gradients_, joint, joint_mean
from speech2img.training.previews import Previews, Probe
from speech2img.training.relation_supervisor import PairEmbeddings, RelationSupervisor, Sight, open_sight
from speech2img.training.run import open_run
from speech2img.training.stores import image_store
from speech2img.training.task import BestWeights, Task, learning_rate, set_learning_rate
from speech2img.training.teachers import AttributeTeacher, Teacher, load_teacher, with_maps

__all__ = ["GeneratorLossSettings", "GeneratorModelSettings", "GeneratorSettings", "train_generator"]


class GeneratorTask(Task):
    """One Adam step of each discriminator (and of the relation classifier), then one of the generator.

    Parameters
    ----------
    settings : GeneratorSettings
        How to train.
    batches : PairBatches
        Training pairs.
    probe : Probe
        Validation utterances.
    encoder : EmbeddingFile
        Where the embeddings came from; the encoder goes into the release.
    features : ndarray of float32, shape (pictures, D), optional
        Teacher features of the real pictures.
    teacher : Teacher, optional
        The frozen teacher.
    sight : Sight, optional
        What the relation supervisor sees with, where the settings want one.
    seen_through : Teacher, optional
        What discriminators of features look through, if not the teacher.
    device : torch.device
        Where it computes.
    """

    name = "generator"

    def __init__(
        self, settings: GeneratorSettings, *, batches: PairBatches, probe: Probe, encoder: EmbeddingFile,
        features: np.ndarray | None, teacher: Teacher | None, sight: Sight | None = None,
        seen_through: Teacher | None = None, device: torch.device,
    ) -> None:  # fmt: skip
        self.settings, self.batches, self.device = settings, batches, device
        self.encoder_tensors, self.encoder_config = encoder.encoder_release()
        before = trained_with(self.encoder_config) or {"speech encoder's own": UNKNOWN}
        self.trained_with = {**before, "speech encoder": encoder.sha256, **(sight.trained_with if sight else {})}
        if teacher is not None:
            self.trained_with["feature network"] = teacher.sha256
        if seen_through is not None:
            self.trained_with["discriminators' network"] = seen_through.sha256
        self.teacher = teacher
        self.batch_size = batches.sampler.batch_size
        model = settings.model
        self.arguments = {
            "embedding_dim": batches.source.embeddings.shape[1], "condition_dim": model.condition_dim,
            "noise_dim": model.noise_dim, "width": model.width, "num_stages": model.num_stages,
            "residual_blocks": model.residual_blocks, "dense": model.dense,
        }  # fmt: skip
        self.generator = StackGenerator(**self.arguments)
        init_stackgan_(self.generator)
        if model.standardise_condition:
            standardise_input_(self.generator.augment.project, batches.source.embeddings)
        self.precision = resolve_precision(settings.loop.precision, device)
        self.scaler = self.precision.scaler()
        sizes, looks_at = self.generator.image_sizes, model.discriminators
        self.critics = None if looks_at == "features" else Discriminators(
            settings, sizes, precision=self.precision, scaler=self.scaler, device=device
        )  # fmt: skip
        self.feature_critics = None if looks_at == "pixels" else FeatureDiscriminators(
            settings, with_maps(seen_through or teacher), sizes, precision=self.precision, scaler=self.scaler,
            device=device,
        )  # fmt: skip
        self.feature_loss = FeatureLoss(
            settings.losses, teacher=teacher, features=features, standard=self.encoder_tensors, precision=self.precision
        )
        self.relation = None if sight is None else RelationSupervisor(
            settings.relation, sight, rate=settings.discriminator_learning_rate, precision=self.precision,
            scaler=self.scaler, device=device,
        )  # fmt: skip
        if settings.initial is not None:
            self._start_from(Path(settings.initial))
        self.generator.to(device)
        self.average = EMA(self.generator, settings.ema_decay, warmup=True)
        self.optimizer = torch.optim.Adam(self.generator.parameters(), settings.learning_rate, ADAM_BETAS)
        self.best = BestWeights()
        self.previews = Previews(settings, probe, self.average.module, device=device)

    def _start_from(self, run: Path) -> None:
        assert self.critics is not None
        take_over_(run, self.generator, self.critics.networks)
        self.trained_with |= inherited(config_of(run), "initial generator")
        source = self.batches.source
        assert self.feature_loss.features is not None
        target = self.feature_loss.standardised(torch.from_numpy(self.feature_loss.features)).numpy()
        fit_input_(self.generator.augment.project, source.embeddings, target[source.picture_of])

    def next_batch(self) -> PairBatch:
        """Draw pairs."""
        return self.batches.next()

    def networks(self) -> list[nn.Module]:
        """Generator, discriminators and relation classifier."""
        relation = [] if self.relation is None else [self.relation.network]
        critics = [critics.networks for critics in (self.critics, self.feature_critics) if critics is not None]
        return [self.generator, *critics, *relation]

    def batch_ids(self, batch: PairBatch) -> list[int]:
        """Rows in the image store."""
        return [int(index) for index in batch.indices_B]

    def train_step(self, batch: PairBatch, progress: float) -> dict[str, Tensor]:
        """One step of every network."""
        settings = self.settings
        rate = learning_rate(progress, base=1.0, schedule=settings.schedule)
        set_learning_rate(self.optimizer, rate * settings.learning_rate)
        self.generator.train()
        embeddings = self._with_noise(batch.embeddings_BD).to(self.device, non_blocking=True)
        sizes = self.generator.image_sizes
        real = pyramid(batch.real_BCHW.to(self.device, non_blocking=True), sizes)
        wrong = pyramid(batch.wrong_BCHW.to(self.device, non_blocking=True), sizes)
        noise = torch.randn(len(embeddings), settings.model.noise_dim, device=self.device)
        with self.precision.autocast():
            fake = self.generator(embeddings, noise)
        terms: dict[str, Tensor] = {}
        pairs: PairEmbeddings | None = None
        if progress >= settings.losses.adversarial_from:
            if self.critics is not None:
                self.critics.set_rate(rate * settings.discriminator_learning_rate)
                terms["discriminator"] = self.critics.step(real, wrong, fake)
            if self.feature_critics is not None:
                self.feature_critics.set_rate(rate * settings.discriminator_learning_rate)
                terms["feature_discriminator"] = self.feature_critics.step(real, wrong, fake)
            if self.relation is not None and batch.positive_BCHW is not None:
                self.relation.set_rate(rate * settings.discriminator_learning_rate)
                positive = pyramid(batch.positive_BCHW.to(self.device, non_blocking=True), sizes[-1:])[0]
                pairs = self.relation.embed(real[-1], positive, wrong[-1], fake.images[-1])
                terms["relation_classifier"] = self.relation.step(pairs)
        terms |= self._generator_step(batch, embeddings, fake, real, pairs, progress)
        self.scaler.update()
        self.average.update(self.generator)
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

    def _generator_step(
        self, batch: PairBatch, embeddings: Tensor, fake: GeneratorOutput, real: list[Tensor],
        pairs: PairEmbeddings | None, progress: float,
    ) -> dict[str, Tensor]:  # fmt: skip
        want = self.settings.losses
        terms = {"kl": want.kl * kl_to_standard_normal(*joint((fake.mu, fake.logvar)))}
        if progress >= want.adversarial_from:
            if self.critics is not None:
                terms |= self.critics.generator_terms(fake, batch.classes_B)
            if self.feature_critics is not None:
                terms["feature_generator"] = self.feature_critics.generator_term(fake)
        if self.relation is not None and pairs is not None:
            terms["relation"] = self.relation.generator_term(pairs)
        if want.color and len(fake.images) > 1:
            terms["color"] = want.color * joint_mean(color_consistency_loss(fake.images))
        if want.feature:
            terms["feature"] = want.feature * joint_mean(self.feature_loss(batch, embeddings, fake.images))
        if want.reconstruction:
            weight = want.reconstruction + progress * (want.reconstruction_floor - want.reconstruction)
            both = zip(fake.images, real, strict=True)
            terms["reconstruction"] = weight * joint_mean(torch.stack([F.l1_loss(a, b) for a, b in both]).mean())
        loss = torch.stack(list(terms.values())).sum()
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        average_gradients_(self.generator.parameters())
        self.scaler.step(self.optimizer)
        return {name: value.detach() for name, value in terms.items()}

    def evaluate(self, step: int) -> dict[str, float]:
        """Share of mentioned attributes (or classes) that the teacher sees in pictures of validation utterances."""
        if not isinstance(self.teacher, AttributeTeacher) or not self.settings.evaluation_utterances:
            return {}
        value = self.previews.said_and_shown(self.teacher)
        if value is None:
            return {}
        self.best.offer(self.average.module, value=value, step=step)
        return {"said_and_shown": value}

    def sample_grids(self) -> dict[str, Image.Image]:
        """Painted validation utterances."""
        grid = self.previews.grid()
        return {} if grid is None else {"samples": grid}

    def state_dict(self) -> dict[str, Any]:
        """Networks, average, optimizers, scaler, sampler and best weights."""
        state = {
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "generator_optimizer": self.optimizer.state_dict(),
            **({} if self.critics is None else self.critics.state_dict()),
            "scaler": self.scaler.state_dict(),
            "sampler": self.batches.sampler.state_dict(),
            "best": self.best.state_dict(),
        }
        if self.feature_critics is not None:
            state["feature_critics"] = self.feature_critics.state_dict()
        return state if self.relation is None else {**state, "relation": self.relation.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.generator.load_state_dict(state["generator"])
        if self.critics is not None:
            self.critics.load_state_dict(state)
        if self.feature_critics is not None:
            self.feature_critics.load_state_dict(state["feature_critics"])
        if self.relation is not None:
            self.relation.load_state_dict(state["relation"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["generator_optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.batches.sampler.load_state_dict(state["sampler"])
        self.best.load_state_dict(state["best"])

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write encoder and averaged generator as one release."""
        average = self.average.module
        weights = average.state_dict() if self.settings.selection == "last" else self.best.weights(average)
        save_generator(
            folder, weights, arguments=self.arguments, settings=self.settings,
            encoder=(self.encoder_tensors, self.encoder_config), trained_with=self.trained_with, step=step,
            images_seen=images_seen,
        )  # fmt: skip


def train_generator(
    root: Path, run_dir: Path, settings: GeneratorSettings, *, device: str = "auto", progress: bool = True
) -> TrainingResult:
    """Train the generator on the training pictures and embeddings of a corpus.

    Parameters
    ----------
    root : Path
        Corpus folder with extracted embeddings; a missing image store is made.
    run_dir : Path
        Run folder; a run that is there goes on. ``export/`` receives a release of kind ``speech-to-image``.
    settings : GeneratorSettings
        How to train.
    device : str
        As for `resolve_device`.
    progress : bool
        Show progress.

    Raises
    ------
    ConfigError
        If the run folder holds a run with other settings or embeddings.
    DataError
        If embeddings or teacher features are missing.
    CheckpointError
        If the relation supervisor's encoder has no image head, or one for another teacher.
    """
    where = resolve_device(device)
    embeddings = load_embeddings(root, settings.embeddings)
    extra = {"encoder_sha256": embeddings.sha256}
    with open_run(run_dir, settings, name="generator", extra=extra, parallel=True) as run:
        manifest = Manifest.load(root)
        wanted = [utterance_id(item, caption) for item in manifest.items for caption in item.captions]
        if embeddings.ids != wanted:
            raise DataError.about(embeddings.folder, "it belongs to another manifest", "extract the embeddings again")
        relation, sight, teacher, features = settings.relation, None, None, None
        if relation.weight:
            encoder = Path(relation.encoder or embeddings.folder / "encoder")
            sight = open_sight(root, encoder, relation, device=where)
        through = settings.model.looks_through if settings.model.discriminators != "pixels" else None
        looks_through = None if through is None else load_teacher(Path(through), device=where)
        size = settings.image_size
        stored = int(size * 76 / 64) if settings.augmentation in ("crop", "crop_flip") else size
        store = image_store(manifest, size=stored, workers=settings.workers, progress=progress)
        source = PairSource(manifest.items, "train", store.load_all(), embeddings.embeddings)
        batches = PairBatches(
            source, batch_size=settings.batch_size, seed=settings.loop.seed, size=size,
            augmentation=settings.augmentation, shift=settings.shift, wrong_same_class=settings.wrong_same_class,
            positive=relation.positive if relation.weight else None,
        )  # fmt: skip
        if settings.features is not None:
            found = load_features(root, settings.features)
            teacher = found.open_teacher(device=where)
            features = found.features[:, 0].copy()
        task = GeneratorTask(
            settings, batches=batches, probe=Probe.of(manifest.items, source, settings), encoder=embeddings,
            features=features, teacher=teacher, sight=sight, seen_through=looks_through, device=where,
        )  # fmt: skip
        return run_training(task, run=run, device=where, progress=progress)
