"""A tiny training task, and a server that forks processes which run it: what the kill tests shoot at.

Run as a program it reads one JSON object a line from standard input ({"folder", "steps"}), forks a child that trains
there, answers its process id at once and, when it has ended, its exit status. It never trains itself: forking is safe.
"""

import hashlib
import importlib
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from speech2img.batches.sampler import ResumableSampler
from speech2img.errors import Speech2ImgError
from speech2img.storage.releases.writing import save_release
from speech2img.training.loop import TrainingResult, run_training
from speech2img.training.optimization import learning_rate, set_learning_rate
from speech2img.training.run import LoopSettings, open_run
from speech2img.training.task import BestWeights, Sitting, Task


@dataclass(frozen=True)
class ToySettings:
    """Settings of the toy."""

    width: int = 8
    """Hidden units."""
    rate: float = 0.01
    """Learning rate."""
    loop: LoopSettings = field(default_factory=LoopSettings)
    """How long."""


class ToyTask(Task):
    """Regression with batch normalisation, dropout, global noise and Adam: everything a resume can get wrong."""

    Settings = ToySettings
    name = "toy"

    @classmethod
    def build(cls, root: Path, settings: ToySettings, *, device: torch.device, sitting: Sitting) -> "ToyTask":
        return cls(settings)

    def __init__(self, settings: ToySettings) -> None:
        self.settings = settings
        width = settings.width
        self.network = nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), nn.Dropout(0.3), nn.Linear(width, 1))
        self.optimizer = torch.optim.Adam(self.network.parameters())
        self.sampler = ResumableSampler(50, 8, seed=settings.loop.seed)
        self.data = torch.from_numpy(np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32))
        self.best = BestWeights()
        self.batch_size = 8
        self.at_step: dict[int, Any] = {}
        self.steps = 0

    def next_batch(self) -> np.ndarray:
        indices, _ = self.sampler.next()
        return indices

    def batch_ids(self, batch: np.ndarray) -> list[int]:
        return [int(index) for index in batch]

    def train_step(self, batch: np.ndarray, progress: float) -> dict[str, Tensor]:
        set_learning_rate(self.optimizer, learning_rate(progress, base=self.settings.rate, warmup=0.1))
        x = self.data[torch.from_numpy(batch)] + 0.1 * torch.randn(len(batch), 4)
        target = x.sum(dim=1, keepdim=True) + 0.01 * float(np.random.standard_normal())
        self.network.train()
        loss = (self.network(x) - target).square().mean()
        if self.steps in self.at_step:
            loss = self.at_step[self.steps](loss)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.steps += 1
        return {"loss": loss.detach()}

    def evaluate(self, step: int) -> dict[str, float]:
        torch.randn(7)
        self.network.eval()
        with torch.no_grad():
            error = float((self.network(self.data) - self.data.sum(dim=1, keepdim=True)).square().mean())
        self.best.offer(self.network, value=-error, step=step)
        return {"error": error}

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "sampler": self.sampler.state_dict(),
            "best": self.best.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.sampler.load_state_dict(state["sampler"])
        self.best.load_state_dict(state["best"])

    def export(self, folder: Path, *, step: int, images_seen: int) -> None:
        save_release(folder, self.best.weights(self.network), {"kind": "toy", "step": step}, "toy", half=False)


def toy_settings(steps: int, **changes: Any) -> ToySettings:
    """A run that checkpoints every few steps."""
    loop = {"log_every": 3, "evaluate_every": 10, "grid_every": 0, "checkpoint_minutes": 0.002, "seed": 5, **changes}
    return ToySettings(loop=LoopSettings(max_steps=steps, precision="fp32", threads=1, **loop))


def train_toy(
    folder: Path, settings: ToySettings, *, at_step: dict[int, Any] | None = None, progress: bool = False
) -> tuple[TrainingResult, ToyTask]:
    """Train the toy; ``at_step`` maps steps of this sitting to what is done to their loss."""
    with open_run(folder, settings, name="toy") as run:
        task = ToyTask(settings)
        task.at_step = at_step or {}
        return run_training(task, run=run, device=torch.device("cpu"), progress=progress), task


def digest(value: Any) -> str:
    """SHA-256 over nested state."""
    sha = hashlib.sha256()

    def feed(part: Any) -> None:
        if isinstance(part, Tensor):
            sha.update(part.contiguous().numpy().tobytes())
        elif isinstance(part, dict):
            for key in sorted(part, key=str):
                sha.update(str(key).encode())
                feed(part[key])
        elif isinstance(part, (list, tuple)):
            for inner in part:
                feed(inner)
        else:
            sha.update(repr(part).encode())

    feed(value)
    return sha.hexdigest()


def final_digest(folder: Path, task: ToyTask) -> str:
    """Weights, optimizer, sampler, random states' effect and logged numbers of a finished run."""
    lines = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    numbers = [
        {k: v for k, v in line.items() if k not in ("seconds", "processor_seconds", "steps_per_second")}
        for line in lines
    ]
    return digest({"state": task.state_dict(), "stats": json.dumps(numbers)})


def serve() -> None:
    """Fork a training process for each order."""
    importlib.import_module("torch._dynamo")  # the first optimizer step imports it: seconds, here once for all children
    torch.set_num_threads(1)
    for order in sys.stdin:
        wanted = json.loads(order)
        folder = Path(wanted["folder"])
        child = os.fork()
        if child == 0:
            status = 0
            try:
                result, task = train_toy(folder, toy_settings(wanted["steps"]))
                if result.finished:
                    (folder / "digest").write_text(final_digest(folder, task))
            except Speech2ImgError as error:
                (folder / "error").write_text(str(error))
                status = error.exit_code
            os._exit(status)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
