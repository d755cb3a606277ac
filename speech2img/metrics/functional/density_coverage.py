"""Density and coverage: how deep generated pictures lie among real ones, and how many real ones have one nearby."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError
from speech2img.metrics.functional.bootstrap import cut_to, mean_interval
from speech2img.metrics.functional.feature_statistics import check_pair
from speech2img.metrics.functional.neighbours import blocks, squared_distances, squared_radii
from speech2img.metrics.functional.score import Score

_ROUNDING = 1e-12


def density_coverage(
    generated: NDArray[np.floating],
    real: NDArray[np.floating],
    *,
    k: int = 5,
    equal_sizes: bool = True,
    ids_generated: Sequence[str] | None = None,
    ids_real: Sequence[str] | None = None,
    num_bootstrap: int = 1000,
    seed: int = 0,
) -> tuple[Score, Score]:
    """Mean number of real balls around a generated picture, by k, and share of real balls with a generated picture.

    Parameters
    ----------
    generated, real : np.ndarray [shape=(N, D), (M, D), finite]
        Features of one network.
    k : int
        The ball of a real picture reaches to, and not over, its k-th nearest other real picture.
    equal_sizes : bool
        Whether the larger set is cut, by the seed, to the size of the smaller one: coverage grows with the number of
        generated pictures.
    ids_generated, ids_real : sequences of str, optional
        Names of the pictures: with them a seed cuts alike however the files were listed.
    num_bootstrap : int
        Resamples for the intervals; 0: none.
    seed : int
        Seed of the cut and of the resampling.

    Returns
    -------
    density, coverage : Score
        Density is 1 for the real distribution itself and may be larger; coverage is 0..1.

    Raises
    ------
    MetricError
        If there are no more than ``k`` real pictures, or the dimensions differ.

    Notes
    -----
    Naeem et al. 2020 (arXiv:2002.09797), equations 5 and 6; balls are open, as in their code.
    """
    # Sets that can be compared, of equal size where asked for.
    made, true = check_pair(generated, real, "density and coverage")
    if equal_sizes:
        size = min(len(made), len(true))
        made, true = cut_to(made, ids_generated, size, seed), cut_to(true, ids_real, size, seed)
    if not 1 <= k < len(true):
        raise MetricError.about(
            "density and coverage",
            f"k = {k} with {len(made)} generated and {len(true)} real pictures",
            "give more than k pictures of each set, and k of at least 1",
        )
    # Real balls around each generated picture, and whether a real ball has any.
    centre = true.mean(axis=0, dtype=np.float64)
    radii = squared_radii(true, centre, k)
    depths: list[NDArray[np.float64]] = []
    is_covered = [np.zeros(len(reach), dtype=bool) for reach in radii]
    for block in blocks(made, centre):
        depth = np.zeros(len(block))
        for number, (others, reach) in enumerate(zip(blocks(true, centre), radii, strict=True)):
            margin = _ROUNDING * ((others**2).sum(axis=1) + reach)
            inside = squared_distances(block, others) < reach - margin
            depth += inside.sum(axis=1)
            is_covered[number] |= inside.any(axis=0)
        depths.append(depth / k)
    # The two numbers, each a mean over pictures.
    sizes = {"k": k, "num_generated": len(made), "num_real": len(true), "dimensions": made.shape[1]}
    return _score("density", np.concatenate(depths), sizes, num_bootstrap, seed), _score(
        "coverage", np.concatenate(is_covered).astype(np.float64), sizes, num_bootstrap, seed
    )


def _score(name: str, values: NDArray[np.float64], sizes: dict[str, int], num_bootstrap: int, seed: int) -> Score:
    is_density = name == "density"
    what = (
        f"real pictures whose ball holds a generated picture, by k; n = generated pictures; {sizes['num_real']:,} real"
        if is_density
        else f"share of real pictures whose ball holds one of {sizes['num_generated']:,} generated; n = real pictures"
    )
    return Score(
        name=name,
        value=float(values.mean()),
        num_samples=len(values),
        protocol=f"{what}, k = {sizes['k']}; interval by {num_bootstrap:,} resamples with the balls held fixed",
        seed=seed,
        interval=mean_interval(values, num_bootstrap=num_bootstrap, seed=seed),
        higher_is_better=None if is_density else True,
        is_share=not is_density,
        settings=sizes,
    )
