"""How far are distance, scores and features from the golden values of pytorch-fid and torch-fidelity?

python experiments/metrics/golden_agreement.py --realdata DIR, with metric_golden.* and weights/ in DIR.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from speech2img.features.inception import load_inception
from speech2img.metrics.functional.frechet_distance import fit_gaussian, frechet_distance
from speech2img.metrics.functional.inception_score import inception_score
from speech2img.metrics.images.features import FeatureSettings, extract_features
from speech2img.metrics.images.sources import ArrayImages

TAPS = ("pool64", "pool192", "pool768")


def main() -> None:
    """Print the table of ``results/evaluation.md``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--realdata", type=Path, required=True)
    realdata = parser.parse_args().realdata
    numbers = json.loads((realdata / "metric_golden.json").read_text())["numbers"]
    with np.load(realdata / "metric_golden.npz") as arrays:
        a, b, logits = (arrays[name] for name in ("features_a", "features_b", "logits_b"))
    print("| number | golden | here | relative difference |\n|---|---|---|---|")
    show("Frechet distance", numbers["fid_pytorch_fid"], frechet_distance(fit_gaussian(a), fit_gaussian(b)))
    for splits in (1, 10):
        score = inception_score(logits, num_splits=splits, order="given", num_bootstrap=0)
        show(f"Inception Score, {splits} split(s)", numbers[f"is_splits{splits}_mean"], score.value)
    golden = np.load(realdata / "weights" / "inception_fid_golden.npz")
    reader = load_inception(realdata / "weights" / "inception_fid_2015_12_05_to_mixed7.npz")
    pictures = ArrayImages(golden["rgb227"])
    found = extract_features(pictures, reader, settings=FeatureSettings(taps=TAPS), progress=False).features
    for tap in TAPS:
        theirs, ours = (
            frechet_distance(fit_gaussian(part[:4]), fit_gaussian(part[4:])) for part in (golden[tap], found[tap])
        )
        show(f"FID at {tap.removeprefix('pool')} dimensions, 4 pictures against 4", theirs, ours)


def show(what: str, golden: float, here: float) -> None:
    """One line of the table."""
    print(f"| {what} | {golden:.9g} | {here:.9g} | {abs(here / golden - 1):.1e} |")


if __name__ == "__main__":
    main()
