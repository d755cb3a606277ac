"""Fit of a `ConfidenceHead`: a logistic regression that tells two sets of embeddings apart.

It learns from utterances of the training (inside) and from speech about other things, noise and music (outside), as
outlier exposure does (Hendrycks et al. 2019, arXiv:1812.04606).
"""

import torch
from torch import Tensor, nn

from speech2img.models.encoders.confidence import TINY, ConfidenceHead

HELD_OUT = 5
"""Of so many embeddings inside, the first is kept from the fit; by these it is told what counts as low."""


@torch.no_grad()
def fitted_confidence(
    inside_ND: Tensor, outside_MD: Tensor, *, components: int = 64, penalty: float = 0.1, share_low: float = 0.05
) -> ConfidenceHead:
    """The head that tells two sets of embeddings apart; the same for the same sets.

    Parameters
    ----------
    inside_ND : Tensor [shape=(N, D)]
        Of utterances of the kind that the encoder was trained on, best held out from its training.
    outside_MD : Tensor [shape=(M, D)]
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
    head = ConfidenceHead(inside_ND.shape[1], components).double()
    head.mean.copy_(mean)
    for directions_KD, rows in ((head.inside_KD, inside_ND), (head.both_KD, torch.cat((inside_ND, outside_MD)))):
        directions_KD.copy_(torch.linalg.svd(rows - mean, full_matrices=False).Vh[:components])
    head.scales_K.copy_(((inside_ND - mean) @ head.inside_KD.T).std(0) + TINY)
    signs_NJ = head.signs(inside_ND)[1]
    head.sign_mean.copy_(signs_NJ.mean(0))
    head.sign_std.copy_(signs_NJ.std(0) + TINY)

    # Logistic regression in which both sets weigh the same.
    features = torch.cat([head.features(part) for part in (inside_ND, outside_MD)])
    head.feature_mean.copy_(features.mean(0))
    head.feature_std.copy_(features.std(0) + TINY)
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
    ridge[-1] = TINY  # of the bias
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
