"""One side of a comparison: pictures that a network has read, or only the statistics of such in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import DataError, MetricError
from speech2img.features.base import FeatureExtractor
from speech2img.features.layers import POOLS
from speech2img.metrics.functional.feature_statistics import Gaussian
from speech2img.metrics.functional.frechet_distance import fit_gaussian
from speech2img.metrics.images.features import FeatureProtocol, FeatureSettings, ImageFeatures
from speech2img.metrics.images.fits import FITS
from speech2img.metrics.images.sources import ImageSource
from speech2img.metrics.images.statistics_files import (
    StatisticsSource,
    check_same_source,
    load_all_statistics,
    save_statistics,
)


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Generated or real pictures, as the distances know them."""

    name: str
    """What messages and reports call it."""
    features: ImageFeatures | None = None
    """None where there are only statistics."""
    stored: Mapping[str, Gaussian] | None = None
    """Statistics from a file, by the output of the network; small to large."""
    source: StatisticsSource | None = None
    """What the file says of them."""
    classes: Sequence[int] | None = None
    """Class of each picture, in the order of ``ids``, where it is known."""
    images: ImageSource | None = None
    """Where the pictures can be read again, for measures of pixels."""

    @property
    def protocol(self) -> FeatureProtocol | None:
        """How the pictures were read; None where a file does not say."""
        if self.features is not None:
            return self.features.protocol
        return None if self.source is None else self.source.protocol

    @property
    def num_samples(self) -> int | None:
        """Number of pictures; None where a file does not say."""
        if self.features is not None:
            return self.features.protocol.n
        return next(iter(self.stored.values())).num_samples if self.stored else None

    @property
    def taps(self) -> tuple[str, ...]:
        """Outputs of the network that there are statistics or features of, small to large."""
        held = self.stored if self.features is None else self.features.features
        return tuple(tap for tap in POOLS if tap in (held or {}))

    @property
    def ids(self) -> Sequence[str] | None:
        """Names of the pictures, where there are any."""
        return None if self.features is None else self.features.ids

    @property
    def words(self) -> str:
        """Number, crop and fit of the pictures, for a row's protocol."""
        protocol = self.protocol
        if protocol is None:
            return "statistics that do not say of which pictures"
        return f"{protocol.n:,} pictures, {protocol.crop}, {protocol.fit}"

    def rows(self, tap: str) -> NDArray[np.float32] | None:
        """Features (N, D) at an output; None where there are only statistics."""
        return None if self.features is None else self.features.features[tap]

    def gaussian(self, tap: str) -> Gaussian:
        """Mean and covariance at an output."""
        if self.features is not None:
            return fit_gaussian(self.features.features[tap])
        assert self.stored is not None
        return self.stored[tap]


def read_statistics(path: str | Path) -> ImageSet:
    """A set of which there are only statistics, at the outputs that the file names, else by their dimensions.

    Raises
    ------
    DataError
        If the file is missing, damaged, hostile, holds no mean and covariance, or is of no output of Inception.
    """
    gaussians, source = load_all_statistics(path)
    stored: dict[str, Gaussian] = {}
    for tap, gaussian in sorted(gaussians.items(), key=lambda entry: entry[1].dim):
        name = tap or next((name for name, width in POOLS.items() if width == gaussian.dim), "")
        if POOLS.get(name) != gaussian.dim:
            known = ", ".join(map(str, POOLS.values()))
            raise DataError.about(path, f"statistics in {gaussian.dim} dimensions", f"give some of Inception: {known}")
        stored[name] = gaussian
    return ImageSet(str(path), stored=stored, source=source)


def check_against_network(statistics: ImageSet, reader: FeatureExtractor, settings: FeatureSettings) -> None:
    """Refuse statistics of another network, precision or resize filter before any picture is read; MetricError."""
    if statistics.source is None:
        return
    # As if these settings had read no image: only how it is read is compared.
    ours = FeatureProtocol(
        n=0,
        network=reader.name,
        weights_sha256=reader.weights_sha256,
        precision=reader.precision,
        taps=settings.taps,
        resize=settings.resize,
        fit=FITS[settings.fit],
        crop="",
        files_sha256="",
    )
    try:
        ours.check_comparable(statistics.source.protocol)
    except MetricError as error:
        raise MetricError(f"{statistics.name}: {error}") from error


def check_sides(generated: ImageSet, real: ImageSet, tap: str) -> tuple[str, ...]:
    """Refuse two sides that were not read alike (MetricError); what they do not say comes back as warnings."""
    if generated.features is None or real.features is None:
        sides = [
            None if side.protocol is None else StatisticsSource(tap=tap, protocol=side.protocol)
            for side in (generated, real)
        ]
        return check_same_source(*sides)
    generated.features.protocol.check_comparable(real.features.protocol)
    if generated.features.protocol.files_sha256 == real.features.protocol.files_sha256:
        return ("both sets are the very same pictures",)
    return ()


def repetition_note(side: str, num_distinct: int, count: int) -> str | None:
    """What a report says where pictures repeat each other, 1 in 100 or more; None where they do not.

    Parameters
    ----------
    side : str
        What the pictures are ("generated").
    num_distinct : int
        How many of them are different.
    count : int
        How many there are.
    """
    if num_distinct == 1 < count:
        return f"{side}: all {count:,} pictures are identical: no distance or score means anything of them."
    if (count - num_distinct) * 100 < count:
        return None
    return (
        f"{side}: only {num_distinct:,} of {count:,} pictures are different, the others repeat them: distances and "
        "scores count fewer pictures than they say."
    )


def check_count(source: ImageSource) -> None:
    """Refuse a single picture; DataError names the folder."""
    if len(source.ids) < 2:
        raise DataError.about(source.name, "holds one picture", "give at least 2 pictures a set, better thousands")


def save_set(path: str | Path, image_set: ImageSet) -> None:
    """Write the statistics of pictures at all their outputs; the deepest as pytorch-fid reads it."""
    assert image_set.features is not None
    *others, deepest = image_set.taps
    protocol = replace(image_set.features.protocol, taps=image_set.taps)
    save_statistics(
        path,
        image_set.gaussian(deepest),
        StatisticsSource(tap=deepest, protocol=protocol),
        others={tap: image_set.gaussian(tap) for tap in others},
    )
