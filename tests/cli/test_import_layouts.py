"""``speech2img import`` of checkpoints as trainers write them: wrapped, prefixed, compressed, with all sorts beside."""

import argparse
import gzip
import json
import os
import pathlib
import pickle
import random
import sys
import types
import warnings
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.published_states import ONES, PUBLISHED, State, hifigan, s2igan_sen
from safetensors.torch import save_file
from torch import Tensor, nn

from speech2img.cli.import_weights import import_published
from speech2img.cli.importers import IMPORTERS, Conversion, ImportedNetwork, Importer
from speech2img.cli.main import main
from speech2img.errors import CheckpointError
from speech2img.models.published.state_dicts import converted, shape_of
from speech2img.options import Option
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


@pytest.fixture(autouse=True)
def foreign_module() -> Any:
    """The module of `Settings` is there while a file is written, never when it is read."""
    name = Settings.__module__
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].Settings = Settings  # type: ignore[attr-defined]
    yield
    sys.modules.pop(name, None)


def imported(source: str, file: Path, out: Path) -> dict[str, Tensor]:
    sys.modules.pop(Settings.__module__, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(["import", source, str(file), "--out", str(out)]) == 0
    return load_release(out)[0]


def assert_same(left: dict[str, Tensor], right: dict[str, Tensor]) -> None:
    assert left.keys() == right.keys()
    assert all(torch.equal(left[key], right[key]) for key in left)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("source", ["stackgan-v2-generator", "tacotron2"])
def test_every_layout_gives_what_the_plain_state_gives(tmp_path: Path, source: str, layout: str) -> None:
    state = PUBLISHED[source]()
    torch.save(state, tmp_path / "plain.pth")
    torch.save(LAYOUTS[layout](state), tmp_path / "file.ckpt")
    ours = imported(source, tmp_path / "file.ckpt", tmp_path / "release")
    assert_same(ours, imported(source, tmp_path / "plain.pth", tmp_path / "plain"))


@pytest.mark.parametrize("source", IMPORTERS)
def test_every_source_takes_a_compressed_container(tmp_path: Path, source: str) -> None:
    state = PUBLISHED[source]()
    torch.save(lightning(state, "model."), tmp_path / "plain.ckpt", pickle_protocol=4)
    with gzip.open(tmp_path / "file.ckpt.gz", "wb", compresslevel=1) as file:
        file.write((tmp_path / "plain.ckpt").read_bytes())
    assert imported(source, tmp_path / "file.ckpt.gz", tmp_path / "release")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("new", [True, False])
def test_every_protocol_of_both_formats(tmp_path: Path, protocol: int, new: bool) -> None:
    state = s2igan_sen()
    torch.save(state, tmp_path / "plain.pth")
    options = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": new}
    torch.save(lightning(state, "net."), tmp_path / "a.pth", **options)
    ours = imported("s2igan-sen", tmp_path / "a.pth", tmp_path / "release")
    assert_same(ours, imported("s2igan-sen", tmp_path / "plain.pth", tmp_path / "plain"))


def test_arrays_are_known_by_content_and_may_be_of_another_machine(tmp_path: Path) -> None:
    state = s2igan_sen()
    torch.save(state, tmp_path / "plain.pth")
    turned = {key: np.asarray(value).astype(np.asarray(value).dtype.newbyteorder(">")) for key, value in state.items()}
    np.savez(tmp_path / "arrays.npz", **turned)
    (tmp_path / "arrays.npz").rename(tmp_path / "arrays.pth")
    ours = imported("s2igan-sen", tmp_path / "arrays.pth", tmp_path / "release")
    assert_same(ours, imported("s2igan-sen", tmp_path / "plain.pth", tmp_path / "plain"))


def test_a_format_is_added_by_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A toy from outside the package: the help, its option and its release follow from its entry."""

    def toy(*, label: str = "plain") -> Conversion:
        def convert(state: Mapping[str, Tensor]) -> State:
            return converted(state, lambda key: key.removeprefix("toy.") if key.startswith("toy.") else None, "a toy")

        def describe(state: Mapping[str, Tensor]) -> ImportedNetwork:
            wide, narrow = shape_of(state, "weight", 2)
            config = {"kind": "toy", "label": label}
            return ImportedNetwork(nn.Linear, {"in_features": narrow, "out_features": wide}, config, "layer.")

        return Conversion(convert, describe)

    monkeypatch.setitem(IMPORTERS, "toy", Importer("toy.pth", toy, (Option("label", "what it is called", "TEXT"),)))
    torch.save({"toy.weight": torch.ones(3, 2), "toy.bias": torch.ones(3)}, tmp_path / "toy.pth")
    argv = ["import", "toy", str(tmp_path / "toy.pth"), "--out", str(tmp_path / "release")]
    assert main([*argv, "--label", "mine"]) == 0
    tensors, config = load_release(tmp_path / "release")
    assert tensors.keys() == {"layer.weight", "layer.bias"} and (config["kind"], config["label"]) == ("toy", "mine")

    capsys.readouterr()
    assert main([*argv, "--mel-preset", "li2020"]) == 2
    assert "--mel-preset: is no option of toy, but of li2020-encoder, s2igan-sen" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["import", "--help"])
    said = capsys.readouterr().out
    assert "toy.pth" in said and "--label TEXT" in said


def refusal(capsys: pytest.CaptureFixture[str], source: str, file: Path, out: Path, *, status: int = 1) -> str:
    """The one line of a refused import."""
    sys.modules.pop(Settings.__module__, None)
    assert main(["import", source, str(file), "--out", str(out)]) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert "bug" not in line and "weights_only" not in line and "torch.load" not in line and len(line) < 1000
    return line


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


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("prefix", ["", "model."])
def test_safetensors_are_read_whatever_their_name(tmp_path: Path, prefix: str, half: bool) -> None:
    state = {key: value.half().float() if half else value for key, value in hifigan().items()}
    torch.save(state, tmp_path / "plain.pth")
    stored = {f"{prefix}{key}": (value.half() if half else value).contiguous() for key, value in state.items()}
    save_file(stored, tmp_path / "file.bin", metadata={"format": "pt"})
    ours = imported("hifigan", tmp_path / "file.bin", tmp_path / "release")
    assert_same(ours, imported("hifigan", tmp_path / "plain.pth", tmp_path / "plain"))


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


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_plain_pickles_of_arrays_are_read(tmp_path: Path, protocol: int) -> None:
    state = hifigan()
    torch.save(state, tmp_path / "plain.pth")
    arrays = {"model": {key: value.numpy() for key, value in state.items()}, "matching_heuristics": True}
    (tmp_path / "file.pkl").write_bytes(pickle.dumps(arrays, protocol=protocol))
    ours = imported("hifigan", tmp_path / "file.pkl", tmp_path / "release")
    assert_same(ours, imported("hifigan", tmp_path / "plain.pth", tmp_path / "plain"))


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
