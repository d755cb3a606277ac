"""What a codec learns from: images of a corpus, and a frozen network that looks at them."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from speech2img.batches.labelled_images import to_tensor
from speech2img.batches.sampler import ResumableSampler
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import ConfigError, DataError
from speech2img.features.base import FeatureExtractor
from speech2img.features.image_features import feature_names, load_features
from speech2img.features.registry import load_teacher, teacher_place
from speech2img.images.pyramid import random_crop_flip
from speech2img.images.store import Images
from speech2img.training.codec.settings import CodecTrainingSettings


class CodecBatch(NamedTuple):
    """Images, or parts of them."""

    images_B3SS: Tensor
    """uint8."""
    indices_B: np.ndarray
    """Rows of the images in the manifest."""


@dataclass(frozen=True, eq=False)
class CodecInputs:
    """What was read and checked before the run folder was opened."""

    manifest: Manifest
    """The corpus."""
    training: np.ndarray
    """Rows of its training images."""
    validation: np.ndarray
    """Rows of the validation images that are measured, spread evenly."""
    perceptual: FeatureExtractor | None
    """Frozen network of the perceptual loss."""

    @classmethod
    def load(cls, root: Path, settings: CodecTrainingSettings, *, device: torch.device) -> "CodecInputs":
        """Read them; captions, recordings and classes are left alone.

        Raises
        ------
        ConfigError
            If the frozen network is unknown, or gives no maps.
        CheckpointError
            If it is damaged, or another kind of network.
        DataError
            If there is nothing to learn from, or nothing to measure on.
        """
        manifest = Manifest.load(root)
        training, validation = (
            np.array([row for row, item in enumerate(manifest.items) if item.split == split], dtype=np.int64)
            for split in ("train", "val")
        )
        for split, rows in (("train", training), ("val", validation)):
            if not len(rows):
                raise DataError.about(f"split {split}", f"{root} has no image in it", "prepare the corpus again")
        network = None if settings.perceptual is None else open_perceptual(root, settings.perceptual, device=device)
        return cls(manifest, training, spread_rows(validation, settings.evaluation_images), network)

    @property
    def trained_with(self) -> dict[str, str]:
        """Role -> hash of the network behind the codec, where there is one."""
        return {} if self.perceptual is None else {"perceptual network": self.perceptual.sha256}


def open_perceptual(root: Path, name: str, *, device: torch.device) -> FeatureExtractor:
    """Open the network of a perceptual loss.

    Parameters
    ----------
    root : Path
        Corpus folder.
    name : str
        Teacher features of the corpus, whose teacher is taken; otherwise as `load_teacher` takes it.
    device : torch.device
        Where it computes.

    Raises
    ------
    ConfigError
        If there is no such network, or it gives no maps.
    CheckpointError
        If it is damaged, or another kind of network.
    """
    have = feature_names(root)
    if name in have:
        network = load_features(root, name).open_teacher(device=device)
    elif teacher_place(Path(name)).exists():
        network = load_teacher(Path(name), device=device)
    else:
        reason = f"no network, and no teacher features of the corpus (there are: {', '.join(have) or 'none'})"
        fix = "give a teacher's run, weights from 'speech2img import', or none"
        raise ConfigError.about(f"perceptual {name}", reason, fix)
    if not network.map_shapes.channels:
        fix = "give a teacher, GoogLeNet or EfficientNet-Lite"
        raise ConfigError.about(f"perceptual {name}", f"{network.name} gives no maps to look at", fix)
    return network


def spread_rows(rows: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the rows, spread evenly."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(int)]


class CodecBatches:
    """Shuffled batches of training images.

    Parameters
    ----------
    images : ndarray of uint8 or CheckedRows, shape (N, S, S, 3)
        All images of the corpus.
    rows : ndarray of int
        Which are drawn.
    batch_size, seed : int
        Of the sampler.
    crop : int
        Side of what is cut out of each at random; S for whole images.
    mirrored : bool
        Mirror half of them.
    """

    def __init__(
        self, images: Images, rows: np.ndarray, *, batch_size: int, seed: int, crop: int, mirrored: bool = False
    ) -> None:
        self.images, self.rows, self.crop, self.mirrored = images, rows, crop, mirrored
        self.sampler = ResumableSampler(len(rows), batch_size, seed=seed)

    def next(self) -> CodecBatch:
        """Draw a batch."""
        drawn, generator = self.sampler.next()
        rows = self.rows[drawn]
        parts = random_crop_flip(to_tensor(self.images[rows]), self.crop, generator, flip=self.mirrored)
        return CodecBatch(parts, rows)
