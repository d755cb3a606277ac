"""Frechet distance at 2,048 dimensions against pytorch-fid's way with scipy's matrix root.

    python tools/benchmark/distance.py [--dim 2048] [--pictures 3000] [--few 1155] [--rounds 1] [--out FILE]

``pytorch-fid``: numpy's mean and covariance are given to both; its distance takes scipy's ``sqrtm`` of the product of
the covariances. ``ours``: singular values of the product of Cholesky factors; with no more pictures than dimensions
(``--few``, Oxford-102's test split), of a matrix as small as the number of pictures. Both take turns in one process of
one thread, and processor time is counted, so that other work on the machine hardly changes the ratio. Last,
Gaussians with common axes, whose distance is known exactly, and the interval against a plain bootstrap's cost.
"""

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy
from common import print_table, run_child
from scipy.linalg import sqrtm

from speech2img.cli.process import tuned_environment
from speech2img.metrics.functional.feature_statistics import FeatureStatistics, Gaussian
from speech2img.metrics.functional.frechet_distance import fit_gaussian, frechet_distance, influences
from speech2img.storage.atomic import write_json


def make_features(count: int, dim: int, seed: int) -> np.ndarray:
    """Features with the wide range of variances and the zeros of pooled, rectified maps."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(count, 64)) @ np.random.default_rng(9).normal(size=(64, dim))
    return np.maximum(rng.normal(size=(count, dim)) * np.exp(rng.normal(0, 1.0, dim)) + 0.1 * common, 0.0)


def matrix_root_distance(a: Gaussian, b: Gaussian) -> tuple[float, float]:
    """The distance as pytorch-fid computes it, and the largest imaginary part of the root."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = sqrtm(a.covariance @ b.covariance)
    gap = a.mean - b.mean
    value = gap @ gap + np.trace(a.covariance) + np.trace(b.covariance) - 2 * np.trace(root).real
    return float(value), float(np.abs(np.imag(root)).max())


def exact_gaussians(dim: int) -> tuple[Gaussian, Gaussian, float]:
    """Two Gaussians with common axes and their distance: means, and differences of the standard deviations."""
    rng = np.random.default_rng(3)
    axes = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    first, second = np.exp(rng.normal(0, 1, dim)), np.exp(rng.normal(0, 1, dim))
    gap = rng.normal(0, 0.1, dim)
    parts = [
        Gaussian(mean, (axes * deviations**2) @ axes.T) for mean, deviations in ((np.zeros(dim), first), (gap, second))
    ]
    return parts[0], parts[1], float(gap @ gap + ((first - second) ** 2).sum())


def timed(function: Callable[[], object], rounds: int) -> tuple[float, object]:
    """Median processor seconds of some runs, and the last result."""
    seconds: list[float] = []
    result: object = None
    for _ in range(rounds):
        start = time.process_time()
        result = function()
        seconds.append(time.process_time() - start)
    return float(np.median(seconds)), result


def measure(dim: int, pictures: int, few: int, rounds: int) -> dict[str, object]:
    """Seconds and values of both ways."""
    found: dict[str, object] = {"dim": dim, "rounds": rounds, "numpy": np.__version__, "scipy": scipy.__version__}
    cases = []
    for count in (pictures, few):
        features = [make_features(count, dim, seed) for seed in (1, 2)]
        a, b = (fit_gaussian(part) for part in features)
        ours, value = timed(lambda a=a, b=b: frechet_distance(a, b), rounds)
        root, other = timed(lambda a=a, b=b: matrix_root_distance(a, b), rounds)
        linear, _ = timed(lambda a=a, b=b, f=features: influences(a, b, *f), 1)
        cases.append(
            {
                "pictures": count,
                "ours_s": ours,
                "matrix_root_s": root,
                "times": root / ours,
                "value": value,
                "matrix_root_value": other[0],
                "imaginary": other[1],
                "interval_s": linear,
            }
        )
    found["cases"] = cases
    first, second, expected = exact_gaussians(dim)
    other = matrix_root_distance(first, second)[0]
    found["exact"] = {
        "expected": expected,
        "ours_error": abs(frechet_distance(first, second) / expected - 1),
        "matrix_root_error": abs(other / expected - 1),
    }
    rows = make_features(pictures, dim, 1).astype(np.float32)
    batches = [rows[start : start + 50] for start in range(0, len(rows), 50)]

    def stream() -> FeatureStatistics:
        statistics = FeatureStatistics()
        for batch in batches:
            statistics.update(batch)
        return statistics

    found["stream_us_a_picture"] = 1e6 * timed(stream, rounds)[0] / len(rows)
    found["numpy_cov_us_a_picture"] = (
        1e6 * timed(lambda: np.cov(rows.astype(np.float64), rowvar=False), rounds)[0] / len(rows)
    )
    return found


def main() -> None:
    """Measure in the command line's environment, print the ratios and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--few", type=int, default=1155)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure(args.dim, args.pictures, args.few, args.rounds)))
        return
    options = [
        "--dim",
        str(args.dim),
        "--pictures",
        str(args.pictures),
        "--few",
        str(args.few),
        "--rounds",
        str(args.rounds),
    ]
    result = run_child(__file__, ["--child", *options], environ=tuned_environment(os.environ, cores=1))
    rows = [
        (
            case["pictures"],
            f"{case['matrix_root_s']:.2f}",
            f"{case['ours_s']:.2f}",
            f"{case['times']:.1f}",
            f"{case['imaginary']:.1g}",
            f"{case['value']:.6f}",
            f"{case['matrix_root_value']:.6f}",
            f"{case['interval_s']:.2f}",
        )
        for case in result["cases"]
    ]
    print_table(
        f"Frechet distance in {args.dim} dimensions, one thread, processor seconds",
        rows,
        (
            "pictures a set",
            "pytorch-fid's way",
            "ours",
            "times",
            "its imaginary part",
            "our value",
            "its value",
            "interval",
        ),
    )
    exact = result["exact"]
    print(
        f"\nGaussians with a known distance, relative error: ours {exact['ours_error']:.1e}, "
        f"pytorch-fid's way {exact['matrix_root_error']:.1e}"
    )
    print(
        f"mean and covariance in batches of 50: {result['stream_us_a_picture']:.0f} us a picture; numpy's cov of "
        f"all at once: {result['numpy_cov_us_a_picture']:.0f}"
    )
    if args.out is not None:
        write_json(args.out, result)


if __name__ == "__main__":
    main()
