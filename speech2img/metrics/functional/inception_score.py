"""Inception Score from the logits or probabilities of any classifier."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from speech2img.errors import MetricError
from speech2img.metrics.functional.bootstrap import canonical_order, recentred_interval, resampling_counts
from speech2img.metrics.functional.feature_statistics import check_rows
from speech2img.metrics.functional.score import Score

Order = Literal["shuffled", "given", "sorted"]

_SMALLEST = 1e-16
_SUM_TOLERANCE = 1e-3


def inception_score(
    outputs: NDArray[np.floating],
    *,
    num_splits: int = 10,
    order: Order = "shuffled",
    ids: Sequence[str] | None = None,
    are_probabilities: bool = False,
    leave_out_first: int = 0,
    whole_batches_of: int = 1,
    equal_splits: bool = False,
    num_bootstrap: int = 200,
    seed: int = 0,
) -> Score:
    """Inception Score: exp of the mean divergence of each picture's class distribution from the marginal one.

    Parameters
    ----------
    outputs : np.ndarray [shape=(N, C), finite]
        A classifier's outputs before the softmax, or probabilities, one row a picture.
    num_splits : int
        The pictures are cut into so many contiguous parts, each scored against its own marginal.
    order : {"shuffled", "given", "sorted"}
        Before the cut: shuffled by the seed, as given, or sorted by ``ids``. Files sorted by class put few classes
        into each part, which lowers the score and widens its spread.
    ids : sequence of str, length N, optional
        Names of the pictures: with them a seed shuffles alike however the files were listed.
    are_probabilities : bool
        Whether ``outputs`` are probabilities; those below 1e-16 count as that.
    leave_out_first : int
        Outputs dropped before the softmax: 1 for the background class of StackGAN's classifiers.
    whole_batches_of : int
        Pictures that do not fill the last batch of this size are dropped, as in StackGAN's script (64).
    equal_splits : bool
        Whether every part has N // num_splits pictures and the rest is dropped; else all pictures count.
    num_bootstrap : int
        Resamples of the pictures of every part for the interval; 0: no interval.
    seed : int
        Seed of the shuffle and of the resampling.

    Returns
    -------
    Score
        "inception_score", between 1 and C; its spread is the population standard deviation over the parts.

    Raises
    ------
    MetricError
        If there are fewer pictures than parts, an output is not finite, or rows of probabilities do not sum to 1.

    Notes
    -----
    Salimans et al. 2016 (arXiv:1606.03498). The score says nothing about whether a picture fits its utterance, and it
    is comparable only between runs with the same classifier.
    """
    # Outputs, in the order that the rule asks for.
    rows = check_rows(outputs, "outputs of the classifier")
    if leave_out_first < 0 or rows.shape[1] - leave_out_first < 2:
        raise MetricError.about(
            "Inception Score", f"{leave_out_first} of {rows.shape[1]} classes left out", "keep at least two classes"
        )
    places = _places(rows, order, ids, seed)
    if whole_batches_of < 1:
        raise MetricError.about("Inception Score", f"batches of {whole_batches_of}", "use batches of at least 1")
    places = places[: len(places) - len(places) % whole_batches_of]
    if not 1 <= num_splits <= len(places):
        raise MetricError.about(
            "Inception Score",
            f"{num_splits} splits of {len(places)} pictures",
            "take between 1 split and as many as there are pictures",
        )
    # Parts of the set.
    part = len(places) // num_splits
    edges = [number * part if equal_splits else number * len(places) // num_splits for number in range(num_splits + 1)]
    # Each part's score, and of the whole the mean; resamples stay within the parts.
    rng = np.random.default_rng(seed)
    scores: list[float] = []
    replicates = np.zeros(num_bootstrap)
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        log_p = _log_probabilities(rows[places[start:stop]].astype(np.float64), are_probabilities, leave_out_first)
        p = np.exp(log_p)
        information = (p * log_p).sum(axis=1)
        scores.append(float(_scores(np.full((1, len(p)), 1.0 / len(p)), p, information)[0]))
        if num_bootstrap > 1:
            replicates += _scores(resampling_counts(len(p), num_bootstrap, rng) / len(p), p, information)
    # How it was measured.
    value = float(np.mean(scores))
    words = {"shuffled": "shuffled", "given": "in the order given", "sorted": "sorted by name"}[order]
    left_out = f", the first {leave_out_first} output(s) left out" if leave_out_first else ""
    return Score(
        name="inception_score",
        value=value,
        num_samples=edges[-1],
        seed=seed,
        spread=float(np.std(scores)),
        interval=recentred_interval(value, replicates / num_splits),
        protocol=f"Inception Score over {rows.shape[1] - leave_out_first:,} classes, {num_splits} split(s), {words}"
        f"{left_out}; interval by {num_bootstrap} resamples within the splits",
        settings={
            "num_classes": rows.shape[1] - leave_out_first,
            "num_splits": num_splits,
            "order": order,
            "leave_out_first": leave_out_first,
            "whole_batches_of": whole_batches_of,
            "equal_splits": equal_splits,
            "pictures_dropped": len(rows) - edges[-1],
        },
        warnings=_warnings(part, rows.shape[1] - leave_out_first),
    )


def _scores(
    weights: NDArray[np.float64], p: NDArray[np.float64], information: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Score for each row of weights (B, N) that sum to 1: exp of the mutual information of picture and class."""
    marginal = (weights @ p).clip(min=np.finfo(np.float64).tiny)
    scores: NDArray[np.float64] = np.exp(weights @ information - (marginal * np.log(marginal)).sum(axis=1))
    return scores


def _places(rows: NDArray[np.floating], order: Order, ids: Sequence[str] | None, seed: int) -> NDArray[np.int64]:
    if order == "given":
        return np.arange(len(rows))
    if order == "sorted":
        if ids is None:
            raise MetricError.about("Inception Score", "pictures without ids cannot be sorted by name", "give ids")
        return canonical_order(rows, ids)
    return canonical_order(rows, ids)[np.random.default_rng(seed).permutation(len(rows))]


def _log_probabilities(rows: NDArray[np.float64], are_probabilities: bool, leave_out_first: int) -> NDArray[np.float64]:
    if are_probabilities:
        _check_probabilities(rows)
    logits = np.log(rows.clip(min=_SMALLEST)) if are_probabilities else rows
    if are_probabilities and not leave_out_first:
        return logits
    log_p: NDArray[np.float64] = log_softmax(logits[:, leave_out_first:], axis=1)
    return log_p


def _check_probabilities(rows: NDArray[np.float64]) -> None:
    wrong = np.flatnonzero((rows < 0).any(axis=1) | (np.abs(rows.sum(axis=1) - 1.0) > _SUM_TOLERANCE))
    if len(wrong):
        raise MetricError.about(
            "probabilities",
            f"a row is negative or sums to {rows[wrong[0]].sum():.4g}",
            "give probabilities, or logits without are_probabilities",
        )


def _warnings(part: int, num_classes: int) -> tuple[str, ...]:
    if part >= num_classes:
        return ()
    return (
        f"{part:,} pictures a split for {num_classes:,} classes: the score cannot exceed {part:,} and is too low; "
        "compare only with numbers of as many pictures",
    )
