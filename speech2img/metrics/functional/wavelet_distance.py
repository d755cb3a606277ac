"""Frechet wavelet distance: two sets of pictures compared in every band of frequency, without weights."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from speech2img.errors import MetricError
from speech2img.metrics.functional.bootstrap import canonical_order, recentred_interval
from speech2img.metrics.functional.frechet_distance import fit_gaussian, frechet_distance
from speech2img.metrics.functional.score import Score

LEVELS = 4
"""Times that a picture is split; 256 packets, each of a 16th of the side."""
MOST_IMAGES = 2500
"""Pictures of a set that are looked at: their coefficients lie in memory, 50 kB each."""
SIDE = 64
"""Pixels that pictures are brought to: a packet then has 48 numbers, fewer than any usual set has pictures."""


def wavelet_score(
    generated_NHWC: NDArray[np.uint8],
    real_NHWC: NDArray[np.uint8],
    *,
    levels: int = LEVELS,
    ids_generated: Sequence[str] | None = None,
    ids_real: Sequence[str] | None = None,
    num_bootstrap: int = 20,
    seed: int = 0,
) -> Score:
    """Mean over the packets of a wavelet packet transform of the Frechet distance of their coefficients.

    Parameters
    ----------
    generated_NHWC, real_NHWC : np.ndarray [shape=(N, S, S, 3), uint8]
        Pictures of one size, a multiple of ``2 ** levels``.
    levels : int
        Depth of the transform, at least 1.
    ids_generated, ids_real : sequences of str, optional
        Names of the pictures: with them a seed resamples alike however the files were listed.
    num_bootstrap : int
        Resamples of the pictures for the interval, in a 16th of the packets; 0: none.
    seed : int
        Seed of the resampling.

    Returns
    -------
    Score
        "wavelet_distance", lower is better.

    Raises
    ------
    MetricError
        If the sizes differ or cannot be halved so often, or a set has no more pictures than a packet has numbers.

    Notes
    -----
    Veeramacheneni et al. 2023 (arXiv:2312.15289), with Haar's wavelets; pixels are 0..1. Published numbers are of
    pictures of 256 px, whose packets have 768 numbers.
    """
    # Pictures that can be compared.
    shapes = {np.shape(part)[1:] for part in (generated_NHWC, real_NHWC)}
    side = next(iter(shapes))[0]
    if len(shapes) > 1 or len(next(iter(shapes))) != 3 or side % 2**levels or levels < 1:
        raise MetricError.about(
            "wavelet distance",
            f"pictures of shapes {sorted(shapes)}",
            f"give squares of one multiple of {2**levels} px",
        )
    width = 3 * (side >> levels) ** 2
    fewest = min(len(generated_NHWC), len(real_NHWC))
    if fewest <= width:
        raise MetricError.about(
            "wavelet distance",
            f"{fewest} pictures, packets of {width} numbers",
            f"give more than {width} pictures a set",
        )
    # Coefficients by packet, in an order that does not depend on the files.
    made, true = (
        packets(images[canonical_order(images.reshape(len(images), -1), ids)], levels)
        for images, ids in ((generated_NHWC, ids_generated), (real_NHWC, ids_real))
    )
    distances = [frechet_distance(fit_gaussian(a), fit_gaussian(b)) for a, b in zip(made, true, strict=True)]
    value = float(np.mean(distances))
    # Every 16th packet stands for all in the interval.
    rng = np.random.default_rng(seed)
    few = range(0, len(made), 16)
    replicates = np.array(
        [
            np.mean([frechet_distance(fit_gaussian(made[p][rows]), fit_gaussian(true[p][others])) for p in few])
            for rows, others in (
                (rng.integers(0, len(made[0]), len(made[0])), rng.integers(0, len(true[0]), len(true[0])))
                for _ in range(num_bootstrap)
            )
        ]
    )
    share = float(np.mean([distances[p] for p in few]))
    scale = value / share if share > 0 else 1.0
    return Score(
        name="wavelet_distance",
        value=value,
        num_samples=len(generated_NHWC),
        seed=seed,
        interval=recentred_interval(value, scale * replicates),
        higher_is_better=False,
        protocol=f"mean Frechet distance of {len(made)} Haar wavelet packets of {width} numbers, pictures of {side} "
        f"px, pixels 0..1, no network; against {len(real_NHWC):,} real pictures; interval by {num_bootstrap} resamples",
        settings={"levels": levels, "side": side, "num_real": len(real_NHWC)},
    )


def packets(images_NHWC: NDArray[np.uint8], levels: int) -> NDArray[np.float32]:
    """Coefficients of the orthonormal Haar wavelet packet transform of pixels 0..1, (packets, N, numbers).

    Parameters
    ----------
    images_NHWC : np.ndarray [shape=(N, S, S, 3), uint8]
        S a multiple of ``2 ** levels``.
    levels : int
        Every level splits every packet into sums and differences of rows and of columns.
    """
    bands = images_NHWC.astype(np.float32)[None] / np.float32(255)
    for _ in range(levels):
        for axis in (2, 3):
            even = [slice(None)] * 5
            odd = list(even)
            even[axis], odd[axis] = slice(0, None, 2), slice(1, None, 2)
            first, second = bands[tuple(even)], bands[tuple(odd)]
            bands = np.concatenate([first + second, first - second]) / np.sqrt(np.float32(2))
    return bands.reshape(len(bands), len(images_NHWC), -1)
