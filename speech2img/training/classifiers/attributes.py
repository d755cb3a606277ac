"""Training of the attribute network: as the encoder's teacher (species and attributes) or as the judge of images."""

import copy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from speech2img.batches.labelled_images import (
    NOT_COUNTED,
    ImageBatch,
    ImageBatches,
    head_values,
    label_items,
    to_tensor,
)
from speech2img.batches.renders import render_collection
from speech2img.corpora.records.items import CLASS_HEADS
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.registry import facts_of, first_pen
from speech2img.distributed.collectives import gather_with_grad, is_main_process, main_process_first
from speech2img.errors import ConfigError, DataError
from speech2img.features.stores import image_store
from speech2img.images.pyramid import normalised
from speech2img.images.store import Images
from speech2img.models.vision.attribute_network import AttributeNetwork
from speech2img.precision import to_device
from speech2img.storage.releases.writing import save_release
from speech2img.training.classifiers.settings import TeacherSettings
from speech2img.training.supervised import SupervisedTask
from speech2img.training.task import Sitting

_LARGEST_GRADIENT = 5.0


class TeacherTask(SupervisedTask[TeacherSettings, AttributeNetwork]):
    """AdamW on the cross-entropies of all heads, each over the images that show something for it.

    Parameters
    ----------
    settings : TeacherSettings
        How to train.
    heads : dict of str to tuple of str
        Heads and their values.
    batches : ImageBatches
        Where training pictures come from.
    held_out : tuple of (ndarray of uint8 (N, S, S, 3), ndarray of int64 (N, heads))
        Pictures and labels for selection.
    device : torch.device
        Where it computes.
    """

    Settings = TeacherSettings
    name = "teacher"
    names_species = True
    """Whether it learns species beside attributes, where a corpus has both."""

    @classmethod
    def build(cls, root: Path, settings: TeacherSettings, *, device: torch.device, sitting: Sitting) -> "TeacherTask":
        """Network of the attributes, or of the classes where the corpus has no attributes.

        ``root`` is not read where ``settings.renders`` is not 0.

        Raises
        ------
        ConfigError
            If there is nothing to learn.
        DataError
            If there is no validation part.
        """
        # Images that are drawn for it, with even attributes.
        if settings.renders:
            heads = {name: tuple(values) for name, values in first_pen().facts.attributes.items()}
            images: Images
            images, labels = _renders(sitting, "renders", settings.renders, settings.render_seed, settings, heads)
            rows = np.arange(len(images))
            held_out = _renders(
                sitting, "held-out", settings.held_out_renders, settings.render_seed + 1, settings, heads
            )

        # Or those of the corpus, by the heads that it has something for.
        else:
            manifest = Manifest.load(root)
            items, facts = manifest.items, facts_of(manifest)
            training = [row for row, item in enumerate(items) if item.split == "train"]
            heads = head_values([items[row] for row in training], facts, species=cls.names_species)
            if not heads:
                raise ConfigError.about(
                    root,
                    "no known attributes, and one class or a class for each picture: nothing to learn",
                    f"take a teacher that is there: 'features --root {root} --teacher songbirds --name teacher'"
                    " (or GoogLeNet or Inception from 'speech2img import'), or give pictures in folders of classes",
                )
            store = image_store(manifest, size=settings.image_size, workers=settings.workers, progress=sitting.progress)
            images, labels = store.pixels(), label_items(items, heads, facts)
            rows = np.array(training)
            val = [row for row, item in enumerate(items) if item.split == "val"]
            if not val:
                raise DataError.about(root, "no validation pictures", "prepare the corpus again with a validation part")
            held_out = images[val], labels[val]

        # Batches of them.
        batches = ImageBatches(
            images,
            labels,
            rows,
            batch_size=settings.batch_size,
            seed=settings.loop.seed,
            shift=settings.shift,
            noise=settings.noise,
        )
        return cls(settings, heads=heads, batches=batches, held_out=held_out, device=device)

    def __init__(
        self,
        settings: TeacherSettings,
        *,
        heads: dict[str, tuple[str, ...]],
        batches: ImageBatches,
        held_out: tuple[np.ndarray, np.ndarray],
        device: torch.device,
    ) -> None:
        self.heads, self.held_out = heads, held_out
        sizes = {name: len(values) for name, values in heads.items()}
        network = AttributeNetwork(
            sizes, width=settings.width, feature_dim=settings.feature_dim, dropout=settings.dropout
        ).to(device)
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        super().__init__(settings, network, optimizer, batches, device=device, clip=_LARGEST_GRADIENT)

    def compute_terms(self, batch: ImageBatch) -> dict[str, Tensor]:
        """Cross-entropy of the species, and the sum of those of the attributes."""
        images, labels = to_device([batch.images_BCHW, batch.labels_BH], self.device)
        images = normalised(images)
        with self.precision.autocast():
            _, logits = self.network(images)
        logits, labels = gather_with_grad((logits, labels))
        terms = self._cross_entropies(logits, labels)
        loss = terms["attributes"] + self.settings.species_weight * terms.get(
            "species", torch.zeros_like(terms["attributes"])
        )
        return {"loss": loss, **terms}

    def _cross_entropies(self, logits: dict[str, Tensor], labels_BH: Tensor) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = {"attributes": labels_BH.new_zeros((), dtype=torch.float32)}
        for column, name in enumerate(self.heads):
            target = labels_BH[:, column]
            counted = (target != NOT_COUNTED).sum().clamp(min=1)
            loss = F.cross_entropy(logits[name].float(), target, ignore_index=NOT_COUNTED, reduction="sum") / counted
            if name in CLASS_HEADS:
                terms["species"] = loss
            else:
                terms["attributes"] = terms["attributes"] + loss
        return terms

    def evaluate(self, step: int) -> dict[str, float]:
        """Accuracy of every head on the held-out pictures; the weights with the best mean are kept."""
        accuracy = head_accuracy(self.network, *self.held_out, heads=self.heads, device=self.device)
        mean = float(np.mean(list(accuracy.values()))) if accuracy else 0.0
        self.best.offer(self.network, value=mean, step=step)
        return {"accuracy": mean, **{f"accuracy_{name}": value for name, value in accuracy.items()}}

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        """Write the best weights as a release of kind ``attribute-network`` with its own accuracy."""
        # Accuracy of the best weights, not of the last ones.
        weights = self.best.weights(self.network)
        network = copy.deepcopy(self.network)
        network.load_state_dict(weights)
        accuracy = head_accuracy(network, *self.held_out, heads=self.heads, device=self.device)

        # Release
        config = {
            "kind": "attribute-network",
            "role": self.name,
            "heads": {name: list(values) for name, values in self.heads.items()},
            "width": self.settings.width,
            "image_size": self.settings.image_size,
            "feature_dim": network.feature_dim,
            "step": step,
            "best_step": self.best.step,
            "images_seen": images_seen,
            "accuracy": accuracy,
            "accuracy_images": len(self.held_out[0]),
        }
        save_release(folder, weights, config, _card(self.name, accuracy))


class JudgeTask(TeacherTask):
    """The same network on other images and of attributes only, for measuring; classes where there are no attributes."""

    name = "judge"
    names_species = False


@torch.inference_mode()
def head_accuracy(
    network: AttributeNetwork,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    heads: dict[str, tuple[str, ...]],
    device: torch.device,
    batch_size: int = 256,
) -> dict[str, float]:
    """Share of right answers of every head that has at least one labelled picture."""
    network.eval()
    guesses = []
    for start in range(0, len(images), batch_size):
        _, logits = network(normalised(to_tensor(images[start : start + batch_size]).to(device)))
        guesses.append(torch.stack([logits[name].argmax(dim=1) for name in heads], dim=1).cpu().numpy())
    guess = np.concatenate(guesses)
    result = {}
    for column, name in enumerate(heads):
        counted = labels[:, column] != NOT_COUNTED
        if counted.any():
            result[name] = float((guess[counted, column] == labels[counted, column]).mean())
    return result


def _renders(
    sitting: Sitting, name: str, count: int, seed: int, settings: TeacherSettings, heads: dict[str, tuple[str, ...]]
) -> tuple[np.ndarray, np.ndarray]:
    with main_process_first():
        return render_collection(
            sitting.run.folder / f"{name}.npz",
            count=count,
            render_seed=seed,
            size=settings.image_size,
            heads=heads,
            workers=settings.workers,
            progress=sitting.progress and is_main_process(),
        )


def _card(role: str, accuracy: dict[str, float]) -> str:
    rows = "\n".join(f"| {name} | {100 * value:.1f} % |" for name, value in accuracy.items())
    use = "the speech encoder learns to give its features" if role == "teacher" else "it reads attributes off pictures"
    head = f"# Attribute network ({role})\n\nA small inception network: {use}."
    return f"{head}\n\n| head | held-out accuracy |\n|---|---|\n{rows}\n"
