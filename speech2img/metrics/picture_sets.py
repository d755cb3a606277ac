"""One side of a comparison: pictures that a network has read, or only the statistics of such in a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import DataError, MetricError
from speech2img.metrics.frechet import fit_gaussian
from speech2img.metrics.inception_reader import InceptionReader
from speech2img.metrics.picture_features import FITS, FeatureProtocol, FeatureSettings, PictureFeatures
from speech2img.metrics.picture_sources import PictureSource
from speech2img.metrics.statistics import Gaussian
from speech2img.metrics.statistics_files import StatisticsSource, check_same_source, load_statistics, save_statistics

WIDTHS = {"pool64": 64, "pool192": 192, "pool768": 768, "pool2048": 2048}
"""Outputs of Inception that a Frechet distance is measured on, and their dimensions."""


@dataclass(frozen=True, eq=False)
class PictureSet:
    """Generated or real pictures, as the distances know them."""

    name: str
    """What messages and reports call it."""
    features: PictureFeatures | None = None
    """None where there are only statistics."""
    stored: Gaussian | None = None
    """Statistics from a file."""
    source: StatisticsSource | None = None
    """What the file says of them."""

    @property
    def protocol(self) -> FeatureProtocol | None:
        """How the pictures were read; None where a file does not say."""
        if self.features is not None:
            return self.features.protocol
        return None if self.source is None else self.source.protocol

    @property
    def num_samples(self) -> int | None:
        """Number of pictures; None where a file does not say."""
        return self.features.protocol.n if self.features is not None else self.gaussian("").num_samples

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
        """Mean and covariance at an output; a file has those of one."""
        if self.features is not None:
            return fit_gaussian(self.features.features[tap])
        assert self.stored is not None
        return self.stored


def read_statistics(path: str | Path) -> PictureSet:
    """A set of which there are only statistics.

    Raises
    ------
    DataError
        If the file is missing, damaged, hostile or holds no mean and covariance.
    """
    gaussian, source = load_statistics(path)
    return PictureSet(str(path), stored=gaussian, source=source)


def tap_of(statistics: PictureSet) -> str:
    """Output that stored statistics are of: as the file says, else by their dimensions.

    Raises
    ------
    DataError
        If they are of no output of Inception.
    """
    if statistics.source is not None:
        return statistics.source.tap
    dim = statistics.gaussian("").dim
    tap = next((name for name, width in WIDTHS.items() if width == dim), None)
    if tap is None:
        known = ", ".join(map(str, WIDTHS.values()))
        raise DataError.about(statistics.name, f"statistics in {dim} dimensions", f"give some of Inception: {known}")
    return tap


def check_against_network(statistics: PictureSet, reader: InceptionReader, settings: FeatureSettings) -> None:
    """Refuse statistics of another network, precision or resize filter before any picture is read; MetricError."""
    if statistics.source is None:
        return
    ours = FeatureProtocol(
        n=0, network=reader.name, weights_sha256=reader.weights_sha256, precision=reader.precision,
        taps=settings.taps, resize=settings.resize, fit=FITS[settings.fit], crop="", files_sha256="",
    )  # fmt: skip
    try:
        ours.check_comparable(statistics.source.protocol)
    except MetricError as error:
        raise MetricError(f"{statistics.name}: {error}") from error


def check_sides(generated: PictureSet, real: PictureSet, tap: str) -> tuple[str, ...]:
    """Refuse two sides that were not read alike (MetricError); what they do not say comes back as warnings."""
    if generated.features is None or real.features is None:
        sides = [
            side.source if side.features is None else StatisticsSource(tap=tap, protocol=side.features.protocol)
            for side in (generated, real)
        ]
        return check_same_source(*sides)
    generated.features.protocol.check_comparable(real.features.protocol)
    if generated.features.protocol.files_sha256 == real.features.protocol.files_sha256:
        return ("both sets are the very same pictures",)
    return ()


def check_count(source: PictureSource) -> None:
    """Refuse a single picture; DataError names the folder."""
    if len(source.ids) < 2:
        raise DataError.about(source.name, "holds one picture", "give at least 2 pictures a set, better thousands")


def save_set(path: str | Path, pictures: PictureSet, tap: str) -> None:
    """Write the statistics of pictures at an output, as pytorch-fid and ``--real`` read them."""
    assert pictures.features is not None
    source = StatisticsSource(tap=tap, protocol=pictures.features.protocol)
    save_statistics(path, pictures.gaussian(tap), source)
