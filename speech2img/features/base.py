"""What a frozen network sees in images: the one contract of all networks whose features teach, judge or measure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speech2img.batches.labelled_images import shift_images, to_tensor
from speech2img.errors import ConfigError, MetricError
from speech2img.images.pyramid import normalised
from speech2img.images.resize import to_network


class FeatureMapShapes(NamedTuple):
    """What a network's maps look like."""

    channels: tuple[int, ...]
    """Of each map, finest first."""
    strides: tuple[int, ...]
    """Pixels of the image for one of the map."""


@dataclass(frozen=True)
class FeatureReading:
    """What a network makes of N images."""

    features: NDArray[np.float32]
    """Pooled features (N, D)."""
    logits: NDArray[np.float32]
    """Class outputs before the softmax (N, C), for the Inception Score; C is 0 for a network without a classifier."""
    values: dict[str, list[str]]
    """Attribute -> value of each image; empty for a network that knows no attributes."""


class FeatureExtractor(Protocol):
    """A frozen network that looks at images. A subclass needs the fields without a value and `read`.

    Metrics ask for outputs by name (`read`); an encoder is taught by the pooled features of several views of a
    photograph (`views`); a generator is led by the pooled features of its images, with gradient (`features`), or by
    discriminators that see the maps inside the network (`maps`).
    """

    kind: str
    """What network it is: kept with the features that it made."""
    name: str
    """What reports call it."""
    weights_sha256: str
    """Hash of its weights as reports tell it: of the published file, where there is one."""
    outputs: Mapping[str, int]
    """Name of each output -> its width."""
    input_size: int
    """Side in pixels of the images that `read` takes."""
    pooled: str
    """The output that stands for a whole image; empty for a network that only tells classes apart."""

    logits: str | None = None
    """The output of which an Inception Score is made."""
    classes: str = ""
    """What its logits tell apart, in words."""
    classifier: str | None = None
    """Whose classes its logits tell apart, as protocols name them; None without logits."""
    build: str = "own"
    """Whose features they are: ``fid`` or ``torchvision`` for Inception."""
    precision: str = "float32"
    """``float32`` or ``bfloat16``."""
    heads: Mapping[str, Sequence[str]] = {}
    """Attribute -> its values, in the order of the output of that name; empty where it knows no attributes."""
    batch_size: int = 32
    """Images at a time in a measurement: as many as memory surely has room for."""
    default_views: int = 2
    """Views of a photograph where nothing else is asked for."""
    crops_to_box: bool = True
    """Whether photographs are cropped to their bounding box, where one is known, before it sees them."""
    map_shapes: FeatureMapShapes = FeatureMapShapes((), ())
    """Channels and strides of `maps`; empty for a network that gives none."""
    channel_weights: Sequence[Tensor] = ()
    """Weight (C,) of each channel of `maps` in a perceptual loss; empty for a network that knows none."""

    def read(self, images_BHWC: Tensor, outputs: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Outputs (B, width) by name, without gradient.

        Parameters
        ----------
        images_BHWC : Tensor [shape=(B, input_size, input_size, 3), float32, range about -1..1]
            Prepared images, channels last.
        outputs : sequence of str
            Some of ``self.outputs``.
        """

    @property
    def image_size(self) -> int:
        """Side in pixels of the photographs from which `views` are cut."""
        return self.input_size

    @property
    def sha256(self) -> str:
        """Hash of what was opened, a release or a file: stored features are known by it."""
        return self.weights_sha256

    @property
    def features_name(self) -> str:
        """What reports call its pooled features."""
        return self.name

    def prepare(self, images_NHWC: NDArray[np.uint8]) -> Tensor:
        """Images of any size as `read` takes them when a model is measured: resized bilinearly, antialiased."""
        return to_network(images_NHWC, self.input_size, device=self.device).permute(0, 2, 3, 1)

    def views(self, images_BHWC: NDArray[np.uint8], count: int) -> Tensor:
        """Pooled features (B, count, D) of ``count`` views of uint8 photographs of ``image_size``.

        Here: the photograph as it is and copies of it, each moved by up to 3 px.
        """
        generator = np.random.default_rng(0)
        copies = [images_BHWC] + [shift_images(images_BHWC, pixels=3, generator=generator) for _ in range(count - 1)]
        with torch.inference_mode():
            return torch.stack([self.features(normalised(to_tensor(copy).to(self.device))) for copy in copies], dim=1)

    def features(self, images_BCHW: Tensor) -> Tensor:
        """Pooled features (B, D) of images in -1..1 of any size, with gradient."""
        raise ConfigError.about(self.name, "it cannot teach: it gives no gradient", "give another network")

    def maps(self, images_BCHW: Tensor) -> list[Tensor]:
        """Maps (B, C, h, w), finest first, of images in -1..1 in their own size, with gradient."""
        raise ConfigError.about(self.name, "it gives no maps to look at", "take another network")

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return torch.device("cpu")


def check_outputs(extractor: FeatureExtractor, outputs: Sequence[str]) -> None:
    """Raise MetricError if ``outputs`` is empty or holds one that the network does not give."""
    if missing := [output for output in outputs if output not in extractor.outputs]:
        fix = f"these weights reach {', '.join(extractor.outputs)}; for the rest give others"
        raise MetricError.about(extractor.name, f"cannot give {missing[0]!r}", fix)
    if not outputs:
        raise MetricError.about(
            extractor.name, "nothing is asked of it", f"name some of {', '.join(extractor.outputs)}"
        )


def check_images(images: NDArray[np.uint8]) -> None:
    """Raise MetricError unless ``images`` is a non-empty uint8 array (N, H, W, 3)."""
    if (
        not isinstance(images, np.ndarray)
        or images.dtype != np.uint8
        or images.ndim != 4
        or images.shape[-1] != 3
        or 0 in images.shape
    ):
        got = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise MetricError.about("pictures", f"got {got}", "give a non-empty uint8 array of shape (N, H, W, 3)")


def read_images(
    extractor: FeatureExtractor, images: NDArray[np.uint8], *, batch_size: int | None = None
) -> FeatureReading:
    """Pooled features, class scores and attributes of images in one pass.

    Parameters
    ----------
    extractor : FeatureExtractor
        The network.
    images : np.ndarray [shape=(N, H, W, 3), uint8, RGB]
        Images of any size.
    batch_size : int, optional
        Images at once; the answer does not depend on it beyond rounding. By default the network's own.

    Raises
    ------
    MetricError
        If the array has another shape or type, or is empty.
    """
    check_images(images)
    # Each output once, even where the pooled features are the logits.
    wanted = [output for output in (extractor.pooled, extractor.logits, *extractor.heads) if output]
    wanted = list(dict.fromkeys(wanted))
    parts: dict[str, list[NDArray[np.float32]]] = {output: [] for output in wanted}
    step = batch_size or extractor.batch_size
    # Batch by batch.
    for start in range(0, len(images), step):
        batch = extractor.read(extractor.prepare(images[start : start + step]), wanted)
        for output in wanted:
            parts[output].append(batch[output])
    # Values of the attributes by the largest logit.
    whole = {output: np.concatenate(values) for output, values in parts.items()}
    no_logits = np.empty((len(images), 0), dtype=np.float32)
    return FeatureReading(
        features=whole[extractor.pooled],
        logits=no_logits if extractor.logits is None else whole[extractor.logits],
        values={
            head: [names[number] for number in whole[head].argmax(axis=1).tolist()]
            for head, names in extractor.heads.items()
        },
    )


def with_maps(extractor: FeatureExtractor | None) -> FeatureExtractor:
    """The network, if discriminators can look through it.

    Raises
    ------
    ConfigError
        If there is none, or it gives no maps.
    """
    if extractor is None or not extractor.map_shapes.channels:
        kind = "none" if extractor is None else extractor.kind
        raise ConfigError.about(
            "model.discriminators", f"the teacher ({kind}) gives no maps to look at", "take features of another teacher"
        )
    return extractor


def resized(images_BCHW: Tensor, side: int) -> Tensor:
    """Images of another size scaled to squares of ``side`` pixels, bilinearly, antialiased, with gradient."""
    if images_BCHW.shape[-2:] == (side, side):
        return images_BCHW
    return torch.nn.functional.interpolate(images_BCHW, size=(side, side), mode="bilinear", antialias=True)
