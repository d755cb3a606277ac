"""Training of a classifier of a corpus's classes on a published network: what an Inception Score of one's own needs."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.batches.sampler import ResumableSampler
from speech2img.corpora.records.manifest import Manifest
from speech2img.device import resolve_device, resolve_precision, sent
from speech2img.distributed.collectives import joint
from speech2img.errors import CheckpointError, DataError
from speech2img.features.googlenet import load_googlenet
from speech2img.features.image_classifier import KIND, classifier_of
from speech2img.features.inception import read_inception
from speech2img.models.vision.image_classifier import PictureClassifier, make_backbone
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.release import load_release, release_sha256, save_release
from speech2img.training.classifiers.data import PictureInputs, choose_items, compute_features, deal, item_pictures
from speech2img.training.classifiers.settings import ClassifierSettings
from speech2img.training.descent import Descent
from speech2img.training.loop import TrainingResult, run_training
from speech2img.training.run import open_run
from speech2img.training.task import BestWeights, Task

_LARGEST_GRADIENT = 5.0
_READ_AT_ONCE = 16


class Inputs(Protocol):
    """Where batches come from: pictures, or features that were kept."""

    def draw(self, rows: np.ndarray, generator: np.random.Generator) -> Tensor:
        """Random views of some pictures."""

    def plain(self, rows: np.ndarray) -> Tensor:
        """Some pictures as they are."""


class ClassifierBatch(NamedTuple):
    """What a step sees."""

    inputs_B: Tensor
    """Features (B, D), or pictures (B, 3, 299, 299) in -1..1."""
    labels_B: Tensor
    """int64, (B,)."""
    rows_B: np.ndarray
    """Rows of the pictures."""


class ClassifierTask(Task):
    """Cross-entropy of the classes; the weights with the best accuracy on the validation part are kept.

    Parameters
    ----------
    settings : ClassifierSettings
        How to train.
    classifier : PictureClassifier
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

    name = "classifier"

    def __init__(
        self,
        settings: ClassifierSettings,
        classifier: PictureClassifier,
        *,
        inputs: Inputs,
        labels: np.ndarray,
        parts: dict[str, np.ndarray],
        facts: dict[str, Any],
        device: torch.device,
    ) -> None:
        self.settings, self.classifier, self.device, self.facts = settings, classifier.to(device), device, facts
        self.inputs, self.labels, self.parts = inputs, labels, parts
        whole = settings.tune == "all"
        self.trained: nn.Module = classifier if whole else classifier.head
        self._scores = classifier.forward if whole else classifier.classify
        self.sampler = ResumableSampler(len(parts["training"]), settings.batch_size, seed=settings.loop.seed)
        self.batch_size = self.sampler.batch_size
        adam = torch.optim.AdamW(
            [value for value in self.trained.parameters() if value.requires_grad],
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
        )
        self.precision = resolve_precision(settings.loop.precision, device)
        self.descent = Descent(
            self.trained,
            adam,
            self.precision,
            base=settings.learning_rate,
            schedule=settings.schedule,
            warmup=settings.warmup,
            clip=_LARGEST_GRADIENT,
        )
        self.best = BestWeights()

    def next_batch(self) -> ClassifierBatch:
        """Draw random views of training pictures."""
        drawn, generator = self.sampler.next()
        rows = self.parts["training"][drawn]
        return ClassifierBatch(self.inputs.draw(rows, generator), torch.from_numpy(self.labels[rows]), rows)

    def networks(self) -> list[nn.Module]:
        """What is trained."""
        return [self.trained]

    def batch_ids(self, batch: ClassifierBatch) -> list[int]:
        """Rows of the pictures."""
        return [int(row) for row in batch.rows_B]

    def train_step(self, batch: ClassifierBatch, progress: float) -> dict[str, Tensor]:
        """One step of AdamW; the published network keeps its fixed statistics."""
        self.descent.begin(progress)
        self.classifier.backbone.eval()
        inputs, labels = sent([batch.inputs_B, batch.labels_B], self.device)
        with self.precision.autocast():
            scores = self._scores(inputs)
        scores, labels = joint((scores, labels))
        loss = F.cross_entropy(scores.float(), labels, label_smoothing=self.settings.label_smoothing)
        accuracy = (scores.detach().argmax(dim=1) == labels).float().mean()
        return {"loss": loss.detach(), "accuracy": accuracy, **self.descent.step(loss)}

    def evaluate(self, step: int) -> dict[str, float]:
        """Accuracy on the validation part; of equal accuracies the smaller loss is the better one."""
        accuracy, loss = self._measure("validation")
        self.best.offer(self.trained, value=accuracy - 1e-6 * min(loss, 1e3), step=step)
        return {"accuracy": accuracy, "validation_loss": loss}

    @torch.inference_mode()
    def _measure(self, part: str) -> tuple[float, float]:
        """Accuracy and mean cross-entropy on a part's pictures as they are."""
        self.classifier.eval()
        rows = self.parts[part]
        right, loss = 0, 0.0
        for start in range(0, len(rows), _READ_AT_ONCE):
            some = rows[start : start + _READ_AT_ONCE]
            scores = self._scores(self.inputs.plain(some).to(self.device)).float().cpu()
            labels = torch.from_numpy(self.labels[some])
            right += int((scores.argmax(dim=1) == labels).sum())
            loss += float(F.cross_entropy(scores, labels, reduction="sum"))
        return right / len(rows), loss / len(rows)

    def state_dict(self) -> dict[str, Any]:
        """What is trained, optimizer, scaler, sampler and best weights."""
        return {
            "trained": self.trained.state_dict(),
            **self.descent.state_dict(),
            "sampler": self.sampler.state_dict(),
            "best": self.best.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.trained.load_state_dict(state["trained"])
        self.descent.load_state_dict(state)
        self.sampler.load_state_dict(state["sampler"])
        self.best.load_state_dict(state["best"])

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write network and classifier with the best weights as one release, with its accuracy."""
        with _weights_in(self.trained, self.best.weights(self.trained)):
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


def train_classifier(
    root: Path, run_dir: Path, settings: ClassifierSettings, *, device: str = "auto", progress: bool = True
) -> TrainingResult:
    """Train a classifier of a corpus's classes on a published network.

    Parameters
    ----------
    root : Path
        Corpus folder.
    run_dir : Path
        Run folder; a run that is there goes on. ``features-*`` in it keeps the features, ``export/`` receives a release
        of kind ``picture-classifier``, which ``speech2img evaluate --classifier`` takes.
    settings : ClassifierSettings
        How to train.
    device : str
        As for `resolve_device`.
    progress : bool
        Show progress.

    Raises
    ------
    ConfigError
        If the run folder holds a run with other settings, or it is not said what to start from.
    CheckpointError
        If the published weights are missing, damaged or of another network.
    DataError
        If the corpus has too few classes or pictures.
    """
    settings.check_start()
    where = resolve_device(device)
    manifest = Manifest.load(root)
    items = choose_items(manifest, settings.classes)
    classes = sorted({item.class_name for item in items})
    parts = deal(items, validation=settings.validation, held_out=settings.held_out, seed=settings.deal_seed)
    labels = np.array([classes.index(item.class_name) for item in items], dtype=np.int64)
    source = item_pictures(manifest, items, crop=settings.crop)
    classifier, facts = _build(settings, classes)
    facts |= {"classes": classes, "corpus": f"{manifest.corpus}, {settings.classes} classes", "crop": source.crop}
    extra = {"data": {"network": facts["network_sha256"], "classes": len(classes), "pictures": len(items)}}
    with open_run(run_dir, settings, name="classifier", extra=extra, parallel=True) as run:
        if settings.initial is None:
            _initialise(classifier, seed=settings.loop.seed)
        inputs: Inputs = PictureInputs(source, smallest=settings.smallest, workers=settings.workers)
        if settings.tune == "head":
            classifier.requires_grad_(False).to(where).eval()
            num_views = np.ones(len(items), dtype=np.int64)
            num_views[parts["training"]] = settings.views
            inputs = compute_features(
                source,
                _feature_reader(classifier, where),
                num_views=num_views,
                smallest=settings.smallest,
                key=facts["features_sha256"],
                folder=run_dir,
                workers=settings.workers,
                progress=progress,
            )
            if settings.initial is None:
                mean, std = inputs.statistics(parts["training"])
                classifier.mean.copy_(mean)
                classifier.std.copy_(std)
            classifier.head.requires_grad_(True)
        task = ClassifierTask(
            settings,
            classifier,
            inputs=inputs,
            labels=labels,
            parts=parts,
            device=where,
            facts={key: value for key, value in facts.items() if key != "features_sha256"},
        )
        return run_training(task, run=run, device=where, progress=progress)


def _build(settings: ClassifierSettings, classes: list[str]) -> tuple[PictureClassifier, dict[str, Any]]:
    """Classifier with the weights it starts from, and what is to be told of the network."""
    if settings.initial is not None:
        folder = find_release(settings.initial)
        tensors, config = load_release(folder)
        classifier = classifier_of(tensors, config, name=str(folder))
        if config["classes"] != classes or config["hidden"] != settings.hidden:
            raise CheckpointError.about(
                folder, "it tells other classes apart, or has other hidden units", "give a run on the same classes"
            )
        dropout = next(layer for layer in classifier.head if isinstance(layer, nn.Dropout))
        dropout.p = settings.dropout
        told = ("network", "network_sha256", "backbone", "inception")
        kept: dict[str, Any] = {key: config[key] for key in told if key in config}
        return classifier, {**kept, "initial_sha256": release_sha256(folder), "features_sha256": release_sha256(folder)}
    path = Path(str(settings.network))
    facts = _published(path)
    classifier = PictureClassifier(facts.pop("module"), len(classes), hidden=settings.hidden, dropout=settings.dropout)
    return classifier, {**facts, "features_sha256": facts["network_sha256"]}


def _published(path: Path) -> dict[str, Any]:
    """Module, kind, name and hash of published weights of either family."""
    try:
        found = read_inception(path)
    except CheckpointError as no_inception:
        if not path.exists():
            raise
        try:
            teacher = load_googlenet(path, device=torch.device("cpu"))
        except (CheckpointError, DataError):
            raise CheckpointError.about(
                path, f"neither Inception-v3 nor GoogLeNet ({no_inception})", "give their published weights"
            ) from no_inception
        kind = "bvlc" if teacher.kind == "caffe-googlenet" else "torchvision"
        network = make_backbone(kind)
        network.load_state_dict(teacher.network.state_dict())
        name = f"GoogLeNet ({'BVLC' if kind == 'bvlc' else 'torchvision'}, ImageNet)"
        return {"module": network, "backbone": kind, "network": name, "network_sha256": teacher.sha256}
    reach = "" if found.settings["depth"] == "7c" else ", up to mixed_7"
    return {
        "module": found.network,
        "backbone": "inception",
        "inception": found.settings,
        "network": found.name + reach,
        "network_sha256": found.sha256,
    }


def _initialise(classifier: PictureClassifier, *, seed: int) -> None:
    """New weights of the head from a seed of its own, whatever was drawn before."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in classifier.head:
            if isinstance(layer, nn.Linear):
                layer.weight.normal_(std=layer.in_features**-0.5, generator=generator)
                layer.bias.zero_()


def _feature_reader(classifier: PictureClassifier, device: torch.device) -> Any:
    @torch.inference_mode()
    def read(images: Tensor) -> Tensor:
        return torch.cat([classifier.features(some.to(device)).float().cpu() for some in images.split(_READ_AT_ONCE)])

    return read


def _card(config: dict[str, Any]) -> str:
    rows = "\n".join(f"| {part} | {100 * value:.1f} % |" for part, value in config["accuracy"].items())
    return (
        f"# Classifier of {len(config['classes'])} classes\n\nTrained on {config['corpus']}, {config['crop']}, on "
        f"{config['network']} ({config['network_sha256'][:12]}); {config['tuned']} was trained. For Inception "
        "Scores (`speech2img evaluate --classifier`), which are comparable only with scores of these very weights.\n\n"
        f"| part | accuracy |\n|---|---|\n{rows}\n"
    )
