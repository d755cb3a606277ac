"""``speech2img import`` of what is no checkpoint, or none that can be used: one line that names the file."""

import argparse
import gzip
import json
import os
import pickle
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.published_states import hifigan, s2igan_sen
from helpers.trainer_checkpoints import lightning, refusal
from safetensors.torch import save_file
from torch import nn

from speech2img.cli.import_weights import import_published
from speech2img.cli.main import main
from speech2img.errors import CheckpointError

pytestmark = pytest.mark.usefixtures("foreign_module")


def test_a_number_in_the_place_of_a_tensor_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state: dict[str, Any] = s2igan_sen()
    for value, kind in ((np.float64(3), "float"), (argparse.Namespace(a=1), "argparse.Namespace"), ("text", "str")):
        torch.save({"net": {**state, "Conv1.weight": value}}, tmp_path / "a.pth")
        line = refusal(capsys, "s2igan-sen", tmp_path / "a.pth", tmp_path / "out")
        assert "a.pth" in line and f"'Conv1.weight' ({kind})" in line
    torch.save({**state, "Conv1.weight": state["Conv1.weight"].to(torch.float8_e4m3fn)}, tmp_path / "a.pth")
    assert "'Conv1.weight' (something that" in (
        line := refusal(capsys, "s2igan-sen", tmp_path / "a.pth", tmp_path / "out")
    )
    assert "float8_e4m3fn" in line
    assert not (tmp_path / "out").exists()


def test_several_networks_alike_are_not_guessed_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"student": s2igan_sen(), "teacher": s2igan_sen()}, tmp_path / "a.pth")
    line = refusal(capsys, "s2igan-sen", tmp_path / "a.pth", tmp_path / "out")
    assert "under 'student' and 'teacher': save the one you mean alone" in line


def test_what_is_no_state_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "module.pth")
    assert "not torch.nn.modules.linear.Linear" in refusal(capsys, "hifigan", tmp_path / "module.pth", tmp_path / "out")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "program.pth")
    assert "TorchScript" in refusal(capsys, "hifigan", tmp_path / "program.pth", tmp_path / "out")
    for value in ([], 3, None, "text", {}, {"a": {}}, {3: torch.ones(2)}):
        torch.save(value, tmp_path / "other.pth")
        assert "other.pth: holds no state" in refusal(capsys, "tacotron2", tmp_path / "other.pth", tmp_path / "out")


class Calls:
    """Pickles as a call."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call[0], self.call[1:]


def test_what_could_do_harm_elsewhere_is_refused_even_beside_a_good_state(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentinel = tmp_path / "ran"
    for call in ((os.mkdir, str(sentinel)), (eval, f"open({str(sentinel)!r}, 'w')"), (getattr, "x", "upper")):
        for options in ({}, {"_use_new_zipfile_serialization": False}, {"pickle_protocol": 4}):
            torch.save({"state_dict": s2igan_sen(), "hyper_parameters": Calls(*call)}, tmp_path / "a.pth", **options)
            line = refusal(capsys, "s2igan-sen", tmp_path / "a.pth", tmp_path / "out")
            assert "a.pth: is refused: it names" in line and call[0].__name__ in line
    assert not sentinel.exists() and not (tmp_path / "out").exists()


def test_a_place_that_will_not_do_is_said_before_the_file_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(s2igan_sen(), tmp_path / "a.pth")
    before = (tmp_path / "a.pth").read_bytes()
    full = tmp_path / "full"
    full.mkdir()
    (full / "notes.txt").write_text("mine")
    for out in (tmp_path / "a.pth", full, tmp_path / "a.pth" / "below"):
        for file in (tmp_path / "a.pth", tmp_path / "missing.pth"):
            line = refusal(capsys, "s2igan-sen", file, out, status=2)
            assert "missing.pth" not in line
    assert (tmp_path / "a.pth").read_bytes() == before
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.pth", "full", "notes.txt"]


@pytest.mark.parametrize("source", ["hifigan", "caffe-googlenet"])
def test_pipes_devices_folders_and_holes_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str
) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    (tmp_path / "holes.pth").touch()
    os.truncate(tmp_path / "holes.pth", 3 << 30)
    (tmp_path / "folder.pth").mkdir()
    with gzip.open(tmp_path / "bomb.pth", "wb", compresslevel=9) as file:
        file.write(bytes(96 << 20))
    for name, reason in (
        ("pipe.pth", "regular file"),
        ("folder.pth", "directory"),
        ("holes.pth", "consists of holes"),
        ("bomb.pth", "would grow beyond"),
        ("missing.pth", "No such file"),
    ):
        line = refusal(capsys, source, tmp_path / name, tmp_path / "out")
        assert name in line and reason in line
    assert "regular file" in refusal(capsys, source, Path("/dev/zero"), tmp_path / "out")


@pytest.mark.parametrize("source", ["s2igan-sen", "hifigan", "caffe-googlenet", "fid-inception"])
def test_mutants_and_any_bytes_are_one_line_or_a_release(tmp_path: Path, source: str) -> None:
    torch.save(lightning(s2igan_sen(), "model."), tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    np.savez(tmp_path / "a.npz", **{"conv1/7x7_s2/weight": np.zeros((2, 2)), "conv/weight": np.zeros(3)})
    real = [(tmp_path / name).read_bytes() for name in ("a.pth", "a.npz")]
    real += [b"\x0a\x03abc" + b"\xa2\x06\x05\x0a\x03abc" * 9, gzip.compress(real[0]), b""]
    rng = random.Random(source)
    for number in range(150):
        mutant = bytearray(real[number % len(real)])
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(mutant) + 1)
            mutant[place : place + rng.randrange(9)] = rng.randbytes(rng.randrange(9))
        (tmp_path / "mutant").write_bytes(mutant)
        try:
            import_published(source, tmp_path / "mutant", tmp_path / "out")
        except CheckpointError as error:
            assert str(error).startswith(str(tmp_path / "mutant"))


def test_a_plain_pickle_is_no_torch_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.pth").write_bytes(pickle.dumps({"a": 1}))
    assert "a.pth: is no intact torch file" in refusal(capsys, "hifigan", tmp_path / "a.pth", tmp_path / "out")


def test_damaged_safetensors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file.safetensors"
    save_file({key: value.contiguous() for key, value in hifigan().items()}, path)
    whole = path.read_bytes()
    lies = [b"\xff" * 8 + whole[8:], whole[:-1], whole[:200], whole + b"x", whole.replace(b"F32", b"F31")]
    lies += [
        json.dumps({"a": header}).encode()
        for header in ([], 1, {"dtype": "F32", "shape": [1 << 62], "data_offsets": [0, 4]})
    ]
    lies += [b"[" * (1 << 20), b'{"a":' * 10_000, b"{" + b" " * (5 << 20)]
    for data in lies:
        path.write_bytes(data if data.startswith((whole[:8], b"\xff")) else len(data).to_bytes(8, "little") + data)
        assert main(["import", "hifigan", str(path), "--out", str(tmp_path / "release")]) == 1
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 1 and str(path) in said[0], said
    assert not (tmp_path / "release").exists()


def test_what_is_not_finite_is_named_with_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = hifigan()
    state["conv_pre.bias"][0] = float("nan")
    torch.save(state, tmp_path / "file.pth")
    assert main(["import", "hifigan", str(tmp_path / "file.pth"), "--out", str(tmp_path / "release")]) == 1
    assert (
        f"{tmp_path / 'file.pth'}: first.bias: holds values that are not finite; use another" in capsys.readouterr().err
    )


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.complex64])
def test_tensors_of_other_numbers_are_named(
    tmp_path: Path, kind: torch.dtype, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({key: value.to(kind) for key, value in hifigan().items()}, tmp_path / "file.pth")
    assert main(["import", "hifigan", str(tmp_path / "file.pth"), "--out", str(tmp_path / "release")]) == 1
    said = capsys.readouterr().err
    assert (
        "passed over, as no tensors: 'conv_pre.weight' (something that holds a tensor " in said
        and said.count("\n") == 1
    ), said
