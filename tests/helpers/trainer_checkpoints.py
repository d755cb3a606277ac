"""Checkpoints as trainers write them, and what ``speech2img import`` makes of a file: a release, or one line."""

import argparse
import pathlib
import sys
import warnings
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from helpers.published_states import ONES, State
from speech2img.cli.main import main
from speech2img.storage.releases.release import load_release


def prefixed(state: State, prefix: str) -> State:
    return {f"{prefix}{key}": value for key, value in state.items()}


class Settings(dict):
    """A dict of attributes as trainers have their own, of a module that is not there when the file is read."""

    __module__ = "a_trainers_settings"


def lightning(state: State, prefix: str) -> dict[str, Any]:
    """What Lightning writes: the state of the whole module, and all that its trainer wants back."""
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(2))])
    return {
        "epoch": 7,
        "global_step": 1200,
        "pytorch-lightning_version": "2.2.1",
        "state_dict": OrderedDict({**prefixed(state, prefix), "criterion.margin": torch.ones(1), "head.bias": ONES}),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"current": {"ready": 1}}}},
        "callbacks": {
            "ModelCheckpoint{'monitor': 'val'}": {"best_model_score": ONES, "dirpath": pathlib.PosixPath("x")}
        },
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [{"milestones": Counter({3: 1}), "_step_count": np.int64(3)}],
        "hparams_name": "args",
        "hyper_parameters": argparse.Namespace(lr=1e-3, device=torch.device("cuda"), kind=torch.float16),
        "datamodule": Settings(root="/data", sizes=np.array([1, 2]), words=np.array(["a", None], dtype=object)),
    }


def with_numpy(state: State) -> dict[str, Any]:
    """What loops of one's own write: numbers of NumPy beside the tensors, even among them."""
    beside = {"best_loss": np.float64(0.1), "step": np.int64(3), "history": np.arange(3.0), "seen": {1, 2}, "rate": 1j}
    return {"model_state_dict": {**state, "epoch": np.float32(3)}, "optimizer_state_dict": {"state": {}}, **beside}


LAYOUTS: dict[str, Callable[[State], Any]] = {
    "lightning, model.": lambda state: lightning(state, "model."),
    "lightning, encoder.": lambda state: lightning(state, "encoder."),
    "lightning, net.": lambda state: lightning(state, "net."),
    "lightning, compiled": lambda state: lightning(state, "model._orig_mod."),
    "lightning, a name of its own": lambda state: lightning(state, "speech_branch."),
    "model_state_dict with numbers of numpy": with_numpy,
    "net": lambda state: {"net": state, "acc": 93.1, "epoch": 12},
    "model and its average": lambda state: {"ema": {k: v * 0 for k, v in state.items()}, "model": state},
    "networks side by side": lambda state: {"netE": {"other.weight": torch.ones(2)}, "netX": state},
    "compiled": lambda state: prefixed(state, "_orig_mod."),
    "compiled, on several devices": lambda state: prefixed(state, "_orig_mod.module."),
    "sharded over devices": lambda state: prefixed(state, "_fsdp_wrapped_module._checkpoint_wrapped_module."),
    "deepspeed": lambda state: {"module": state, "optimizer": None, "ds_config": {"train_batch_size": 4}},
    "on several devices, twice": lambda state: prefixed(state, "module.module."),
    "parameters": lambda state: {k: nn.Parameter(v, requires_grad=v.is_floating_point()) for k, v in state.items()},
    "arrays": lambda state: {"state_dict": {key: value.numpy() for key, value in state.items()}},
    "a default dict": lambda state: defaultdict(dict, {"state_dict": state, "args": argparse.Namespace(a=1)}),
    "counters as numbers": lambda state: {k: int(v) if k.endswith("tracked") else v for k, v in state.items()},
}


def imported(source: str, file: Path, out: Path, *options: str) -> dict[str, Tensor]:
    sys.modules.pop(Settings.__module__, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(["import", source, str(file), "--out", str(out), *options]) == 0
    return load_release(out)[0]


def assert_same(left: dict[str, Tensor], right: dict[str, Tensor]) -> None:
    assert left.keys() == right.keys()
    assert all(torch.equal(left[key], right[key]) for key in left)


def refusal(capsys: pytest.CaptureFixture[str], source: str, file: Path, out: Path, *, status: int = 1) -> str:
    """The one line of a refused import."""
    sys.modules.pop(Settings.__module__, None)
    assert main(["import", source, str(file), "--out", str(out)]) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert "bug" not in line and "weights_only" not in line and "torch.load" not in line and len(line) < 1000
    return line
