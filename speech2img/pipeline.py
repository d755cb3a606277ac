"""``SpeechToImage``: a recording in, pictures out. Everything between is in the rooms that this file calls.

    hear -> log_mel -> SpeechEncoder -> embedding (D,) -> ImageSampler -> stages, the last one is the picture

Between embedding and picture lies ``models/generators/image_sampler.py``: prior, generator, choice among candidates.
Shape letters: N utterances, K pictures of one utterance, C candidates of one picture, D embedding, M mel bands,
T frames, S picture size.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np
import torch
from PIL import Image

from speech2img.audio.inputs import Recording, recordings_in
from speech2img.audio.mel import MelPreset
from speech2img.audio.remarks import Remarks
from speech2img.device import require_own_process
from speech2img.encoded_speech import TRANSCRIPT, EncodedSpeech
from speech2img.errors import AudioError
from speech2img.generation import MOST_IMAGES, EmbeddingsToImage, checked_candidates, set_drawing_, whole_number
from speech2img.hearing import HeardMel, heard_mel, nothing_recognised
from speech2img.models.encoders.base import SpeechEncoder
from speech2img.models.generators.image_sampler import ImageSampler

if TYPE_CHECKING:
    from speech2img.models.encoders.confidence import ConfidenceHead

File: TypeAlias = str | PathLike[str] | bytes
"""The most usual forms of a `Recording`."""


class SpeechToImage(EmbeddingsToImage):
    """Spoken description in, picture out.

    Made by :meth:`load` (or :func:`speech2img.load`). The networks are in evaluation mode and stay on one device.

    Attributes
    ----------
    mel : MelPreset
        The front-end that the weights were trained with; recordings of any rate are resampled to it.

    Examples
    --------
    >>> pipe = SpeechToImage.load("songbirds")          # doctest: +SKIP
    >>> image = pipe("bird.wav", seed=0)                # doctest: +SKIP
    >>> vector = pipe.encode("bird.wav")                # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        encoder: SpeechEncoder,
        mel: MelPreset,
        sampler: ImageSampler | None = None,
        device: str = "auto",
        name: str = "",
        weights_sha256: str = "",
        trim: bool = True,
        confidence_head: "ConfidenceHead | None" = None,
    ) -> None:
        """Put built networks together.

        Parameters
        ----------
        encoder : SpeechEncoder
            Trained encoder.
        mel : MelPreset
            The front-end that the encoder was trained with.
        sampler : ImageSampler, optional
            Trained generator and what belongs to it; without one only :meth:`encode` and :meth:`encode_paths` work.
        device, name, weights_sha256 : str
            As for `EmbeddingsToImage`.
        trim, confidence_head
            As for :meth:`load`; what :meth:`confidence` is told by.
        """
        super().__init__(sampler, device=device, name=name, weights_sha256=weights_sha256)
        self.encoder = encoder.to(self.device).eval()
        self.mel = mel
        self.trim = trim
        self.has_transcript = hasattr(encoder, "transcribe")
        self.reads_text = getattr(encoder, "reads_text", False)
        self.confidence_head = None if confidence_head is None else confidence_head.eval()

    @classmethod
    def load(
        cls,
        name_or_path: str | PathLike[str],
        *,
        generator: str | PathLike[str] | None = None,
        candidates: int | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        truncation: float | None = None,
        device: str = "auto",
        trim: bool = True,
    ) -> "SpeechToImage":
        """Load released weights.

        Parameters
        ----------
        name_or_path : str or path
            Shipped weights by name, a run folder, or a release folder.
        generator : str or path, optional
            A second release whose generator is used, for encoders and generators that were released apart.
        candidates, steps, guidance, truncation, device
            As for `EmbeddingsToImage.load`; candidates need weights with a reranker.
        trim : bool
            Leave out silence before and after the speech where it is 0.3 s or longer (`trim_silence`), and say so.

        Raises
        ------
        CheckpointError
            If nothing is there, the files are damaged, or they hold another kind of network.
        ConfigError
            If an option cannot be had.
        """
        from speech2img.loading import load_speech_networks  # what reads releases, where one is read

        networks = load_speech_networks(name_or_path, generator=generator, candidates=checked_candidates(candidates))
        set_drawing_(networks.sampler, steps=steps, guidance=guidance, truncation=truncation, name=str(name_or_path))
        return cls(**networks._asdict(), device=device, name=str(name_or_path), trim=trim)

    @overload
    def __call__(
        self, audio: File, *, seed: int = 0, num_images: Literal[1] = 1, return_stages: Literal[False] = False
    ) -> Image.Image: ...
    @overload
    def __call__(
        self, audio: list[File], *, seed: int = 0, num_images: Literal[1] = 1, return_stages: Literal[False] = False
    ) -> list[Image.Image]: ...
    @overload
    def __call__(
        self, audio: Recording | Iterable[Recording], *, seed: int = 0, num_images: int = 1, return_stages: bool = False
    ) -> Any: ...
    def __call__(
        self, audio: Recording | Iterable[Recording], *, seed: int = 0, num_images: int = 1, return_stages: bool = False
    ) -> Any:
        """Paint what was said.

        Parameters
        ----------
        audio : recording, or a list or another iterable of recordings
            A recording is a file (path, its content, or opened to read bytes) of wav, aiff, flac, ogg or mp3, any rate
            and channel count, at most 30 s, and m4a, webm, aac, 3gp, amr where ffmpeg or PyAV is installed; or samples:
            an array or a tensor of shape (samples,) at ``mel.sample_rate``, or with their rate as ``(rate, samples)``,
            ``(samples, rate)`` or ``{"array": samples, "sampling_rate": rate}``. Floats have full scale 1; int16, int32
            and uint8 are PCM. The same limits hold for all.
        seed : int >= 0
            Same seed, same pictures, whatever else is in the list.
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
            If a recording cannot be used; the message names it, or its place in the list as ``recording [n]``.
        ConfigError
            If a number makes no sense.

        Warns
        -----
        RecordingWarning
            If silence around the speech was left out, or a recording is heard but may be misheard: a narrow band, noise
            alone, very faint, overdriven, less than a word, or with a long silence.
        """
        num_images, _ = whole_number("num_images", num_images, 1, MOST_IMAGES), whole_number("seed", seed, 0, None)
        recordings, several = recordings_in(audio)
        sources = list(recordings)
        if not sources:
            return []
        speech, said = self._encode(sources, several, frames=self.needs_frames)
        said.warn()
        stages = self.generate(speech, seed=seed, num_images=num_images, return_stages=True)
        texts = speech.texts or ()

        def picture(n: int, k: int) -> Any:
            images = [Image.fromarray(stage[n, k]) for stage in stages]
            for image in images if texts else ():
                image.info[TRANSCRIPT] = texts[n]
            return images if return_stages else images[-1]

        pictures = [[picture(n, k) for k in range(num_images)] for n in range(len(sources))]
        results = [few[0] if num_images == 1 else few for few in pictures]
        return results if several else results[0]

    def stream(self, audio: Recording, *, seed: int = 0, steps: int | None = None) -> Iterator[Image.Image]:
        """Ever better previews of one picture, that of a call the last: `streaming.stream_pictures`."""
        from speech2img.streaming import stream_pictures  # where previews are wanted

        return stream_pictures(self, self.encode_speech([audio]), seed=seed, steps=steps)

    def transcribe(self, audio: Recording) -> str | None:
        """What a cascade reads in a recording; None for weights that hear without text."""
        return next(iter(self.encode_speech([audio], frames=False).texts or ()), None)

    def encode_texts(self, texts: Sequence[str]) -> EncodedSpeech:
        """What weights that can read make of sentences, for `generate`: `recognition.reading.read_texts`."""
        from speech2img.recognition.reading import read_texts  # where text is read

        return read_texts(self.encoder, texts, frames=self.needs_frames, name=self.name)

    def encode(self, audio: Recording) -> np.ndarray:
        """Speech embedding (D,), float32, of one recording in any of the forms of a call."""
        speech, said = self._encode([audio], False)
        said.warn()
        return speech.sentences[0]

    def encode_paths(
        self,
        paths: Recording | Iterable[Recording],
        *,
        batch_size: int = 32,
        on_error: Callable[[int, AudioError], None] | None = None,
    ) -> np.ndarray:
        """Speech embeddings of many recordings.

        Parameters
        ----------
        paths : iterable of recordings, or one
            In any of the forms of a call.
        batch_size : int >= 1
            Recordings encoded at once.
        on_error : callable, optional
            Called with the place and the error of a recording that cannot be used, whose row becomes NaN; by default
            the error is raised.

        Returns
        -------
        np.ndarray [shape=(N, D), float32]
            In the order of ``paths``.

        Raises
        ------
        AudioError
            If there is no recording, or one cannot be used; the message names it.
        """
        return self.encode_speech(paths, frames=False, batch_size=batch_size, on_error=on_error).sentences

    def encode_speech(
        self,
        recordings: Recording | Iterable[Recording],
        *,
        frames: bool = True,
        batch_size: int = 32,
        on_error: Callable[[int, AudioError], None] | None = None,
    ) -> EncodedSpeech:
        """Sentences and frames of many recordings.

        Parameters
        ----------
        recordings, batch_size, on_error
            As for :meth:`encode_paths`; a recording that cannot be used has no frames.
        frames : bool
            Whether the frames are kept, some hundred kilobytes a sentence.

        Returns
        -------
        EncodedSpeech
            In the order of ``recordings``.
        """
        batch_size = whole_number("batch_size", batch_size, 1, None)
        speech, said = self._encode(*recordings_in(recordings), batch_size, on_error, frames=frames)
        said.warn()
        return speech

    @torch.inference_mode()
    def confidence(self, given: Recording | Iterable[Recording] | EncodedSpeech) -> np.ndarray | None:
        """How sure it is that recordings are such descriptions as these weights were trained on.

        Parameters
        ----------
        given : recording, iterable of recordings, or EncodedSpeech
            In any of the forms of a call, or what `encode_speech` made of them.

        Returns
        -------
        np.ndarray [shape=(N,), float32, range 0..1], or None
            Near 0 for other speech, noise or music; NaN where a recording could not be used. None where the weights
            came without the means to tell.
        """
        if self.confidence_head is None:
            return None
        speech = given if isinstance(given, EncodedSpeech) else self.encode_speech(given, frames=False)
        return np.asarray(self.confidence_head(torch.from_numpy(speech.sentences)))

    def _encode(
        self,
        recordings: Iterable[Recording],
        several: bool,
        batch_size: int = 32,
        on_error: Callable[[int, AudioError], None] | None = None,
        *,
        frames: bool = False,
    ) -> tuple[EncodedSpeech, Remarks]:
        """What `encode_speech` gives, and what there is to say of the recordings."""
        left, said = enumerate(recordings), Remarks(self.mel.sample_rate)
        parts: list[EncodedSpeech] = []
        missing = np.full((1, self.encoder.embedding_dim), np.nan, np.float32)
        unusable = EncodedSpeech(missing, [missing[:0]] if frames else None)
        while window := list(islice(left, 16 * batch_size)):
            mels: dict[int, HeardMel] = {}
            for n, recording in window:
                try:
                    name = f"recording [{n}]" if several else "recording"
                    mels[n] = heard_mel(recording, name, preset=self.mel, trim=self.trim, said=said)
                except AudioError as error:
                    if on_error is None:
                        raise
                    on_error(n, error)

            # Recordings of similar length together, then back into the given order.
            order = sorted(mels, key=lambda n: mels[n].mel.shape[1])
            encoded: dict[int, EncodedSpeech] = {}
            for first in range(0, len(order), batch_size):
                chosen = order[first : first + batch_size]
                batch = self._encode_mels([mels[n].mel for n in chosen], frames=frames)
                for row, n in enumerate(chosen):
                    if (unread := nothing_recognised(batch, row, mels[n].name)) is None:
                        encoded[n] = batch[[row]]
                    elif on_error is None:
                        raise unread
                    else:
                        on_error(n, unread)
            parts += [encoded.get(n, unusable) for n, _ in window]
        if not parts:
            raise AudioError.about("encode_paths", "got an empty list", "give at least one recording")
        return EncodedSpeech.concatenate(parts), said

    @torch.inference_mode()
    def _encode_mels(self, mels: Sequence[np.ndarray], *, frames: bool) -> EncodedSpeech:
        require_own_process(self.device, self.loaded_in, name=self.name)
        lengths = [mel.shape[1] for mel in mels]
        batch = np.full((len(mels), self.mel.n_mels, max(lengths)), self.mel.pad_value, dtype=np.float32)
        for row, mel in zip(batch, mels, strict=True):
            row[:, : mel.shape[1]] = mel
        encoding = self.encoder(torch.from_numpy(batch).to(self.device), torch.tensor(lengths))
        return EncodedSpeech.of(encoding, frames=frames)
