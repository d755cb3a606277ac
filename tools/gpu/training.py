"""Train the stacked generator on packed photographs for so many seconds, and show what it paints of unseen sentences.

    python tools/gpu/training.py DATA --seconds 120 --out DIR [--device auto] [--batch-size 24] [--width 64]

DATA is a file of tools/gpu/pack.py. Writes training.json (steps a second, losses) and grid.png: real photographs of the
test part in the first row, generated ones of the same sentences below.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmark"))

SHOWN = 8


def build(data: dict[str, Any], device: Any, *, batch_size: int, width: int) -> Any:
    """The training of the preset stackgan-v2 at the size of the photographs."""
    import torch
    from generator import settings_of
    from trainings import MadeEmbeddings

    from speech2img.batches.image_pairs import PairBatches, PairSource
    from speech2img.corpora.records.manifest import Caption, Item
    from speech2img.training.stackgan.data import FrozenNetworks
    from speech2img.training.stackgan.task import StackGANTask
    from speech2img.training.validation_samples import ValidationSet

    # Photographs and sentences of the training part.
    rows = np.flatnonzero(data["parts"] == 0)
    images, embeddings, classes = data["images"][rows], data["embeddings"][rows], data["classes"][rows].tolist()
    side = images.shape[1]
    stages = int(np.log2(side // 64)) + 1
    caption = Caption(0, "a bird", "en-us", None, 175, 50, 50, {}, None)
    items = [
        Item(f"{label}/{row}", f"{row}.jpg", label, str(label), "train", None, None, (caption,))
        for row, label in enumerate(classes)
    ]
    settings = settings_of(stages, width, batch_size, precision="auto")
    source = PairSource(items, "train", images, embeddings, attributes={})
    batches = PairBatches(
        source, augmentation="flip", batch_size=batch_size, seed=settings.loop.seed, size=settings.image_size
    )
    torch.manual_seed(0)
    validation = ValidationSet(torch.zeros(0, embeddings.shape[1]), np.zeros((0, 1)), [], images[:0])
    encoder = MadeEmbeddings(Path("packed"), [], embeddings, "none")
    return StackGANTask(
        settings, batches=batches, validation=validation, encoder=encoder, frozen=FrozenNetworks(), device=device
    )


def main() -> int:
    """Train until the time is up, and paint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--width", type=int)
    args = parser.parse_args()
    import torch
    from pack import unpack
    from PIL import Image

    from speech2img.device import resolve_device

    device = resolve_device(args.device)
    small = device.type == "cpu"
    data = unpack(args.data)
    task = build(
        data, device, batch_size=args.batch_size or (4 if small else 24), width=args.width or (8 if small else 64)
    )
    # As many steps as fit, at least one.
    started, steps, losses = time.monotonic(), 0, {}
    while steps == 0 or time.monotonic() - started < args.seconds:
        terms = task.train_step(task.next_batch(), 0.5)
        steps += 1
        if steps == 1 or steps % 50 == 0:
            losses = {name: float(value) for name, value in terms.items()}
    used = time.monotonic() - started
    # What it paints of sentences about photographs that it never saw.
    rows = np.flatnonzero(data["parts"] == 1)[:SHOWN]
    with torch.inference_mode():
        generator = task.average.module.eval()
        noise = torch.randn(len(rows), task.settings.model.noise_dim, device=device)
        embeddings = torch.from_numpy(data["embeddings"][rows]).to(device)
        made = generator(embeddings, noise).images[-1].float().clamp(-1, 1).cpu()
    painted = ((made.permute(0, 2, 3, 1).numpy() + 1) * 127.5).round().astype(np.uint8)
    grid = np.concatenate([np.concatenate(list(part), axis=1) for part in (data["images"][rows], painted)], axis=0)
    Image.fromarray(grid).save(args.out / "grid.png")
    found = {"steps": steps, "seconds": used, "steps_a_second": steps / used, "losses": losses}
    (args.out / "training.json").write_text(json.dumps(found) + "\n", encoding="utf-8")
    print(f"{steps} steps in {used:.0f} s, {steps / used:.2f} a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
