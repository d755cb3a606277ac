"""Pictures a second through Inception-v3 at 299 px against the customary way, and what bfloat16 does to the FID.

    python tools/benchmark/inception.py [--data FOLDER] [--pictures 612] [--batch-size 16] [--rounds 8] [--out FILE]

``customary``: pytorch-fid's network, convolution and norm apart, NCHW. ``float32`` and ``bfloat16``: this library's
reader with the same weights. All three take turns in one process, in the environment that the command line gives
itself, on as many threads as OMP_NUM_THREADS says or there are cores; ratios are medians over the rounds, by wall clock
and by processor time (the latter hardly changes when others work on the machine, and is the one to quote then).

With ``--data``, the folder with ``cub100_crops227.zip`` and the FID network's folded layers, the Frechet distance
between bird crops of unseen and of training species is computed all three ways, at 64, 192 and 768 dimensions.
"""

import argparse
import csv
import json
import os
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import print_table, run_child
from PIL import Image
from published_inception import ConvNorm, PublishedInception

from speech2img.cli.process import tuned_environment
from speech2img.features.inception import InceptionExtractor, load_inception
from speech2img.metrics.functional.feature_statistics import FeatureStatistics
from speech2img.metrics.functional.frechet_distance import frechet_distance
from speech2img.metrics.images.features import FeatureSettings, extract_features
from speech2img.metrics.images.sources import FileImages, ImageFile
from speech2img.models.published.inception import convert_fid_inception, convert_inception

WEIGHTS, CROPS = "weights/inception_fid_2015_12_05_to_mixed7.npz", "cub100_crops227.zip"
TAPS = ("pool64", "pool192", "pool768")
WAYS = ("customary", "float32", "bfloat16")


def random_network() -> PublishedInception:
    """The customary network with random weights that keep the signal alive."""
    torch.manual_seed(0)
    network = PublishedInception().eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    return network


def our_reader(state: Mapping[str, torch.Tensor], precision: str) -> InceptionExtractor:
    """The library's reader with the weights of the customary network."""
    network, _, weights = convert_inception(state, "fid-inception")
    network.load_state_dict(weights)
    return InceptionExtractor(network, name="benchmark", weights_sha256="none", precision=precision)


def measure_speed(batch_size: int, rounds: int) -> dict[str, Any]:
    """Seconds a picture of each way in each round; the customary way and float32 are checked to agree."""
    network = random_network()
    readers = {precision: our_reader(network.state_dict(), precision) for precision in WAYS[1:]}
    images = torch.rand(batch_size, 3, 299, 299) * 2 - 1
    prepared = images.permute(0, 2, 3, 1).contiguous()

    def customary() -> np.ndarray:
        with torch.inference_mode():
            return network(images)["pool2048"].numpy()

    ways: dict[str, Callable[[], np.ndarray]] = {
        "customary": customary,
        "float32": lambda: readers["float32"].read(prepared, ("pool2048",))["pool2048"],
        "bfloat16": lambda: readers["bfloat16"].read(prepared, ("pool2048",))["pool2048"],
    }
    expected = ways["customary"]()
    difference = float(np.abs(ways["float32"]() - expected).max() / np.abs(expected).max())
    if difference > 1e-4:
        raise SystemExit(f"the two networks differ by {difference:.1e}: nothing is measured")
    wall: dict[str, list[float]] = {way: [] for way in ways}
    processor: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(rounds + 1):
        for way, step in ways.items():
            start, busy = time.perf_counter(), time.process_time()
            step()
            if turn:  # the first warms up
                wall[way].append((time.perf_counter() - start) / batch_size)
                processor[way].append((time.process_time() - busy) / batch_size)
    return {"relative_difference_float32": difference, "wall": wall, "processor": processor}


def customary_features(data: Path, files: Sequence[Path], batch_size: int) -> dict[str, np.ndarray]:
    """Features as pytorch-fid computes them, with the real weights behind norms that change nothing."""
    network = PublishedInception().eval().requires_grad_(False)
    with np.load(data / WEIGHTS, allow_pickle=False) as arrays:
        folded = convert_fid_inception({name: torch.from_numpy(arrays[name]) for name in arrays.files})
    names = [
        name.removesuffix(".weight")
        for name in convert_fid_inception(network.state_dict())
        if name.endswith(".weight") and "classifier" not in name
    ]
    layers = [module for module in network.modules() if isinstance(module, ConvNorm)]
    for name, layer in zip(names, layers, strict=True):
        if f"{name}.weight" in folded:
            layer.conv.weight.copy_(folded[f"{name}.weight"])
            layer.bn.bias.copy_(folded[f"{name}.bias"])
            layer.bn.running_var.fill_(1 - layer.bn.eps)
    parts: dict[str, list[np.ndarray]] = {tap: [] for tap in TAPS}
    with torch.inference_mode():
        for start in range(0, len(files), batch_size):
            some = files[start : start + batch_size]
            pixels = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in some])
            batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
            batch = torch.nn.functional.interpolate(batch, size=(299, 299), mode="bilinear", align_corners=False)
            found = network(2 * batch - 1)
            for tap in TAPS:
                parts[tap].append(found[tap].numpy())
    return {tap: np.concatenate(values) for tap, values in parts.items()}


def measure_distances(data: Path, pictures: int, batch_size: int) -> dict[str, Any]:
    """Frechet distance of crops of unseen to crops of training species, all three ways."""
    with tempfile.TemporaryDirectory() as name:
        with zipfile.ZipFile(data / CROPS) as archive:
            archive.extractall(name)
        with (Path(name) / "manifest.csv").open() as file:
            rows = list(csv.DictReader(file))
        sets = []
        for split in ("test", "train"):
            files = sorted(Path(name) / "images" / row["file"] for row in rows if row["zero_shot_split"] == split)
            sets.append(files[:: max(1, len(files) // pictures)][:pictures])
        features: dict[str, list[Mapping[str, np.ndarray]]] = {
            "customary": [customary_features(data, files, batch_size) for files in sets]
        }
        for precision in WAYS[1:]:
            reader = load_inception(data / WEIGHTS, precision=precision)
            sources = [FileImages((ImageFile(str(file), file) for file in files), name="crops") for files in sets]
            settings = FeatureSettings(taps=TAPS)
            features[precision] = [
                extract_features(source, reader, settings=settings, batch_size=batch_size).features
                for source in sources
            ]
    values = {
        way: {tap: frechet_distance(*(FeatureStatistics().update(one[tap]).gaussian() for one in both)) for tap in TAPS}
        for way, both in features.items()
    }
    return {"pictures": [len(files) for files in sets], "frechet_distance": values}


def main() -> None:
    """Measure in the command line's environment; print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with the crops and the network's weights")
    parser.add_argument("--pictures", type=int, default=612, help="crops of each of the two sets, at most")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--out", type=Path, help="JSON file for all that was measured")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        result = {"threads": torch.get_num_threads(), "torch": torch.__version__, "batch_size": args.batch_size}
        result |= measure_speed(args.batch_size, args.rounds)
        if args.data:
            result |= measure_distances(args.data, args.pictures, args.batch_size)
        print(json.dumps(result))
        return
    options = ["--batch-size", str(args.batch_size), "--rounds", str(args.rounds), "--pictures", str(args.pictures)]
    options += ["--data", str(args.data)] if args.data else []
    environ = tuned_environment({**os.environ}, cores=len(os.sched_getaffinity(0)))
    result = run_child(__file__, ["--child", *options], environ=environ)
    result["ratios"] = {
        clock: {
            way: statistics.median(a / b for a, b in zip(result[clock]["customary"], result[clock][way], strict=True))
            for way in WAYS
        }
        for clock in ("wall", "processor")
    }
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    speeds = {clock: {way: 1 / statistics.median(result[clock][way]) for way in WAYS} for clock in result["ratios"]}
    rows = [
        (
            way,
            *(
                f"{numbers[clock][way]:.{digits}f}"
                for numbers, digits in ((speeds, 1), (result["ratios"], 2))
                for clock in speeds
            ),
        )
        for way in WAYS
    ]
    head = ("way", "images/s, wall", "images/s, processor time", "times, wall", "times, processor time")
    print_table(f"Inception-v3 at 299 px, {result['threads']} thread(s), batch {args.batch_size}", rows, head)
    if "frechet_distance" in result:
        values = result["frechet_distance"]
        rows = [
            (
                tap.removeprefix("pool"),
                f"{values['customary'][tap]:.6f}",
                *(
                    f"{values[way][tap]:.6f} ({100 * (values[way][tap] / values['customary'][tap] - 1):+.4f} %)"
                    for way in WAYS[1:]
                ),
            )
            for tap in TAPS
        ]
        sizes = " and ".join(map(str, result["pictures"]))
        print_table(f"Frechet distance of {sizes} bird crops", rows, ("dimensions", *WAYS))


if __name__ == "__main__":
    main()
