"""Deep attentional multimodal similarity model (AttnGAN, section 3.2): images and what is said of them in one space."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.text_encoders.base import TextEncoder
from speech2img.models.vision.damsm_image_encoder import DAMSMImageEncoder, EncodedImages, Trunk


class Compared(NamedTuple):
    """Images and utterances of one batch in the space where they are compared; rows belong together."""

    regions: Tensor
    """(B, D, H, W) float32."""
    image: Tensor
    """(B, D) float32."""
    words: Tensor
    """(B, D, S) float32, padded."""
    sentence: Tensor
    """(B, D) float32."""
    lengths: Tensor
    """(B,) int64."""


class DAMSM(nn.Module):
    """Images, and frames and sentences of speech (or words and sentences of text), projected into one space.

    Parameters
    ----------
    speech_dim : int, optional
        Size of frames and sentences as the speech encoder gives them; they are normalised and projected. None: words
        and sentences come in this space already, as those of AttnGAN's text encoder do.
    embedding_dim : int
        Size of the space.
    trunk, align_corners
        As for `DAMSMImageEncoder`.
    """

    def __init__(
        self,
        *,
        speech_dim: int | None = None,
        embedding_dim: int = 256,
        trunk: Trunk = "inception",
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.image_encoder = DAMSMImageEncoder(trunk=trunk, embedding_dim=embedding_dim, align_corners=align_corners)
        self.words: nn.Module = nn.Identity() if speech_dim is None else _projection(speech_dim, embedding_dim)
        self.sentence: nn.Module = nn.Identity() if speech_dim is None else _projection(speech_dim, embedding_dim)

    def encode_images(self, images_B3SS: Tensor) -> EncodedImages:
        """Images of any size in -1..1; gradients flow to them."""
        encoded: EncodedImages = self.image_encoder(images_B3SS)
        return encoded

    def forward(self, images_B3SS: Tensor, speech: SpeechEncoding) -> Compared:
        """Both in one space.

        Parameters
        ----------
        images_B3SS : Tensor [shape=(B, 3, S, S), range -1..1]
            Images of any size.
        speech : SpeechEncoding
            What is said of each, with frames or words.

        Raises
        ------
        ValueError
            If there are sentences only.
        """
        if not speech.words.shape[2] or not min(speech.word_lengths.tolist()):
            raise ValueError("frames or words are compared with regions, and there are sentences only")
        words_BDS = self.words(speech.words.transpose(1, 2)).transpose(1, 2).float()
        regions, image = self.encode_images(images_B3SS)
        return Compared(regions, image, words_BDS, self.sentence(speech.sentence).float(), speech.word_lengths)


class ReadingDAMSM(DAMSM):
    """The text form with the encoder that learns with it: words and sentences come in its space.

    Parameters
    ----------
    text_encoder : TextEncoder
        One that gives a vector a word.
    trunk, align_corners
        As for `DAMSM`.

    Raises
    ------
    ValueError
        If the text encoder gives sentences alone.
    """

    def __init__(self, text_encoder: TextEncoder, *, trunk: Trunk = "inception", align_corners: bool = False) -> None:
        if not text_encoder.has_words:
            raise ValueError("regions are compared with words, and the text encoder gives sentences alone")
        super().__init__(embedding_dim=text_encoder.embedding_dim, trunk=trunk, align_corners=align_corners)
        self.text_encoder = text_encoder


def _projection(speech_dim: int, embedding_dim: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(speech_dim), nn.Linear(speech_dim, embedding_dim))


def init_trunk_(network: DAMSM, state: dict[str, Tensor]) -> None:
    """Give the frozen trunk the weights of a network of images; RuntimeError where they are not its own."""
    with torch.no_grad():
        network.image_encoder.trunk.load_state_dict(state)
