"""Memorisation: do generated pictures lie nearer to training pictures than other real pictures do?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError
from speech2img.metrics.functional.bootstrap import mean_interval
from speech2img.metrics.functional.feature_statistics import check_pair
from speech2img.metrics.functional.neighbours import nearest
from speech2img.metrics.functional.score import Score

COPY_QUANTILE = 0.01
"""Share of the test pictures that are nearer to a training picture than the distance of a suspected copy."""


@dataclass(frozen=True, eq=False)
class Memorisation:
    """Nearest training pictures of generated and of test pictures."""

    nearest_rows: NDArray[np.int64]
    """Row of the training picture nearest to each generated one, (N,)."""
    distances: NDArray[np.float64]
    """To it, (N,)."""
    test_distances: NDArray[np.float64]
    """Of each test picture to its nearest training picture, (M,)."""
    num_training: int

    def scores(self, *, num_bootstrap: int = 1000, seed: int = 0) -> list[Score]:
        """Shares of generated pictures that are nearer than test pictures are, and that are nearer than nearly all.

        Returns
        -------
        list of Score
            "nearer_to_training": probability that a generated picture is nearer to its nearest training picture than a
            test picture is to its own, 0.5 where nothing is memorised. "suspected_copies": share of generated pictures
            nearer than 99 % of the test pictures, 1 % where nothing is memorised.
        """
        # Test pictures that are farther away, those as far counted half.
        ranked = np.sort(self.test_distances)
        farther = 1.0 - np.searchsorted(ranked, self.distances, side="right") / len(ranked)
        as_far = (
            np.searchsorted(ranked, self.distances, side="right") - np.searchsorted(ranked, self.distances, side="left")
        ) / len(ranked)
        # What is nearer than nearly all of them is suspected.
        limit = float(np.quantile(self.test_distances, COPY_QUANTILE))
        # Both shares with their intervals.
        sizes = {"num_test": len(ranked), "num_training": self.num_training}
        of = f"of {self.num_training:,} training pictures; {len(ranked):,} test pictures; n = generated pictures"
        return [
            Score(
                name=name,
                value=float(values.mean()),
                num_samples=len(values),
                protocol=f"{what} {of}; interval by {num_bootstrap:,} resamples of generated pictures",
                seed=seed,
                interval=mean_interval(values, num_bootstrap=num_bootstrap, seed=seed),
                higher_is_better=None,
                is_share=True,
                settings={**sizes, **more},
            )
            for name, values, what, more in (
                (
                    "nearer_to_training",
                    farther + as_far / 2,
                    "share of pairs in which a generated picture is nearer than a test picture to its nearest (50 % = "
                    "nothing memorised)",
                    {},
                ),
                (
                    "suspected_copies",
                    (self.distances < limit).astype(np.float64),
                    f"share of generated pictures nearer than {1 - COPY_QUANTILE:.0%} of the test pictures to their "
                    f"nearest ({COPY_QUANTILE:.0%} = nothing memorised)",
                    {"limit": limit},
                ),
            )
        ]


def memorisation(
    generated: NDArray[np.floating], test: NDArray[np.floating], training: NDArray[np.floating]
) -> Memorisation:
    """Find the nearest training picture of every generated and every test picture.

    Parameters
    ----------
    generated, test, training : np.ndarray [shape=(N, D), (M, D), (T, D), finite]
        Features of one network, best one that the generator was not trained with.

    Raises
    ------
    MetricError
        If the dimensions differ.

    Notes
    -----
    The probability is that of Meehan et al. 2020 (arXiv:2004.05675) in its simplest form, without cells.
    """
    made, true = check_pair(generated, test, "memorisation")
    gallery = check_pair(training, test, "memorisation")[0]
    if len(true) < 2:
        raise MetricError.about("memorisation", "one test picture", "give more: they say what is near")
    rows, distances = nearest(made, gallery)
    return Memorisation(rows, distances, nearest(true, gallery)[1], len(gallery))
