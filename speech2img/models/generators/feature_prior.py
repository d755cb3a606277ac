"""Prior: from what was said to the features of one whole image, as unCLIP (arXiv:2204.06125) does for text.

A description leaves most of an image open, so a speech embedding is an average over many images, and what a generator
makes of averages is blurred. The prior draws one image's features that fit the speech; the generator takes those. What
speech says on average is linear and known in closed form (ridge regression), so that little data goes a long way; what
images have besides is drawn by a rectified flow (arXiv:2209.03003). Both live in the space of the features' strongest
principal components.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class FlowBlock(nn.Module):
    """Residual layer: normalisation, linear, SiLU, dropout, linear."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, width)
        self.down = nn.Linear(width, width)
        self.dropout = dropout
        nn.init.zeros_(self.down.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape out as in."""
        return x + self.down(F.dropout(F.silu(self.up(self.norm(x))), self.dropout, self.training))


class FeaturePrior(nn.Module):
    """Linear mean of the image features given a speech embedding, and the flow that draws what is left.

    Parameters
    ----------
    embedding_dim : int
        D, size of the speech embedding.
    feature_dim : int
        Size of the standardised image features.
    components : int
        K, principal components of the features that the flow works in.
    width, blocks : int
        Size of the network.
    dropout : float
        In the blocks, while training.

    Notes
    -----
    With ``regression`` zero and ``residual_scale`` one, as built, the flow has all to draw by itself.

    Raises
    ------
    ValueError
        If there are more components than features.
    """

    mean: Tensor
    basis: Tensor
    scale: Tensor
    embedding_mean: Tensor
    embedding_scale: Tensor
    regression: Tensor
    residual_scale: Tensor

    def __init__(
        self,
        *,
        embedding_dim: int = 1024,
        feature_dim: int = 1024,
        components: int = 96,
        width: int = 512,
        blocks: int = 3,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if not 0 < components <= feature_dim:
            raise ValueError(f"components must be 1..{feature_dim}, got {components}")
        self.embedding_dim, self.feature_dim, self.components = embedding_dim, feature_dim, components
        self.register_buffer("mean", torch.zeros(feature_dim))
        self.register_buffer("basis", torch.zeros(feature_dim, components).fill_diagonal_(1.0))
        self.register_buffer("scale", torch.ones(components))
        self.register_buffer("embedding_mean", torch.zeros(embedding_dim))
        self.register_buffer("embedding_scale", torch.ones(()))
        self.register_buffer("regression", torch.zeros(embedding_dim, components))
        self.register_buffer("residual_scale", torch.ones(components))
        self.from_state = nn.Linear(components, width)
        self.from_speech = nn.Linear(embedding_dim, width)
        self.from_time = nn.Linear(2 * _FREQUENCIES, width)
        self.null_embedding = nn.Parameter(torch.zeros(width))
        self.blocks = nn.Sequential(*(FlowBlock(width, dropout) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.to_velocity = nn.Linear(width, components)

    @torch.no_grad()
    def fit_spaces(
        self, features_ND: Tensor, embeddings_MD: Tensor, images_M: Tensor, *, ridge: float | None = 0.05
    ) -> None:
        """Set the principal components, the scaling of the speech embeddings, and the linear mean given speech.

        Parameters
        ----------
        features_ND : Tensor [shape=(N, feature_dim)]
            Standardised features of training images.
        embeddings_MD : Tensor [shape=(M, embedding_dim)]
            Speech embeddings of training utterances.
        images_M : Tensor [shape=(M,), int64, range 0..N-1]
            The image that each utterance describes.
        ridge : float, > 0, optional
            Penalty of the regression, as part of an embedding value's variance; None leaves all to the flow.
        """
        features = features_ND.double()
        self.mean.copy_(features.mean(dim=0))
        centred = features - features.mean(dim=0)
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(features))
        order = values.argsort(descending=True)[: self.components]
        self.basis.copy_(vectors[:, order])
        self.scale.copy_(values[order].clamp_min(1e-12).sqrt())
        self.embedding_mean.copy_(embeddings_MD.mean(dim=0))
        self.embedding_scale.copy_((embeddings_MD - self.embedding_mean).square().mean().sqrt())
        if ridge is None:
            return
        normalized = self._normalized(embeddings_MD)
        targets = ((features_ND - self.mean) @ self.basis / self.scale)[images_M]
        penalty = ridge * len(normalized) * torch.eye(normalized.shape[1])
        self.regression.copy_(torch.linalg.solve(normalized.T @ normalized + penalty, normalized.T @ targets))
        self.residual_scale.copy_((targets - normalized @ self.regression).std(dim=0, correction=0).clamp_min(1e-6))

    def _normalized(self, embedding_BD: Tensor) -> Tensor:
        return (embedding_BD - self.embedding_mean) / self.embedding_scale

    def compress(self, features_BF: Tensor, embedding_BD: Tensor) -> Tensor:
        """What features have besides the mean that speech gives: coordinates (B, K) of variance 1."""
        coordinates = (features_BF - self.mean) @ self.basis / self.scale
        return (coordinates - self._normalized(embedding_BD) @ self.regression) / self.residual_scale

    def expand(self, state_BK: Tensor, embedding_BD: Tensor, *, mean_scale: float = 1.0) -> Tensor:
        """Coordinates and speech back to features (B, feature_dim), the mean that speech gives times ``mean_scale``."""
        coordinates = mean_scale * (self._normalized(embedding_BD) @ self.regression) + self.residual_scale * state_BK
        return (coordinates * self.scale) @ self.basis.T + self.mean

    def forward(
        self, state_BK: Tensor, time_B: Tensor, embedding_BD: Tensor, conditional_B: Tensor | None = None
    ) -> Tensor:
        """Velocity of the flow.

        Parameters
        ----------
        state_BK : Tensor [shape=(B, K)]
            Between noise (time 0) and coordinates as `compress` gives them (time 1).
        time_B : Tensor [shape=(B,), range 0..1]
        embedding_BD : Tensor [shape=(B, D)]
            Speech embeddings.
        conditional_B : Tensor [shape=(B,), bool], optional
            False where the flow is to be that of images at large, without speech (guidance).

        Returns
        -------
        Tensor [shape=(B, K)]
        """
        speech = self.from_speech(self._normalized(embedding_BD))
        if conditional_B is not None:
            speech = torch.where(conditional_B[:, None], speech, self.null_embedding)
        angles = time_B[:, None] * (math.pi * 2.0 ** torch.arange(_FREQUENCIES, device=time_B.device))
        hidden = self.from_state(state_BK) + speech + self.from_time(torch.cat([angles.sin(), angles.cos()], dim=1))
        return self.to_velocity(F.silu(self.norm(self.blocks(hidden))))

    def sample(
        self,
        embedding_BD: Tensor,
        noise_BK: Tensor,
        *,
        steps: int = 12,
        mean_scale: float = 1.0,
        guidance_scale: float = 1.0,
        temperature: float = 1.0,
    ) -> Tensor:
        """Draw image features that fit what was said (midpoint rule).

        Parameters
        ----------
        embedding_BD : Tensor [shape=(B, D)]
        noise_BK : Tensor [shape=(B, K)]
            Standard normal; another draw, another image.
        steps : int, >= 1
            Steps of the solver, two evaluations each.
        mean_scale : float, >= 0
            1 follows the data; 2 puts the linear mean twice as far from the average image.
        guidance_scale : float, >= 0
            The same for the flow: 1 follows the data, more holds closer to what was said (classifier-free guidance,
            arXiv:2207.12598, at twice the work).
        temperature : float, >= 0
            Factor on what is drawn besides the linear mean: less than 1 gives images that hold closer to what was
            said and differ less.

        Returns
        -------
        Tensor [shape=(B, feature_dim)]
        """
        state = noise_BK
        for step in range(steps):
            half = state + 0.5 / steps * self._guided(state, step / steps, embedding_BD, guidance_scale)
            state = state + 1.0 / steps * self._guided(half, (step + 0.5) / steps, embedding_BD, guidance_scale)
        return self.expand(temperature * state, embedding_BD, mean_scale=mean_scale)

    def _guided(self, state: Tensor, time: float, embedding: Tensor, guidance_scale: float) -> Tensor:
        times = torch.full((len(state),), time, device=state.device)
        conditional = self(state, times, embedding)
        if guidance_scale == 1.0:
            return conditional
        unconditional = self(state, times, embedding, torch.zeros(len(state), dtype=torch.bool, device=state.device))
        return unconditional + guidance_scale * (conditional - unconditional)


_FREQUENCIES = 8
