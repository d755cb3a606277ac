"""Encoders that read: what a text encoder makes of sentences, whether somebody wrote them or a recogniser did."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn

import torch
from torch import Tensor

from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import ConfigError
from speech2img.models.encoders.base import SpeechEncoder, SpeechEncoding
from speech2img.models.text_encoders.registry import build_text_encoder


class TranscribedEncoding(SpeechEncoding):
    """What a `SpeechEncoding` is, with the texts that were read."""

    texts: tuple[str, ...] = ()
    """One a row; empty where nothing is in it that the text encoder knows: the sentence is NaN there."""


class TextReader(SpeechEncoder):
    """Base of the encoders that read with a text encoder.

    Parameters
    ----------
    text_encoder : Mapping
        As for `build_text_encoder`.

    Raises
    ------
    ValueError
        If the settings contradict each other.
    """

    n_mels = 1

    def __init__(self, text_encoder: Mapping[str, Any]) -> None:
        super().__init__()
        self.text_encoder = build_text_encoder(**plain_settings(text_encoder))
        self.embedding_dim = self.text_encoder.embedding_dim
        self.has_frames = self.text_encoder.has_words

    def encode_texts(self, texts: Sequence[str]) -> TranscribedEncoding:
        """Read texts; of one without anything that the text encoder knows the sentence is NaN and the text empty."""
        # What can be read goes to the text encoder; NaN stands for the rest.
        known = [self._knows(text) for text in texts]
        device = next(self.text_encoder.parameters()).device
        sentence_BD = torch.full((len(texts), self.embedding_dim), float("nan"), device=device)
        lengths_B = torch.zeros(len(texts), dtype=torch.int64)
        words_BDS = sentence_BD.new_zeros(*sentence_BD.shape, 0)
        rows = [row for row, knows in enumerate(known) if knows]
        if rows:
            encoded = self.text_encoder.encode([texts[row] for row in rows])
            words_BDS = sentence_BD.new_zeros(len(texts), *encoded.words.shape[1:])
            sentence_BD[rows], words_BDS[rows] = encoded.sentence.float(), encoded.words.float()
            lengths_B[rows] = encoded.word_lengths.cpu()
        encoding = TranscribedEncoding(sentence_BD, words_BDS, lengths_B)
        encoding.texts = tuple(text if knows else "" for text, knows in zip(texts, known, strict=True))
        return encoding

    def _knows(self, text: str) -> bool:
        if not text.strip():
            return False
        try:
            return bool(self.text_encoder.tokens(text))
        except ValueError:
            return False


class ReadingEncoder(TextReader):
    """A text encoder where other models have a speech encoder: it is given sentences, and hears nothing.

    Parameters
    ----------
    text_encoder : Mapping
        As for `build_text_encoder`.
    network : str
        "text", as a release names it.

    Raises
    ------
    ValueError
        If the settings contradict each other.
    """

    reads_text = True
    """Whether it takes text instead of recordings."""

    def __init__(self, *, text_encoder: Mapping[str, Any], network: Literal["text"] = "text") -> None:
        super().__init__(text_encoder)

    def forward(self, mel_BMT: Tensor, lengths_B: Tensor) -> NoReturn:
        """Refuse a recording.

        Raises
        ------
        ConfigError
            Always.
        """
        fix = "give it sentences: generate --text, encode_texts, or evaluate, which gives it the captions"
        raise ConfigError.about("recordings", "these weights read text and hear nothing", fix)


def plain_settings(settings: Any) -> dict[str, Any]:
    """Settings of a network by name; ValueError for anything else."""
    if not isinstance(settings, Mapping) or not all(isinstance(key, str) for key in settings):
        raise ValueError(f"{settings!r:.60} are no settings of a network")
    return dict(settings)


@torch.inference_mode()
def read_texts(encoder: SpeechEncoder, texts: Sequence[str], *, frames: bool, name: str) -> EncodedSpeech:
    """What an encoder that can read makes of sentences.

    Parameters
    ----------
    encoder : SpeechEncoder
        One that reads text, or a cascade.
    texts : sequence of str
        Sentences, one at least.
    frames : bool
        Whether the vectors of the words are kept.
    name : str
        What messages call the weights.

    Returns
    -------
    EncodedSpeech
        In the order of ``texts``; of a sentence that the text encoder knows nothing of, NaN and an empty text.

    Raises
    ------
    ConfigError
        If the encoder hears and does not read, or there is no sentence.
    """
    if not isinstance(encoder, TextReader):
        fix = "speak it: 'speech2img generate --text' does so"
        raise ConfigError.about(name, "hears recordings and cannot read text", fix)
    if isinstance(texts, str) or not texts or not all(isinstance(text, str) for text in texts):
        raise ConfigError.about("texts", "are no list of sentences", "give a list with one text at least")
    return EncodedSpeech.of(encoder.encode_texts(list(texts)), frames=frames)
