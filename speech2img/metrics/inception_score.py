"""Inception Score from the logits of any classifier."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from speech2img.errors import MetricError
from speech2img.metrics.frechet import check_features


def inception_score(logits: NDArray[np.floating], *, num_splits: int = 10, seed: int | None = 0) -> tuple[float, float]:
    """Inception Score: exp of the mean divergence of each picture's class distribution from the marginal one.

    Parameters
    ----------
    logits : np.ndarray [shape=(N, C), finite]
        A classifier's outputs before the softmax, one row a picture.
    num_splits : int
        The pictures are cut into so many contiguous parts, each scored against its own marginal.
    seed : int or None
        Seed of the shuffle before the cut. None keeps the order: files sorted by class then put few classes into each
        part, which lowers the score and widens its spread.

    Returns
    -------
    mean, std : float
        Over the parts (population standard deviation). Between 1 and C.

    Raises
    ------
    MetricError
        If there are fewer pictures than parts, or a logit is not finite.

    Notes
    -----
    Salimans et al. 2016 (arXiv:1606.03498). The score says nothing about whether a picture fits its utterance, and it
    is comparable only between runs with the same classifier.
    """
    rows = check_features(logits, "logits")
    if not 1 <= num_splits <= len(rows):
        raise MetricError.about("Inception Score", f"{num_splits} splits of {len(rows)} pictures",
                                "take between 1 split and as many as there are pictures")
    if seed is not None:
        rows = rows[np.random.default_rng(seed).permutation(len(rows))]
    log_p = log_softmax(rows, axis=1)
    edges = [part * len(rows) // num_splits for part in range(num_splits + 1)]
    scores = [_score(log_p[start:stop]) for start, stop in zip(edges[:-1], edges[1:], strict=True)]
    return float(np.mean(scores)), float(np.std(scores))


def _score(log_p: NDArray[np.float64]) -> float:
    log_marginal = logsumexp(log_p, axis=0) - np.log(len(log_p))
    return float(np.exp((np.exp(log_p) * (log_p - log_marginal)).sum(axis=1).mean()))
