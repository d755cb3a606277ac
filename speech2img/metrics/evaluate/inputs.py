"""What metrics are given: images as features, rankings, speech and what it says, each only where it is at hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from speech2img.features.base import FeatureReading
    from speech2img.metrics.functional.feature_statistics import Gaussian
    from speech2img.metrics.functional.score import Score
    from speech2img.metrics.functional.spoken_attributes import Mentions, Readings
    from speech2img.metrics.images.sets import ImageSet
    from speech2img.metrics.images.sources import ImageSource
    from speech2img.metrics.report.protocols import InceptionScoreRule


@dataclass(frozen=True, eq=False)
class FeatureSide:
    """Generated or real images at one output of a network; every field is computed when it is called."""

    name: str
    """What messages call it."""
    gaussian: "Callable[[], Gaussian] | None" = None
    """Mean and covariance of the features."""
    features: "Callable[[], NDArray[np.float32]] | None" = None
    """Features (N, D); None where there are only statistics."""
    logits: "Callable[[], NDArray[np.float32]] | None" = None
    """Class outputs before the softmax (N, C)."""
    ids: Sequence[str] | None = None
    """Names of the images: what is drawn at random then depends on them, not on the order."""
    classes: Sequence[int] | None = None
    """Class that each image shows, or is to show."""
    pixels: "Callable[[Sequence[int]], NDArray[np.uint8]] | None" = None
    """Some of the images themselves by their rows, at one small size, (N, S, S, 3)."""

    @classmethod
    def of_set(cls, images: "ImageSet", output: str) -> "FeatureSide":
        """The pooled features of a set at an output of the network, and its pictures where they can be read again."""
        rows = None if images.features is None else lambda: _held(images, output)
        pixels = None if images.images is None else partial(_small, images.images)
        return cls(
            images.name, lambda: images.gaussian(output), rows, ids=images.ids, classes=images.classes, pixels=pixels
        )

    @classmethod
    def logits_of_set(cls, images: "ImageSet", output: str) -> "FeatureSide":
        """The class outputs of a set."""
        return cls(images.name, logits=lambda: _held(images, output), ids=images.ids)

    @classmethod
    def of_reading(cls, reading: "FeatureReading", *, name: str) -> "FeatureSide":
        """The pooled features of images that were read at once."""
        from speech2img.metrics.functional.frechet_distance import fit_gaussian

        return cls(name, lambda: fit_gaussian(reading.features), lambda: reading.features)

    @classmethod
    def logits_of_reading(cls, reading: "FeatureReading", *, name: str) -> "FeatureSide":
        """The class outputs of images that were read at once."""
        return cls(name, logits=lambda: reading.logits)


def _small(images: "ImageSource", rows: Sequence[int]) -> "NDArray[np.uint8]":
    from speech2img.metrics.images.small_squares import small_squares

    return small_squares(images, rows=rows)


def _held(images: "ImageSet", output: str) -> "NDArray[np.float32]":
    rows = images.rows(output)
    assert rows is not None
    return rows


class Ranking(Protocol):
    """Images and what they belong to, ready to be ranked; scores say in their protocol what counts as right."""

    def recall(self) -> "list[Score]":
        """Recall at K and median rank, where the very same item is right."""

    def by_class(self) -> "list[Score]":
        """Mean average precision, where the class is what counts."""


class Matching(Protocol):
    """Images and utterances in one space."""

    def r_precision(self) -> "list[Score]":
        """Whether an image lies nearest to its own utterance."""


@dataclass(frozen=True, eq=False)
class SpokenAttributes:
    """What utterances say, and what a judge reads off the images made of them."""

    readings: "Readings"
    mentions: "Mentions"
    real_readings: "Readings"
    """Off real images of the same utterances."""
    manner: frozenset[str] = frozenset()
    """Attributes that the manner of speaking alone gives."""


@dataclass(frozen=True, eq=False)
class SpokenClasses:
    """Embeddings of utterances, and what they are about."""

    embeddings: "NDArray[np.floating]"
    """(U, D)."""
    classes: Sequence[int]
    items: Sequence[str]


@dataclass(frozen=True, eq=False)
class ImageClasses:
    """Features of real images in the space of speech embeddings about the same classes."""

    image_features: "NDArray[np.floating]"
    """(N, D)."""
    image_classes: Sequence[int]
    embeddings: "NDArray[np.floating]"
    """(U, D)."""
    classes: Sequence[int]


@dataclass(frozen=True, eq=False, kw_only=True)
class MetricInputs:
    """All that one measurement has; a metric is measured if what it needs is among it.

    The names of needs: ``statistics``, ``features``, ``logits``, ``classes`` and ``pixels`` of the generated images,
    ``real statistics``, ``real features``, ``real classes`` and ``real pixels``, the same of ``training``, and the
    names of the other fields.
    """

    generated: FeatureSide | None = None
    real: FeatureSide | None = None
    training: FeatureSide | None = None
    """Real pictures that the model was trained on."""
    ranking: Ranking | None = None
    matching: Matching | None = None
    spoken_attributes: SpokenAttributes | None = None
    spoken_classes: SpokenClasses | None = None
    image_classes: ImageClasses | None = None
    image_sets: "Sequence[NDArray[np.floating]] | None" = None
    """Sets of images as vectors (N, D), one a description: do they vary?"""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Whatever metrics of one's own need, by name."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """What is not at hand though a reader may expect it -> why, in words that follow the metric's title. A metric that
    lacks anything else besides is passed over in silence."""

    @property
    def at_hand(self) -> frozenset[str]:
        """The names of what there is."""
        sides = {
            f"{prefix}{name}"
            for prefix, side in (("", self.generated), ("real ", self.real), ("training ", self.training))
            for name, value in (
                ("statistics", side and side.gaussian),
                ("features", side and side.features),
                ("logits", side and side.logits),
                ("classes", side and side.classes),
                ("pixels", side and side.pixels),
            )
            if value is not None
        }
        fields = ("ranking", "matching", "spoken_attributes", "spoken_classes", "image_classes", "image_sets")
        return frozenset({*sides, *(name for name in fields if getattr(self, name) is not None), *self.more})


@dataclass(frozen=True, kw_only=True)
class MetricOptions:
    """How the plan of an evaluation wants its metrics computed."""

    seed: int = 0
    """Of subsets, shuffles and intervals."""
    allow_small: bool = False
    """Compute, with a warning, a Frechet distance of no more images than dimensions."""
    num_subsets: int = 100
    """Of the kernel distance."""
    subset_size: int | None = None
    """Images in each; None: the metric's own."""
    score: "InceptionScoreRule | None" = None
    """Splits and order of the Inception Score."""
