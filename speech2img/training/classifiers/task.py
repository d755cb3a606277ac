"""Training of a classifier of a corpus's classes on a published network, for Inception Scores on that corpus."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.corpora.records.manifest import Manifest
from speech2img.distributed.collectives import gather_with_grad
from speech2img.features.image_classifier import KIND
from speech2img.models.vision.image_classifier import ImageClassifier
from speech2img.precision import to_device
from speech2img.storage.releases.writing import save_release
from speech2img.training.classifiers.backbone import READ_AT_ONCE, feature_reader, initial_classifier, initialize_head_
from speech2img.training.classifiers.batches import ClassifierBatch, ClassifierBatches, Inputs
from speech2img.training.classifiers.data import ImageInputs, choose_items, compute_features, deal, item_images
from speech2img.training.classifiers.settings import ClassifierSettings
from speech2img.training.supervised import SupervisedTask
from speech2img.training.task import Prepared, Sitting

_LARGEST_GRADIENT = 5.0


class ClassifierTask(SupervisedTask[ClassifierSettings, nn.Module]):
    """AdamW on the cross-entropy of the classes; the weights with the best accuracy on the validation part are kept.

    Parameters
    ----------
    settings : ClassifierSettings
        How to train.
    classifier : ImageClassifier
        With the published network's weights, and the deviations of its features.
    inputs : Inputs
        Features, or pictures where the network is trained too.
    labels : ndarray of int64, shape (N,)
        Class of each picture.
    parts : dict of str to ndarray of int
        As from ``deal``.
    facts : dict
        What the release's config says beside the classifier: classes, network, corpus, ...
    device : torch.device
        Where it computes.
    """

    Settings = ClassifierSettings
    name = "classifier"
    network_key = "trained"

    @classmethod
    def prepare(cls, root: Path, settings: ClassifierSettings, *, run_dir: Path, device: torch.device) -> Prepared:
        """Deal the pictures of a corpus to the parts, and read the network to start from.

        Raises
        ------
        ConfigError
            If it is not said what to start from.
        CheckpointError
            If the published weights are missing, damaged or of another network.
        DataError
            If the corpus has too few classes or pictures.
        """
        # Images and their classes.
        settings.check_start()
        manifest = Manifest.load(root)
        items = choose_items(manifest, settings.classes)
        classes = sorted({item.class_name for item in items})
        parts = deal(items, validation=settings.validation, held_out=settings.held_out, seed=settings.deal_seed)
        labels = np.array([classes.index(item.class_name) for item in items], dtype=np.int64)
        source = item_images(manifest, items, crop=settings.crop)

        # Network, and what the release will say of both.
        classifier, facts = initial_classifier(settings, classes)
        facts |= {"classes": classes, "corpus": f"{manifest.corpus}, {settings.classes} classes", "crop": source.crop}
        identity = {"network": facts["network_sha256"], "classes": len(classes), "pictures": len(items)}
        return Prepared(settings, {"data": identity}, (source, labels, parts, classifier, facts))

    @classmethod
    def build(
        cls, root: Path, settings: ClassifierSettings, *, device: torch.device, sitting: Sitting
    ) -> "ClassifierTask":
        """Classifier on a published network; ``features-*`` in the run folder keeps the network's features."""
        # A new head is drawn from a seed of its own.
        source, labels, parts, classifier, facts = sitting.inputs
        if settings.initial is None:
            initialize_head_(classifier, seed=settings.loop.seed)
        inputs: Inputs = ImageInputs(source, smallest=settings.smallest, workers=settings.workers)

        # Features that are computed once, where the network is not trained.
        if settings.tune == "head":
            classifier.requires_grad_(False).to(device).eval()
            num_views = np.ones(len(labels), dtype=np.int64)
            num_views[parts["training"]] = settings.views
            inputs = compute_features(
                source,
                feature_reader(classifier, device),
                num_views=num_views,
                smallest=settings.smallest,
                key=facts["features_sha256"],
                folder=sitting.run.folder,
                workers=settings.workers,
                progress=sitting.progress,
            )
            if settings.initial is None:
                mean, std = inputs.statistics(parts["training"])
                classifier.mean.copy_(mean)
                classifier.std.copy_(std)
            classifier.head.requires_grad_(True)
        released = {key: value for key, value in facts.items() if key != "features_sha256"}
        return cls(settings, classifier, inputs=inputs, labels=labels, parts=parts, facts=released, device=device)

    def __init__(
        self,
        settings: ClassifierSettings,
        classifier: ImageClassifier,
        *,
        inputs: Inputs,
        labels: np.ndarray,
        parts: dict[str, np.ndarray],
        facts: dict[str, Any],
        device: torch.device,
    ) -> None:
        self.classifier, self.facts = classifier.to(device), facts
        self.inputs, self.labels, self.parts = inputs, labels, parts
        whole = settings.tune == "all"
        network = classifier if whole else classifier.head
        self._scores = classifier.forward if whole else classifier.classify
        optimizer = torch.optim.AdamW(
            [value for value in network.parameters() if value.requires_grad],
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
        )
        batches = ClassifierBatches(
            inputs, labels, parts["training"], batch_size=settings.batch_size, seed=settings.loop.seed
        )
        super().__init__(settings, network, optimizer, batches, device=device, clip=_LARGEST_GRADIENT)

    def compute_terms(self, batch: ClassifierBatch) -> dict[str, Tensor]:
        """Cross-entropy of the classes, and accuracy; the published network keeps its fixed statistics."""
        self.classifier.backbone.eval()
        inputs, labels = to_device([batch.inputs_B, batch.labels_B], self.device)
        with self.precision.autocast():
            scores = self._scores(inputs)
        scores, labels = gather_with_grad((scores, labels))
        loss = F.cross_entropy(scores.float(), labels, label_smoothing=self.settings.label_smoothing)
        accuracy = (scores.detach().argmax(dim=1) == labels).float().mean()
        return {"loss": loss, "accuracy": accuracy}

    def evaluate(self, step: int) -> dict[str, float]:
        """Accuracy on the validation part; of equal accuracies the smaller loss is the better one."""
        accuracy, loss = self._measure("validation")
        self.best.offer(self.network, value=accuracy - 1e-6 * min(loss, 1e3), step=step)
        return {"accuracy": accuracy, "validation_loss": loss}

    @torch.inference_mode()
    def _measure(self, part: str) -> tuple[float, float]:
        """Accuracy and mean cross-entropy on a part's pictures as they are."""
        self.classifier.eval()
        rows = self.parts[part]
        right, loss = 0, 0.0
        for start in range(0, len(rows), READ_AT_ONCE):
            some = rows[start : start + READ_AT_ONCE]
            scores = self._scores(self.inputs.plain(some).to(self.device)).float().cpu()
            labels = torch.from_numpy(self.labels[some])
            right += int((scores.argmax(dim=1) == labels).sum())
            loss += float(F.cross_entropy(scores, labels, reduction="sum"))
        return right / len(rows), loss / len(rows)

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write network and classifier with the best weights as one release, with its accuracy."""
        with _weights_in(self.network, self.best.weights(self.network)):
            accuracy = {part: self._measure(part)[0] for part in ("validation", "held-out")}
            config = {
                "kind": KIND,
                **self.facts,
                "accuracy": accuracy,
                "pictures": {part: len(rows) for part, rows in self.parts.items()},
                "hidden": self.settings.hidden,
                "step": step,
                "best_step": self.best.step,
                "images_seen": images_seen,
                "tuned": self.settings.tune,
            }
            save_release(folder, self.classifier.state_dict(), config, _card(config), half=False)


@contextlib.contextmanager
def _weights_in(module: nn.Module, weights: dict[str, Tensor]) -> Iterator[None]:
    """Run something with other weights in a module."""
    before = {key: tensor.detach().clone() for key, tensor in module.state_dict().items()}
    module.load_state_dict(weights)
    try:
        yield
    finally:
        module.load_state_dict(before)


def _card(config: dict[str, Any]) -> str:
    rows = "\n".join(f"| {part} | {100 * value:.1f} % |" for part, value in config["accuracy"].items())
    return (
        f"# Classifier of {len(config['classes'])} classes\n\nTrained on {config['corpus']}, {config['crop']}, on "
        f"{config['network']} ({config['network_sha256'][:12]}); {config['tuned']} was trained. For Inception "
        "Scores (`speech2img evaluate --classifier`), which are comparable only with scores of these very weights.\n\n"
        f"| part | accuracy |\n|---|---|\n{rows}\n"
    )
