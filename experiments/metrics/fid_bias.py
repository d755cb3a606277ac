"""How far apart are two sets of equally real photographs? FID by number of pictures, and by resize filter.

python experiments/metrics/fid_bias.py --realdata DIR, with cub100_crops227.zip and the folded layers of FID's Inception
in DIR.
"""

import argparse
import csv
import io
import random
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from speech2img.features.inception import load_inception
from speech2img.metrics.functional.frechet_distance import fit_gaussian, frechet_distance
from speech2img.metrics.functional.kernel_distance import kernel_score
from speech2img.metrics.images.features import FeatureSettings, extract_features
from speech2img.metrics.images.sources import folder_images

PICTURES = 400
COUNTS = (50, 100, 200)


def main() -> None:
    """Print the table behind ``METRICS.md``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--realdata", type=Path, required=True)
    realdata = parser.parse_args().realdata
    reader = load_inception(realdata / "weights" / "inception_fid_2015_12_05_to_mixed7.npz")
    with tempfile.TemporaryDirectory() as folder:
        _unpack(realdata / "cub100_crops227.zip", Path(folder))
        legacy, clean = (
            extract_features(
                folder_images(folder), reader, settings=FeatureSettings(taps=tuple(reader.outputs), resize=name)
            )
            for name in ("legacy", "clean")
        )
    order = np.random.default_rng(0).permutation(PICTURES)
    for tap in tuple(reader.outputs):
        rows = legacy.features[tap]
        for count in COUNTS:
            one, other = rows[order[:count]], rows[order[PICTURES // 2 : PICTURES // 2 + count]]
            fid = frechet_distance(fit_gaussian(one), fit_gaussian(other))
            kid = kernel_score(one, other, num_subsets=100, subset_size=count // 2, num_bootstrap=0).value
            print(f"{tap}, two sets of {count} real crops: FID {fid:.3f}, KID {kid:.3g}")
        apart = frechet_distance(fit_gaussian(clean.features[tap]), fit_gaussian(rows))
        print(f"{tap}, the same {PICTURES} crops resized by clean and by legacy: FID {apart:.3f}")


def _unpack(archive: Path, folder: Path) -> None:
    """A seeded choice among the crops of the test species."""
    with zipfile.ZipFile(archive) as files:
        rows = csv.DictReader(io.StringIO(files.read("manifest.csv").decode()))
        names = sorted(row["file"] for row in rows if row["zero_shot_split"] == "test")
        random.Random(0).shuffle(names)
        for name in names[:PICTURES]:
            member = name if name.startswith("images/") else f"images/{name}"
            (folder / member.replace("/", "_")).write_bytes(files.read(member))


if __name__ == "__main__":
    main()
