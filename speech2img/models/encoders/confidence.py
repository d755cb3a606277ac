"""How far an utterance is of the kind that an encoder was trained on, told by its embedding.

Embeddings of what the encoder knows fill a few directions; those of other speech, noise and music lie between them,
outside them, or at another distance from the mean. A logistic regression weighs these signs;
``speech2img.training.encoder.confidence_fit`` fits it.

Shape letters: B utterances, D size of an embedding, K components.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NUM_SIGNS = 4
"""Signs beside the components: share outside of them, distance, and two means of the coordinates; each also squared."""
TINY = 1e-6
"""What keeps quotients and logarithms finite."""


class ConfidenceHead(nn.Module):
    """Confidence 0..1 from an utterance's embedding.

    Parameters
    ----------
    embedding_dim : int
        D.
    components : int
        K, directions of the embeddings inside, and as many of those of both kinds, at most D.

    References
    ----------
    Hendrycks et al. 2019, Deep anomaly detection with outlier exposure, arXiv:1812.04606.
    """

    mean: Tensor
    inside_KD: Tensor
    both_KD: Tensor
    scales_K: Tensor
    sign_mean: Tensor
    sign_std: Tensor
    feature_mean: Tensor
    feature_std: Tensor
    low: Tensor

    def __init__(self, embedding_dim: int, components: int = 64) -> None:
        super().__init__()
        if not 1 <= components <= embedding_dim:
            raise ValueError(f"components must be 1..{embedding_dim}, got {components}")
        self.embedding_dim, self.components = embedding_dim, components
        size = components + 2 * NUM_SIGNS
        self.register_buffer("mean", torch.zeros(embedding_dim))
        self.register_buffer("inside_KD", torch.zeros(components, embedding_dim))
        self.register_buffer("both_KD", torch.zeros(components, embedding_dim))
        self.register_buffer("scales_K", torch.ones(components))
        self.register_buffer("sign_mean", torch.zeros(NUM_SIGNS))
        self.register_buffer("sign_std", torch.ones(NUM_SIGNS))
        self.register_buffer("feature_mean", torch.zeros(size))
        self.register_buffer("feature_std", torch.ones(size))
        self.register_buffer("low", torch.tensor(0.5))
        self.logistic = nn.Linear(size, 1)

    def forward(self, sentences_BD: Tensor) -> Tensor:
        """Confidence (B,) of embeddings, 0..1: the chance of being inside if as many were outside."""
        features = (self.features(sentences_BD) - self.feature_mean) / self.feature_std
        return torch.sigmoid(self.logistic(features)[:, 0])

    def features(self, sentences_BD: Tensor) -> Tensor:
        """What the regression weighs, (B, K + 2 `NUM_SIGNS`)."""
        centred_BD, signs_BJ = self.signs(sentences_BD)
        coordinates_BK = F.normalize(centred_BD, dim=1) @ self.both_KD.T
        standard_BJ = ((signs_BJ - self.sign_mean) / self.sign_std).clamp(-10, 10)
        return torch.cat((coordinates_BK, standard_BJ, standard_BJ.square()), dim=1)

    def signs(self, sentences_BD: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings around the mean (B, D), and the logarithms of the signs (B, `NUM_SIGNS`)."""
        centred_BD = sentences_BD.to(self.mean.dtype) - self.mean
        coordinates_BK = centred_BD @ self.inside_KD.T
        distance_B = centred_BD.norm(dim=1)
        outside_B = (centred_BD - coordinates_BK @ self.inside_KD).norm(dim=1)
        scaled_BK = coordinates_BK / self.scales_K
        signs = (outside_B / (distance_B + TINY), distance_B, scaled_BK.square().mean(1), scaled_BK.abs().mean(1))
        return centred_BD, (torch.stack(signs, dim=1) + TINY).log()
