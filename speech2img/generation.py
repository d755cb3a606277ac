"""``EmbeddingsToImage``: speech embeddings in, pictures out; what is left to do once the recording was heard.

Shape letters: N utterances, K pictures of one utterance, C candidates of one picture, D embedding, S picture size.
"""

import operator
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor

from speech2img.device import resolve_device
from speech2img.errors import CheckpointError, ConfigError
from speech2img.models.generators.feature_prior import FeaturePrior
from speech2img.models.generators.image_sampler import Painter, PaintingOptions, PictureReader
from speech2img.models.generators.stackgan import StackGenerator
from speech2img.storage.forked_children import let_children_compute, require_own_process
from speech2img.storage.releases import networks
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.release import load_release, part_of, release_sha256

Conditioning = Literal["mean", "sampled"]
Network = TypeVar("Network", bound=torch.nn.Module)
_OPTIONS = tuple(field.name for field in fields(PaintingOptions))
PAINTING_KEYS = ("generator", "conditioning", "prior", "reader", *_OPTIONS)
"""What a release's config says about painting."""
MOST_IMAGES = 10_000
"""Most pictures of one utterance that one call paints."""


class EmbeddingsToImage:
    """Speech embeddings in, pictures out: a generator without ears.

    It takes embeddings of any origin, for example those that a published program wrote.

    Parameters
    ----------
    painter : Painter, optional
        Trained generator and what belongs to it; without one :meth:`generate` refuses.
    device : str
        As in :meth:`load`.
    conditioning : {"mean", "sampled"}
        ``"mean"``: the conditioning vector is its mean, all variety comes from the noise. ``"sampled"``: drawn from its
        distribution, as StackGAN-v2 does.
    name, weights_sha256 : str
        What messages and reports call these weights.

    Attributes
    ----------
    image_size : int
        Side of the finished picture in pixels; 0 without a generator.
    image_sizes : tuple of int
        Sides of the pictures of every stage, small to large.
    painting : dict
        How pictures are drawn (prior, candidates), as reports quote it.
    """

    def __init__(
        self,
        painter: Painter | None,
        *,
        device: str = "auto",
        conditioning: Conditioning = "mean",
        name: str = "",
        weights_sha256: str = "",
    ) -> None:
        let_children_compute()
        self.device = resolve_device(device)
        self.painter = painter.to(self.device).eval() if painter is not None else None
        self.name = name
        self.weights_sha256 = weights_sha256
        self.image_sizes = tuple(painter.generator.image_sizes) if painter is not None else ()
        self.image_size = self.image_sizes[-1] if painter is not None else 0
        drawn = asdict(painter.options) if painter is not None and painter.prior is not None else {}
        self.painting: Mapping[str, Any] = {"conditioning": conditioning, **drawn}
        self._conditioning = conditioning
        self._loaded_in = os.getpid()

    @classmethod
    def load(
        cls, name_or_path: str | PathLike[str], *, candidates: int | None = None, device: str = "auto"
    ) -> "EmbeddingsToImage":
        """Load the generator of released weights, with or without a speech encoder.

        Parameters
        ----------
        name_or_path : str or path
            Shipped weights by name, a run folder, or a release folder.
        candidates : int >= 1, optional
            Pictures painted for each one that is kept, by default as the weights were released.
        device : str
            ``"auto"`` (CUDA where there is one, else CPU) or a torch device name.

        Raises
        ------
        CheckpointError
            If nothing is there, the files are damaged, or they hold no generator.
        ConfigError
            If the device does not exist.
        """
        folder, tensors, config = open_generator(name_or_path)
        return EmbeddingsToImage(
            painter_of(config, tensors, folder, candidates=candidates),
            device=device,
            conditioning=config.get("conditioning", "mean"),
            name=str(name_or_path),
            weights_sha256=release_sha256(folder),
        )

    def require_generator(self) -> Painter:
        """What paints; ConfigError where there is nothing that does."""
        if self.painter is None:
            fix = "load it with generator=FOLDER, or load a whole model"
            raise ConfigError.about(self.name, "has no generator", fix)
        return self.painter

    @torch.inference_mode()
    def generate(
        self,
        embeddings: np.ndarray,
        *,
        seed: int = 0,
        num_images: int = 1,
        return_stages: bool = False,
        batch_size: int = 32,
        first_index: int | None = None,
    ) -> Any:
        """Pictures of speech embeddings.

        The noise of a picture depends on ``seed`` and on the number of the picture only: the same one comes out
        whatever it is generated together with, at whichever place, and however many pictures are asked for (but for
        rounding by one grey level, since batches of other sizes are added up in another order).

        Parameters
        ----------
        embeddings : np.ndarray [shape=(N, D)]
            Of the size that the generator was trained on.
        seed : int >= 0
            First part of the noise's seed.
        num_images : int, 1 to 10,000
            K, pictures of each utterance.
        return_stages : bool
            Return every stage, small to large, in place of the last.
        batch_size : int
            Pictures painted at once, candidates counted.
        first_index : int >= 0, optional
            Gives every row noise of its own, by its index: that of the first row, and on from there. For callers who
            paint a list of utterances, as a report does, and want no two of them from the same noise; 0 and None are
            the same for one row.

        Returns
        -------
        np.ndarray [shape=(N, K, S, S, 3), uint8]
            Or a list of such arrays, one a stage.
        """
        painter = self.require_generator()
        seed = whole_number("seed", seed, 0, None)
        num_images = whole_number("num_images", num_images, 1, MOST_IMAGES)
        batch_size = whole_number("batch_size", batch_size, 1, None)
        step = 0 if first_index is None else 1
        first = whole_number("first_index", first_index or 0, 0, None)
        require_own_process(self.device, self._loaded_in, name=self.name)
        rows = np.atleast_2d(np.asarray(embeddings, dtype=np.float32))
        dim = painter.embedding_dim
        if rows.ndim != 2 or not len(rows) or rows.shape[1] != dim or not np.isfinite(rows).all():
            raise ConfigError.about(
                "generate", f"embeddings of shape {np.shape(embeddings)}", f"give finite ones of shape (N, {dim})"
            )
        keys = [(n, k) for n in range(len(rows)) for k in range(num_images)]
        parts: list[list[np.ndarray]] = []
        at_once = max(1, batch_size // painter.options.candidates)
        for start in range(0, len(keys), at_once):
            chosen = keys[start : start + at_once]
            draws = self._draws(painter, [(seed, first + step * n, k) for n, k in chosen])
            speech = torch.from_numpy(rows[[n for n, _ in chosen]]).to(self.device)
            parts.append([_to_uint8(stage) for stage in painter(speech, *draws)])
        stages = [
            np.concatenate(stage).reshape(len(rows), num_images, *stage[0].shape[1:])
            for stage in zip(*parts, strict=True)
        ]
        return stages if return_stages else stages[-1]

    def _draws(self, painter: Painter, keys: Sequence[tuple[int, int, int]]) -> tuple[Tensor, Tensor, Tensor]:
        """What `Painter` draws from, (B, C, size) each, one row a (seed, utterance, picture)."""
        sizes = painter.noise_sizes
        shape = painter.options.candidates, sum(sizes)
        draws = np.stack([np.random.default_rng(key).standard_normal(shape, dtype=np.float32) for key in keys])
        noise, eps, state = torch.from_numpy(draws).to(self.device).split(sizes, dim=2)
        if self._conditioning == "mean":
            eps = torch.zeros_like(eps)
        return noise, eps, state


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


def open_generator(name_or_path: str | PathLike[str]) -> tuple[Path, dict[str, Tensor], dict[str, Any]]:
    """Folder, tensors and config of a release that has a generator.

    Raises
    ------
    CheckpointError
        If nothing is there, the files are damaged, or they hold no generator.
    """
    folder = find_release(name_or_path)
    tensors, config = load_release(folder)
    if "generator" not in config:
        raise CheckpointError.about(
            str(folder),
            f"holds a {config.get('kind')!r}, not a generator",
            "give an 'image-generator' or 'speech-to-image' release",
        )
    return folder, tensors, config


def painter_of(
    config: Mapping[str, Any], tensors: Mapping[str, Tensor], folder: Path, *, candidates: int | None
) -> Painter:
    """Generator, prior and reader of a release."""
    generator = build_network(StackGenerator, config, "generator", tensors, folder)
    prior = build_network(FeaturePrior, config, "prior", tensors, folder) if "prior" in config else None
    reader = build_network(PictureReader, config, "reader", tensors, folder) if "reader" in config else None
    if candidates is not None and (candidates < 1 or (candidates > 1 and reader is None)):
        reason = "choose 1 or more" if reader is not None else "these weights have no reader to choose among pictures"
        raise ConfigError.about("candidates", f"{candidates}", reason)
    try:
        options = PaintingOptions(**{name: config[name] for name in _OPTIONS if name in config})
        options = options if candidates is None else replace(options, candidates=candidates)
        return Painter(generator, prior=prior, reader=reader, options=options)
    except (TypeError, ValueError) as error:
        raise CheckpointError.about(str(folder), f"its parts do not fit ({error})", "export it again") from error


def build_network(
    network: Callable[..., Network], config: Mapping[str, Any], part: str, tensors: Mapping[str, Tensor], folder: Path
) -> Network:
    """One network of a release, with its weights; errors as `speech2img.storage.releases.networks.build_network`."""
    state = part_of(tensors, f"{part}.")
    return networks.build_network(network, config.get(part), state, name=f"{folder} ({part})", fix="export it again")


def _to_uint8(images: Tensor) -> np.ndarray:
    """(B, 3, S, S) in -1..1 -> (B, S, S, 3) uint8."""
    pixels = images.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).cpu().numpy()
