"""Is the described class found in a generated image? By a logistic regression on features of real ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from speech2img.errors import MetricError
from speech2img.metrics.functional.bootstrap import mean_interval
from speech2img.metrics.functional.feature_statistics import check_features
from speech2img.metrics.functional.retrieval import check_labels
from speech2img.metrics.functional.score import Score

FEWEST_IMAGES = 4
"""Real images of a class: two to fit on, two to check on."""
PENALTY = 1.0
"""Factor of half the squared weights beside the summed cross-entropy, as is usual for standardised features."""
_FEATURES, _REAL_FEATURES = "features of generated images", "features of real images"


@dataclass(frozen=True)
class ProbeScores:
    """Images whose class a regression fitted on real images finds."""

    found: NDArray[np.float64] = field(repr=False)
    """1.0 for each generated image that shows the described class, else 0.0, shape (N,)."""
    real_found: NDArray[np.float64] = field(repr=False)
    """The same of the real images that the regression was not fitted on."""
    num_classes: int
    num_fitted: int
    """Real images that it was fitted on."""

    def scores(self, *, seed: int = 0) -> list[Score]:
        """Share of the generated images, and of real ones, with intervals by resampling images."""
        return [
            Score(
                name=name,
                value=float(right.mean()),
                num_samples=len(right),
                is_share=True,
                higher_is_better=better,
                seed=seed,
                settings={"num_classes": self.num_classes, "num_fitted": self.num_fitted, "penalty": PENALTY},
                interval=mean_interval(right, seed=seed),
                protocol=f"class found, of {self.num_classes} (chance {1 / self.num_classes:.1%}), by a logistic "
                f"regression on {self.num_fitted:,} real images of the split, half of each class; {what}; interval by "
                "1,000 resamples of images",
            )
            for name, right, better, what in (
                ("described_class_accuracy", self.found, True, "in generated images"),
                ("described_class_real", self.real_found, None, "in the other half of the real images"),
            )
        ]


def class_probe(
    features: NDArray[np.floating],
    classes: Sequence[int],
    real_features: NDArray[np.floating],
    real_classes: Sequence[int],
    *,
    seed: int = 0,
) -> ProbeScores:
    """Fit a multinomial logistic regression on half of the real images; classify the other half and generated ones.

    Parameters
    ----------
    features : np.ndarray [shape=(N, D), finite]
        Of generated images.
    classes : sequence of int, length N
        The classes that were described; each is among the real ones.
    real_features : np.ndarray [shape=(M, D), finite]
        Of real images, which no model was trained on.
    real_classes : sequence of int, length M
        Theirs, two or more, with at least `FEWEST_IMAGES` images each.
    seed : int
        Decides the halves.

    Returns
    -------
    ProbeScores

    Raises
    ------
    MetricError
        If a class has too few real images or none, there is one class only, or lengths or dimensions disagree.
    """
    # Both sides.
    check_labels(features, classes, _FEATURES)
    check_labels(real_features, real_classes, _REAL_FEATURES)
    generated, real = check_features(features, _FEATURES), check_features(real_features, _REAL_FEATURES)
    if generated.shape[1] != real.shape[1]:
        reason = f"{generated.shape[1]} dimensions, those of real images have {real.shape[1]}"
        raise MetricError.about(_FEATURES, reason, "read both with the same network")
    names, columns, counts = np.unique(np.asarray(real_classes), return_inverse=True, return_counts=True)
    if len(names) < 2 or counts.min() < FEWEST_IMAGES:
        reason = f"{len(names)} classes, the smallest of {counts.min()} real images"
        raise MetricError.about("described class", reason, f"give two classes of at least {FEWEST_IMAGES} images")
    if unknown := sorted(set(np.asarray(classes).tolist()) - set(names.tolist())):
        raise MetricError.about(
            "described class", f"no real images of class {unknown[0]}", "give some, or leave it out"
        )
    # Half of each class is fitted on.
    rng = np.random.default_rng(seed)
    is_fitted = np.zeros(len(real), dtype=bool)
    for column in range(len(names)):
        rows = rng.permutation(np.flatnonzero(columns == column))
        is_fitted[rows[: len(rows) // 2]] = True
    fitted = real[is_fitted]
    mean, deviation = fitted.mean(axis=0), fitted.std(axis=0)
    deviation[deviation == 0] = 1.0
    weights, bias = _fit((fitted - mean) / deviation, columns[is_fitted], len(names))

    def found(rows: NDArray[np.float64], wanted: NDArray[np.int64]) -> NDArray[np.float64]:
        likeliest = ((rows - mean) / deviation @ weights + bias).argmax(axis=1)
        return np.asarray(likeliest == wanted, dtype=np.float64)

    return ProbeScores(
        found=found(generated, np.searchsorted(names, np.asarray(classes))),
        real_found=found(real[~is_fitted], columns[~is_fitted]),
        num_classes=len(names),
        num_fitted=len(fitted),
    )


def _fit(
    rows_ND: NDArray[np.float64], columns_N: NDArray[np.int64], num_classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (D, C) and biases (C,) of the penalised regression; the problem is convex and has one solution."""
    dims = rows_ND.shape[1]
    one_hot_NC = np.eye(num_classes)[columns_N]

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights_DC, bias_C = flat[:-num_classes].reshape(dims, num_classes), flat[-num_classes:]
        logits_NC = rows_ND @ weights_DC + bias_C
        log_shares_NC = logits_NC - logsumexp(logits_NC, axis=1, keepdims=True)
        excess_NC = np.exp(log_shares_NC) - one_hot_NC
        value = -float(log_shares_NC[one_hot_NC == 1].sum()) + PENALTY / 2 * float((weights_DC**2).sum())
        slope_DC = rows_ND.T @ excess_NC + PENALTY * weights_DC
        return value, np.concatenate([slope_DC.ravel(), excess_NC.sum(axis=0)])

    solution = minimize(loss, np.zeros((dims + 1) * num_classes), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return solution.x[:-num_classes].reshape(dims, num_classes), solution.x[-num_classes:]
