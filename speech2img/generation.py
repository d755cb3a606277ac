"""``EmbeddingsToImage``: images from speech embeddings.

Shape letters: N utterances, K images of one utterance, C candidates of one image, D embedding, S image size.
"""

import math
import operator
import os
from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import torch
from torch import Tensor

from speech2img.device import let_children_compute, require_own_process, resolve_device
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import ConfigError
from speech2img.models.generators.base import GradualGenerator, GuidedGenerator, ImageGenerator, TruncatedGenerator
from speech2img.models.generators.image_sampler import ImageSampler
from speech2img.seeded_noise import seeded_noise

if TYPE_CHECKING:
    from speech2img.models.encoders.confidence import ConfidenceHead

MOST_IMAGES = 10_000
"""Most images of one utterance that one call generates."""
MOST_CANDIDATES = 1_000
"""Most candidates of one image; they are generated at once."""
MOST_GUIDANCE = 20
"""Most guidance that one can ask for."""


class EmbeddingsToImage:
    """Speech embeddings in, images out: a generator without an encoder.

    It takes embeddings of any origin, for example those that a published program wrote.

    Parameters
    ----------
    sampler : ImageSampler, optional
        Trained generator and what belongs to it; without one :meth:`generate` refuses.
    device : str
        As in :meth:`load`.
    name, weights_sha256 : str
        What messages and reports call these weights.

    Attributes
    ----------
    image_size : int
        Side of the finished image in pixels; 0 without a generator.
    image_sizes : tuple of int
        Sides of the images of every stage, small to large.
    needs_frames : bool
        Whether the generator looks at the frames of speech, so that embeddings alone do not do.
    sampling : dict
        How images are drawn (prior, candidates), as reports quote it.
    """

    def __init__(
        self, sampler: ImageSampler | None, *, device: str = "auto", name: str = "", weights_sha256: str = ""
    ) -> None:
        let_children_compute()
        self.device = resolve_device(device)
        self.sampler = sampler.to(self.device).eval() if sampler is not None else None
        self.name, self.weights_sha256 = name, weights_sha256
        self.image_sizes = sampler.image_sizes if sampler is not None else ()
        self.image_size = self.image_sizes[-1] if sampler is not None else 0
        self.needs_frames = sampler is not None and sampler.needs_frames
        self.sampling: Mapping[str, Any] = sampler.sampling if sampler is not None else {"conditioning": "mean"}
        self.confidence_head: ConfidenceHead | None = None  # of a pipeline that hears
        self.has_transcript = False  # of one that reads what it hears
        self.reads_text = False  # of one that takes sentences instead of recordings
        self.loaded_in = os.getpid()

    @classmethod
    def load(
        cls,
        name_or_path: str | PathLike[str],
        *,
        candidates: int | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        truncation: float | None = None,
        device: str = "auto",
    ) -> "EmbeddingsToImage":
        """Load the generator of released weights, with or without a speech encoder.

        Parameters
        ----------
        name_or_path : str or path
            Shipped weights by name, a run folder, or a release folder.
        candidates : int >= 1, optional
            Images generated for each one that is kept, by default as the weights were released.
        steps : int, optional
            Of a generator that draws in steps, by default as released: fewer are quicker, more are finer.
        guidance : float, 0 to 20, optional
            Of a generator that has it, by default as released: how closely it holds to what was said.
        truncation : float, 0 to 1, optional
            Of a generator that draws tokens, by default as released: 1 leaves out none that are unlikely.
        device : str
            ``"auto"`` (CUDA where there is one, else CPU) or a torch device name.

        Raises
        ------
        CheckpointError
            If nothing is there, the files are damaged, or they hold no generator.
        ConfigError
            If the device does not exist.
        """
        from speech2img.loading import load_generator  # what reads releases, where one is read

        sampler, sha256 = load_generator(name_or_path, candidates=checked_candidates(candidates))
        set_drawing_(sampler, steps=steps, guidance=guidance, truncation=truncation, name=str(name_or_path))
        return EmbeddingsToImage(sampler, device=device, name=str(name_or_path), weights_sha256=sha256)

    @property
    def capabilities(self) -> frozenset[str]:
        """Which there are of images, stages, steps, guidance, attention, confidence, transcript, text (it reads)."""
        if self.sampler is None:
            return frozenset()
        generator = self.sampler.generator
        has = {
            "images": True,
            "stages": len(self.image_sizes) > 1,
            "steps": isinstance(generator, GradualGenerator),
            "guidance": isinstance(generator, GuidedGenerator),
            "attention": self.sampler.attends,
            "confidence": self.confidence_head is not None,
            "transcript": self.has_transcript,
            "text": self.reads_text,
        }
        return frozenset(name for name, there in has.items() if there)

    def require_generator(self) -> ImageSampler:
        """The generator with what belongs to it; ConfigError where there is none."""
        if self.sampler is None:
            fix = "load it with generator=FOLDER, or load a whole model"
            raise ConfigError.about(self.name, "has no generator", fix)
        return self.sampler

    @overload
    def generate(
        self,
        embeddings: np.ndarray | EncodedSpeech,
        *,
        seed: int = 0,
        num_images: int = 1,
        return_stages: Literal[False] = False,
        batch_size: int = 32,
        first_index: int | None = None,
        first_image: int = 0,
    ) -> np.ndarray: ...
    @overload
    def generate(
        self,
        embeddings: np.ndarray | EncodedSpeech,
        *,
        seed: int = 0,
        num_images: int = 1,
        return_stages: Literal[True],
        batch_size: int = 32,
        first_index: int | None = None,
        first_image: int = 0,
    ) -> list[np.ndarray]: ...
    @overload
    def generate(
        self,
        embeddings: np.ndarray | EncodedSpeech,
        *,
        seed: int = 0,
        num_images: int = 1,
        return_stages: bool = False,
        batch_size: int = 32,
        first_index: int | None = None,
        first_image: int = 0,
    ) -> np.ndarray | list[np.ndarray]: ...
    @torch.inference_mode()
    def generate(
        self,
        embeddings: np.ndarray | EncodedSpeech,
        *,
        seed: int = 0,
        num_images: int = 1,
        return_stages: bool = False,
        batch_size: int = 32,
        first_index: int | None = None,
        first_image: int = 0,
    ) -> np.ndarray | list[np.ndarray]:
        """Images of speech embeddings.

        The noise of an image depends on ``seed`` and on the number of the image only: the same one comes out
        whatever it is generated together with, at whichever place, and however many images are asked for (but for
        rounding by one grey level, since batches of other sizes are added up in another order).

        Parameters
        ----------
        embeddings : np.ndarray [shape=(N, D)], or EncodedSpeech
            Of the size that the generator was trained on; with frames where the generator ``needs_frames``.
        seed : int >= 0
            First part of the noise's seed.
        num_images : int, 1 to 10,000
            K, images of each utterance.
        return_stages : bool
            Return every stage, small to large, in place of the last.
        batch_size : int
            Images generated at once, candidates counted.
        first_index : int >= 0, optional
            Gives every row noise of its own, by its index: that of the first row, and on from there. For callers who
            generate from a list of utterances, as a report does, and want no two from the same noise; 0 and None are
            the same for one row.
        first_image : int >= 0
            Number of the first image of each utterance: those of a call for more of them, from there on. For callers
            who do not want to hold all of them at once.

        Returns
        -------
        np.ndarray [shape=(N, K, S, S, 3), uint8]
            Or a list of such arrays, one a stage.
        """
        sampler = self.require_generator()

        # Check what was given.
        seed = whole_number("seed", seed, 0, None)
        num_images = whole_number("num_images", num_images, 1, MOST_IMAGES)
        batch_size = whole_number("batch_size", batch_size, 1, None)
        step = 0 if first_index is None else 1
        first = whole_number("first_index", first_index or 0, 0, None)
        first_image = whole_number("first_image", first_image, 0, None)
        require_own_process(self.device, self.loaded_in, name=self.name)
        speech = self.checked_speech(embeddings)

        # Generate batch by batch.
        images = [(n, k) for n in range(len(speech)) for k in range(num_images)]
        parts: list[list[np.ndarray]] = []
        at_once = max(1, batch_size // sampler.options.num_candidates)
        for start in range(0, len(images), at_once):
            chosen = images[start : start + at_once]
            noise = seeded_noise([(seed, first + step * n, first_image + k) for n, k in chosen], self.device)
            encoding = speech.batch([n for n, _ in chosen], self.device)
            parts.append([to_uint8(stage) for stage in sampler.sample(encoding, noise)])

        # Put the batches together, stage by stage.
        stages = [
            np.concatenate(stage).reshape(len(speech), num_images, *stage[0].shape[1:])
            for stage in zip(*parts, strict=True)
        ]
        return stages if return_stages else stages[-1]

    def checked_speech(self, given: np.ndarray | EncodedSpeech) -> EncodedSpeech:
        """Finite sentences (N, D), with finite frames where the generator needs them; otherwise ConfigError."""
        dim = self.require_generator().embedding_dim
        rows = _rows(given.sentences if isinstance(given, EncodedSpeech) else given, dim)
        speech = given if isinstance(given, EncodedSpeech) else EncodedSpeech(rows)
        if rows.ndim != 2 or not len(rows) or rows.shape[1] != dim or not np.isfinite(rows).all():
            reason = f"embeddings of shape {rows.shape}"
            raise ConfigError.about("generate", reason, f"give finite ones of shape (N, {dim})")
        if not self.needs_frames:
            return EncodedSpeech(rows)
        if speech.frames is None:
            fix = "give recordings, or what encode_speech makes of them"
            raise ConfigError.about(self.name, "its generator looks at the frames, not at embeddings alone", fix)
        right = len(speech.frames) == len(rows) and all(
            frames.ndim == 2 and len(frames) and frames.shape[1] == dim and np.isfinite(frames).all()
            for frames in speech.frames
        )
        if not right:
            raise ConfigError.about("generate", "frames that do not fit", f"give finite ones of shape (S, {dim})")
        return EncodedSpeech(rows, speech.frames)


def whole_number(name: str, value: Any, least: int, most: int | None) -> int:
    """An argument that must be a whole number of a range; ConfigError says so where it is not."""
    try:
        number = None if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least or (most is not None and number > most):
        wanted = f"at least {least}" + (f" and at most {most:,}" if most is not None else "")
        raise ConfigError.about(name, f"{value!r:.60} does not fit", f"give a whole number of {wanted}")
    return number


def checked_candidates(candidates: int | None) -> int | None:
    """How many candidates are asked for, where any are; ConfigError where it is no number of them."""
    return None if candidates is None else whole_number("candidates", candidates, 1, MOST_CANDIDATES)


def checked_steps(generator: ImageGenerator, steps: int, *, name: str) -> tuple[GradualGenerator, int]:
    """A generator that draws in steps, and how many it is to take; ConfigError where it takes none, or not so many."""
    if not isinstance(generator, GradualGenerator):
        raise ConfigError.about("steps", f"the generator of {name} does not draw in steps", "omit it")
    return generator, whole_number("steps", steps, *generator.steps_range)


def checked_guidance(generator: ImageGenerator, guidance: float, *, name: str) -> tuple[GuidedGenerator, float]:
    """A generator that has guidance, and how much it is to have; ConfigError where it has none, or not so much."""
    if not isinstance(generator, GuidedGenerator):
        raise ConfigError.about("guidance", f"the generator of {name} has none", "omit it")
    return generator, _number("guidance", guidance, MOST_GUIDANCE)


def _number(option: str, value: float, most: float) -> float:
    """A number from 0 to ``most``; ConfigError for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not 0 <= value <= most:
        raise ConfigError.about(option, f"{value!r:.60} does not fit", f"give a number of 0 to {most}")
    return float(value)


def set_drawing_(
    sampler: ImageSampler | None, *, steps: int | None, guidance: float | None, truncation: float | None, name: str
) -> None:
    """Set how images are drawn, where that is wished; ConfigError where it cannot be had."""
    if sampler is None:
        for option, value in (("steps", steps), ("guidance", guidance), ("truncation", truncation)):
            if value is not None:
                raise ConfigError.about(option, f"{name} has no generator", "omit it, or give a generator")
        return
    if steps is not None:
        gradual, number = checked_steps(sampler.generator, steps, name=name)
        gradual.steps = number
    if guidance is not None:
        guided, scale = checked_guidance(sampler.generator, guidance, name=name)
        guided.guidance_scale = scale
    if truncation is not None:
        if not isinstance(sampler.generator, TruncatedGenerator):
            raise ConfigError.about("truncation", f"the generator of {name} draws no tokens", "omit it")
        sampler.generator.truncation = _number("truncation", truncation, 1)


def _rows(embeddings: Any, dim: int) -> np.ndarray:
    """Embeddings as an array; ConfigError for what is none."""
    try:
        plain = embeddings.detach().cpu().float() if isinstance(embeddings, Tensor) else embeddings
        with np.errstate(over="ignore"):
            rows = np.asarray(plain)
            if rows.dtype.kind not in "fiu":
                raise TypeError(f"values of type {rows.dtype}")
            return np.atleast_2d(rows.astype(np.float32))
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        reason = f"no array of embeddings ({str(error)[:200]})"
        raise ConfigError.about("generate", reason, f"give finite numbers of shape (N, {dim})") from error


def to_uint8(images: Tensor) -> np.ndarray:
    """(B, 3, S, S) in -1..1 -> (B, S, S, 3) uint8."""
    pixels = images.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).cpu().numpy()
