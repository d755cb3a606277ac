"""What every image generator is: encoded speech and noise in, images out.

The noise has names, so that a generator asks for as many draws as it needs (a diffusion asks for one a step) and each
image keeps its own: the same image comes out alone and in any batch.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, Protocol, runtime_checkable

from torch import Tensor

from speech2img.models.encoders.base import SpeechEncoding

Distribution = Literal["normal", "uniform"]
Draw = Callable[[Distribution, str, tuple[int, ...]], Tensor]
"""``draw(distribution, name, shape)`` gives float32 of (B, ...) on the generator's device."""


class ImageNoise:
    """Random draws of a batch of images, each row from a source of its own.

    What a name gives depends neither on the other rows nor on what was drawn before it; asked for twice, it gives the
    same. Draws of one name must always be of one shape.

    Parameters
    ----------
    draw : callable
        Where the numbers come from (see `Draw`): `speech2img.seeded_noise.seeded_noise` draws each row from its own
        (seed, index, number).
    """

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def normal(self, name: str, *shape: int) -> Tensor:
        """Standard normal draws, float32, a row of this shape for each image."""
        return self._draw("normal", name, shape)

    def uniform(self, name: str, *shape: int) -> Tensor:
        """Draws from 0 (included) to 1 (excluded), float32, a row of this shape for each image."""
        return self._draw("uniform", name, shape)

    def repeated(self, count: int) -> "ImageNoise":
        """Noise of ``count`` images instead of each one: rows (B * count), those of one image side by side.

        The first images of a row are the same for any ``count``.
        """
        return ImageNoise(lambda kind, name, shape: self._draw(kind, name, (count, *shape)).flatten(0, 1))


@runtime_checkable
class ImageGenerator(Protocol):
    """A generator of images from encoded speech; a class of `registry.GENERATORS` is one and an ``nn.Module``."""

    embedding_dim: int
    """D of the speech that it takes."""
    needs_frames: bool
    """Whether it looks at ``speech.words``; one that does not is also given sentences alone."""

    @property
    def image_sizes(self) -> tuple[int, ...]:
        """Sides in pixels of the images that `sample` gives, small to large; one for a generator of one stage."""

    def sample(self, speech: SpeechEncoding, noise: ImageNoise) -> list[Tensor]:
        """Draw one image of each utterance.

        Parameters
        ----------
        speech : SpeechEncoding
            Of B utterances. Padding behind ``word_lengths`` is zero and depends on the rest of the batch: mask it.
        noise : ImageNoise
            Of B rows. All randomness comes from here.

        Returns
        -------
        list of Tensor [shape=(B, 3, S, S), range -1..1]
            One for each side in ``image_sizes``.
        """


@runtime_checkable
class GradualGenerator(Protocol):
    """A generator that draws in steps, and can show at each where it leads."""

    steps: int
    """In how many it draws."""
    steps_range: tuple[int, int]
    """Fewest and most steps."""

    @property
    def sampling(self) -> Mapping[str, str | int | float]:
        """How images are drawn, as reports quote it."""

    def previews(
        self, speech: SpeechEncoding, noise: ImageNoise, *, steps: int | None = None, every: int = 1
    ) -> Iterator[Tensor]:
        """Images (B, 3, S, S) in -1..1, of the first step, of one in ``every`` and of the last, which is `sample`'s."""


@runtime_checkable
class GuidedGenerator(Protocol):
    """A generator that can hold closer to what was said than it was trained to."""

    guidance_scale: float
    """1 follows the data, 0 hears nothing; more is closer, with less variety."""


@runtime_checkable
class TruncatedGenerator(Protocol):
    """A generator that can leave out what it holds unlikely."""

    truncation: float
    """Share of probability, 0..1, in which it draws: 1 leaves nothing out; less is likelier, with less variety."""


@runtime_checkable
class DrawsJointly(Protocol):
    """A generator whose draws come out of one stream, one behind the other, and after them those of its prior.

    StackGAN's are made so since the first release: drawn by name they would be other numbers, and all images others.
    """

    @property
    def joint_draws(self) -> dict[str, int]:
        """Name and size of each normal draw, in their order."""
