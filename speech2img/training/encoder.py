"""Training of the speech encoder: speech learns to give the teacher's features of the picture it describes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from speech2img.audio.mel import MEL_PRESETS
from speech2img.batches.speech import Mels, SpeechBatch, SpeechBatches
from speech2img.corpora.manifest import Manifest
from speech2img.errors import ConfigError, DataError
from speech2img.losses.distillation import distillation_loss, l1_loss
from speech2img.losses.joint_embedding import contrastive_loss, joint_embedding_loss, matching_accuracy
from speech2img.metrics.centroids import class_centroid_scores
from speech2img.metrics.independence import TRAINED_WITH
from speech2img.metrics.retrieval import retrieval_scores
from speech2img.models.speech_encoder import SpeechEncoder
from speech2img.storage.weights import save_release
from speech2img.training.descent import Descent
from speech2img.training.device import resolve_device, resolve_precision
from speech2img.training.encoder_settings import EncoderLossSettings, EncoderModelSettings, EncoderSettings
from speech2img.training.extract import encode_rows, extract_embeddings
from speech2img.training.features import FeatureFile, Standard, load_features
from speech2img.training.loop import TrainingResult, run_training
from speech2img.training.run import open_run
from speech2img.training.stores import mel_store
from speech2img.training.task import BestWeights, Task

__all__ = ["EncoderLossSettings", "EncoderModelSettings", "EncoderSettings", "extract_embeddings", "train_encoder"]


@dataclass(frozen=True)
class _Held:
    """Validation pictures and utterances."""

    rows: np.ndarray
    images: np.ndarray
    classes: np.ndarray


class EncoderTask(Task):
    """Adam on the joint embedding, L1 and distillation losses.

    Parameters
    ----------
    settings : EncoderSettings
        How to train.
    mels : Mels
        Log-mels of training and validation utterances.
    batches : SpeechBatches
        Training batches.
    held : validation rows, pictures and classes
        For selection.
    features : ndarray of float32, shape (pictures, views, D)
        Teacher features, standardised where that is asked for.
    standard : Standard, optional
        What they were standardised with; goes into the release.
    features_sha256 : str
        Hash of the teacher's weights; goes into the release, so that nobody lets the teacher grade its pupil.
    device : torch.device
        Where it computes.
    """

    name = "encoder"

    def __init__(
        self,
        settings: EncoderSettings,
        *,
        mels: Mels,
        batches: SpeechBatches,
        held: _Held,
        features: np.ndarray,
        standard: Standard | None,
        features_sha256: str = "",
        device: torch.device,
    ) -> None:
        self.features_sha256 = features_sha256
        self.settings, self.mels, self.batches, self.held = settings, mels, batches, held
        self.features, self.standard, self.device = features, standard, device
        self.batch_size = batches.sampler.batch_size
        self.arguments = encoder_arguments(settings, mels.n_mels)
        self.encoder = SpeechEncoder(**self.arguments).to(device)
        self.precision = resolve_precision(settings.loop.precision, device)
        adam = torch.optim.Adam(
            self.encoder.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.descent = Descent(
            self.encoder, adam, self.precision, base=settings.learning_rate, schedule=settings.schedule,
            warmup=settings.warmup, clip=settings.clip,
        )  # fmt: skip
        self.best = BestWeights()

    def next_batch(self) -> SpeechBatch:
        """Draw utterances."""
        return self.batches.next()

    def batch_ids(self, batch: SpeechBatch) -> list[int]:
        """Rows in the mel store."""
        return [int(index) for index in batch.indices_B]

    def train_step(self, batch: SpeechBatch, progress: float) -> dict[str, Tensor]:
        """One step of Adam."""
        self.descent.begin(progress)
        mel = batch.mel_BMT.to(self.device, non_blocking=True)
        image = batch.features_BD.to(self.device, non_blocking=True)
        classes = batch.classes_B.to(self.device, non_blocking=True)
        with self.precision.autocast():
            speech = self.encoder(mel, batch.lengths_B).sentence.float()
        terms = self._losses(image, speech, classes)
        loss = torch.stack(list(terms.values())).sum()
        logged = {"loss": loss, **terms, "matching": matching_accuracy(image, speech)}
        return {name: value.detach() for name, value in logged.items()} | self.descent.step(loss)

    def _losses(self, image: Tensor, speech: Tensor, classes: Tensor) -> dict[str, Tensor]:
        want = self.settings.losses
        terms = {}
        if want.joint:
            terms["joint"] = want.joint * joint_embedding_loss(
                image, speech, classes, form=want.form, margin=want.margin, loss_diff=want.loss_diff,
                loss_same=want.loss_same, scale=want.scale,
            )  # fmt: skip
        if want.l1:
            terms["l1"] = want.l1 * l1_loss(speech, image, form=want.form)
        if want.distillation:
            terms["distillation"] = want.distillation * distillation_loss(
                speech, image, temperature=want.temperature, form=want.form
            )
        if want.contrastive:
            terms["contrastive"] = want.contrastive * contrastive_loss(image, speech, scale=want.scale)
        return terms

    def evaluate(self, step: int) -> dict[str, float]:
        """Class-centroid accuracy, AP@50 and recall of validation pictures by validation speech."""
        held = self.held
        speech = encode_rows(self.encoder, self.mels, held.rows, device=self.device, frames=None)
        pictures = np.unique(held.images)
        image = self.features[pictures, 0]
        class_of = dict(zip(held.images.tolist(), held.classes.tolist(), strict=True))
        classes = [class_of[picture] for picture in pictures.tolist()]
        centroid = class_centroid_scores(image, classes, speech, held.classes.tolist())
        recall = retrieval_scores(speech, image, held.images.tolist(), pictures.tolist(), ks=(1, 10)).recall
        values = {
            "centroid_accuracy": centroid.accuracy,
            "ap_at_50": centroid.precision_at_k,
            "recall_at_1": recall[1],
            "recall_at_10": recall[10],
        }
        values = {name: float(value) for name, value in values.items()}
        values["score"] = (values["centroid_accuracy"] + values["recall_at_10"]) / 2
        self.best.offer(self.encoder, value=values[self.settings.selection], step=step)
        return values

    def state_dict(self) -> dict[str, Any]:
        """Encoder, optimizer, scaler, sampler and best weights."""
        return {
            "encoder": self.encoder.state_dict(),
            **self.descent.state_dict(),
            "sampler": self.batches.sampler.state_dict(),
            "best": self.best.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.encoder.load_state_dict(state["encoder"])
        self.descent.load_state_dict(state)
        self.batches.sampler.load_state_dict(state["sampler"])
        self.best.load_state_dict(state["best"])

    def _selected(self) -> str:
        if self.best.step < 0:
            return "Stopped before the first evaluation: these weights were not selected."
        return (
            f"Selected on the validation part of the training classes: {self.settings.selection}"
            f" {self.best.value:.4f} at step {self.best.step}."
        )

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write the best weights as a release of kind ``speech-encoder``."""
        tensors = {f"encoder.{name}": value for name, value in self.best.weights(self.encoder).items()}
        if self.standard is not None:
            tensors["target.mean"] = torch.from_numpy(self.standard.mean.astype(np.float32))
            tensors["target.std"] = torch.from_numpy(self.standard.std.astype(np.float32))
        config = {
            "kind": "speech-encoder",
            "mel_preset": self.settings.mel_preset,
            "encoder": self.arguments,
            "pad_value": _pad_value(self.settings),
            "features": self.settings.features,
            "standardised": self.standard is not None,
            "step": step,
            "best_step": self.best.step,
            "utterances_seen": images_seen,
            TRAINED_WITH: {"feature network": self.features_sha256} if self.features_sha256 else {},
        }
        card = (
            "# Speech encoder\n\nLog-mels to a speech embedding, after Li et al. 2020 (arXiv:2004.03413).\n"
            f"{self._selected()}\n"
        )
        save_release(folder, tensors, config, card)


def encoder_arguments(settings: EncoderSettings, n_mels: int) -> dict[str, Any]:
    """Keyword arguments of `SpeechEncoder`, as plain data for a release's config."""
    model = settings.model
    return {
        "n_mels": n_mels, "channels": list(model.channels), "rnn_layers": model.rnn_layers,
        "bidirectional": model.bidirectional, "embedding_dim": model.embedding_dim, "pooling": model.pooling,
        "dropout": model.dropout, "masked": model.masked, "last_stride": model.last_stride,
        "padded_frames": model.padded_frames, "pad_value": _pad_value(settings),
    }  # fmt: skip


def _pad_value(settings: EncoderSettings) -> float:
    if settings.model.pad_value is not None:
        return settings.model.pad_value
    return float(MEL_PRESETS[settings.mel_preset].pad_value)


def train_encoder(
    root: Path, run_dir: Path, settings: EncoderSettings, *, device: str = "auto", progress: bool = True
) -> TrainingResult:
    """Train the speech encoder on the training utterances of a corpus.

    Parameters
    ----------
    root : Path
        Corpus folder with recordings and teacher features; a missing mel store is made.
    run_dir : Path
        Run folder; a run that is there goes on. ``export/`` receives a release of kind ``speech-encoder``.
    settings : EncoderSettings
        How to train.
    device : str
        As for `resolve_device`.
    progress : bool
        Show progress.

    Raises
    ------
    ConfigError
        If the run folder holds a run with other settings, or the teacher's features have another size.
    DataError
        If recordings or teacher features are missing.
    """
    where = resolve_device(device)
    features = load_features(root, settings.features)
    if features.features.shape[2] != settings.model.embedding_dim:
        raise ConfigError.about(
            "model.embedding_dim", f"{settings.model.embedding_dim} beside features of {features.features.shape[2]}",
            f"set it to {features.features.shape[2]}",
        )  # fmt: skip
    with open_run(run_dir, settings, name="encoder", extra={"features_sha256": features.sha256}) as run:
        manifest = Manifest.load(root)
        store = mel_store(manifest, preset=settings.mel_preset, workers=settings.workers, progress=progress)
        task = _build(manifest, store, features, settings, where)
        return run_training(task, run=run, device=where, progress=progress)


def _build(
    manifest: Manifest, store: Any, features: FeatureFile, settings: EncoderSettings, device: torch.device
) -> EncoderTask:
    if features.ids != [item.id for item in manifest.items]:
        raise DataError.about(features.path, "it belongs to another manifest", "compute the teacher's features again")
    train: list[tuple[int, int, int]] = []
    held: list[tuple[int, int, int]] = []
    row = 0
    for image, item in enumerate(manifest.items):
        count = len(item.captions)
        if item.split == "train":
            train += [(row + k, image, item.class_id) for k in range(count) if not item.captions[k].held_out_voice]
        elif item.split == "val":
            chosen = {(image + k) % count for k in range(min(settings.evaluation_captions, count))}
            held += [(row + k, image, item.class_id) for k in sorted(chosen)]
        row += count
    if not train or not held:
        raise DataError.about(manifest.root, "no utterances in split train or val", "prepare the corpus again")
    rows, images, classes = np.array(train, dtype=np.int64).T
    held_out = _Held(*np.array(held, dtype=np.int64).T)
    targets = features.features
    standard = Standard.of(targets[np.unique(images)]) if settings.standardise else None
    if standard is not None:
        targets = standard(targets)
    mels = Mels(
        store, np.concatenate([rows, held_out.rows]).tolist(), max_frames=settings.max_frames,
        pad_value=_pad_value(settings),
    )  # fmt: skip
    batches = SpeechBatches(
        mels, rows, images, classes.copy(), targets, batch_size=settings.batch_size, seed=settings.loop.seed,
        mask_bands=settings.mask_bands, mask_time=settings.mask_time,
    )  # fmt: skip
    return EncoderTask(
        settings, mels=mels, batches=batches, held=held_out, features=targets, standard=standard,
        features_sha256=features.sha256, device=device,
    )  # fmt: skip
