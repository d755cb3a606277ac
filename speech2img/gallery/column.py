"""One column of a gallery: the images that a model makes of recordings, and how sure it is of what it heard."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import AudioError
from speech2img.pipeline import SpeechToImage


@dataclass(frozen=True, eq=False)
class GalleryColumn:
    """What one model makes of every recording."""

    model: str
    """Its name, or the folder that it was loaded from."""
    weights_sha256: str
    image_size: int
    """Side of its images in pixels."""
    images: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    """Place of a recording -> its images (K, S, S, 3); those that could not be heard are not there."""
    confidence: dict[int, float] = field(default_factory=dict)
    """Place of a recording -> 0..1, where the model tells how sure it is."""
    doubtful: float = 0.0
    """A confidence below this one means: hardly a description that the model understands."""


def make_column(
    pipe: SpeechToImage,
    recordings: Sequence[Path],
    *,
    seed: int = 0,
    num_images: int = 2,
    on_error: Callable[[AudioError], None],
) -> GalleryColumn:
    """Let one model hear and generate.

    Parameters
    ----------
    pipe : SpeechToImage
        The model, with a generator.
    recordings : sequence of Path
        What it hears.
    seed : int >= 0
        Of the noise; each recording and each of its images has noise of its own, whatever else is heard.
    num_images : int >= 1
        K, images of each recording.
    on_error : callable
        Called with what is wrong with a recording that cannot be heard; the others are generated.

    Returns
    -------
    GalleryColumn
        In the order of ``recordings``.
    """
    # Hear all; what cannot be heard has no row.
    bad: list[int] = []

    def name(place: int, error: AudioError) -> None:
        bad.append(place)
        on_error(error)

    column = GalleryColumn(
        pipe.name,
        pipe.weights_sha256,
        pipe.image_size,
        doubtful=0.0 if pipe.confidence_head is None else float(pipe.confidence_head.low),
    )
    speech = pipe.encode_speech(list(recordings), frames=pipe.needs_frames, on_error=name)
    confidence = pipe.confidence(speech)

    # Generate those between the bad ones, so that each keeps the noise of its place.
    start = 0
    for stop in [*sorted(bad), len(recordings)]:
        if stop > start:
            made = pipe.generate(speech[start:stop], seed=seed, num_images=num_images, first_index=start)
            column.images.update(enumerate(made, start=start))
        start = stop + 1
    if confidence is not None:
        column.confidence.update((place, float(confidence[place])) for place in column.images)
    return column
