"""A corpus for every parallel trainer, and a server that forks the processes of a job, as torchrun would start them.

Run as a program it reads one JSON object a line from standard input: {"root", "folder", "case", "ranks", "steps",
"events": {step: [rank, signal, delay]}, "file_limit": bytes, "device": name}; the last three may be left out. It forks
the ranks, answers their process ids, and when all have ended their exit statuses. A signal comes so many seconds after
the step began. What a rank says on standard error is in <folder>/error-<rank>. The server never trains itself: forking
is safe.
"""

import importlib
import json
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from speech2img.audio.io import write_wav
from speech2img.cli.process import run_reporting
from speech2img.corpora.manifest import Manifest
from speech2img.models.stackgan import StackGenerator
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.weights import load_release, save_release
from speech2img.training.encoder import EncoderLossSettings, EncoderModelSettings, EncoderSettings, train_encoder
from speech2img.training.encoder_settings import ENCODER_PRESETS, CRNNSettings
from speech2img.training.generator import train_generator
from speech2img.training.generator_settings import RelationSettings
from speech2img.training.prior import PriorSettings, train_prior
from speech2img.training.run import LoopSettings
from speech2img.training.teacher import TeacherSettings, train_teacher

sys.path.insert(0, str(Path(__file__).parent))
import painted_corpus  # noqa: E402

STEPS = 4
LOOP = LoopSettings(
    evaluate_every=2, grid_every=0, log_every=1, precision="fp32", threads=1, checkpoint_minutes=0.0, keep=9
)


def build(root: Path) -> Path:
    """The painted corpus with a recording of every caption: noise bursts of different lengths."""
    painted_corpus.build(root)
    rng = np.random.default_rng(0)
    manifest = Manifest.load(root)
    items = []
    for number, item in enumerate(manifest.items):
        captions = []
        for k, caption in enumerate(item.captions):
            wav = f"audio/{number}_{k}.wav"
            (root / "audio").mkdir(exist_ok=True)
            write_wav(root / wav, 0.1 * rng.standard_normal(4000 + 700 * number + 900 * k), sample_rate=16000)
            captions.append(replace(caption, audio=wav))
        items.append(replace(item, captions=tuple(captions)))
    Manifest(root, manifest.corpus, items).save()
    encoder = root / "derived" / "embeddings" / "encoder" / "encoder"
    tensors, config = load_release(encoder)
    save_release(encoder, tensors, {**config, "mel_preset": "li2020", "encoder": {}, "pad_value": 0.0}, "", half=False)
    arguments = {"embedding_dim": painted_corpus.FEATURES, "condition_dim": 6, "noise_dim": 4, "width": 4,
                 "num_stages": 1}  # fmt: skip
    torch.manual_seed(0)
    painter = {f"generator.{name}": value for name, value in StackGenerator(**arguments).state_dict().items()}
    save_release(root / "painter", painter, {"kind": "image-generator", "generator": arguments}, "")
    return root


ENCODER = EncoderSettings(
    model=EncoderModelSettings(channels=(8, 8, 8, 16, 16, 16, 16, 16), embedding_dim=16), standardise=True,
    losses=EncoderLossSettings(contrastive=1.0), batch_size=8, workers=1,
)  # fmt: skip
SEN = replace(
    ENCODER_PRESETS["s2igan"], mel_preset="li2020", crnn=CRNNSettings(channels=(8, 8), embedding_dim=8), batch_size=6,
    workers=1,
)  # fmt: skip

TEACHER = TeacherSettings(width=8, feature_dim=8, batch_size=8, workers=1)
PRIOR = PriorSettings(components=6, width=16, blocks=1, batch_size=8, evaluation_utterances=4, steps=2, unsaid=0.2)
_PLAIN = painted_corpus.SETTINGS
GENERATOR = replace(
    _PLAIN, model=replace(_PLAIN.model, num_stages=2, residual_blocks=1), embedding_noise=0.5,
    losses=replace(_PLAIN.losses, feature=1.0, color=1.0, reconstruction=1.0),
    relation=RelationSettings(weight=1.0, width=8),
)  # fmt: skip

CASES: dict[str, tuple[Callable[..., Any], Any]] = {
    "encoder": (train_encoder, ENCODER),
    "s2igan encoder": (train_encoder, SEN),
    "teacher": (train_teacher, TEACHER),
    "prior": (train_prior, PRIOR),
    "generator": (train_generator, GENERATOR),
}


def train(case: str, root: Path, folder: Path, *, steps: int, device: str = "cpu") -> Any:
    """Train one of the cases."""
    function, settings = CASES[case]
    if isinstance(settings, PriorSettings):
        settings = replace(settings, generator=str(root / "painter"))
    return function(
        root, folder, replace(settings, loop=replace(LOOP, max_steps=steps)), device=device, progress=False
    )  # fmt: skip


def _rank(order: dict[str, Any], index: int, port: int) -> None:
    """Be one process of a job; never returns."""
    folder = Path(order["folder"])
    place = {"RANK": index, "LOCAL_RANK": index, "WORLD_SIZE": order["ranks"], "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()}, MASTER_ADDR="127.0.0.1")
    status = 99

    def action() -> int:
        _expect(order.get("events", {}), index)
        if limit := order.get("file_limit"):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        device = order.get("device", "cpu")
        train(order["case"], Path(order["root"]), folder, steps=order["steps"], device=device)
        return 0

    try:
        os.dup2(os.open(folder / f"error-{index}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        os.dup2(2, 1)
        status = run_reporting(action, debug=False)
    finally:
        os._exit(status)


def _expect(events: dict[str, list[Any]], index: int) -> None:
    """Send this process signals during some of the steps of this sitting."""
    from speech2img.training import loop

    original, count = loop._Loop._step, 0

    def step(self: Any, batch: Any, used: float) -> Any:
        nonlocal count
        rank, number, *delay = events.get(str(count), (-1, 0))
        count += 1
        if rank == index and delay:
            threading.Timer(delay[0], os.kill, (os.getpid(), number)).start()
        elif rank == index:
            os.kill(os.getpid(), number)
        return original(self, batch, used)

    loop._Loop._step = step  # type: ignore[method-assign]


def serve() -> None:
    """Fork the processes of each job."""
    importlib.import_module("torch._dynamo")  # the first optimizer step imports it: seconds, here once for all children
    torch.set_num_threads(1)
    for line in sys.stdin:
        order = json.loads(line)
        Path(order["folder"]).mkdir(parents=True, exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        children = []
        for index in range(order["ranks"]):
            if (child := os.fork()) == 0:
                _rank(order, index, port)
            children.append(child)
        print(json.dumps(children), flush=True)
        print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]), flush=True)


@dataclass
class Job:
    """A finished job of some processes."""

    folder: Path
    """Run folder."""
    statuses: list[int]
    """Exit status of each process, or minus the signal that ended it."""

    def message(self, rank: int) -> str:
        """What a process said at its end."""
        return (self.folder / f"error-{rank}").read_text()

    def stats(self) -> list[dict[str, Any]]:
        """Lines of stats.jsonl without what the clock says."""
        lines = [json.loads(line) for line in (self.folder / "stats.jsonl").read_text().splitlines()]
        return [{k: v for k, v in line.items() if k not in ("seconds", "steps_per_second")} for line in lines]

    def losses(self) -> list[dict[str, float]]:
        """Terms of every step."""
        known = {"kind", "step", "images_seen", "gradient_norm"}
        return [{k: v for k, v in line.items() if k not in known} for line in self.stats() if line["kind"] == "train"]

    def state(self, step: int = STEPS) -> dict[str, Any]:
        """Checkpoint of a step."""
        store = CheckpointStore(self.folder / "checkpoints")
        return store.load(store.folder / f"step-{step:08d}")[0]


class Jobs:
    """The server as a test sees it.

    Parameters
    ----------
    root : Path
        Corpus, as from `build`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        here = Path(__file__)
        self.server = subprocess.Popen(
            [sys.executable, str(here)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(here.parents[2])},
        )  # fmt: skip

    def __call__(self, case: str, folder: Path, *, ranks: int = 2, steps: int = STEPS, **more: Any) -> Job:
        """Run a job to its end; ``events``, ``file_limit`` and ``device`` as above."""
        assert self.server.stdin is not None and self.server.stdout is not None
        order = {"root": str(self.root), "folder": str(folder), "case": case, "ranks": ranks, "steps": steps, **more}
        self.server.stdin.write(json.dumps(order) + "\n")
        self.server.stdin.flush()
        self.server.stdout.readline()
        return Job(folder, json.loads(self.server.stdout.readline()))

    def close(self) -> None:
        """End the server."""
        assert self.server.stdin is not None
        self.server.stdin.close()
        self.server.wait(timeout=60)


if __name__ == "__main__":
    serve()
