"""Generator of AttnGAN (arXiv:1711.10485), of one to four stages: 64, 128, 256 and 512 px.

The first stage is StackGAN-v2's. Each later one looks from every place of the map at the words of the caption, or at
the frames of speech, and doubles the map together with what it saw.
"""

import torch
from torch import Tensor, nn

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.attngan.attention import Form, WordAttention
from speech2img.models.generators.base import ImageNoise
from speech2img.models.generators.conditioning import Condition, ConditioningAugmentation
from speech2img.models.generators.stackgan import (
    BASE_SIZE,
    MAX_STAGES,
    FirstStage,
    GatedConv,
    GeneratorOutput,
    ResidualBlock,
)
from speech2img.models.layers.activation_checkpointing import checkpointed


class AttentionStage(nn.Module):
    """The map of one stage and the words to the doubled map of the next, with as many channels."""

    def __init__(self, channels: int, word_dim: int, residual_blocks: int, *, form: Form) -> None:
        super().__init__()
        self.attention = WordAttention(channels, word_dim, form=form)
        self.residual = nn.Sequential(*(ResidualBlock(2 * channels) for _ in range(residual_blocks)))
        self.up = GatedConv(2 * channels, channels, upsample=True)

    def forward(self, hidden: Tensor, words_BDS: Tensor, allowed_BS: Tensor) -> Tensor:
        """(B, C, S, S) to (B, C, 2S, 2S)."""
        context = self.attention(hidden, words_BDS, allowed_BS)
        return self.refine(hidden, context)

    def refine(self, hidden: Tensor, context: Tensor) -> Tensor:
        """The doubled map from the map and what its places saw."""
        doubled: Tensor = self.up(self.residual(torch.cat([hidden, context], dim=1)))
        return doubled


class AttnGANGenerator(nn.Module):
    """Speech (or text) and noise to images of 64, 128, 256 and 512 pixels.

    Parameters
    ----------
    embedding_dim : int
        Size of the sentence, and of a word or frame.
    condition_dim, noise_dim : int
        Sizes of the drawn condition and of the noise.
    width : int
        Channels of every map ("gf" of the publication).
    num_stages : int, 1..4
        Images made: 64, 128, 256, 512 px.
    residual_blocks : int
        Of each stage behind the first.
    attention : bool
        Look at words or frames; otherwise every place is given the sentence, and no frames are needed.
    form : {"corrected", "published"}
        The mask of the padding, see `attention.Form`; published weights were trained with the published one.
    recompute : bool
        Compute each stage behind the first again in the backward pass instead of keeping what it needs; results are
        the same bits.

    Raises
    ------
    ValueError
        If ``num_stages`` is out of range.
    """

    def __init__(
        self,
        *,
        embedding_dim: int = 256,
        condition_dim: int = 100,
        noise_dim: int = 100,
        width: int = 32,
        num_stages: int = 3,
        residual_blocks: int = 2,
        attention: bool = True,
        form: Form = "corrected",
        recompute: bool = False,
    ) -> None:
        super().__init__()
        if not 1 <= num_stages <= MAX_STAGES:
            raise ValueError(f"num_stages must be 1..{MAX_STAGES}, got {num_stages}")
        self.embedding_dim, self.condition_dim, self.noise_dim = embedding_dim, condition_dim, noise_dim
        self.num_stages, self.needs_frames, self.recompute = num_stages, attention, recompute
        self.augment = ConditioningAugmentation(embedding_dim=embedding_dim, condition_dim=condition_dim)
        self.first = FirstStage(condition_dim + noise_dim, width)
        self.next = nn.ModuleList(
            AttentionStage(width, embedding_dim, residual_blocks, form=form) for _ in range(num_stages - 1)
        )
        self.to_image = nn.ModuleList(nn.Conv2d(width, 3, 3, padding=1, bias=False) for _ in range(num_stages))

    @property
    def image_sizes(self) -> tuple[int, ...]:
        """Sides in pixels of the images made, smallest first."""
        return tuple(BASE_SIZE << i for i in range(self.num_stages))

    def sample(self, speech: SpeechEncoding, noise: ImageNoise) -> list[Tensor]:
        """Draw an image of each utterance; see `base.ImageGenerator`."""
        return self(speech, noise.normal("noise", self.noise_dim), eps=self._eps(noise)).images

    def forward(self, speech: SpeechEncoding, noise_BZ: Tensor, *, eps: Tensor | None = None) -> GeneratorOutput:
        """Draw images.

        Parameters
        ----------
        speech : SpeechEncoding
            Of B utterances or captions, with words where the generator ``needs_frames``.
        noise_BZ : Tensor [shape=(B, noise_dim)]
            Standard normal noise.
        eps : Tensor [shape=(B, condition_dim)], optional
            Standard normal draw of the condition; None draws one, zeros take its mean.

        Returns
        -------
        GeneratorOutput

        Raises
        ------
        ValueError
            If there are no words to look at.
        """
        words_BDS, allowed_BS = self._words(speech)
        hidden, condition = self._first(speech, noise_BZ, eps)
        images = [self._image(0, hidden)]
        for number, stage in enumerate(self.next, start=1):
            if self.recompute:
                hidden = checkpointed(stage, stage, hidden, words_BDS, allowed_BS)
            else:
                hidden = stage(hidden, words_BDS, allowed_BS)
            images.append(self._image(number, hidden))
        return GeneratorOutput(images, condition.mu, condition.logvar)

    def attention_maps(self, speech: SpeechEncoding, noise: ImageNoise) -> list[Tensor]:
        """What each place of an image looks at, stage by stage, for the images that `sample` gives of the same noise.

        Parameters
        ----------
        speech, noise
            As for `sample`.

        Returns
        -------
        list of Tensor [shape=(B, S, H, H), float32]
            Weights of the S words or frames, 1 in sum, at H = 64, 128, ... places a side; none of one stage.
        """
        words_BDS, allowed_BS = self._words(speech)
        hidden, _ = self._first(speech, noise.normal("noise", self.noise_dim), self._eps(noise))
        maps = []
        for stage in self.next:
            assert isinstance(stage, AttentionStage)
            maps.append(stage.attention.weights(hidden, words_BDS, allowed_BS))
            hidden = stage(hidden, words_BDS, allowed_BS)
        return maps

    def _eps(self, noise: ImageNoise) -> Tensor:
        return noise.normal("condition", self.condition_dim)

    def _words(self, speech: SpeechEncoding) -> tuple[Tensor, Tensor]:
        """What places look at (B, D, S), and where it is not padding (B, S)."""
        sentence, words, lengths = speech
        if not self.needs_frames:
            return sentence[:, :, None], torch.ones(len(sentence), 1, dtype=torch.bool, device=sentence.device)
        if not words.shape[2] or not min(lengths.tolist()):
            raise ValueError("the generator looks at words or frames, and there are sentences only")
        steps = torch.arange(words.shape[2], device=words.device)
        return words, steps < lengths.to(words.device, non_blocking=True)[:, None]

    def _first(self, speech: SpeechEncoding, noise_BZ: Tensor, eps: Tensor | None) -> tuple[Tensor, Condition]:
        condition = self.augment(speech.sentence, eps)
        hidden: Tensor = self.first(torch.cat([condition.sample, noise_BZ], dim=1))
        return hidden, condition

    def _image(self, stage: int, hidden: Tensor) -> Tensor:
        return torch.tanh(self.to_image[stage](hidden).float())
