"""Training of the stacked generator (StackGAN-v2 as Li et al. 2020 use it) on frozen speech embeddings."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.batches.pairs import PairBatch, PairBatches, PairSource
from speech2img.corpora.manifest import Manifest, utterance_id
from speech2img.errors import CheckpointError, DataError
from speech2img.images.grid import image_grid
from speech2img.images.pyramid import pyramid
from speech2img.losses.adversarial import discriminator_loss, generator_loss
from speech2img.losses.class_aware import class_aware_loss
from speech2img.losses.color_consistency import color_consistency_loss
from speech2img.losses.kl import kl_to_standard_normal
from speech2img.losses.semantic import feature_consistency_loss
from speech2img.metrics.independence import TRAINED_WITH, UNKNOWN, inherited, trained_with
from speech2img.models.ema import EMA
from speech2img.models.stackgan import GeneratorOutput, StackDiscriminator, StackGenerator, init_stackgan_
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.weights import load_release, load_weights, save_release
from speech2img.training.augment import augment
from speech2img.training.device import resolve_device, resolve_precision
from speech2img.training.extract import EmbeddingFile, load_embeddings
from speech2img.training.features import load_features
from speech2img.training.generator_settings import GeneratorLossSettings, GeneratorModelSettings, GeneratorSettings
from speech2img.training.loop import TrainingResult, run_training
from speech2img.training.run import open_run
from speech2img.training.shown import count_shown
from speech2img.training.stores import image_store
from speech2img.training.task import BestWeights, Task, learning_rate, set_learning_rate
from speech2img.training.teachers import AttributeTeacher, GoogLeNetTeacher, load_teacher

_RELEASED_WITH_IT = ("mel_preset", "encoder", "pad_value", "pad_to_frames")
__all__ = ["GeneratorLossSettings", "GeneratorModelSettings", "GeneratorSettings", "train_generator"]


@dataclass(frozen=True)
class Probe:
    """Validation utterances: for sample grids and the evaluation."""

    embeddings: Tensor
    """(U, D)."""
    said: np.ndarray
    """(U, attributes), -1 where an attribute is not mentioned."""
    classes: list[str]
    """Class names of the pictures."""
    pictures: np.ndarray
    """(U, S, S, 3) uint8, the real pictures."""


class GeneratorTask(Task):
    """One Adam step of each discriminator, then one of the generator.

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
    teacher : AttributeTeacher or GoogLeNetTeacher, optional
        The frozen teacher.
    device : torch.device
        Where it computes.
    """

    name = "generator"

    def __init__(
        self,
        settings: GeneratorSettings,
        *,
        batches: PairBatches,
        probe: Probe,
        encoder: EmbeddingFile,
        features: np.ndarray | None,
        teacher: AttributeTeacher | GoogLeNetTeacher | None,
        device: torch.device,
    ) -> None:
        self.settings, self.batches, self.probe, self.device = settings, batches, probe, device
        self.encoder_tensors, self.encoder_config = encoder.encoder_release()
        before = trained_with(self.encoder_config) or {"speech encoder's own": UNKNOWN}
        self.trained_with = {**before, "speech encoder": encoder.sha256}
        if teacher is not None:
            self.trained_with["feature network"] = teacher.sha256
        self.features, self.teacher = features, teacher
        self.batch_size = batches.sampler.batch_size
        model = settings.model
        self.arguments = {
            "embedding_dim": batches.source.embeddings.shape[1], "condition_dim": model.condition_dim,
            "noise_dim": model.noise_dim, "width": model.width, "num_stages": model.num_stages,
            "residual_blocks": model.residual_blocks,
        }  # fmt: skip
        self.generator = StackGenerator(**self.arguments)
        init_stackgan_(self.generator)
        if model.standardise_condition:
            _standardise_(self.generator.augment.project, batches.source.embeddings)
        self.discriminators = nn.ModuleList(
            init_stackgan_(StackDiscriminator(size, condition_dim=model.condition_dim, width=model.discriminator_width))
            for size in self.generator.image_sizes
        )
        if settings.initial is not None:
            self._start_from(Path(settings.initial))
            self.trained_with |= inherited(_config_of(Path(settings.initial)), "initial generator")
        self.generator.to(device)
        self.discriminators.to(device)
        self.average = EMA(self.generator, settings.ema_decay, warmup=True)
        betas = (0.5, 0.999)
        self.generator_optimizer = torch.optim.Adam(self.generator.parameters(), settings.learning_rate, betas)
        self.optimizers = [
            torch.optim.Adam(network.parameters(), settings.discriminator_learning_rate, betas)
            for network in self.discriminators
        ]
        self.precision = resolve_precision(settings.loop.precision, device)
        self.scaler = self.precision.scaler()
        self.best = BestWeights()
        fixed = torch.Generator().manual_seed(settings.loop.seed)
        self.fixed_noise = torch.randn(settings.grid_noises, model.noise_dim, generator=fixed)
        count = max(1, len(probe.embeddings))
        self.probe_noise = torch.randn(count, model.noise_dim, generator=fixed)

    def _start_from(self, run: Path) -> None:
        """Take over another run's weights, and fit its first layer to these embeddings by least squares."""
        store = CheckpointStore(run / "checkpoints")
        latest = store.latest()
        if latest is None:
            raise CheckpointError.about(run, "has no sound checkpoint to start from", "give another run as initial")
        state, _ = store.load(latest)
        load_weights(self.generator, state["task"]["average"]["module"], name=f"generator of {latest}")
        load_weights(self.discriminators, state["task"]["discriminators"], name=f"discriminators of {latest}")
        source = self.batches.source
        assert self.features is not None
        target = self._standardised(torch.from_numpy(self.features)).numpy()[source.picture_of]
        mean = source.embeddings.mean(axis=0, dtype=np.float64).astype(np.float32)
        centred = source.embeddings - mean
        scale = float(np.vdot(centred, target) / np.vdot(centred, centred))
        layer = self.generator.augment.project
        with torch.no_grad():
            layer.weight *= scale
            layer.bias.sub_(layer.weight @ torch.from_numpy(mean))

    def next_batch(self) -> PairBatch:
        """Draw pairs."""
        return self.batches.next()

    def batch_ids(self, batch: PairBatch) -> list[int]:
        """Rows in the image store."""
        return [int(index) for index in batch.indices_B]

    def train_step(self, batch: PairBatch, progress: float) -> dict[str, Tensor]:
        """One step of every network."""
        settings = self.settings
        rate = learning_rate(progress, base=1.0, schedule=settings.schedule)
        set_learning_rate(self.generator_optimizer, rate * settings.learning_rate)
        for optimizer in self.optimizers:
            set_learning_rate(optimizer, rate * settings.discriminator_learning_rate)
        self.generator.train()
        embeddings = self._with_noise(batch.embeddings_BD).to(self.device, non_blocking=True)
        sizes = self.generator.image_sizes
        real = pyramid(batch.real_BCHW.to(self.device, non_blocking=True), sizes)
        wrong = pyramid(batch.wrong_BCHW.to(self.device, non_blocking=True), sizes)
        noise = torch.randn(len(embeddings), settings.model.noise_dim, device=self.device)
        with self.precision.autocast():
            fake = self.generator(embeddings, noise)
        terms = {}
        adversarial = progress >= settings.losses.adversarial_from
        if adversarial:
            terms["discriminator"] = self._discriminator_step(real, wrong, fake)
        terms |= self._generator_step(batch, embeddings, fake, real, progress)
        self.scaler.update()
        self.average.update(self.generator)
        return terms

    def _with_noise(self, embeddings_BD: Tensor) -> Tensor:
        """Embeddings and up to ``embedding_noise`` times the difference of two others: noise of their own spread."""
        most = self.settings.embedding_noise
        if not most:
            return embeddings_BD
        others = torch.randint(len(self.batches.source.embeddings), (2, len(embeddings_BD)))
        plus, minus = (torch.from_numpy(self.batches.source.embeddings[rows]) for rows in others.numpy())
        return embeddings_BD + most * torch.rand(len(embeddings_BD), 1) * (plus - minus) / math.sqrt(2)

    def _discriminator_step(self, real: list[Tensor], wrong: list[Tensor], fake: GeneratorOutput) -> Tensor:
        policy = self.settings.discriminator_augmentation
        mu = fake.mu.detach()
        total = torch.zeros((), device=self.device)
        for stage, (network, optimizer) in enumerate(zip(self.discriminators, self.optimizers, strict=True)):
            shown = (real[stage], wrong[stage], fake.images[stage].detach())
            with self.precision.autocast():
                scores = [network(augment(x, policy), mu) for x in shown]
            loss = discriminator_loss(*scores, unconditional_weight=self.settings.losses.unconditional)
            optimizer.zero_grad(set_to_none=True)
            self.scaler.scale(loss).backward()
            self.scaler.step(optimizer)
            total = total + loss.detach()
        return total

    def _generator_step(
        self, batch: PairBatch, embeddings: Tensor, fake: GeneratorOutput, real: list[Tensor], progress: float
    ) -> dict[str, Tensor]:
        want = self.settings.losses
        terms = {"kl": want.kl * kl_to_standard_normal(fake.mu, fake.logvar)}
        if progress >= want.adversarial_from:
            terms |= self._adversarial_terms(batch, fake)
        if want.color and len(fake.images) > 1:
            terms["color"] = want.color * color_consistency_loss(fake.images)
        if want.feature:
            terms["feature"] = want.feature * self._feature_loss(batch, embeddings, fake.images)
        if want.reconstruction:
            weight = want.reconstruction + progress * (want.reconstruction_floor - want.reconstruction)
            pairs = zip(fake.images, real, strict=True)
            terms["reconstruction"] = weight * torch.stack([F.l1_loss(a, b) for a, b in pairs]).mean()
        loss = torch.stack(list(terms.values())).sum()
        self.generator_optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.generator_optimizer)
        return {name: value.detach() for name, value in terms.items()}

    def _adversarial_terms(self, batch: PairBatch, fake: GeneratorOutput) -> dict[str, Tensor]:
        want = self.settings.losses
        self.discriminators.requires_grad_(False)
        classes = batch.classes_B.to(self.device)
        adversarial = torch.zeros((), device=self.device)
        class_aware = torch.zeros((), device=self.device)
        for network, images in zip(self.discriminators, fake.images, strict=True):
            with self.precision.autocast():
                score = network(augment(images, self.settings.discriminator_augmentation), fake.mu)
            adversarial = adversarial + generator_loss(score, unconditional_weight=want.unconditional)
            if want.class_aware:
                class_aware = class_aware + want.class_aware * class_aware_loss(score.code, classes)
        self.discriminators.requires_grad_(True)
        terms = {"generator": adversarial}
        if want.class_aware:
            terms["class_aware"] = class_aware
        return terms

    def _feature_loss(self, batch: PairBatch, embeddings: Tensor, images: list[Tensor]) -> Tensor:
        assert self.teacher is not None and self.features is not None
        if self.settings.losses.feature_target == "speech":
            target = embeddings
        else:
            target = torch.from_numpy(self.features[batch.indices_B]).to(self.device)
        total = torch.zeros((), device=self.device)
        for stage in images:
            with self.precision.autocast():
                seen = self.teacher.features(self._blurred_sight(stage)).float()
            total = total + feature_consistency_loss(self._standardised(seen), self._standardised_target(target))
        return total / len(images)

    def _blurred_sight(self, images: Tensor) -> Tensor:
        want = self.settings.losses
        if want.feature_shift:
            down, right = (int(n) for n in torch.randint(0, 2 * want.feature_shift + 1, (2,)))
            height, width = images.shape[2:]
            images = F.pad(images, [want.feature_shift] * 4, mode="replicate")
            images = images[:, :, down : down + height, right : right + width]
        if want.feature_noise:
            images = images + want.feature_noise * torch.randn_like(images)
        return images

    def _standardised(self, features: Tensor) -> Tensor:
        if "target.mean" not in self.encoder_tensors:
            return features
        mean, std = (self.encoder_tensors[f"target.{name}"].to(features.device) for name in ("mean", "std"))
        return (features - mean) / std

    def _standardised_target(self, target: Tensor) -> Tensor:
        return target if self.settings.losses.feature_target == "speech" else self._standardised(target)

    def evaluate(self, step: int) -> dict[str, float]:
        """Share of mentioned attributes (or classes) that the teacher sees in pictures of validation utterances."""
        if not isinstance(self.teacher, AttributeTeacher) or not self.settings.evaluation_utterances:
            return {}
        said, classes = self.probe.said, self.probe.classes
        right = counted = 0
        for start in range(0, len(said), 64):
            images = self._paint(self.probe.embeddings[start : start + 64], self.probe_noise[start : start + 64])[-1]
            shown = count_shown(
                self.teacher.read(images), self.teacher.heads, said[start : start + 64], classes[start : start + 64]
            )
            right, counted = right + shown[0], counted + shown[1]
        if not counted:
            return {}
        value = right / counted
        self.best.offer(self.average.module, value=value, step=step)
        return {"said_and_shown": value}

    def sample_grids(self) -> dict[str, Image.Image]:
        """Validation utterances spread evenly (rows, the real picture first) with fixed noise (columns)."""
        tiles = []
        count = min(self.settings.grid_utterances, len(self.probe.embeddings))
        for number in np.linspace(0, len(self.probe.embeddings) - 1, count).astype(int):
            embedding = self.probe.embeddings[number].expand(len(self.fixed_noise), -1)
            stages = self._paint(embedding, self.fixed_noise)
            real = torch.from_numpy(self.probe.pictures[number].copy()).permute(2, 0, 1)[None]
            real = pyramid(real, [self.settings.image_size])[0]
            tiles += [real, stages[-1].cpu()]
        if not tiles:
            return {}
        return {"samples": image_grid(torch.cat(tiles), len(self.fixed_noise) + 1)}

    @torch.inference_mode()
    def _paint(self, embeddings: Tensor, noise: Tensor) -> list[Tensor]:
        model = self.settings.model
        zeros = torch.zeros(len(embeddings), model.condition_dim, device=self.device)
        output = self.average.module(embeddings.to(self.device), noise.to(self.device), eps=zeros)
        return [image.float() for image in output.images]

    def state_dict(self) -> dict[str, Any]:
        """Networks, average, optimizers, scaler, sampler and best weights."""
        return {
            "generator": self.generator.state_dict(),
            "discriminators": self.discriminators.state_dict(),
            "average": self.average.state_dict(),
            "generator_optimizer": self.generator_optimizer.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "scaler": self.scaler.state_dict(),
            "sampler": self.batches.sampler.state_dict(),
            "best": self.best.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.generator.load_state_dict(state["generator"])
        self.discriminators.load_state_dict(state["discriminators"])
        self.average.load_state_dict(state["average"])
        self.generator_optimizer.load_state_dict(state["generator_optimizer"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.scaler.load_state_dict(state["scaler"])
        self.batches.sampler.load_state_dict(state["sampler"])
        self.best.load_state_dict(state["best"])

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write encoder and averaged generator as one release of kind ``speech-to-image``."""
        if self.settings.selection == "last":
            weights = self.average.module.state_dict()
        else:
            weights = self.best.weights(self.average.module)
        parts = ("encoder.", "target.")
        tensors = {key: value for key, value in self.encoder_tensors.items() if key.startswith(parts)}
        tensors |= {f"generator.{name}": value for name, value in weights.items()}
        config = {
            **{key: value for key, value in self.encoder_config.items() if key in _RELEASED_WITH_IT},
            "kind": "speech-to-image" if "encoder" in self.encoder_config else "image-generator",
            "generator": self.arguments,
            "conditioning": "mean",
            "image_size": self.settings.image_size,
            "step": step,
            "images_seen": images_seen,
            TRAINED_WITH: self.trained_with,
        }
        card = (
            "# Speech to image\n\nSpeech encoder after Li et al. 2020 (arXiv:2004.03413) and a stacked generator after "
            f"StackGAN-v2 (arXiv:1710.10916), {self.settings.image_size} px.\nTrained for {step} steps of "
            f"{self.batch_size} pictures.\n"
        )
        save_release(folder, tensors, config, card)


def _config_of(run: Path) -> dict[str, Any]:
    """Config of a run's release; empty while it has none."""
    return load_release(run / "export")[1] if (run / "export").is_dir() else {}


def _standardise_(layer: nn.Linear, embeddings: np.ndarray) -> None:
    """Fold a shift to mean 0 and a scaling to deviation 1 of the layer's input into its weights, in place."""
    average = embeddings.mean(axis=0)
    mean = torch.from_numpy(average)
    scale = float(np.sqrt(np.mean(np.square(embeddings - average)))) + 1e-8
    with torch.no_grad():
        layer.weight /= scale
        layer.bias.sub_(layer.weight @ mean)


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
    """
    where = resolve_device(device)
    embeddings = load_embeddings(root, settings.embeddings)
    with open_run(run_dir, settings, name="generator", extra={"encoder_sha256": embeddings.sha256}) as run:
        manifest = Manifest.load(root)
        wanted = [utterance_id(item, caption) for item in manifest.items for caption in item.captions]
        if embeddings.ids != wanted:
            raise DataError.about(embeddings.folder, "it belongs to another manifest", "extract the embeddings again")
        size = settings.image_size
        stored = int(size * 76 / 64) if settings.augmentation in ("crop", "crop_flip") else size
        store = image_store(manifest, size=stored, workers=settings.workers, progress=progress)
        source = PairSource(manifest.items, "train", store.load_all(), embeddings.embeddings)
        batches = PairBatches(
            source, batch_size=settings.batch_size, seed=settings.loop.seed, size=size,
            augmentation=settings.augmentation, shift=settings.shift, wrong_same_class=settings.wrong_same_class,
        )  # fmt: skip
        teacher, features = None, None
        if settings.features is not None:
            found = load_features(root, settings.features)
            teacher = load_teacher(found.source, device=where)
            features = found.features[:, 0].copy()
        task = GeneratorTask(
            settings, batches=batches, probe=_probe(manifest, source, settings), encoder=embeddings,
            features=features, teacher=teacher, device=where,
        )  # fmt: skip
        return run_training(task, run=run, device=where, progress=progress)


def _probe(manifest: Manifest, source: PairSource, settings: GeneratorSettings) -> Probe:
    """Validation utterances spread evenly over the validation pictures."""
    pairs: list[tuple[int, int]] = []
    row = 0
    for image, item in enumerate(manifest.items):
        if item.split == "val":
            pairs.append((image, row + image % len(item.captions)))
        row += len(item.captions)
    wanted = max(settings.evaluation_utterances, settings.grid_utterances)
    pairs = [pairs[k * len(pairs) // wanted] for k in range(wanted)] if len(pairs) > wanted else pairs
    images = np.array([image for image, _ in pairs], dtype=np.int64)
    rows = np.array([utterance for _, utterance in pairs], dtype=np.int64)
    classes = [manifest.items[image].class_name for image in images]
    return Probe(torch.from_numpy(source.embeddings[rows]), source.said[rows], classes, source.images[images])
