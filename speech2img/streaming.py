"""Ever better previews of images while they are drawn, for a page that does not want to wait."""

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image

from speech2img.device import require_own_process
from speech2img.encoded_speech import TRANSCRIPT, EncodedSpeech
from speech2img.errors import ConfigError
from speech2img.generation import MOST_IMAGES, EmbeddingsToImage, checked_steps, to_uint8, whole_number
from speech2img.seeded_noise import seeded_noise


def stream_pictures(
    pipe: EmbeddingsToImage, speech: EncodedSpeech, *, seed: int = 0, steps: int | None = None
) -> Iterator[Image.Image]:
    """Previews of the picture of an utterance.

    Parameters
    ----------
    pipe, speech, seed, steps
        As for `stream_images`.

    Returns
    -------
    iterator of PIL.Image.Image
        The last one is the picture. A generator of stages gives these, small to large.

    Raises
    ------
    ConfigError
        If an argument does not fit the generator; at once, not at the first preview.
    """

    def picture(pixels: np.ndarray) -> Image.Image:
        image = Image.fromarray(pixels)
        if speech.texts:
            image.info[TRANSCRIPT] = speech.texts[0]
        return image

    return (picture(images[0]) for images in stream_images(pipe, speech, seed=seed, steps=steps))


def stream_images(
    pipe: EmbeddingsToImage,
    speech: EncodedSpeech,
    *,
    seed: int = 0,
    num_images: int = 1,
    steps: int | None = None,
    every: int = 1,
) -> Iterator[np.ndarray]:
    """Previews of several images of an utterance, which are drawn at once.

    Parameters
    ----------
    pipe : EmbeddingsToImage
        With a generator.
    speech : EncodedSpeech
        Of one utterance, with frames where the generator needs them.
    seed : int >= 0
        As for `EmbeddingsToImage.generate`, which gives the same images.
    num_images : int >= 1
        K.
    steps : int, optional
        Of a generator that draws in steps, which gives previews of them; by default as released.
    every : int >= 1
        Of so many steps one is shown, beside the first and the last: to show a step may take longer than to draw it.

    Returns
    -------
    iterator of np.ndarray [shape=(K, S, S, 3), uint8]
        The last ones are the images. A generator of stages gives these, small to large.

    Raises
    ------
    ConfigError
        If an argument does not fit the generator; at once, not at the first preview.
    """
    # Check what was given.
    sampler = pipe.require_generator()
    seed, every = whole_number("seed", seed, 0, None), whole_number("every", every, 1, None)
    num_images = whole_number("num_images", num_images, 1, MOST_IMAGES)
    require_own_process(pipe.device, pipe.loaded_in, name=pipe.name)
    checked = pipe.checked_speech(speech)
    if len(checked) != 1:
        raise ConfigError.about("stream", f"{len(checked)} utterances", "give one")
    if steps is not None:
        _, steps = checked_steps(sampler.generator, steps, name=pipe.name)

    # Draw, with the noise of the first images of this seed.
    def drawn() -> Iterator[np.ndarray]:
        with torch.inference_mode():
            noise = seeded_noise([(seed, 0, number) for number in range(num_images)], pipe.device)
            encoding = checked.batch([0] * num_images, pipe.device)
            previews = sampler.previews(encoding, noise, steps=steps, every=every)
        while True:
            with torch.inference_mode():  # not while the caller has the images
                images = next(previews, None)
            if images is None:
                return
            yield to_uint8(images)

    return drawn()
