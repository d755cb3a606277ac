"""A server that forks the processes of a tiny training, as torchrun would start them.

Run as a program it reads one JSON object a line from standard input: {"root", "folder", "case", "ranks", "steps"} and
any of {"device", "workers", "loop"} (see `tiny_trainings.train`), {"argv"} (a whole command line instead of a
training), {"patience"} (seconds until the others get SIGTERM when one has failed) and of the faults in `run_faults`. It
forks the ranks, answers their process ids, and when all have ended their exit statuses. What a rank says on standard
error is in <folder>/error-<rank>, or in another folder that {"errors"} names. The server never trains itself: forking
is safe.
"""

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from helpers import program_environment, run_faults, tiny_trainings
from speech2img.cli.main import main
from speech2img.cli.process import run_reporting
from speech2img.storage.checkpoint import CheckpointStore

_PATIENCE = 20.0
"""Seconds that a rank has to notice by itself that another is gone."""
_LAST = 30.0
"""Seconds between SIGTERM and SIGKILL."""


def _rank(order: dict[str, Any], index: int, port: int) -> None:
    """Be one process of a job; never returns."""
    folder = Path(order["folder"])
    place = {"RANK": index, "LOCAL_RANK": index, "WORLD_SIZE": order["ranks"], "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()}, MASTER_ADDR="127.0.0.1")
    os.environ["TORCHELASTIC_RUN_ID"] = "none"  # as torchrun sets it for a job of one machine
    status = 99

    def action() -> int:
        run_faults.arm(order, index)
        if argv := order.get("argv"):
            return main(argv)
        more = {name: order[name] for name in ("device", "workers", "loop") if name in order}
        result = tiny_trainings.train(order["case"], Path(order["root"]), folder, steps=order["steps"], **more)
        return 128 + signal.SIGINT if result.received == signal.SIGINT else 0

    try:
        errors = Path(order.get("errors", folder))
        os.dup2(os.open(errors / f"error-{index}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        os.dup2(2, 1)
        status = run_reporting(action, debug=False)
    finally:
        os._exit(status)


def _statuses(children: list[int], patience: float) -> list[int]:
    """Wait for all; some time after the first failure the others get SIGTERM, as from torchrun, and then SIGKILL."""
    ended: dict[int, int] = {}
    failed, signals = 0.0, [(patience, signal.SIGTERM), (patience + _LAST, signal.SIGKILL)]
    while len(ended) < len(children):
        for child in children:
            if child not in ended and (found := os.waitpid(child, os.WNOHANG))[0]:
                ended[child] = os.waitstatus_to_exitcode(found[1])
                failed = failed or (time.monotonic() if ended[child] else 0.0)
        if failed and signals and time.monotonic() > failed + signals[0][0]:
            _, number = signals.pop(0)
            for child in set(children) - ended.keys():
                os.kill(child, number)
        time.sleep(0.002)
    return [ended[child] for child in children]


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
        print(json.dumps(_statuses(children, order.get("patience", _PATIENCE))), flush=True)


@dataclass
class Job:
    """A finished job of some processes."""

    folder: Path
    """Run folder."""
    statuses: list[int]
    """Exit status of each process, or minus the signal that ended it."""
    errors: Path
    """Where the processes said what went wrong."""

    def message(self, rank: int) -> str:
        """What a process said at its end; nothing where it was killed before it could."""
        path = self.errors / f"error-{rank}"
        return path.read_text() if path.is_file() else ""

    def stats(self) -> list[dict[str, Any]]:
        """Lines of stats.jsonl without what the clock says."""
        lines = [json.loads(line) for line in (self.folder / "stats.jsonl").read_text().splitlines()]
        return [
            {k: v for k, v in line.items() if k not in ("seconds", "processor_seconds", "steps_per_second")}
            for line in lines
        ]

    def losses(self) -> list[dict[str, float]]:
        """Terms of every step."""
        known = {"kind", "step", "images_seen", "gradient_norm"}
        return [{k: v for k, v in line.items() if k not in known} for line in self.stats() if line["kind"] == "train"]

    def state(self, step: int = tiny_trainings.STEPS) -> dict[str, Any]:
        """Checkpoint of a step."""
        store = CheckpointStore(self.folder / "checkpoints")
        return store.load(store.folder / f"step-{step:08d}")[0]


class Jobs:
    """The server as a test sees it.

    Parameters
    ----------
    root : Path
        Corpus, as from `tiny_trainings.build`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.server = subprocess.Popen(
            [sys.executable, "-m", "helpers.parallel_runs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=program_environment(),
        )

    def __call__(self, case: str, folder: Path, **more: Any) -> Job:
        """Run a job to its end."""
        self.begin(case, folder, **more)
        return self.end(folder, errors=Path(more.get("errors", folder)))

    def begin(
        self, case: str, folder: Path, *, ranks: int = 2, steps: int = tiny_trainings.STEPS, **more: Any
    ) -> list[int]:
        """Start a job; gives its process ids."""
        assert self.server.stdin is not None and self.server.stdout is not None
        order = {"root": str(self.root), "folder": str(folder), "case": case, "ranks": ranks, "steps": steps, **more}
        self.server.stdin.write(json.dumps(order) + "\n")
        self.server.stdin.flush()
        return [int(child) for child in json.loads(self.server.stdout.readline())]

    def end(self, folder: Path, *, errors: Path | None = None) -> Job:
        """Wait for the job that was started last."""
        assert self.server.stdout is not None
        return Job(folder, json.loads(self.server.stdout.readline()), errors or folder)

    def close(self) -> None:
        """End the server."""
        assert self.server.stdin is not None
        self.server.stdin.close()
        self.server.wait(timeout=60)


if __name__ == "__main__":
    serve()
