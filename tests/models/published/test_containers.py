"""Where the state of a network lies in a checkpoint: what is taken of several, and what is said of none."""

from typing import Any

import pytest
import torch
from torch import Tensor

from speech2img.models.published.containers import FoundState, State, find_state

A, B = torch.ones(2), torch.zeros(2)


def convert(state: State) -> None:
    """A network of the arrays ``conv.weight`` and ``fc.bias``."""
    for name in state:
        if name not in ("conv.weight", "fc.bias"):
            raise ValueError(f"{name!r} is no array of it")


def state(value: Tensor = A, prefix: str = "") -> dict[str, Any]:
    return {f"{prefix}conv.weight": value, f"{prefix}fc.bias": value}


@pytest.mark.parametrize(
    "checkpoint",
    [
        state(),
        {"state_dict": state()},
        {"model_state_dict": state(), "optimizer": {"state": {0: {"exp_avg": B}}}},
        {"outer": {"inner": {"net": state()}}},
        state(prefix="module.module."),
        state(prefix="_orig_mod.model.net._orig_mod."),
        {"conv._orig_mod.weight": A, "fc.module.bias": A},
        {"state_dict": {**state(prefix="model."), "loss.scale": B, "other.conv.weight": B}},
        {"state_dict": {**state(prefix="ours."), "loss.scale": B}},
        {"model": state(), "ema": state(B)},
        {"ema": state(B), "model": state()},
        {"netG": state(), "generator_ema": state(B)},
        {**state(prefix="model."), **state(B, prefix="averaged.")},
        {"best": state(), "last": state()},
        {"weights": state(), "half": {"conv.weight": B}},
    ],
)
def test_the_state_is_found(checkpoint: Any) -> None:
    found = find_state(checkpoint, convert)
    assert found.tensors.keys() == state().keys() and all(value is A for value in found.tensors.values())


def test_what_lies_beside_is_told() -> None:
    found = find_state({"net": {**state(), "epoch": 3, "name": "x", "lr": 0.1, "seed": None}}, convert)
    assert found.hint() == "; passed over, as no tensors: 'epoch' (int), 'name' (str), 'lr' (float) and 1 more"
    assert found.path == "net" and found.known
    assert FoundState({}, "", (), True).hint() == ""


@pytest.mark.parametrize(
    ("checkpoint", "reason"),
    [
        ({}, "holds no state"),
        ([], "holds no state: .*, not a list"),
        (None, "not a NoneType"),
        ({"a": {"b": 3}}, "holds no state"),
        ({3: A}, "holds no state"),
        ({**state(), "extra": A}, "'extra' is no array of it"),
        ({"net": {**state(prefix="module."), "module.extra": A, "epoch": 3}}, r"'extra' is no array.*'epoch' \(int\)"),
        ({"one": state(), "two": state(B)}, "several such networks, under 'one' and 'two'"),
        ({**state(prefix="one."), **state(B, prefix="two.")}, r"several such networks, under 'one\.' and 'two\.'"),
    ],
)
def test_none_and_several_are_said(checkpoint: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        find_state(checkpoint, convert)


def test_a_maze_of_containers_comes_to_an_end() -> None:
    maze: Any = {"tensor": B}
    for _ in range(6):
        maze = {f"{number}": maze for number in range(30)} | {"tensor": B}
    with pytest.raises(ValueError, match="'tensor' is no array"):
        find_state(maze, convert)
    wide = {".".join("abcdefgh"[number // 8**k % 8] for k in range(5)): B for number in range(8**4)}
    with pytest.raises(ValueError, match="no array"):
        find_state(wide, convert)
