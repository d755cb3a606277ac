"""Samples a second of the generator's picture pipeline against decoding and resizing every picture every time.

    python tools/benchmark/images.py [--count 192] [--batch-size 24] [--rounds 16]

``originals``: for each sample a real and a wrong picture are decoded, cropped to the box, resized to 304 px, cropped to
256 px, mirrored and resized to 256, 128 and 64 px. ``ours``: uint8 picture store, batches of real and wrong pictures,
up to the batch that goes to the device, and with the three sizes computed on the CPU or on CUDA. All take turns in one
process, in the environment that the command line gives itself; the ratio is the median over the rounds. One thread on
the CPU, and processor time is counted there, so that other work on the machine hardly changes the ratio.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import machine, print_table, run_child
from PIL import Image

from speech2img.batches.image_pairs import PairBatches, PairSource
from speech2img.cli.process import tuned_environment
from speech2img.corpora.records.manifest import Caption, Item
from speech2img.images.io import crop_to_box, read_image
from speech2img.images.pyramid import pyramid
from speech2img.images.store import build_image_store

SIZES, STORED = (64, 128, 256), 304
BOX = (120.0, 60.0, 240.0, 220.0)
_BATCHES = 8  # of ours in a round, for one of the originals


def make_pictures(folder: Path, count: int) -> list[Path]:
    """JPEG pictures of 500 x 375 pixels with about the detail of a photograph."""
    generator = np.random.default_rng(0)
    paths = []
    for number in range(count):
        coarse = Image.fromarray(generator.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((500, 375), Image.Resampling.BICUBIC), dtype=np.int16)
        grain = generator.normal(0, 9, (375, 500, 1)).astype(np.int16)
        path = folder / f"{number}.jpg"
        Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8)).save(path, quality=90)
        paths.append(path)
    return paths


def original_picture(path: Path, generator: np.random.Generator) -> list[np.ndarray]:
    """One picture as the originals prepare it for every sample again."""
    image = crop_to_box(read_image(path), BOX).resize((STORED, STORED), Image.Resampling.BILINEAR)
    left, top = generator.integers(0, STORED - SIZES[-1] + 1, 2)
    image = image.crop((left, top, left + SIZES[-1], top + SIZES[-1]))
    if generator.integers(2):
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    sizes = [image.resize((size, size), Image.Resampling.BILINEAR) for size in SIZES]
    return [np.asarray(one, dtype=np.float32).transpose(2, 0, 1) / 127.5 - 1 for one in sizes]


def make_items(count: int) -> list[Item]:
    """A manifest's items of ten classes."""
    caption = Caption(0, "a bird", "en-us", None, 175, 50, 50, {}, None)
    return [
        Item(f"{n % 10}/{n}", f"{n}.jpg", n % 10, str(n % 10), "train", BOX, None, (caption,)) for n in range(count)
    ]


def measure(count: int, batch_size: int, rounds: int) -> dict[str, Any]:
    """Seconds a sample of each way in each round, and what building the store took."""
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with tempfile.TemporaryDirectory() as name:
        paths = make_pictures(Path(name), count)
        entries = [(str(n), path, BOX) for n, path in enumerate(paths)]
        start = time.process_time()
        store = build_image_store(Path(name) / "store.h5", entries, size=STORED, workers=1, progress=False)
        building = (time.process_time() - start) / count
        source = PairSource(
            make_items(count), "train", store.pixels(), np.zeros((count, 1024), dtype=np.float32), attributes={}
        )
        batches = PairBatches(source, augmentation="crop_flip", batch_size=batch_size, seed=0, size=SIZES[-1])
        generator = np.random.default_rng(1)

        def originals() -> None:
            for path in generator.choice(paths, 2 * batch_size):
                original_picture(path, generator)

        def host() -> None:
            for _ in range(_BATCHES):
                batches.next()

        def whole() -> None:
            for _ in range(_BATCHES):
                batch = batches.next()
                for images in (batch.real_BCHW, batch.wrong_BCHW):
                    pyramid(images.to(device), SIZES)
            if device.type == "cuda":
                torch.cuda.synchronize()

        clock = time.perf_counter if device.type == "cuda" else time.process_time
        ways = (
            ("originals", originals, time.process_time, batch_size),
            ("host", host, time.process_time, _BATCHES * batch_size),
            ("whole", whole, clock, _BATCHES * batch_size),
        )
        seconds: dict[str, list[float]] = {way: [] for way, *_ in ways}
        for turn in range(rounds + 1):
            for way, step, clock_of_way, samples in ways:
                start = clock_of_way()
                step()
                if turn:  # the first warms up
                    seconds[way].append((clock_of_way() - start) / samples)
    return {"device": device.type, "building": building, "seconds": seconds}


def main() -> None:
    """Measure in the command line's environment and print samples a second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=192)
    parser.add_argument("--batch-size", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--out", type=Path, help="JSON file for all that was measured")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure(args.count, args.batch_size, args.rounds)))
        return
    options = ["--count", str(args.count), "--batch-size", str(args.batch_size), "--rounds", str(args.rounds)]
    result = run_child(__file__, ["--child", *options], environ=tuned_environment(os.environ, cores=1))
    seconds = {way: np.array(values) for way, values in result["seconds"].items()}
    titles = {
        "originals": "originals: decode, crop, three resizes",
        "host": "ours, up to the batch for the device",
        "whole": f"ours, with three sizes on {result['device']}",
    }
    rows = [
        (title, f"{1 / np.median(seconds[way]):.0f}", f"{np.median(seconds['originals'] / seconds[way]):.1f}")
        for way, title in titles.items()
    ]
    print_table(
        "Real and wrong picture of each sample, 64/128/256 px, one thread", rows, ("pipeline", "samples/s", "times")
    )
    print(f"\nbuilding the store once: {1000 * result['building']:.2f} ms a picture")
    ratios = {way: float(np.median(seconds["originals"] / taken)) for way, taken in seconds.items()}
    machine(result["device"] == "cuda").write(args.out, **result, ratios=ratios)


if __name__ == "__main__":
    main()
