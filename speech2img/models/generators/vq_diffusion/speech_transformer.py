"""The token transformer of the corrected S2IVQ-D: what was said is projected for every block, and attended to.

Shape letters: B pictures, N places, K codes, S time steps of the speech, D size of its embeddings, W width.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.generators.flow_transformer import FlowCondition, SpeechConditioned
from speech2img.models.generators.vq_diffusion.base import demand_sizes
from speech2img.models.generators.vq_diffusion.layers import TokenEmbedding
from speech2img.models.layers.activation_checkpointing import checkpointed
from speech2img.models.layers.adaptive_transformer import NUM_MODULATIONS, AdaptiveBlock, TimeEmbedding, modulated
from speech2img.models.layers.standardize import Standardize

_MLP_FACTOR = 4
_DEVIATION = 0.02


class SpeechTokenTransformer(SpeechConditioned):
    """Logits of the clean codes from masked ones, from the step, and from what was said.

    Norms are shifted and scaled by step and sentence, through a projection in every block; tokens attend to each other,
    to the sentence and to the frames of the speech. At the start all projections are zero: blocks add nothing, and all
    codes are as likely. An empty condition is learned for guidance. Rows and columns are those of the grid.

    Parameters
    ----------
    embedding_dim : int
        D.
    num_codes, side : int
        K, and the side of the grid.
    num_steps : int
        T.
    width, depth, num_heads : int
        W, blocks, heads of each attention.
    dropout : float
        In the blocks, while training.
    needs_frames, cross_attention, value_counts
        As of `FlowTransformer`.

    Raises
    ------
    ValueError
        If a size is below 1, ``num_heads`` divides not ``width``, or the last three contradict each other.
    """

    has_empty = True
    recompute = False
    """Compute activations of the blocks again in the backward pass: less memory, more time."""

    def __init__(
        self,
        *,
        embedding_dim: int,
        num_codes: int,
        side: int,
        num_steps: int = 100,
        width: int = 256,
        depth: int = 6,
        num_heads: int = 4,
        dropout: float = 0.0,
        needs_frames: bool = True,
        cross_attention: bool = True,
        value_counts: Sequence[int] = (),
    ) -> None:
        super().__init__()
        demand_sizes(embedding_dim=embedding_dim, num_steps=num_steps, depth=depth, width=width)
        self.num_steps = num_steps
        # Statistics of the training data.
        self.sentence = Standardize(embedding_dim, common_deviation=True)
        self.frames = Standardize(embedding_dim, common_deviation=True)
        # What comes in.
        self.embedding = TokenEmbedding(num_codes, side, width)
        self.from_time = TimeEmbedding(width)
        self._add_condition(
            embedding_dim, width, needs_frames=needs_frames, cross_attention=cross_attention, value_counts=value_counts
        )
        # What is made of it.
        self.to_modulations = nn.ModuleList(nn.Linear(width, NUM_MODULATIONS * width, bias=False) for _ in range(depth))
        self.blocks = nn.ModuleList(
            AdaptiveBlock(width, num_heads, _MLP_FACTOR * width, dropout=dropout, cross_attention=cross_attention)
            for _ in range(depth)
        )
        for name, parameter in self.blocks.named_parameters():
            if name.endswith("cross_attention.out.bias"):
                nn.init.zeros_(parameter)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.to_last_modulation = nn.Linear(width, 2 * width)
        self.to_logits = nn.Linear(width, num_codes)
        for table in (self.embedding.tokens, self.embedding.rows, self.embedding.columns):
            nn.init.normal_(table.weight, std=_DEVIATION)
        for layer in (*self.to_modulations, self.to_last_modulation, self.to_logits):
            nn.init.zeros_(layer.weight)
        for layer in (self.to_last_modulation, self.to_logits):
            nn.init.zeros_(layer.bias)

    def forward(self, tokens_BN: Tensor, time_B: Tensor, condition: FlowCondition) -> Tensor:
        """Logits of x_0.

        Parameters
        ----------
        tokens_BN : Tensor [shape=(B, N), integer, range 0..K]
            x_t; K is the mask.
        time_B : Tensor [shape=(B,), integer, range 0..T - 1]
        condition : FlowCondition
            Of B rows, from `condition`.

        Returns
        -------
        Tensor [shape=(B, N, K)]
        """
        tokens_BNW = self.embedding(tokens_BN)
        given_BW = F.silu(self.from_time(time_B / self.num_steps) + condition.sentence_BW)
        for to_modulation, block in zip(self.to_modulations, self.blocks, strict=True):
            modulation_B6W = to_modulation(given_BW).unflatten(1, (NUM_MODULATIONS, -1))
            inputs = tokens_BNW, modulation_B6W, condition.steps_BSW, condition.allowed_B11S
            tokens_BNW = checkpointed(block, block, *inputs) if self.recompute else block(*inputs)
        shift, scale = self.to_last_modulation(given_BW)[:, None].chunk(2, dim=2)
        logits_BNK: Tensor = self.to_logits(modulated(self.norm(tokens_BNW), shift, scale))
        return logits_BNK
