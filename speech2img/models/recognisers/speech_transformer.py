"""The speech Transformer: convolutions, a Transformer encoder, and a decoder that writes characters.

After the Keras example ``transformer_asr`` (2021), which follows Vaswani et al. 2017 and Dong et al. 2018
(Speech-Transformer). Shape letters: B batch, T frames, S steps of the encoder, N characters, D width, V classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.recognisers.base import CharacterRecogniser, DecodingState, EncodedUtterances
from speech2img.models.recognisers.characters import ALPHABET, PUBLISHED_ALPHABET, CharacterTable, Form
from speech2img.models.recognisers.layers import DecoderCache, DecoderLayer, EncoderLayer
from speech2img.models.recognisers.spectrogram import (
    MAX_FRAMES,
    NUM_BINS,
    max_samples,
    num_frames,
    published_spectrogram,
)
from speech2img.models.recognisers.speech_embedding import SpeechEmbedding, normalise_bands, sinusoids

PUBLISHED_SELF_DROPOUT = 0.5
CORRECTED_FRAMES = 6_000
"""Most frames of the corrected form: a minute of the usual front-ends."""


class SpeechTransformer(CharacterRecogniser):
    """Recordings to characters.

    Parameters
    ----------
    n_mels : int
        Bands of the log-mel; 1 in the published form, which takes samples at 22,050 Hz.
    form : {"corrected", "published"}
        Published: its own spectrogram (`published_spectrogram`), filled with zeros to 2,754 frames that are heard as
        speech; no positions in the encoder; dropout of 0.5 in the decoder's self-attention. Corrected: log-mels of any
        preset, normalised by band over the utterance; padding masked in convolutions and attention; positions in the
        encoder; one rate of dropout.
    alphabet : str
        Characters; the published form has its own.
    width, num_heads, head_width, feed_forward, encoder_layers, decoder_layers : int
        Sizes; the defaults are the published ones.
    strides : sequence of int
        Of the convolutions. Published 2, 2, 2 on frames 3.6 ms apart: a step every 29 ms. Frames that are 10 ms apart
        want (2, 2, 1).
    kernel : int
        Of the convolutions; odd.
    max_characters : int
        Longest text, start and end included.
    dropout : float
        Rate.
    ctc : bool
        Have a second head on the encoder, for a loss by connectionist temporal classification (Watanabe et al. 2017).

    Raises
    ------
    ValueError
        If the settings contradict each other.
    """

    def __init__(
        self,
        *,
        n_mels: int = 1,
        form: Form = "corrected",
        alphabet: str = ALPHABET,
        width: int = 200,
        num_heads: int = 2,
        head_width: int = 200,
        feed_forward: int = 400,
        encoder_layers: int = 4,
        decoder_layers: int = 1,
        strides: Sequence[int] = (2, 2, 2),
        kernel: int = 11,
        max_characters: int = 200,
        dropout: float = 0.1,
        ctc: bool = False,
    ) -> None:
        super().__init__()
        # What does not go together.
        sizes = (n_mels, width, num_heads, head_width, feed_forward, encoder_layers, decoder_layers, *strides)
        if min(sizes) < 1 or not strides or kernel < 1 or kernel % 2 == 0 or max_characters < 3:
            raise ValueError("sizes must be positive, and the kernel odd")
        if form not in ("corrected", "published"):
            raise ValueError(f"no form {form!r}: corrected or published")
        if form == "published" and (n_mels != 1 or ctc):
            raise ValueError("the published form takes samples (n_mels 1) and has no second head")
        published = form == "published"
        self.form, self.n_mels, self.max_characters = form, n_mels, max_characters
        self.max_frames = max_samples() if published else CORRECTED_FRAMES
        self.table = CharacterTable(PUBLISHED_ALPHABET if published else alphabet, form=form)

        # Networks.
        sizes_of_layer = (width, num_heads, head_width, feed_forward)
        self_dropout = PUBLISHED_SELF_DROPOUT if published else dropout
        self.speech = SpeechEmbedding(NUM_BINS if published else n_mels, width, strides, kernel)
        self.characters = nn.Embedding(len(self.table), width)
        self.positions = nn.Embedding(max_characters, width)
        self.encoder = nn.ModuleList(EncoderLayer(*sizes_of_layer, dropout=dropout) for _ in range(encoder_layers))
        self.decoder = nn.ModuleList(
            DecoderLayer(*sizes_of_layer, dropout=dropout, self_dropout=self_dropout) for _ in range(decoder_layers)
        )
        self.classifier = nn.Linear(width, len(self.table))
        self.ctc_classifier = nn.Linear(width, len(self.table)) if ctc else None
        self._draw()

    def _draw(self) -> None:
        """Keras's initial values: Glorot's uniform distribution, zeros, and small embeddings."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv1d):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.uniform_(module.weight, -0.05, 0.05)

    def encode(self, mel_BMT: Tensor, lengths_B: Tensor) -> EncodedUtterances:
        """Hear; see `CharacterRecogniser.encode`.

        Raises
        ------
        ValueError
            If the recordings are longer than ``max_frames``.
        """
        if mel_BMT.shape[2] > self.max_frames:
            raise ValueError(f"{mel_BMT.shape[2]} frames are more than the {self.max_frames} that are heard at once")
        # Published: samples become spectrograms, and zeros behind them speech.
        if self.form == "published":
            spectrogram_BTF = self._filled(mel_BMT[:, 0], lengths_B)
            return self.encode_spectrogram(spectrogram_BTF)
        # Corrected: bands at one level, then positions, which the published encoder does without.
        steps_BDS, steps_B = self.speech(normalise_bands(mel_BMT, lengths_B), lengths_B)
        steps_BSD = steps_BDS.transpose(1, 2)
        steps_BSD = steps_BSD + sinusoids(steps_BSD.shape[1], steps_BSD.shape[2], steps_BSD.device)
        return self._through_layers(EncodedUtterances(steps_BSD, steps_B, masked=True))

    def encode_spectrogram(self, spectrogram_BTF: Tensor) -> EncodedUtterances:
        """Hear as published: spectrograms (B, T, 129) all of whose frames are speech."""
        steps_BSD = self.speech.published(spectrogram_BTF.transpose(1, 2)).transpose(1, 2)
        lengths_B = torch.full((len(steps_BSD),), steps_BSD.shape[1])
        return self._through_layers(EncodedUtterances(steps_BSD, lengths_B, masked=False))

    def _filled(self, wave_BN: Tensor, lengths_B: Tensor) -> Tensor:
        """Spectrograms with zeros behind the frames of each, 2,754 in all."""
        spectrogram_BTF = published_spectrogram(wave_BN)
        lengths = [num_frames(length) for length in lengths_B.tolist()]
        frames = torch.tensor(lengths).to(wave_BN.device, non_blocking=True)
        valid_BT1 = (torch.arange(spectrogram_BTF.shape[1], device=wave_BN.device) < frames[:, None])[..., None]
        return F.pad(spectrogram_BTF * valid_BT1, (0, 0, 0, MAX_FRAMES - spectrogram_BTF.shape[1]))

    def _through_layers(self, given: EncodedUtterances) -> EncodedUtterances:
        steps_BSD, allowed_B11S = given.steps_BSD, given.allowed_B11S()
        for layer in self.encoder:
            steps_BSD = layer(steps_BSD, allowed_B11S)
        return EncodedUtterances(steps_BSD, given.lengths_B, given.masked)

    def begin(self, encoded: EncodedUtterances) -> DecodingState:
        """State before the first character: the keys and values of the speech are computed here, once."""
        caches = []
        for layer in self.decoder:
            assert isinstance(layer, DecoderLayer)
            caches.append(DecoderCache(layer.speech_attention.keys_and_values(encoded.steps_BSD)))
        return DecodingState(caches, encoded.allowed_B11S())

    def read(self, numbers_BN: Tensor, state: DecodingState) -> Tensor:
        """Read characters; see `CharacterRecogniser.read`.

        Raises
        ------
        ValueError
            If the text is longer than ``max_characters``.
        """
        end = state.position + numbers_BN.shape[1]
        if end > self.max_characters:
            raise ValueError(f"{end} characters are more than the {self.max_characters} that have positions")
        # Characters at their places, behind those that are cached.
        places_N = torch.arange(state.position, end, device=numbers_BN.device)
        steps_BND = self.characters(numbers_BN) + self.positions(places_N)
        for layer, cache in zip(self.decoder, state.caches, strict=True):
            steps_BND = layer(steps_BND, cache, state.allowed_B11S)
        state.position = end
        return self.classifier(steps_BND)

    def ctc_log_probabilities(self, encoded: EncodedUtterances) -> Tensor | None:
        """What the second head says of each step; see `CharacterRecogniser.ctc_log_probabilities`."""
        return None if self.ctc_classifier is None else self.ctc_classifier(encoded.steps_BSD).float().log_softmax(2)

    def forward(self, mel_BMT: Tensor, lengths_B: Tensor, numbers_BN: Tensor) -> tuple[Tensor, EncodedUtterances]:
        """Logits of the characters that follow each of a known text, and the encoded speech.

        Parameters
        ----------
        mel_BMT, lengths_B
            As for `encode`.
        numbers_BN : Tensor [shape=(B, N), int64]
            Texts from the start mark on, without their last place.

        Returns
        -------
        logits_BNV : Tensor [shape=(B, N, V)]
        encoded : EncodedUtterances
        """
        encoded = self.encode(mel_BMT, lengths_B)
        return self.read(numbers_BN, self.begin(encoded)), encoded
