"""Writes two folders for 'prepare folder': spoken digits with handwritten ones, and pictures for the judge alone.

Called by 01_prepare.sh and 07_unheard_speakers.sh.

Recordings: the Free Spoken Digit Dataset (Jackson and others, CC BY-SA 4.0), of each digit and speaker numbers 0-9 for
the test (0-4 are the data set's own test part), 10-14 for validation, 15-49 for training; with --hold-out NAME all of
that speaker's for the test, and of the others 10-14 for validation and the rest for training. Pictures: MNIST (LeCun,
Cortes, Burges), the first 440 of each digit for the judge, the next 345 for training, others for validation and test.
No picture and no recording is in two parts; each test and validation recording occurs once, with a picture of its own;
each training picture is given two training recordings of its digit.
"""

import argparse
import csv
import gzip
import random
import re
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

RECORDINGS = "fsdd_3speakers.zip"
JUDGE = {"train": 390, "val": 50}
TRAINING_PICTURES = 345
RECORDINGS_A_PICTURE = 2
SEED = 0

Recording = tuple[str, str]
"""Path and speaker."""


def part_of(number: int, speaker: str, hold_out: str | None) -> str:
    """Which part a recording belongs to."""
    is_test = number < 10 if hold_out is None else speaker == hold_out
    return "test" if is_test else "val" if 10 <= number < 15 else "train"


def read_digits(folder: Path) -> dict[int, list[np.ndarray]]:
    """Pictures (28, 28) uint8 of each digit, in the order of the file."""
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), dtype=np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(folder / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), dtype=np.uint8, offset=8)
    return {digit: list(pixels[labels == digit]) for digit in range(10)}


def unpack_recordings(archive: Path, root: Path, hold_out: str | None) -> dict[tuple[int, str], list[Recording]]:
    """Unpack the recordings; (digit, part) -> its recordings."""
    found: dict[tuple[int, str], list[Recording]] = defaultdict(list)
    with zipfile.ZipFile(archive) as source:
        for name in sorted(source.namelist()):
            match = re.fullmatch(r"recordings/(\d)_([a-z]+)_(\d+)\.wav", name)
            if match:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(source.read(name))
                found[int(match[1]), part_of(int(match[3]), match[2], hold_out)].append((name, match[2]))
    return found


def save_picture(path: Path, pixels: np.ndarray) -> None:
    """Write a picture as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_corpus(root: Path, digits: dict[int, list[np.ndarray]], archive: Path, hold_out: str | None) -> None:
    """Write pictures, recordings and the table that pairs them."""
    recordings = unpack_recordings(archive, root, hold_out)
    rng = random.Random(SEED)
    rows = []
    for digit, pictures in digits.items():
        free = iter(enumerate(pictures[sum(JUDGE.values()) :]))
        for part in ("train", "val", "test"):
            spoken = recordings[digit, part]
            pairs = [[recording] for recording in spoken]
            if part == "train":
                pairs = [rng.sample(spoken, RECORDINGS_A_PICTURE) for _ in range(TRAINING_PICTURES)]
            for given in pairs:
                number, pixels = next(free)
                image = f"pictures/{digit}/{number:03d}.png"
                save_picture(root / image, pixels)
                rows += [(image, audio, str(digit), speaker, part) for audio, speaker in given]
    with (root / "items.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "audio", "class", "speaker", "split"))
        writer.writerows(rows)


def main() -> None:
    """Write both folders."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--realdata", type=Path, required=True, help="folder with fsdd_3speakers.zip and mnist_t10k/")
    parser.add_argument("--root", type=Path, required=True, help="corpus folder to write")
    parser.add_argument("--judge", type=Path, help="folder of the judge's pictures to write")
    parser.add_argument("--hold-out", metavar="NAME", help="speaker whom training does not hear")
    args = parser.parse_args()
    digits = read_digits(args.realdata / "mnist_t10k")
    write_corpus(args.root, digits, args.realdata / RECORDINGS, args.hold_out)
    for digit, pictures in digits.items() if args.judge else ():
        free = iter(enumerate(pictures))
        for part, count in JUDGE.items():
            for _ in range(count):
                number, pixels = next(free)
                save_picture(args.judge / part / str(digit) / f"{number:03d}.png", pixels)


if __name__ == "__main__":
    main()
