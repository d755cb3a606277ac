"""Ever better previews of a picture while it is drawn, for a page that does not want to wait."""

from collections.abc import Iterator

import torch
from PIL import Image

from speech2img.device import require_own_process
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import ConfigError
from speech2img.generation import EmbeddingsToImage, to_uint8, whole_number
from speech2img.models.generators.base import GradualGenerator
from speech2img.seeded_noise import seeded_noise


def stream_pictures(
    pipe: EmbeddingsToImage, speech: EncodedSpeech, *, seed: int = 0, steps: int | None = None
) -> Iterator[Image.Image]:
    """Previews of the picture of an utterance.

    Parameters
    ----------
    pipe : EmbeddingsToImage
        With a generator.
    speech : EncodedSpeech
        Of one utterance, with frames where the generator needs them.
    seed : int >= 0
        As for `EmbeddingsToImage.generate`, which gives the same picture.
    steps : int, optional
        Of a generator that draws in steps, which gives one preview each; by default as released.

    Returns
    -------
    iterator of PIL.Image.Image
        The last one is the picture. A generator of stages gives these, small to large.

    Raises
    ------
    ConfigError
        If an argument does not fit the generator; at once, not at the first preview.
    """
    # Check what was given.
    sampler = pipe.require_generator()
    seed = whole_number("seed", seed, 0, None)
    require_own_process(pipe.device, pipe.loaded_in, name=pipe.name)
    checked = pipe.checked_speech(speech)
    if len(checked) != 1:
        raise ConfigError.about("stream", f"{len(checked)} utterances", "give one")
    if steps is not None:
        generator = sampler.generator
        if not isinstance(generator, GradualGenerator):
            raise ConfigError.about("steps", f"the generator of {pipe.name} does not draw in steps", "omit it")
        steps = whole_number("steps", steps, *generator.steps_range)

    # Draw, with the noise of the first picture of this seed.
    def pictures() -> Iterator[Image.Image]:
        with torch.inference_mode():
            noise = seeded_noise([(seed, 0, 0)], pipe.device)
            previews = sampler.previews(checked.batch([0], pipe.device), noise, steps=steps)
        while True:
            with torch.inference_mode():  # not while the caller has the picture
                images = next(previews, None)
            if images is None:
                return
            yield Image.fromarray(to_uint8(images)[0])

    return pictures()
