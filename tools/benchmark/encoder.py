"""Training speed of the speech encoder against the published recipe, on the same batch and machine.

    python tools/benchmark/encoder.py [--root CORPUS] [--batch-size 64] [--steps 12]

``published``: two-dimensional convolutions on 2,048 padded frames in float32, the three published losses and Adam, the
environment as it is. ``ours``: this library's training step on the same number of utterances a step, bucketed by
length, precision auto, in the environment that the command line gives itself. Lengths come from the corpus's mel store,
or are drawn around 4.2 s. Each variant runs in a process of its own.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import print_table, run_child

FRAMES, BANDS, DIM, CLASSES = 2048, 40, 1024, 50
LAYERS = (  # (channels, kernel, stride, pool afterwards) of the published network behind its first (40, 1) convolution
    (64, 3, 1, True), (128, 17, 2, False), (256, 13, 2, False), (256, 3, 1, False), (512, 9, 2, True),
    (512, 3, 1, False), (1024, 5, 2, False),
)  # fmt: skip


def utterance_lengths(root: Path | None, count: int) -> np.ndarray:
    """Frames of ``count`` utterances: of the corpus, or drawn around 4.2 s."""
    generator = np.random.default_rng(0)
    if root is None:
        return np.clip(generator.normal(420, 110, count), 150, 900).astype(np.int64)
    from speech2img.audio.store import MelStore

    lengths = np.asarray(MelStore(root / "derived" / "mels-li2020.h5").lengths)
    return np.minimum(generator.choice(lengths, count), FRAMES)


def run_published(lengths: np.ndarray, batch_size: int, steps: int) -> float:
    """Utterances a second of the published recipe."""
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    from speech2img.losses.distillation import distillation_loss, l1_loss
    from speech2img.losses.joint_embedding import joint_embedding_loss

    def block(before: int, after: int, kernel: tuple[int, int], stride: int, padding: int) -> list[nn.Module]:
        convolution = nn.Conv2d(before, after, kernel, stride=(1, stride), padding=(0, padding), bias=False)
        return [convolution, nn.BatchNorm2d(after), nn.ReLU()]

    modules: list[nn.Module] = [nn.BatchNorm2d(1), *block(1, 64, (BANDS, 1), 1, 0)]
    before = 64
    for channels, kernel, stride, pool in LAYERS:
        modules += block(before, channels, (1, kernel), stride, kernel // 2)
        modules += [nn.MaxPool2d((1, 3), (1, 2), (0, 1))] if pool else []
        before = channels
    cnn, rnn = nn.Sequential(*modules), nn.LSTM(1024, 512, batch_first=True, bidirectional=True)
    optimizer = torch.optim.Adam([*cnn.parameters(), *rnn.parameters()], lr=1e-3, weight_decay=1e-5)
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(batch_size, DIM, generator=generator)
    classes = torch.randint(CLASSES, (batch_size,), generator=generator)

    def step(frames: np.ndarray) -> None:
        mel = torch.zeros(batch_size, 1, BANDS, FRAMES)
        for row, length in enumerate(frames):
            mel[row, :, :, :length] = torch.rand(BANDS, int(length), generator=generator) * -80
        features = cnn(mel).squeeze(2).transpose(1, 2)
        steps = torch.from_numpy(frames // 64).clamp_min(1)
        packed = pack_padded_sequence(features, steps, batch_first=True, enforce_sorted=False)
        output, _ = pad_packed_sequence(rnn(packed)[0], batch_first=True, total_length=FRAMES // 64)
        speech = output.mean(dim=1)
        loss = joint_embedding_loss(target, speech, classes, form="published", loss_diff=1.0, loss_same=0.1)
        loss = loss + 5 * l1_loss(speech, target, form="published")
        loss = loss + 1000 * distillation_loss(speech, target, form="published")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    draw = np.random.default_rng(1)
    return _speed(lambda: step(draw.choice(lengths, batch_size)), batch_size, steps)


def run_ours(lengths: np.ndarray, batch_size: int, steps: int) -> float:
    """Utterances a second of this library's own training step."""
    import torch

    from speech2img.batches.speech import Mels, SpeechBatches
    from speech2img.training.encoder import EncoderSettings, EncoderTask

    class Store:
        """A mel store in memory."""

        def __init__(self) -> None:
            self.lengths = lengths

        def read(self, index: int) -> np.ndarray:
            generator = np.random.default_rng(index)
            return generator.uniform(-80, 0, (int(lengths[index]), BANDS)).astype(np.float32)

    settings = EncoderSettings(batch_size=batch_size)
    rows = np.arange(len(lengths))
    generator = np.random.default_rng(0)
    features = generator.random((CLASSES, 1, DIM), dtype=np.float32)
    classes = generator.integers(CLASSES, size=len(lengths))
    mels = Mels(Store(), rows.tolist(), max_frames=FRAMES, pad_value=-80.0)
    batches = SpeechBatches(
        mels, rows, classes, classes, features, batch_size=batch_size, seed=0, mask_bands=settings.mask_bands,
        mask_time=settings.mask_time,
    )  # fmt: skip
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    task = EncoderTask(settings, mels=mels, batches=batches, held=None, features=features, standard=None, device=device)
    return _speed(lambda: task.train_step(task.next_batch(), 0.5), batch_size, steps)


def _speed(step: Callable[[], object], batch_size: int, steps: int) -> float:
    for _ in range(3):
        step()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    return steps * batch_size / (time.perf_counter() - start)


def main() -> None:
    """Run both variants and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="corpus whose utterance lengths are taken")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--variant", choices=("published", "ours"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.variant:
        lengths = utterance_lengths(args.root, 64 * args.batch_size)
        run = run_published if args.variant == "published" else run_ours
        print(json.dumps({"speed": run(lengths, args.batch_size, args.steps)}))
        return
    from speech2img.cli.process import tuned_environment

    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    cores = int(plain.get("OMP_NUM_THREADS", len(os.sched_getaffinity(0))))
    shared = ["--batch-size", str(args.batch_size), "--steps", str(args.steps)]
    shared += ["--root", str(args.root)] if args.root else []
    published = run_child(__file__, ["--variant", "published", *shared], environ=plain)["speed"]
    ours = run_child(__file__, ["--variant", "ours", *shared], environ=tuned_environment(plain, cores=cores))["speed"]
    rows = [
        ("published recipe", f"{published:.1f}", "1.0"), ("speech2img", f"{ours:.1f}", f"{ours / published:.1f}"),
    ]  # fmt: skip
    print_table(f"Encoder training, batch {args.batch_size}", rows, ("recipe", "utterances/s", "times"))


if __name__ == "__main__":
    main()
