"""``EncodedSpeech``: what an encoder made of utterances, as arrays: sentences, and frames with their lengths."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from speech2img.models.encoders.base import SpeechEncoding

TRANSCRIPT = "Transcript"
"""Under this name an image keeps the text that a cascade read: in ``image.info``, and as a text chunk of its PNG."""


@dataclass(frozen=True, eq=False)
class EncodedSpeech:
    """Encoded utterances; `speech2img.pipeline.SpeechToImage.encode_speech` makes them, ``generate`` takes them.

    Its rows are chosen as those of an array: ``speech[3:7]``, ``speech[[2, 0]]``.
    """

    sentences: np.ndarray
    """(N, D) float32: one vector an utterance."""
    frames: Sequence[np.ndarray] | None = None
    """(S, D) float of each utterance: one vector a time step, its own S of them; None where they were not kept."""
    texts: Sequence[str] | None = None
    """What a cascade read in each, empty where nothing; None for speech that is heard without text."""

    @classmethod
    def of(cls, encoding: SpeechEncoding, *, frames: bool) -> "EncodedSpeech":
        """Take a batch from its device, with its frames or without."""
        sentences = encoding.sentence.float().cpu().numpy()
        texts = getattr(encoding, "texts", None)
        if not frames:
            return cls(sentences, texts=texts)
        steps_BSD = encoding.words.float().transpose(1, 2).cpu().numpy()
        lengths = encoding.word_lengths.tolist()
        kept = [steps[:length].copy() for steps, length in zip(steps_BSD, lengths, strict=True)]
        return cls(sentences, kept, texts)

    @classmethod
    def concatenate(cls, parts: "Sequence[EncodedSpeech]") -> "EncodedSpeech":
        """One behind the other; with frames where all parts have them."""
        frames: list[np.ndarray] = []
        for part in parts:
            frames += part.frames or ()
        whole = all(part.frames is not None for part in parts)
        texts: list[str] | None = None
        if any(part.texts is not None for part in parts):
            texts = [text for part in parts for text in part.texts or [""] * len(part)]
        return cls(np.concatenate([part.sentences for part in parts]), frames if whole else None, texts)

    def __len__(self) -> int:
        return len(self.sentences)

    def __getitem__(self, rows: Any) -> "EncodedSpeech":
        """Some of the utterances, by a slice or a sequence of numbers."""
        chosen = np.arange(len(self))[rows]
        frames = None if self.frames is None else [self.frames[row] for row in chosen.tolist()]
        texts = None if self.texts is None else [self.texts[row] for row in chosen.tolist()]
        return EncodedSpeech(self.sentences[chosen], frames, texts)

    def batch(self, rows: Sequence[int], device: torch.device | str = "cpu") -> SpeechEncoding:
        """Utterances as a generator takes them: frames padded with zeros to the longest of the batch.

        Parameters
        ----------
        rows : sequence of int
            Which, B of them.
        device : torch.device
            Where sentences and frames are wanted; lengths stay on the CPU.
        """
        sentences = torch.from_numpy(self.sentences[list(rows)]).to(device)
        if self.frames is None:
            return SpeechEncoding.of_sentences(sentences)
        chosen = [self.frames[row] for row in rows]
        lengths = [len(frames) for frames in chosen]
        words_BSD = np.zeros((len(chosen), max(lengths), self.sentences.shape[1]), np.float32)
        for padded, frames in zip(words_BSD, chosen, strict=True):
            padded[: len(frames)] = frames
        words_BDS = torch.from_numpy(words_BSD).to(device).transpose(1, 2)
        return SpeechEncoding(sentences, words_BDS, torch.tensor(lengths, dtype=torch.int64))
