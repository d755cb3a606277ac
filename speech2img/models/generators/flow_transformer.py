"""The network of a latent flow: a small transformer over patches of latents that attends to what was said.

Shape letters: B samples, C channels, h side of the latents, N patches (tokens), S time steps of the speech, D size of
its embeddings, W width of the network.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.layers.adaptive_transformer import NUM_MODULATIONS, AdaptiveBlock, TimeEmbedding, modulated
from speech2img.models.layers.standardize import Standardize
from speech2img.models.layers.transformer import attention_mask, valid_steps

Prediction = Literal["velocity", "data"]
_SHORTEST_WAY = 0.05
"""Least rest of the time that a velocity follows from, where data are predicted: as published."""
_MLP_FACTOR = 4
_POSITION_DEVIATION = 0.02


class FlowCondition(NamedTuple):
    """What was said, as all evaluations of a sample take it."""

    sentence_BW: Tensor
    """Of the adaptive norms, beside the time."""
    steps_BSW: Tensor
    """What tokens attend to, where they do: the sentence, and the frames behind it."""
    allowed_B11S: Tensor | None
    """Valid steps, as `attention_mask` gives them."""


class SpeechConditioned(nn.Module):
    """Network whose evaluations of a sample all take the same condition; a subclass adds the layers in its turn."""

    sentence: Standardize
    frames: Standardize
    reader_weight: Tensor
    """(V, D) of all V values, where attributes are read."""
    reader_bias: Tensor
    """(V,)."""

    def _add_condition(
        self, embedding_dim: int, width: int, *, needs_frames: bool, cross_attention: bool, value_counts: Sequence[int]
    ) -> None:
        """Layers of the condition, and of none; arguments as of `FlowTransformer`."""
        if needs_frames and not cross_attention:
            raise ValueError("frames need cross_attention")
        if value_counts and (needs_frames or not cross_attention or min(value_counts) < 2):
            raise ValueError("value_counts of 2 or more need cross_attention, and no frames")
        self.needs_frames, self.cross_attention, self.value_counts = needs_frames, cross_attention, list(value_counts)
        self.from_sentence = nn.Linear(embedding_dim, width)
        self.null_sentence = nn.Parameter(torch.zeros(width))
        if value_counts:
            self.register_buffer("reader_weight", torch.zeros(sum(value_counts), embedding_dim))
            self.register_buffer("reader_bias", torch.zeros(sum(value_counts)))
            self.value_steps = nn.Parameter(torch.randn(sum(value_counts), width))
            self.attribute_steps = nn.Parameter(torch.randn(len(value_counts), width))
        elif cross_attention:
            self.from_step = nn.Linear(embedding_dim, width)
            self.sentence_step = nn.Parameter(torch.zeros(width))
        if cross_attention:
            self.null_step = nn.Parameter(torch.zeros(width))

    def read_with_(self, weight_VD: Tensor, bias_V: Tensor) -> None:
        """Set the linear reader, whose outputs are logits of all values, attribute by attribute."""
        self.reader_weight.copy_(weight_VD)
        self.reader_bias.copy_(bias_V)

    def attribute_logits(self, sentence_BD: Tensor) -> tuple[Tensor, ...]:
        """Logits (B, values) of each attribute that the linear reader finds; none where no attributes are read."""
        if not self.value_counts:
            return ()
        return F.linear(sentence_BD.float(), self.reader_weight, self.reader_bias).split(self.value_counts, dim=1)

    def _attributes(self, sentence_BD: Tensor) -> Tensor:
        """A step for each attribute: the embedding of its likeliest value, as drawn features are never sure."""
        likeliest_BA = torch.stack([logits.argmax(dim=1) for logits in self.attribute_logits(sentence_BD)], dim=1)
        first_A = torch.tensor([0, *self.value_counts[:-1]], device=sentence_BD.device).cumsum(0)
        return self.value_steps[likeliest_BA + first_A] + self.attribute_steps

    def condition(
        self, speech: SpeechEncoding, conditional_B: Tensor | None = None, *, read_from_BD: Tensor | None = None
    ) -> FlowCondition:
        """What was said, projected once for all evaluations.

        Parameters
        ----------
        speech : SpeechEncoding
            Of B utterances; frames are left alone where they are not needed.
        conditional_B : Tensor [shape=(B,), bool], optional
            False where the flow is to be that of images at large, without speech.
        read_from_BD : Tensor [shape=(B, D)], optional
            Sentences without the noise that training lays on them: what attributes are read from.
        """
        sentence_BD = self.sentence(speech.sentence)
        sentence_BW = self.from_sentence(sentence_BD)
        allowed, steps_BSW = None, sentence_BW[:, None]
        if self.value_counts:
            steps_BSW = self._attributes(speech.sentence if read_from_BD is None else read_from_BD)
        elif self.cross_attention:
            steps_BSW = (self.from_step(sentence_BD) + self.sentence_step)[:, None]
        if self.needs_frames:
            frames_BSW = self.from_step(self.frames(speech.words.transpose(1, 2)))
            steps_BSW = torch.cat([steps_BSW, frames_BSW], dim=1)
            valid_BS = valid_steps(speech.word_lengths + 1, steps_BSW.shape[1], steps_BSW.device)
            allowed = attention_mask(valid_BS)
        if conditional_B is not None:
            sentence_BW = torch.where(conditional_B[:, None], sentence_BW, self.null_sentence.to(sentence_BW.dtype))
            if self.cross_attention:
                null_step = self.null_step.to(steps_BSW.dtype)
                steps_BSW = torch.where(conditional_B[:, None, None], steps_BSW, null_step)
        return FlowCondition(sentence_BW, steps_BSW, allowed)


class FlowTransformer(SpeechConditioned):
    """Velocity of a rectified flow in standardised latents.

    Patches of the latents are tokens with learned positions. Norms are shifted and scaled by time and sentence; tokens
    attend to each other, to the sentence, and to the frames of the speech.

    Parameters
    ----------
    embedding_dim : int
        D.
    channels, side : int
        C and h.
    patch : int
        Side of a patch; a divisor of ``side``.
    width : int
        W.
    depth : int
        Blocks.
    num_heads : int
        Heads of each attention; a divisor of ``width``.
    dropout : float
        In the blocks, while training.
    needs_frames : bool
        Whether tokens attend to frames; otherwise the sentence is the only step of their sequence.
    cross_attention : bool
        Whether tokens attend to that sequence; otherwise the adaptive norms alone say what is wanted.
    value_counts : sequence of int
        Numbers of values of the attributes that a linear reader, `read_with_`, finds in the sentence: tokens then
        attend to a step for each attribute, and not to the sentence. For features of an image, without frames.
    prediction : {"velocity", "data"}
        What the last layer gives: the velocity itself; or the latents at the flow's end, which the velocity follows
        from (Li and He, "Back to Basics: Let Denoising Generative Models Denoise", arXiv:2511.13720, table 1). Latents
        lie near a manifold that noise does not: large patches, of more numbers than the width, can be learned so.

    Raises
    ------
    ValueError
        If a number is below 1, the prediction is none of these, or ``patch`` or ``num_heads`` divides not what it
        should.
    """

    def __init__(
        self,
        *,
        embedding_dim: int,
        channels: int,
        side: int,
        patch: int = 2,
        width: int = 256,
        depth: int = 6,
        num_heads: int = 4,
        dropout: float = 0.0,
        needs_frames: bool = True,
        cross_attention: bool = True,
        value_counts: Sequence[int] = (),
        prediction: Prediction = "velocity",
    ) -> None:
        super().__init__()
        if prediction not in get_args(Prediction):
            raise ValueError(f"prediction must be one of {', '.join(get_args(Prediction))}, got {prediction!r}")
        if min(embedding_dim, channels, side, patch, width, depth, num_heads) < 1:
            raise ValueError("sizes of the flow must be 1 or more")
        if side % patch:
            raise ValueError(f"patch must divide the side of the latents, {side}, got {patch}")
        self.patch, self.prediction = patch, prediction
        # Statistics of the training data.
        self.latents = Standardize(channels, trailing=2)
        self.sentence = Standardize(embedding_dim, common_deviation=True)
        self.frames = Standardize(embedding_dim, common_deviation=True)
        # What comes in.
        token_size = channels * patch**2
        self.from_patch = nn.Linear(token_size, width)
        self.position = nn.Parameter(torch.zeros((side // patch) ** 2, width))
        self.from_time = TimeEmbedding(width)
        self._add_condition(
            embedding_dim, width, needs_frames=needs_frames, cross_attention=cross_attention, value_counts=value_counts
        )
        # What is made of it; at the start it is zero.
        self.to_modulation = nn.Linear(width, NUM_MODULATIONS * width)
        self.blocks = nn.ModuleList(
            AdaptiveBlock(width, num_heads, _MLP_FACTOR * width, dropout=dropout, cross_attention=cross_attention)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.to_last_modulation = nn.Linear(width, 2 * width)
        self.to_patch = nn.Linear(width, token_size)
        nn.init.normal_(self.position, std=_POSITION_DEVIATION)
        for layer in (self.to_modulation, self.to_last_modulation, self.to_patch):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, state_BChh: Tensor, time_B: Tensor, condition: FlowCondition) -> Tensor:
        """Velocity of the flow.

        Parameters
        ----------
        state_BChh : Tensor [shape=(B, C, h, h)]
            Between noise (time 0) and standardised latents (time 1).
        time_B : Tensor [shape=(B,), range 0..1]
        condition : FlowCondition
            Of B rows.

        Returns
        -------
        Tensor [shape=(B, C, h, h)]
        """
        patches_BPnn = F.pixel_unshuffle(state_BChh, self.patch)
        tokens = self.from_patch(patches_BPnn.flatten(2).transpose(1, 2)) + self.position
        given_BW = F.silu(self.from_time(time_B) + condition.sentence_BW)
        modulation_B6W = self.to_modulation(given_BW).unflatten(1, (NUM_MODULATIONS, -1))
        for block in self.blocks:
            tokens = block(tokens, modulation_B6W, condition.steps_BSW, condition.allowed_B11S)
        shift, scale = self.to_last_modulation(given_BW)[:, None].chunk(2, dim=2)
        given_BNP = self.to_patch(modulated(self.norm(tokens), shift, scale))
        given_BPnn = given_BNP.transpose(1, 2).unflatten(2, patches_BPnn.shape[2:])
        given_BChh = F.pixel_shuffle(given_BPnn, self.patch)
        if self.prediction == "velocity":
            return given_BChh
        # The latents are reached in the rest of the time.
        rest_B = (1.0 - time_B).clamp_min(_SHORTEST_WAY)
        return (given_BChh.float() - state_BChh) / rest_B[:, None, None, None]
