"""How far an utterance is of the kind that an encoder was trained on, told by its embedding.

Embeddings of what the encoder knows fill a few directions; those of other speech, noise and music lie between them,
outside them, or at another distance from the mean. A logistic regression weighs these signs. It learns from utterances
of the training (inside) and from speech about other things, noise and music (outside), as outlier exposure does.

Shape letters: B utterances, D size of an embedding, K components.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NUM_SIGNS = 4
"""Signs beside the components: share outside of them, distance, and two means of the coordinates; each also squared."""
HELD_OUT = 5
"""Of so many embeddings inside, the first is kept from the fit; by these it is told what counts as low."""
_TINY = 1e-6


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
        centred_BD, signs_BJ = self._signs(sentences_BD)
        coordinates_BK = F.normalize(centred_BD, dim=1) @ self.both_KD.T
        standard_BJ = ((signs_BJ - self.sign_mean) / self.sign_std).clamp(-10, 10)
        return torch.cat((coordinates_BK, standard_BJ, standard_BJ.square()), dim=1)

    def _signs(self, sentences_BD: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings around the mean (B, D), and the logarithms of the signs (B, `NUM_SIGNS`)."""
        centred_BD = sentences_BD.to(self.mean.dtype) - self.mean
        coordinates_BK = centred_BD @ self.inside_KD.T
        distance_B = centred_BD.norm(dim=1)
        outside_B = (centred_BD - coordinates_BK @ self.inside_KD).norm(dim=1)
        scaled_BK = coordinates_BK / self.scales_K
        signs = (outside_B / (distance_B + _TINY), distance_B, scaled_BK.square().mean(1), scaled_BK.abs().mean(1))
        return centred_BD, (torch.stack(signs, dim=1) + _TINY).log()

    @classmethod
    @torch.no_grad()
    def fitted(
        cls,
        inside_ND: Tensor,
        outside_MD: Tensor,
        *,
        components: int = 64,
        penalty: float = 0.1,
        share_low: float = 0.05,
    ) -> "ConfidenceHead":
        """The head that tells two sets of embeddings apart; the same for the same sets.

        Parameters
        ----------
        inside_ND : Tensor
            Of utterances of the kind that the encoder was trained on, best held out from its training.
        outside_MD : Tensor
            Of speech about other things, noise and music.
        components : int
            K; no more than there are embeddings inside.
        penalty : float > 0
            On the squared weights, beside the mean loss.
        share_low : float, 0..1
            Share of those inside whose confidence shall count as low.

        Raises
        ------
        ValueError
            If there are fewer than two left on a side, or an embedding is not finite.
        """
        held_out_ND = inside_ND[::HELD_OUT].float()
        inside_ND = inside_ND[[row for row in range(len(inside_ND)) if row % HELD_OUT]].double()
        outside_MD = outside_MD.double()
        if min(len(inside_ND), len(outside_MD)) < 2 or not (inside_ND.isfinite().all() and outside_MD.isfinite().all()):
            raise ValueError("needs at least two finite embeddings inside and outside")

        # Directions in which those inside differ, and those in which all do.
        mean = inside_ND.mean(0)
        components = min(components, len(inside_ND) - 1, inside_ND.shape[1])
        head = cls(inside_ND.shape[1], components).double()
        head.mean.copy_(mean)
        for directions_KD, rows in ((head.inside_KD, inside_ND), (head.both_KD, torch.cat((inside_ND, outside_MD)))):
            directions_KD.copy_(torch.linalg.svd(rows - mean, full_matrices=False).Vh[:components])
        head.scales_K.copy_(((inside_ND - mean) @ head.inside_KD.T).std(0) + _TINY)
        signs_NJ = head._signs(inside_ND)[1]
        head.sign_mean.copy_(signs_NJ.mean(0))
        head.sign_std.copy_(signs_NJ.std(0) + _TINY)

        # Logistic regression in which both sets weigh the same.
        features = torch.cat([head.features(part) for part in (inside_ND, outside_MD)])
        head.feature_mean.copy_(features.mean(0))
        head.feature_std.copy_(features.std(0) + _TINY)
        targets = torch.cat((torch.ones(len(inside_ND)), torch.zeros(len(outside_MD)))).double()
        weights = torch.where(targets > 0, 0.5 / len(inside_ND), 0.5 / len(outside_MD))
        standard = (features - head.feature_mean) / head.feature_std
        _fit_logistic(head.logistic, standard, targets, weights, penalty=penalty)

        head = head.float()
        head.low.copy_(torch.quantile(head(held_out_ND), share_low))
        return head


def _fit_logistic(layer: nn.Linear, features: Tensor, targets: Tensor, weights: Tensor, *, penalty: float) -> None:
    """Newton's method on the penalised logistic loss, from zero."""
    design = torch.cat((features, torch.ones_like(features[:, :1])), dim=1)
    ridge = torch.full((design.shape[1],), 2 * penalty, dtype=design.dtype)
    ridge[-1] = _TINY  # of the bias
    solution = torch.zeros(design.shape[1], dtype=design.dtype)
    for _ in range(50):
        chance = torch.sigmoid(design @ solution)
        gradient = design.T @ (weights * (chance - targets)) + ridge * solution
        curvature = design.T @ (design * (weights * chance * (1 - chance))[:, None]) + torch.diag(ridge)
        step = torch.linalg.solve(curvature, gradient)
        solution -= step
        if step.abs().max() < 1e-9:
            break
    layer.weight.copy_(solution[None, :-1])
    layer.bias.copy_(solution[-1:])
