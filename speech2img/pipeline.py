"""``SpeechToImage``: a recording in, pictures out. Everything between is in the rooms that this file calls.

    read_audio -> log_mel -> SpeechNetwork -> embedding (D,) -> StackGenerator -> stages, the last one is the picture

What lies between embedding and picture is ``models/painter.py``: prior, generator, the choice among candidates.

Shape letters: N utterances, K pictures of one utterance, C candidates of one picture, D embedding, M mel bands,
T frames, S picture size.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from speech2img.audio.io import read_audio
from speech2img.audio.mel import MEL_PRESETS, MelPreset, log_mel
from speech2img.errors import AudioError, CheckpointError, ConfigError
from speech2img.models.builders import speech_network
from speech2img.models.feature_prior import FeaturePrior
from speech2img.models.painter import Painter, PaintingOptions, PictureReader
from speech2img.models.speech_network import SpeechNetwork
from speech2img.models.stackgan import StackGenerator
from speech2img.storage.releases import find_release
from speech2img.storage.weights import load_release, load_weights, release_sha256
from speech2img.training.device import resolve_device

Audio = str | PathLike[str] | bytes | np.ndarray
Conditioning = Literal["mean", "sampled"]
Network = TypeVar("Network", bound=torch.nn.Module)
_OPTIONS = tuple(field.name for field in fields(PaintingOptions))
_PAINTING = ("generator", "conditioning", "prior", "reader", *_OPTIONS)


def load_mel_preset(config: Mapping[str, Any], *, source: str) -> MelPreset:
    """The mel preset that weights were trained with, by the name in their config."""
    name = config.get("mel_preset")
    if name not in MEL_PRESETS:
        raise CheckpointError.about(
            source, f"its config asks for the mel preset {name!r}", f"known presets: {', '.join(MEL_PRESETS)}"
        )
    return MEL_PRESETS[str(name)]


class SpeechToImage:
    """Spoken description in, picture out.

    Made by :meth:`load` (or :func:`speech2img.load`). The networks are in evaluation mode and stay on one device.

    Attributes
    ----------
    mel : MelPreset
        The front-end that the weights were trained with; recordings of any rate are resampled to it.
    weights_sha256 : str
        Hash of the released weights, as reports quote it.
    image_size : int
        Side of the finished picture in pixels; 0 without a generator.
    painting : dict
        How pictures are drawn (prior, candidates), as reports quote it.

    Examples
    --------
    >>> pipe = SpeechToImage.load("songbirds")          # doctest: +SKIP
    >>> image = pipe("bird.wav", seed=0)                # doctest: +SKIP
    >>> four = pipe("bird.wav", num_images=4)           # doctest: +SKIP
    >>> vector = pipe.encode("bird.wav")                # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        encoder: SpeechNetwork,
        mel: MelPreset,
        painter: Painter | None = None,
        device: str = "auto",
        conditioning: Conditioning = "mean",
        name: str = "",
        weights_sha256: str = "",
    ) -> None:
        """Put built networks together.

        Parameters
        ----------
        encoder : SpeechNetwork
            Trained encoder.
        mel : MelPreset
            The front-end that the encoder was trained with.
        painter : Painter, optional
            Trained generator and what belongs to it; without one only :meth:`encode` and :meth:`encode_paths` work.
        device : str
            As in :meth:`load`.
        conditioning : {"mean", "sampled"}
            ``"mean"``: the conditioning vector is its mean, all variety comes from the noise. ``"sampled"``: drawn
            from its distribution, as StackGAN-v2 does.
        name, weights_sha256 : str
            What messages and reports call these weights.
        """
        self.device = resolve_device(device)
        self.encoder = encoder.to(self.device).eval()
        self.painter = painter.to(self.device).eval() if painter is not None else None
        self.mel = mel
        self.name = name
        self.weights_sha256 = weights_sha256
        self.image_size = painter.generator.image_sizes[-1] if painter is not None else 0
        drawn = asdict(painter.options) if painter is not None and painter.prior is not None else {}
        self.painting: Mapping[str, Any] = {"conditioning": conditioning, **drawn}
        self._conditioning = conditioning

    @classmethod
    def load(
        cls,
        name_or_path: str | PathLike[str],
        *,
        generator: str | PathLike[str] | None = None,
        candidates: int | None = None,
        device: str = "auto",
    ) -> "SpeechToImage":
        """Load released weights.

        Parameters
        ----------
        name_or_path : str or path
            Shipped weights by name, a run folder, or a release folder.
        generator : str or path, optional
            A second release whose generator is used, for encoders and generators that were released apart.
        candidates : int >= 1, optional
            Pictures painted for each one that is kept, by default as the weights were released. More of them fit better
            what was said and take longer; needs weights with a reader.
        device : str
            ``"auto"`` (CUDA where there is one, else CPU) or a torch device name.

        Raises
        ------
        CheckpointError
            If nothing is there, the files are damaged, or they hold another kind of network.
        ConfigError
            If the device does not exist.
        """
        folder = find_release(name_or_path)
        tensors, config = load_release(folder)
        sha256 = release_sha256(folder)
        if config.get("kind") not in ("speech-to-image", "speech-encoder"):
            raise CheckpointError.about(
                str(folder),
                f"holds a {config.get('kind')!r}, not a speech encoder",
                "give a 'speech-to-image' or 'speech-encoder' release (a generator goes to generator=)",
            )
        encoder = _build(speech_network, config, "encoder", tensors, folder)
        painter = None
        if generator is not None:
            generator_folder = find_release(generator)
            tensors, generator_config = load_release(generator_folder)
            if "generator" not in generator_config:
                raise CheckpointError.about(
                    str(generator_folder),
                    f"holds a {generator_config.get('kind')!r}, not a generator",
                    "give an 'image-generator' or 'speech-to-image' release",
                )
            sha256 = f"{sha256}+{release_sha256(generator_folder)}"
            config = {**config, **{k: v for k, v in generator_config.items() if k in _PAINTING}}
            folder = generator_folder
        if "generator" in config:
            painter = _painter(config, tensors, folder, candidates=candidates)
            if painter.embedding_dim != encoder.embedding_dim:
                raise CheckpointError.about(
                    str(folder),
                    f"its generator takes embeddings of {painter.embedding_dim}, the encoder gives "
                    f"{encoder.embedding_dim}",
                    "use an encoder and a generator that were trained together",
                )
        return cls(
            encoder=encoder,
            painter=painter,
            mel=load_mel_preset(config, source=str(folder)),
            device=device,
            conditioning=config.get("conditioning", "mean"),
            name=str(name_or_path),
            weights_sha256=sha256,
        )

    def __call__(
        self, audio: Audio | Sequence[Audio], *, seed: int = 0, num_images: int = 1, return_stages: bool = False
    ) -> Any:
        """Paint what was said.

        Parameters
        ----------
        audio : path, bytes, array, or a list of these
            A recording: wav, flac, ogg or mp3, any rate and channel count, at most 30 s; or a float array of shape
            (samples,), -1..1, at ``mel.sample_rate``.
        seed : int >= 0
            Same seed, same pictures.
        num_images : int >= 1
            Pictures of each utterance.
        return_stages : bool
            Also the smaller pictures of the generator's earlier stages.

        Returns
        -------
        PIL.Image.Image
            For one recording; a list of ``num_images`` of them when that is more than one; with ``return_stages`` a
            list of stages (small to large) in the place of each picture; for a list of recordings a list of these.

        Raises
        ------
        AudioError
            If a recording cannot be used; the message names it.
        """
        many = isinstance(audio, Sequence) and not isinstance(audio, str | bytes)
        sources: list[Audio] = list(cast(Sequence[Audio], audio)) if many else [cast(Audio, audio)]
        if not sources:
            return []
        embeddings = self.encode_paths(sources)
        stages = self.generate(embeddings, seed=seed, num_images=num_images, return_stages=True)
        pictures = [
            [
                [Image.fromarray(stage[n, k]) for stage in stages]
                if return_stages
                else Image.fromarray(stages[-1][n, k])
                for k in range(num_images)
            ]
            for n in range(len(sources))
        ]
        results = [few[0] if num_images == 1 else few for few in pictures]
        return results if many else results[0]

    def encode(self, audio: Audio) -> np.ndarray:
        """Speech embedding of one recording.

        Returns
        -------
        np.ndarray [shape=(D,), float32]
        """
        return self._encode_mels([self._read_mel(audio)])[0]

    def encode_paths(self, paths: Sequence[Audio], *, batch_size: int = 32) -> np.ndarray:
        """Speech embeddings of many recordings.

        Recordings of similar length are encoded together, so little time goes into padding.

        Returns
        -------
        np.ndarray [shape=(N, D), float32]
            In the order of ``paths``.
        """
        if not len(paths):
            raise AudioError.about("encode_paths", "got an empty list", "give at least one recording")
        rows: dict[int, np.ndarray] = {}
        window = 16 * batch_size
        for start in range(0, len(paths), window):
            mels = [self._read_mel(path) for path in paths[start : start + window]]
            order = sorted(range(len(mels)), key=lambda i: mels[i].shape[1])
            for first in range(0, len(order), batch_size):
                chosen = order[first : first + batch_size]
                for i, row in zip(chosen, self._encode_mels([mels[i] for i in chosen]), strict=True):
                    rows[start + i] = row
        return np.stack([rows[i] for i in range(len(paths))])

    @torch.inference_mode()
    def generate(
        self,
        embeddings: np.ndarray,
        *,
        seed: int = 0,
        num_images: int = 1,
        return_stages: bool = False,
        batch_size: int = 32,
        first_index: int = 0,
    ) -> Any:
        """Pictures of speech embeddings.

        The noise of a picture depends on ``seed``, on the utterance's index and on the number of the picture only, so
        the same picture comes out whatever it is generated together with (but for rounding by one grey level).

        Parameters
        ----------
        embeddings : np.ndarray [shape=(N, D)]
            From :meth:`encode` or :meth:`encode_paths`, or read from a published embedding pickle.
        seed : int >= 0
            First part of the noise's seed.
        num_images : int >= 1
            K, pictures of each utterance.
        return_stages : bool
            Return every stage, small to large, in place of the last.
        batch_size : int
            Pictures painted at once, candidates counted.
        first_index : int
            Index of the first row, for callers that work through a long list in pieces.

        Returns
        -------
        np.ndarray [shape=(N, K, S, S, 3), uint8]
            Or a list of such arrays, one a stage.
        """
        if self.painter is None:
            raise ConfigError.about(
                self.name, "has no generator", "load it with generator=FOLDER, or load a whole model"
            )
        if num_images < 1 or seed < 0:
            raise ConfigError.about(
                "generate", f"num_images={num_images}, seed={seed}", "num_images is at least 1, seed at least 0"
            )
        rows = np.atleast_2d(np.asarray(embeddings, dtype=np.float32))
        dim = self.encoder.embedding_dim
        if rows.ndim != 2 or not len(rows) or rows.shape[1] != dim or not np.isfinite(rows).all():
            raise ConfigError.about(
                "generate", f"embeddings of shape {np.shape(embeddings)}", f"give finite ones of shape (N, {dim})"
            )
        keys = [(n, k) for n in range(len(rows)) for k in range(num_images)]
        parts: list[list[np.ndarray]] = []
        at_once = max(1, batch_size // self.painter.options.candidates)
        for start in range(0, len(keys), at_once):
            chosen = keys[start : start + at_once]
            draws = self._draws(self.painter, [(seed, first_index + n, k) for n, k in chosen])
            speech = torch.from_numpy(rows[[n for n, _ in chosen]]).to(self.device)
            parts.append([_to_uint8(stage) for stage in self.painter(speech, *draws)])
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

    def _read_mel(self, audio: Audio) -> np.ndarray:
        """Log-mel of one recording, shape (M, T)."""
        if isinstance(audio, np.ndarray):
            if audio.ndim != 1 or not audio.size or not np.isfinite(audio).all():
                raise AudioError.about(
                    f"array of shape {audio.shape}",
                    "not a finite mono waveform",
                    f"give shape (samples,), -1..1, at {self.mel.sample_rate} Hz",
                )
            return log_mel(audio.astype(np.float32), preset=self.mel)
        source = audio if isinstance(audio, bytes) else Path(audio)
        return log_mel(read_audio(source, sample_rate=self.mel.sample_rate), preset=self.mel)

    @torch.inference_mode()
    def _encode_mels(self, mels: Sequence[np.ndarray]) -> np.ndarray:
        lengths = [mel.shape[1] for mel in mels]
        batch = np.full((len(mels), self.mel.n_mels, max(lengths)), self.mel.pad_value, dtype=np.float32)
        for row, mel in zip(batch, mels, strict=True):
            row[:, : mel.shape[1]] = mel
        encoding = self.encoder(torch.from_numpy(batch).to(self.device), torch.tensor(lengths))
        return encoding.sentence.float().cpu().numpy()


def _painter(
    config: Mapping[str, Any], tensors: Mapping[str, Tensor], folder: Path, *, candidates: int | None
) -> Painter:
    """Generator, prior and reader of a release."""
    generator = _build(StackGenerator, config, "generator", tensors, folder)
    prior = _build(FeaturePrior, config, "prior", tensors, folder) if "prior" in config else None
    reader = _build(PictureReader, config, "reader", tensors, folder) if "reader" in config else None
    if candidates is not None and (candidates < 1 or (candidates > 1 and reader is None)):
        reason = "choose 1 or more" if reader is not None else "these weights have no reader to choose among pictures"
        raise ConfigError.about("candidates", f"{candidates}", reason)
    try:
        options = PaintingOptions(**{name: config[name] for name in _OPTIONS if name in config})
        options = options if candidates is None else replace(options, candidates=candidates)
        return Painter(generator, prior=prior, reader=reader, options=options)
    except (TypeError, ValueError) as error:
        raise CheckpointError.about(str(folder), f"its parts do not fit ({error})", "export it again") from error


def _build(
    network: Callable[..., Network], config: Mapping[str, Any], part: str, tensors: Mapping[str, Tensor], folder: Path
) -> Network:
    """One network of a release, with its weights."""
    try:
        module = network(**config[part])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError.about(
            str(folder), f"its {part} settings do not fit ({error})", "export it again"
        ) from error
    prefix = f"{part}."
    state = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    load_weights(module, state, name=f"{folder} ({part})")
    return module


def _to_uint8(images: Tensor) -> np.ndarray:
    """(B, 3, S, S) in -1..1 -> (B, S, S, 3) uint8."""
    pixels = images.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).cpu().numpy()
