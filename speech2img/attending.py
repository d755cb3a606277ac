"""What the parts of a picture listened to: attention of a generator that has it, and a page that shows it."""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from speech2img.audio.inputs import Recording, hear
from speech2img.audio.trimming import trim_silence
from speech2img.device import require_own_process
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import ConfigError
from speech2img.generation import EmbeddingsToImage, whole_number
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import ImageNoise
from speech2img.seeded_noise import seeded_noise

REGIONS = 4
"""Regions along a side of the picture that a page shows."""
EMPHASIS = 4.0
"""How many times an even share of the frames a page shows as black, where no region gives one more."""
_SIDE, _LABEL, _WIDTH, _ROW, _GAP, _WAVE = 256, 44, 480, 14, 8, 40
_INK, _PAPER, _LINE = (30, 30, 30), (255, 255, 255), (255, 255, 255)


@runtime_checkable
class AttendingGenerator(Protocol):
    """A generator whose images look at the frames of speech, and that can say what each place looked at."""

    def attention_maps(self, speech: SpeechEncoding, noise: ImageNoise) -> list[Tensor]:
        """Weights (B, frames, H, H) of each stage that looks, for the images that `sample` gives of the same noise."""


def demand_attention(pipe: EmbeddingsToImage) -> AttendingGenerator:
    """The generator, which looks at the frames of speech and can say where; ConfigError where it does not."""
    generator = pipe.require_generator().generator
    if not isinstance(generator, AttendingGenerator) or not pipe.needs_frames:
        raise ConfigError.about("--attention", f"the generator of {pipe.name} attends to nothing", "omit it")
    if pipe.require_generator().options.num_candidates > 1:
        raise ConfigError.about("--attention", "one of several candidates is kept", "set --candidates 1")
    return generator


@torch.inference_mode()
def attention_of(
    pipe: EmbeddingsToImage, speech: EncodedSpeech, *, seed: int = 0, index: int = 0, number: int = 0
) -> np.ndarray:
    """What every place of one picture looked at in its last stage that looks.

    Parameters
    ----------
    pipe : EmbeddingsToImage
        With a generator that attends, see `demand_attention`.
    speech : EncodedSpeech
        Of one utterance, with frames.
    seed, index, number : int >= 0
        Of the picture: ``seed``, ``first_index`` and ``first_image`` of `EmbeddingsToImage.generate`.

    Returns
    -------
    np.ndarray [shape=(S, H, H), float32]
        Weights of the S frames at each place; 1 in sum over the frames.

    Raises
    ------
    ConfigError
        If the generator does not attend, there are no frames, or more than one utterance.
    """
    generator, sampler = demand_attention(pipe), pipe.require_generator()
    seed, index, number = (
        whole_number(name, value, 0, None) for name, value in (("seed", seed), ("index", index), ("number", number))
    )
    require_own_process(pipe.device, pipe.loaded_in, name=pipe.name)
    checked = pipe.checked_speech(speech)
    if len(checked) != 1:
        raise ConfigError.about("attention", f"{len(checked)} utterances", "give one")
    # The draws of `ImageSampler.sample` for this picture.
    draws = sampler.draws(seeded_noise([(seed, index, number)], pipe.device).repeated(1))
    maps = generator.attention_maps(sampler.conditioned(checked.batch([0], pipe.device), draws), draws)
    if not maps:
        raise ConfigError.about("attention", f"{pipe.name} has one stage, which does not look", "omit it")
    weights: np.ndarray = maps[-1][0].float().cpu().numpy()
    return weights


def region_weights(weights_SHH: np.ndarray, *, regions: int = REGIONS) -> np.ndarray:
    """Mean attention of each of ``regions`` squared parts of a picture.

    Parameters
    ----------
    weights_SHH : np.ndarray [shape=(S, H, H)]
        As from `attention_of`; ``regions`` divides H.

    Returns
    -------
    np.ndarray [shape=(regions ** 2, S), float32]
        Row after row from the upper left; 1 in sum over the frames.
    """
    frames, side = weights_SHH.shape[0], weights_SHH.shape[1] // regions
    parts = weights_SHH.reshape(frames, regions, side, regions, side).mean(axis=(2, 4))
    return np.ascontiguousarray(parts.reshape(frames, -1).T)


def heard_wave(recording: Recording, *, sample_rate: int, trim: bool) -> np.ndarray:
    """Samples of a recording as a model hears it: at its rate, and without the silence around it where it trims.

    Parameters
    ----------
    recording : Recording
        One that can be heard.
    sample_rate : int
        Of the model, Hz.
    trim : bool
        Whether the model leaves silence out.

    Returns
    -------
    np.ndarray [shape=(n,), float32, range -1..1]
    """
    wave = hear(recording, sample_rate=sample_rate).y
    return trim_silence(wave, sample_rate).y if trim else wave


def attention_page(image: np.ndarray, weights_SHH: np.ndarray, wave: np.ndarray | None = None) -> np.ndarray:
    """A picture with its regions numbered, and under it the stretch of the speech that each listened to.

    Parameters
    ----------
    image : np.ndarray [shape=(S, S, 3), uint8]
        The picture.
    weights_SHH : np.ndarray [shape=(frames, H, H)]
        As from `attention_of`.
    wave : np.ndarray [shape=(n,)], optional
        Samples from the first frame to the last, which are drawn above the heat map.

    Returns
    -------
    np.ndarray [shape=(rows, columns, 3), uint8]
        Each row of the heat map is one region over time, from the first frame to the last. White is an even share of
        the frames or less; black is the largest weight of all regions, `EMPHASIS` times an even share at least.
    """
    parts = region_weights(weights_SHH)
    top = _SIDE + 2 * _GAP + (0 if wave is None else _WAVE + _GAP)
    page = Image.new("RGB", (_LABEL + _WIDTH + _GAP, top + _ROW * len(parts) + 16), _PAPER)
    pen = ImageDraw.Draw(page)
    # The picture, with the regions and their numbers.
    page.paste(Image.fromarray(image).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC), (_LABEL, _GAP))
    step = _SIDE // REGIONS
    for number in range(len(parts)):
        x, y = _LABEL + number % REGIONS * step, _GAP + number // REGIONS * step
        pen.rectangle((x, y, x + step - 1, y + step - 1), outline=_LINE)
        pen.text((x + 3, y + 2), str(number + 1), fill=_LINE, stroke_width=1, stroke_fill=_INK)
    # The waveform: the range of the samples in each column.
    if wave is not None and len(wave):
        middle, scale = _SIDE + 2 * _GAP + _WAVE // 2, _WAVE / 2 / max(float(np.abs(wave).max()), 1e-9)
        for column, part in enumerate(np.array_split(wave, _WIDTH)):
            if len(part):
                high, low = (middle - round(float(value) * scale) for value in (part.max(), part.min()))
                pen.line((_LABEL + column, high, _LABEL + column, low), fill=_INK)
    # One strip a region: frames over time.
    shares = np.maximum(parts * parts.shape[1] - 1.0, 0.0)
    shades = 255 - np.round(255 * shares / max(float(shares.max()), EMPHASIS - 1.0)).astype(np.uint8)
    for number, shade in enumerate(shades):
        strip = Image.fromarray(shade[None]).resize((_WIDTH, _ROW - 2), Image.Resampling.NEAREST)
        page.paste(strip.convert("RGB"), (_LABEL, top + number * _ROW))
        pen.text((8, top + number * _ROW - 1), str(number + 1), fill=_INK)
    pen.text((_LABEL, top + len(parts) * _ROW + 2), "first word", fill=_INK)
    pen.text((_LABEL + _WIDTH, top + len(parts) * _ROW + 2), "last", fill=_INK, anchor="ra")
    return np.asarray(page)
