"""``SpeechToImage``: a recording in, pictures out. Everything between is in the rooms that this file calls.

    read_audio -> log_mel -> SpeechNetwork -> embedding (D,) -> StackGenerator -> stages, the last one is the picture

What lies between embedding and picture is ``models/painter.py``: prior, generator, the choice among candidates.

Shape letters: N utterances, K pictures of one utterance, C candidates of one picture, D embedding, M mel bands,
T frames, S picture size.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image

from speech2img.audio.io import read_audio
from speech2img.audio.mel import MEL_PRESETS, MelPreset, log_mel
from speech2img.errors import AudioError, CheckpointError
from speech2img.models.builders import speech_network
from speech2img.models.painter import Painter
from speech2img.models.speech_network import SpeechNetwork
from speech2img.painting import (
    PAINTING_KEYS,
    Conditioning,
    EmbeddingsToImage,
    build_network,
    open_generator,
    painter_of,
)
from speech2img.storage.releases import find_release
from speech2img.storage.weights import load_release, release_sha256

Audio = str | PathLike[str] | bytes | np.ndarray


def load_mel_preset(config: Mapping[str, Any], *, source: str) -> MelPreset:
    """The mel preset that weights were trained with, by the name in their config."""
    name = config.get("mel_preset")
    if name not in MEL_PRESETS:
        raise CheckpointError.about(
            source, f"its config asks for the mel preset {name!r}", f"known presets: {', '.join(MEL_PRESETS)}"
        )
    return MEL_PRESETS[str(name)]


class SpeechToImage(EmbeddingsToImage):
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
        super().__init__(painter, device=device, conditioning=conditioning, name=name, weights_sha256=weights_sha256)
        self.encoder = encoder.to(self.device).eval()
        self.mel = mel

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
        encoder = build_network(speech_network, config, "encoder", tensors, folder)
        painter = None
        if generator is not None:
            generator_folder, tensors, generator_config = open_generator(generator)
            sha256 = f"{sha256}+{release_sha256(generator_folder)}"
            config = {**config, **{k: v for k, v in generator_config.items() if k in PAINTING_KEYS}}
            folder = generator_folder
        if "generator" in config:
            painter = painter_of(config, tensors, folder, candidates=candidates)
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
