"""How far are losses on a device from those of the CPU in float32, from equal weights and batches?

    python tools/gpu/parity.py [--device auto|cpu|cuda] [--out FILE]

Encoder and generator make two training steps in each precision; the largest relative difference of any loss is told.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmark"))

STEPS = 2
ALLOWED = {"fp32": 2e-3, "bf16": 0.1}
"""Relative; the second step comes after Adam has divided rounding by rounding."""


def losses(kind: str, precision: str, device: Any) -> list[dict[str, float]]:
    """Losses of the first steps of a training on noise, the same in every precision and on every device."""
    import torch
    from generator import settings_of
    from trainings import encoder_task, generator_task, utterance_lengths

    from speech2img.training.encoder.settings import EncoderSettings
    from speech2img.training.run import LoopSettings

    torch.manual_seed(0)
    if kind == "encoder":
        settings = EncoderSettings(batch_size=8, loop=LoopSettings(precision=precision))
        if device.type == "cpu":
            settings = replace(settings, batch_size=4, model=replace(settings.model, channels=(8,) * 6 + (16, 16)))
        task: Any = encoder_task(settings, utterance_lengths(None, 32), device)
    else:
        task = generator_task(settings_of(2, 8, 4, precision=precision), device, pictures=8)
    found = []
    for step in range(STEPS):
        torch.manual_seed(step)
        terms = task.train_step(task.next_batch(), 0.5)
        found.append({name: float(value) for name, value in terms.items()})
    return found


def difference(ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> float:
    """Largest relative difference of any loss of any step; small losses count against 0.1."""
    return max(
        abs(one[name] - other[name]) / max(0.1, abs(other[name]))
        for one, other in zip(ours, theirs, strict=True)
        for name in other
    )


def main() -> int:
    """Compare, print, write; the status is 1 where a difference is larger than allowed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    import torch

    from speech2img.device import resolve_device

    device = resolve_device(args.device)
    found: dict[str, float] = {}
    # Noise is drawn on the device, so only what draws none can be compared across devices.
    for kind in ("encoder", "generator"):
        for precision, allowed in ALLOWED.items():
            same = device.type == "cpu" or kind == "encoder"
            reference = losses(kind, "fp32", torch.device("cpu") if same else device)
            name = f"{kind}, {precision}"
            found[name] = difference(losses(kind, precision, device), reference)
            against = "CPU, float32" if same else f"{device}, float32"
            verdict = "" if found[name] <= allowed else f" (more than {allowed:g})"
            print(f"{name}: {found[name]:.1e} from {against}{verdict}")
    if args.out is not None:
        args.out.write_text(json.dumps({"device": str(device), "differences": found}) + "\n", encoding="utf-8")
    return 0 if all(found[name] <= ALLOWED[name.split(", ")[1]] for name in found) else 1


if __name__ == "__main__":
    sys.exit(main())
