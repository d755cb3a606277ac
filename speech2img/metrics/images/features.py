"""Features of pictures by Inception: streamed, resumable, the same for every batch size, worker count and order."""

import contextlib
import hashlib
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from speech2img.errors import ConfigError, ImageError, MetricError, RunInterrupted
from speech2img.features.base import FeatureExtractor, check_outputs
from speech2img.features.layers import DEEPEST
from speech2img.images.input_filters import input_filter
from speech2img.images.store import square_thumbnail
from speech2img.metrics.images.fits import check_fit, fit_words
from speech2img.metrics.images.sources import ImageSource
from speech2img.models.vision.inception import INPUT_SIZE
from speech2img.storage.chunks import Chunk, Chunks, TapFeatures, open_chunks
from speech2img.storage.hdf5.sources import map_in_order
from speech2img.storage.progress import Progress

CHUNK = 256


@dataclass(frozen=True)
class FeatureSettings:
    """What decides about features, beside pictures and network."""

    taps: tuple[str, ...] = (DEEPEST,)
    """Outputs wanted, of ``speech2img.models.vision.inception.OUTPUTS``."""
    resize: str = "legacy"
    """Way to 299 px: ``legacy`` (pytorch-fid) or ``clean`` (clean-fid)."""
    fit: str = "equal"
    """What happens before that: ``equal`` refuses pictures of unequal sizes, ``each`` takes them as they are,
    ``squash`` and ``middle`` bring them to a square of ``side`` pixels first."""
    side: int | None = None
    """Pixels, for ``squash`` and ``middle``."""

    def __post_init__(self) -> None:
        """Refuse what does not exist or makes no sense together."""
        input_filter(self.resize)
        check_fit(self.fit, self.side)


@dataclass(frozen=True)
class FeatureProtocol:
    """Everything that must be told with a number made of these features."""

    n: int
    """Pictures."""
    network: str
    weights_sha256: str
    """Hash of the published file of the network."""
    precision: str
    """``float32`` or ``bfloat16``."""
    taps: tuple[str, ...]
    resize: str
    """Name of the filter to 299 px."""
    fit: str
    """What happened before that, in words."""
    crop: str
    """Crop rule, in words."""
    files_sha256: str
    """Hash of the names and contents of all pictures; does not depend on where they lie or how they were listed."""

    @property
    def words(self) -> str:
        """One sentence for the row of a report."""
        exact = "" if self.precision == "float32" else f"; {self.precision}: NOT for publication"
        return f"{self.n} pictures, {self.crop}, {self.fit}; {input_filter(self.resize).words}{exact}"

    @property
    def details(self) -> dict[str, Any]:
        """The same as fields of JSON."""
        return {**asdict(self), "taps": list(self.taps)}

    def check_comparable(self, other: "FeatureProtocol") -> None:
        """Raise MetricError unless another set was read by the same network in the same way."""
        for what in ("network", "weights_sha256", "precision", "resize"):
            mine, others = getattr(self, what), getattr(other, what)
            if mine != others:
                reason = f"{what} {mine} in one set, {others} in the other"
                raise MetricError.about("features", reason, "read both sets by the same network in the same way")


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """Features of a set of pictures."""

    features: Mapping[str, NDArray[np.float32]]
    """Tap -> (N, width), in the order of ``ids``; put together when asked for, so ask for one output at a time."""
    ids: tuple[str, ...]
    protocol: FeatureProtocol
    num_distinct: int
    """Pictures of different content."""


def extract_features(
    source: ImageSource,
    reader: FeatureExtractor,
    *,
    settings: FeatureSettings,
    batch_size: int = 16,
    workers: int = 2,
    work: str | Path | None = None,
    progress: bool = True,
) -> ImageFeatures:
    """Read pictures with a network.

    Parameters
    ----------
    source : ImageSource
        The pictures.
    reader : FeatureExtractor
        The network.
    settings : FeatureSettings
        Outputs wanted and the way to the network's size.
    batch_size : int
        Pictures at a time through the network; changes the features by less than 1e-5.
    workers : int
        Threads that decode and resize; change nothing.
    work : path, optional
        Folder for finished parts: an interrupted call resumes there, and a finished one returns at once. Each
        combination of pictures, network and settings has its own place in it.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    ImageFeatures

    Raises
    ------
    ImageError
        If a picture cannot be read, or its size differs under ``fit="equal"``; it is named.
    MetricError
        If the network does not give an output, or gives values that are not finite; the picture is named.
    DiskFullError, RunInterrupted
        On a full disk and on Ctrl-C: what is finished stays, the same call resumes.
    """
    # What can be refused before anything is read.
    if batch_size < 1 or workers < 1:
        raise ConfigError.about(f"batch size {batch_size}, {workers} workers", "too few", "give at least 1")
    check_outputs(reader, settings.taps)
    # Parts that an earlier call finished are taken from its folder.
    n = len(source.ids)
    folder = None if work is None else Path(work) / f"features-{_key(source, reader, settings)[:32]}"
    with open_chunks(folder) as chunks:
        todo = [start for start in range(0, n, CHUNK) if start not in chunks]
        done = n - sum(min(CHUNK, n - start) for start in todo)
        bar = Progress(total=n, initial=done, what=f"features of {source.name}", unit="img", progress=progress)
        # Decoded on threads, read by the network in the order of the images.
        with bar, contextlib.closing(_prepared(source, settings, todo, workers)) as images:
            try:
                for start in todo:
                    stop = min(n, start + CHUNK)
                    chunks.add(start, _read_chunk(source, reader, settings, images, start, stop, batch_size, bar))
                    done += stop - start
            except KeyboardInterrupt:
                fix = "run the same command again to go on" if work else "give a work folder to be able to go on"
                raise RunInterrupted.about(source.name, f"interrupted with {done} of {n} pictures done", fix) from None
        return _assemble(source, reader, settings, chunks)


@dataclass(frozen=True)
class _DecodedImage:
    pixels: NDArray[np.float32]
    """(299, 299, 3), as the network takes them."""
    sha256: str
    """Of its content."""


def _prepared(
    source: ImageSource, settings: FeatureSettings, starts: Sequence[int], workers: int
) -> Generator[_DecodedImage, None, None]:
    """Pictures of some chunks in order, decoded and resized on threads; few of them wait at any time."""
    resize = input_filter(settings.resize).apply
    size = source.read(0)[0].size if settings.fit == "equal" else None

    def prepare(index: int) -> _DecodedImage:
        image, sha256 = source.read(index)
        if size not in (None, image.size):
            reason = "{} x {} pixels".format(*image.size)
            fix = "{} has {} x {}; choose how pictures are fitted (each, squash or middle)".format(source.ids[0], *size)
            raise ImageError.about(f"{source.name}, {source.ids[index]}", reason, fix)
        return _DecodedImage(resize(_fitted(image, settings)), sha256)

    yield from map_in_order(
        prepare, [row for start in starts for row in range(start, min(start + CHUNK, len(source.ids)))], workers
    )


def _fitted(image: Image.Image, settings: FeatureSettings) -> Image.Image:
    if settings.side is None:
        return image
    if settings.fit == "squash":
        return image.resize((settings.side, settings.side), Image.Resampling.BILINEAR)
    return Image.fromarray(square_thumbnail(image, settings.side))


def _read_chunk(
    source: ImageSource,
    reader: FeatureExtractor,
    settings: FeatureSettings,
    images: Iterator[_DecodedImage],
    start: int,
    stop: int,
    batch_size: int,
    bar: Progress,
) -> Chunk:
    """Features of pictures ``start`` to ``stop``, the next ones to come."""
    # Batches as the network takes them; their number changes nothing but speed.
    parts: dict[str, list[NDArray[np.float32]]] = {tap: [] for tap in settings.taps}
    hashes: list[str] = []
    for first in range(start, stop, batch_size):
        count = min(batch_size, stop - first)
        batch = torch.empty(count, INPUT_SIZE, INPUT_SIZE, 3)
        for row in range(count):
            image = next(images)
            batch[row] = torch.from_numpy(image.pixels)
            hashes.append(image.sha256)
        # Features that are not finite would spoil every measure.
        for tap, values in reader.read(batch, settings.taps).items():
            if not np.isfinite(values).all():
                bad = first + int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
                raise MetricError.about(source.ids[bad], f"{tap} of {reader.name} is not finite", "check the weights")
            parts[tap].append(values)
        bar.update(count)
    return Chunk({tap: np.concatenate(values) for tap, values in parts.items()}, tuple(hashes))


def _assemble(
    source: ImageSource, reader: FeatureExtractor, settings: FeatureSettings, chunks: Chunks
) -> ImageFeatures:
    # A hash over all images says which they were.
    n = len(source.ids)
    starts = range(0, n, CHUNK)
    digest = hashlib.sha256()
    contents: set[str] = set()
    for start in starts:
        for row, sha256 in enumerate(chunks.hashes(start), start):
            digest.update(f"{source.ids[row]}\0{sha256}\n".encode())
            contents.add(sha256)
    # How they were read.
    protocol = FeatureProtocol(
        n=n,
        network=reader.name,
        weights_sha256=reader.weights_sha256,
        precision=reader.precision,
        taps=settings.taps,
        resize=settings.resize,
        fit=fit_words(settings.fit, settings.side),
        crop=source.crop,
        files_sha256=digest.hexdigest(),
    )
    return ImageFeatures(TapFeatures(chunks, starts, settings.taps), tuple(source.ids), protocol, len(contents))


def _key(source: ImageSource, reader: FeatureExtractor, settings: FeatureSettings) -> str:
    """Hash of everything that decides about the features."""
    parts = {
        **asdict(settings),
        "weights": reader.weights_sha256,
        "network": reader.name,
        "precision": reader.precision,
        "crop": source.crop,
        "ids": list(source.ids),
        "pictures": source.fingerprint(),
        "chunk": CHUNK,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
