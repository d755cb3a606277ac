"""Start of a training run to the end of its first step, on a corpus of CUB's size.

    python tools/benchmark/start.py [--pictures 11788] [--rounds 2] [--folder DIR] [--device auto] [--out FILE]

A corpus is made first: 200 classes, ten spoken captions a picture, a few recordings and photographs under as many
names as CUB has, mel store, features and embeddings (6 GB and, with all pictures, about ten minutes; --folder keeps it
for the next time). Then ``train encoder`` and ``train generator`` are started as a user starts them, each in a process
of its own, and the clock runs from there to the end of the first step, imports and reading of the stores included;
beside it stands the process's own processor time, which other work on the machine changes less.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import machine, print_table
from turns import environments

CLASSES, CAPTIONS, RECORDINGS, PHOTOS, DIM = 200, 10, 60, 40, 1024
SETTINGS: dict[str, list[str]] = {
    "encoder": [],
    "generator": ["--preset", "stackgan-v2", "--set", "model.num_stages=3", "--set", "batch_size=4"],
}
HOOK = """
import sys, time, json, os
from speech2img.cli.main import main
from speech2img.training.encoder import task as encoder
from speech2img.training.stackgan import task as generator_task
task = {"encoder": encoder.EncoderTask, "generator": generator_task.StackGANTask}[sys.argv[2]]
step = task.train_step
def first(self, batch, progress):
    begun, busy = time.time(), time.process_time()
    step(self, batch, progress)
    if self.device.type == "cuda":
        import torch
        torch.cuda.synchronize()
    found = {"begun": begun, "busy": busy, "ended": time.time(), "busy_at_end": time.process_time()}
    print(json.dumps(found), flush=True)
    os._exit(0)
task.train_step = first
sys.exit(main(sys.argv[1:]))
"""


def linked(sources: list[Path], target: Path, number: int) -> None:
    """Give one of a few files another name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(sources[number % len(sources)], target)


def make_corpus(root: Path, pictures: int) -> None:
    """Manifest, recordings, photographs and everything that is derived from them."""
    import h5py
    import numpy as np
    from images import make_pictures
    from stores import make_recordings

    from speech2img.corpora.records.manifest import Caption, Item, Manifest, utterance_id
    from speech2img.features.stores import image_store, mel_store

    for name in ("few/wav", "few/jpg"):
        (root / name).mkdir(parents=True)
    wavs = [Path(file) for file in make_recordings(root / "few" / "wav", RECORDINGS, (3.0, 5.4))]
    photos = make_pictures(root / "few" / "jpg", PHOTOS)
    items = []
    for number in range(pictures):
        kind = number % CLASSES
        name = f"{kind + 1:03d}.Class_{kind}"
        key = f"{name}/picture_{number:06d}"
        split = "test" if kind >= 3 * CLASSES // 4 else "val" if number // CLASSES % 20 == 0 else "train"
        linked(photos, root / "images" / f"{key}.jpg", number)
        captions = []
        for k in range(CAPTIONS):
            wav = f"audio/{key}_{k}.wav"
            linked(wavs, root / wav, CAPTIONS * number + k)
            captions.append(Caption(k, "a bird of one colour and another", "en-us", wav, 175, 50, 50, {}, None))
        box = (60.0, 27.0, 325.0, 304.0)
        items.append(Item(key, f"images/{key}.jpg", kind, name, split, box, None, tuple(captions)))
    manifest = Manifest(root, "cub", items)
    manifest.save()
    mel_store(manifest, preset="li2020")
    image_store(manifest, size=304)
    draw = np.random.default_rng(0)
    ids = [item.id for item in items]
    with h5py.File(root / "derived" / "features-teacher.h5", "w") as file:
        file["features"] = draw.random((pictures, 2, DIM), dtype=np.float32)
        file["ids"] = ids
        file.attrs.update(kind="attribute-network", source="teacher", sha256="ab" * 32, views=2)
    folder = root / "derived" / "embeddings" / "encoder"
    write_encoder(folder / "encoder")
    with h5py.File(folder / "embeddings.h5", "w") as file:
        file["embeddings"] = draw.standard_normal((pictures * CAPTIONS, DIM)).astype(np.float32)
        file["ids"] = [utterance_id(item, caption) for item in items for caption in item.captions]
        file.attrs.update(sha256="ab" * 32, mel_preset="li2020")


def write_encoder(folder: Path) -> None:
    """A release that embeddings may have come from."""
    from speech2img.models.encoders.li2020 import Li2020Encoder
    from speech2img.storage.releases.writing import save_release

    state = {f"encoder.{name}": value for name, value in Li2020Encoder().state_dict().items()}
    save_release(folder, state, {"kind": "speech-encoder", "mel_preset": "li2020", "encoder": {}}, "# made up")


def seconds_to_first_step(root: Path, role: str, device: str) -> dict[str, float]:
    """Start a training in a new process and stop it after its first step."""
    with tempfile.TemporaryDirectory() as out:
        command = [
            sys.executable,
            "-c",
            HOOK,
            "train",
            role,
            "--root",
            str(root),
            "--out",
            f"{out}/run",
            "--device",
            device,
            *SETTINGS[role],
        ]
        start = time.time()
        done = subprocess.run(command, env=environments()["tuned"], stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return {
        "to_first_step": found["begun"] - start,
        "to_its_end": found["ended"] - start,
        "to_first_step_cpu": found["busy"],
        "to_its_end_cpu": found["busy_at_end"],
    }


def main() -> None:
    """Make the corpus where it is missing, start both trainings, print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=11_788)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the corpus is kept")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="JSON file for all that was measured")
    args = parser.parse_args()
    results: dict[str, list[dict[str, float]]] = {role: [] for role in SETTINGS}
    with tempfile.TemporaryDirectory() as name:
        root = args.folder or Path(name) / "cub"
        if not (root / "manifest.jsonl").exists():
            make_corpus(root, args.pictures)
        for _ in range(args.rounds):
            for role, turns in results.items():
                turns.append(seconds_to_first_step(root, role, args.device))
    middle: dict[str, Any] = {
        role: {key: statistics.median(turn[key] for turn in turns) for key in turns[0]}
        for role, turns in results.items()
    }
    rows = [(role, *(f"{value:.1f}" for value in one.values())) for role, one in middle.items()]
    print_table(
        f"Seconds from the start of the process, {args.pictures} pictures, {args.pictures * CAPTIONS} captions",
        rows,
        (
            "training",
            "until the first step begins",
            "until it is done",
            "until it begins, processor",
            "until it is done, processor",
        ),
    )
    machine().write(args.out, pictures=args.pictures, seconds=middle, turns=results)


if __name__ == "__main__":
    main()
