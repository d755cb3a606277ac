"""What a generator is looked at by while it learns: painted validation utterances, counted by a teacher or by eye."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from speech2img.batches.image_pairs import PairSource
from speech2img.corpora.records.items import Item
from speech2img.features.attributes import AttributeClassifier
from speech2img.images.grid import image_grid
from speech2img.images.pyramid import pyramid
from speech2img.training.attribute_recall import count_correct_attributes
from speech2img.training.stackgan.settings import StackGANSettings

AT_ONCE = 64


@dataclass(frozen=True)
class ValidationSet:
    """Validation utterances: for sample grids and the evaluation."""

    embeddings: Tensor
    """(U, D)."""
    said: np.ndarray
    """(U, attributes), -1 where an attribute is not mentioned."""
    classes: list[str]
    """Class names of the pictures."""
    pictures: np.ndarray
    """(U, S, S, 3) uint8, the real pictures."""
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The columns of ``said`` and their values."""

    @classmethod
    def of(cls, items: Sequence[Item], source: PairSource, settings: StackGANSettings) -> "ValidationSet":
        """Utterances spread evenly over the validation pictures, as many as the settings ask for."""
        pairs: list[tuple[int, int]] = []
        row = 0
        for image, item in enumerate(items):
            if item.split == "val":
                pairs.append((image, row + image % len(item.captions)))
            row += len(item.captions)
        wanted = max(settings.evaluation_utterances, settings.grid_utterances)
        pairs = [pairs[k * len(pairs) // wanted] for k in range(wanted)] if len(pairs) > wanted else pairs
        images = np.array([image for image, _ in pairs], dtype=np.int64)
        rows = np.array([utterance for _, utterance in pairs], dtype=np.int64)
        classes = [items[image].class_name for image in images]
        return cls(
            torch.from_numpy(source.embeddings[rows]),
            source.said[rows],
            classes,
            source.images[images],
            source.attributes,
        )


class ValidationSamples:
    """Paints the probe with noise that stays the same over the whole run.

    Parameters
    ----------
    settings : StackGANSettings
        How many utterances and noises, and the seed.
    probe : ValidationSet
        Validation utterances.
    generator : nn.Module
        What paints: a `StackGenerator` in evaluation mode, the averaged one.
    device : torch.device
        Where it computes.
    """

    def __init__(
        self, settings: StackGANSettings, probe: ValidationSet, generator: nn.Module, *, device: torch.device
    ) -> None:
        self.settings, self.probe, self.generator, self.device = settings, probe, generator, device
        fixed = torch.Generator().manual_seed(settings.loop.seed)
        self.grid_noise = torch.randn(settings.grid_noises, settings.model.noise_dim, generator=fixed)
        self.probe_noise = torch.randn(max(1, len(probe.embeddings)), settings.model.noise_dim, generator=fixed)

    def attribute_recall(self, teacher: AttributeClassifier) -> float | None:
        """Share of mentioned attributes (or classes) that the teacher sees; None where none is mentioned."""
        probe = self.probe
        right = counted = 0
        for start in range(0, len(probe.said), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            images = self._paint(probe.embeddings[part], self.probe_noise[part])[-1]
            shown = count_correct_attributes(
                teacher.read_heads(images),
                teacher.heads,
                probe.said[part],
                probe.classes[part],
                attributes=probe.attributes,
            )
            right, counted = right + shown[0], counted + shown[1]
        return right / counted if counted else None

    def grid(self) -> Image.Image | None:
        """Utterances spread evenly (rows, the real picture first) with fixed noise (columns)."""
        tiles = []
        count = min(self.settings.grid_utterances, len(self.probe.embeddings))
        for number in np.linspace(0, len(self.probe.embeddings) - 1, count).astype(int):
            embedding = self.probe.embeddings[number].expand(len(self.grid_noise), -1)
            stages = self._paint(embedding, self.grid_noise)
            real = torch.from_numpy(self.probe.pictures[number].copy()).permute(2, 0, 1)[None]
            tiles += [pyramid(real, [self.settings.image_size])[0], stages[-1].cpu()]
        return image_grid(torch.cat(tiles), len(self.grid_noise) + 1) if tiles else None

    @torch.inference_mode()
    def _paint(self, embeddings: Tensor, noise: Tensor) -> list[Tensor]:
        zeros = torch.zeros(len(embeddings), self.settings.model.condition_dim, device=self.device)
        output = self.generator(embeddings.to(self.device), noise.to(self.device), eps=zeros)
        return [image.float() for image in output.images]
