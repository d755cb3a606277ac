"""Training pictures of a corpus as a network sees them: for floors, and for what may be a copy of one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from speech2img.corpora.records.utterances import ManifestLike
from speech2img.features.base import FeatureExtractor, read_images
from speech2img.metrics.evaluate.inputs import FeatureSide
from speech2img.metrics.evaluate.yardsticks.floors import part_of
from speech2img.metrics.functional.frechet_distance import fit_gaussian
from speech2img.metrics.images.real_images import RealImages
from speech2img.storage.progress import track

MOST = 5000
"""Training pictures that are looked at, drawn by the seed where there are more."""
_CHUNK = 256


def training_ids(manifest: ManifestLike, *, most: int, seed: int) -> list[str]:
    """Items of the training part, in order; ``most`` of them by the seed where there are more."""
    ids = sorted(item.id for item in manifest.items if item.split == "train")
    if len(ids) <= most:
        return ids
    return sorted(ids[row] for row in np.random.default_rng(seed).permutation(len(ids))[:most])


class TrainingImages:
    """Training pictures at the size of the generated ones, and their features.

    Parameters
    ----------
    manifest : ManifestLike
        The corpus; it has a training part, see ``training_ids``.
    real : RealImages
        Its pictures.
    network : FeatureExtractor
        Looks at them once.
    seed : int
        Of the choice.
    progress : bool
        Show a progress bar.
    """

    def __init__(
        self, manifest: ManifestLike, real: RealImages, network: FeatureExtractor, *, seed: int, progress: bool
    ) -> None:
        self.ids = training_ids(manifest, most=MOST, seed=seed)
        self._real, self._seed = real, seed
        starts = range(0, len(self.ids), _CHUNK)
        self.features: NDArray[np.float32] = np.concatenate(
            [
                read_images(network, real.read(self.ids[start : start + _CHUNK])).features
                for start in track(starts, what="training pictures", unit="chunk", progress=progress)
            ]
        )

    def side(self) -> FeatureSide:
        """All of them."""
        return FeatureSide(
            "real training pictures", lambda: fit_gaussian(self.features), lambda: self.features, ids=self.ids
        )

    def some(self, count: int) -> FeatureSide:
        """As many as were generated, by the seed."""
        rows = np.random.default_rng(self._seed).permutation(len(self.ids))[:count]
        return part_of(self.side(), sorted(rows.tolist()))

    def read(self, rows: Sequence[int]) -> NDArray[np.uint8]:
        """The pictures (N, S, S, 3) of some rows of the features."""
        return self._real.read([self.ids[row] for row in rows])
