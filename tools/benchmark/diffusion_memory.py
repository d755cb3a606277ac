"""Memory of one training step of a discrete diffusion, counted as memory.py does; by default S2IVQ-D as published.

    python tools/benchmark/diffusion_memory.py [--preset s2ivq-d-published] [--codes 974] [--batch-size 32] [--out FILE]

Nothing is computed, on any machine: weights, and room for their average, lie in the host's memory (4 GB for S2IVQ-D).
With memory = "low" the average is not counted, since it lies there in a training as well. Not in the count: what
memory.py leaves out, and the codec, which is used for images alone.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from common import machine, print_table
from memory import CASES, GB, Memory, moments_of, without_moments

GRID_STRIDE = 16
"""Pixels of a token along a side."""


@contextmanager
def without_values() -> Iterator[None]:
    """Let checks pass that ask tensors without content for a number, and the history of steps stay as it is."""
    import torch

    from speech2img.losses.step_importance import StepImportance

    with (
        patch.object(torch.Tensor, "__bool__", lambda tensor: True),
        patch.object(torch.Tensor, "__int__", lambda tensor: 0),
        patch.object(torch.Tensor, "__float__", lambda tensor: 0.0),
        patch.object(StepImportance, "update_", lambda self, time_B, variational_B: None),
    ):
        yield


@contextmanager
def drawn_nothing() -> Iterator[None]:
    """Make networks without drawing their start, which takes longer than the count."""
    import torch

    def same(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        return tensor

    with patch.object(torch.nn.init, "normal_", same), patch.object(torch.nn.init, "kaiming_uniform_", same):
        yield


def diffusion_task(settings: Any, *, codes: int, device: Any) -> Any:
    """The training on noise: tokens of a grid, and embeddings of twice the width, as the published form takes them."""
    import numpy as np
    import torch
    from trainings import MadeEmbeddings

    from speech2img.corpora.records.manifest import Caption, Item, Manifest
    from speech2img.encoded_speech import EncodedSpeech
    from speech2img.images.codecs import ReleasedCodec
    from speech2img.models.codecs.vqgan import VQGAN
    from speech2img.training.encoded.inputs import EncodedInputs
    from speech2img.training.encoded.task import Ingredients
    from speech2img.training.validation_samples import ValidationSet
    from speech2img.training.vq_diffusion.task import VQDiffusionTask

    # A codec with so many codes, as small as can be.
    sizes = {"num_codes": codes, "code_dim": 4, "width": 4, "multipliers": [1] * 5, "latent_channels": 4, "groups": 2}
    codec = ReleasedCodec(VQGAN(**sizes), "made-up", "none", Path("made-up"), {"network": "vqgan", **sizes})  # type: ignore[arg-type]

    # One image, as often as a batch wants it.
    count, width, side = settings.batch_size, 2 * settings.model.width, settings.image_size // GRID_STRIDE
    caption = Caption(0, "a bird", "en-us", None, 175, 50, 50, {}, None)
    items = [Item(f"0/{n}", f"{n}.jpg", 0, "0", "train", None, None, (caption,)) for n in range(count)]
    drawn = np.random.default_rng(0)
    embeddings = MadeEmbeddings(Path("made-up"), [], drawn.standard_normal((count, width)).astype(np.float32), "none")
    frames = [drawn.standard_normal((60, width)).astype(np.float32) for _ in range(count)]
    tokens = drawn.integers(codes, size=(count, side, side))

    class Tokens:
        """Tokens of noise, in memory."""

        def read(self, indices: Any, *, mirrored: Any = None) -> Any:
            """Tokens of images."""
            return tokens[indices]

    speech = EncodedSpeech(embeddings.embeddings, frames if settings.model.looks_at_frames else None)
    inputs: Any = EncodedInputs(Manifest(Path("made-up"), "made-up", items), embeddings, codec, Tokens())  # type: ignore[type-var]
    with patch.object(EncodedInputs, "speech", lambda self, *, frames: speech), drawn_nothing():
        validation = ValidationSet(torch.zeros(0, width), np.zeros((0, 1)), [], np.zeros((0, 1, 1, 3), np.uint8))
        given = Ingredients(inputs, (validation, speech[:0]), None, {}, True)
        return VQDiffusionTask(settings, given, device=device)


def counted(task: Any, *, real: bool = False) -> Memory:
    """Count one step, whose tensors have no content, or where ``real`` compute it."""
    from live_bytes import LiveBytes
    from torch._subclasses.fake_tensor import FakeTensorMode

    modules = [task.network, *([] if task.settings.memory == "low" else [task.average.module])]
    known = [tensor for module in modules for tensor in (*module.parameters(), *module.buffers())]
    batch, moments = task.next_batch(), moments_of(task)
    if real:
        with without_moments(), LiveBytes(known) as live:
            weights = live.now
            task.train_step(batch, 0.0)
        return Memory(weights, moments, live.peak + moments)
    with without_moments(), FakeTensorMode(allow_non_fake_inputs=True) as fake:
        empty = [fake.from_tensor(tensor) for tensor in known]
        with without_values(), LiveBytes(empty) as live:
            weights = live.now
            task.train_step(batch, 0.0)
    return Memory(weights, moments, live.peak + moments)


def main() -> None:
    """Count all cases and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="s2ivq-d-published")
    parser.add_argument("--codes", type=int, default=974)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--out", type=Path, help="JSON file for all that was counted")
    args = parser.parse_args()
    import torch

    from speech2img.systems.registry import preset

    base, found = preset("generator", args.preset), {}
    for precision, memory in CASES:
        loop = replace(base.loop, precision=precision)
        settings = replace(base, memory=memory, batch_size=args.batch_size, loop=loop)
        found[f"{precision}, {memory}"] = counted(
            diffusion_task(settings, codes=args.codes, device=torch.device("cpu"))
        )
    rows = [
        (name, *(f"{value / GB:.2f}" for value in (one.weights, one.moments, one.peak))) for name, one in found.items()
    ]
    print_table(
        f"Training of {args.preset}, batch {args.batch_size}, {args.codes} codes, GB",
        rows,
        ("precision, memory", "weights (and average)", "Adam's moments", "peak, all in all"),
    )
    machine(False).write(
        args.out,
        preset=args.preset,
        batch_size=args.batch_size,
        bytes={name: asdict(one) for name, one in found.items()},
    )


if __name__ == "__main__":
    main()
