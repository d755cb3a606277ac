"""Torch files of any origin: what torch wrote is read as torch reads it, and nothing else does anything."""

import collections
import gzip
import io
import os
import pickle
import random
import struct
import time
import tracemalloc
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from speech2img.errors import CheckpointError, Speech2ImgError, UnsafeFileError
from speech2img.storage.foreign.dense_tensors import PLAIN_DTYPES, check_dense
from speech2img.storage.foreign.torch_files import load_published_file, load_torch_file
from speech2img.storage.foreign.torch_names import Foreign


def real_state() -> dict[str, Any]:
    """What checkpoints of ours hold, and tensors in all the ways that they can lie in their storage."""
    base = torch.arange(24.0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "views": [base[3:9], base.view(4, 6).t(), base.view(2, 3, 4)[:, 1], base[::5]],
        "kinds": {name: torch.arange(3).to(dtype) for name, dtype in PLAIN_DTYPES.items()},
        "empty": [torch.zeros(0), torch.zeros(0, 3), torch.tensor(3.5)],
        "torch": torch.get_rng_state(),
        "python": random.Random(1).getstate(),
        "numpy": np.random.default_rng(0).bit_generator.state,
        "set": {1, "two", None, 2.5, (3, "four")},
        "parameter": nn.Parameter(torch.ones(2)),
        "channels": torch.arange(24.0).view(1, 2, 3, 4).contiguous(memory_format=torch.channels_last),
        "plain": (True, None, -(2**70), 1e-300, "é", b"\0\xff", [], {}, (), {"a": {3: [1]}}),
    }


def assert_same(ours: Any, theirs: Any) -> None:
    """Equal in kind, value and, for tensors, in how they lie in their storage."""
    if isinstance(theirs, torch.Tensor):
        assert ours.dtype == theirs.dtype and torch.equal(ours, theirs)
        assert (ours.stride(), ours.storage_offset()) == (theirs.stride(), theirs.storage_offset())
        assert ours.untyped_storage().nbytes() == theirs.untyped_storage().nbytes() or not theirs.numel()
    elif isinstance(theirs, dict):
        assert type(ours) is type(theirs) and list(ours) == list(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key])
    elif isinstance(theirs, list | tuple):
        assert type(ours) is type(theirs) and len(ours) == len(theirs)
        for left, right in zip(ours, theirs, strict=True):
            assert_same(left, right)
    else:
        assert type(ours) is type(theirs) and ours == theirs


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("load", [load_torch_file, load_published_file])
def test_what_torch_wrote_is_what_torch_reads(tmp_path: Path, load: Any, protocol: int, new: bool) -> None:
    state = real_state()
    path = tmp_path / "state.pt"
    torch.save(state, path, pickle_protocol=protocol, _use_new_zipfile_serialization=new)
    theirs = torch.load(path, weights_only=False)
    theirs["parameter"] = theirs["parameter"].data
    ours = load(path)
    assert_same(ours, theirs)
    for value in ours["model"].values():
        assert value.data_ptr() % 64 == 0, "as torch aligns its own memory, so that results are the same to the bit"


def test_tensors_of_one_storage_still_share_it(tmp_path: Path) -> None:
    base = torch.zeros(4)
    torch.save([base, base[1:], base.view(2, 2)], tmp_path / "a.pt")
    whole, part, square = load_torch_file(tmp_path / "a.pt")
    whole[3] = 7
    assert part[2] == 7 and square[1, 1] == 7


def test_a_compressed_file_is_unpacked(tmp_path: Path) -> None:
    torch.save({"a": torch.arange(1000.0)}, tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes(gzip.compress((tmp_path / "a.pt").read_bytes()))
    assert torch.equal(load_torch_file(tmp_path / "b.pt")["a"], torch.arange(1000.0))
    (tmp_path / "c.pt").write_bytes(gzip.compress((tmp_path / "a.pt").read_bytes())[:-100])
    with pytest.raises(CheckpointError, match=r"c\.pt: is compressed and damaged"):
        load_torch_file(tmp_path / "c.pt")


class Hyper:
    """Settings of somebody's trainer."""

    def __init__(self) -> None:
        self.rate, self.parts = 0.1, [torch.float32]


def test_objects_of_strangers_are_nothing_but_their_name(tmp_path: Path) -> None:
    value = {"hyper": Hyper(), "kind": Hyper, "by": {Hyper: 3}, "count": collections.Counter("aab"), "x": 1j, "ok": 3}
    for options in ({}, {"pickle_protocol": 5}, {"_use_new_zipfile_serialization": False}):
        torch.save(value, tmp_path / "a.pt", **options)
        loaded = load_published_file(tmp_path / "a.pt")
        assert isinstance(loaded["hyper"], Foreign) and loaded["hyper"].name.endswith("test_torch_files.Hyper")
        assert all(isinstance(loaded[key], Foreign) for key in ("hyper", "kind", "count", "x")) and loaded["ok"] == 3
        with pytest.raises(UnsafeFileError, match=r"a\.pt: is refused: it names .*test_torch_files\.Hyper"):
            load_torch_file(tmp_path / "a.pt")


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.uint16, torch.complex64])
def test_numbers_that_no_network_computes_with_are_named(tmp_path: Path, dtype: torch.dtype) -> None:
    tensor = torch.zeros(3).to(dtype)
    torch.save({"a": tensor}, tmp_path / "a.pt")
    with pytest.raises(UnsafeFileError, match=r"a\.pt: is refused: it names torch\.\w+"):
        load_torch_file(tmp_path / "a.pt")
    assert isinstance(load_published_file(tmp_path / "a.pt")["a"], Foreign)
    with pytest.raises(UnsafeFileError, match=f"here: holds numbers of type {dtype}"):
        check_dense(tensor, "here")


def torch_zip(pickled: bytes, *, storages: dict[str, bytes] | None = None, compression: int = 0) -> bytes:
    """A file in torch's newer format around a pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("a/data.pkl", pickled)
        for key, content in (storages or {}).items():
            archive.writestr(f"a/data/{key}", content)
        archive.writestr("a/version", "3\n")
    return file.getvalue()


def torch_old(pickled: bytes, *, after: bytes = b"]." + bytes(8)) -> bytes:
    """A file in torch's older format around a pickle."""
    head = (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}})
    return b"".join(pickle.dumps(value, 2) for value in head) + pickled + after


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def storage(count: int, *, kind: str = "FloatStorage") -> bytes:
    number = b"\x8a\x08" + struct.pack("<q", count)
    return b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text("0") + text("cpu") + number + b"tQ"


def tensor(count: int, shape: tuple[int, ...], stride: tuple[int, ...], *, offset: int = 0) -> bytes:
    def axes(numbers: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", n) for n in numbers) + b"t"

    place = b"\x8a\x08" + struct.pack("<q", offset)
    rest = b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage(count) + place + axes(shape) + axes(stride) + rest + b"tR"


LAUGH = b")q\x09" + (b"(" + b"h\x09" * 10 + b"tq\x09") * 30
CALL = b"cbuiltins\n%s\n%s\x85R."
BOMBS = {
    "bytearray of 2 GiB": b"cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
    "bytes of 2 GiB": b"cbuiltins\nbytes\nJ\xff\xff\xff\x7f\x85R.",
    "a list of a number": b"cbuiltins\nlist\nJ\xff\xff\xff\x7f\x85R.",
    "a tuple in tuples": LAUGH + b".",
    "a tuple called": LAUGH + b")R.",
    "a tuple as key": b"}" + LAUGH + b"Ns.",
    "a tuple in a set": LAUGH + b"0ccollections\nOrderedDict\n)R0cbuiltins\nset\n(]h\x09atR.",
    "a tuple as size": b"ctorch\nSize\n" + LAUGH + b"\x85R.",
    "a list in itself": b"]q\x00h\x00a.",
    "deep lists": b"]" * 20_000 + b"a" * 19_999 + b".",
    "a storage of 2 TiB": tensor(1 << 39, (4,), (1,)) + b".",
    "a storage of 2^62": tensor(1 << 62, (4,), (1,)) + b".",
    "a negative storage": tensor(-1, (4,), (1,)) + b".",
    "a tensor of 2^62": tensor(4, (1 << 62,), (1,)) + b".",
    "a tensor that repeats its values": tensor(4, (1 << 40,), (0,)) + b".",
    "a tensor beyond its storage": tensor(4, (2, 2), (1 << 40, 1)) + b".",
    "a tensor behind its storage": tensor(4, (4,), (1,), offset=1 << 40) + b".",
    "a tensor before its storage": tensor(4, (4,), (1,), offset=-4) + b".",
    "a tensor with a negative stride": tensor(4, (4,), (-1,)) + b".",
    "a tensor of a hundred axes": tensor(4, (1,) * 100, (1,) * 100) + b".",
    "a tensor of nothing, but long": tensor(4, (0, 1 << 62), (1, 1)) + b".",
    "a tensor with half a stride": tensor(4, (4,), ()) + b".",
    "digits": b"L" + b"9" * 5000 + b"L\n.",
    "a million marks": b"(" * 1_000_000 + b".",
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("make", [torch_zip, torch_old])
@pytest.mark.parametrize("load", [load_torch_file, load_published_file])
def test_no_bomb_goes_off(tmp_path: Path, load: Any, make: Any, name: str) -> None:
    path = tmp_path / "bomb.pt"
    content = bytes(16)
    path.write_bytes(
        torch_zip(BOMBS[name], storages={"0": content})
        if make is torch_zip
        else torch_old(BOMBS[name], after=b"](X\x01\x00\x00\x000e." + struct.pack("<q", 4) + content)
    )
    tracemalloc.start()
    start = time.process_time()
    try:
        loaded = load(path)
    except CheckpointError as error:
        assert str(error).startswith(f"{path}: is ") and len(str(error)) < 400
    else:  # a stranger's call is nothing but a name
        assert load is load_published_file and isinstance(loaded, Foreign | set)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert time.process_time() - start < 20  # a bomb takes hours; the largest of these 8 on a slow core
    assert peak < 128 << 20


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_members_are_refused(tmp_path: Path, compression: int) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(
        torch_zip(tensor(1 << 20, (4,), (1,)) + b".", storages={"0": bytes(4 << 20)}, compression=compression)
    )
    for load in (load_torch_file, load_published_file):
        with pytest.raises(UnsafeFileError, match="is compressed"):
            load(path)


def test_an_archive_that_zipfile_denies_is_denied(tmp_path: Path) -> None:
    """Torch's own reader of archives finds their end where Python's does not."""
    torch.save({"a": torch.arange(4.0)}, tmp_path / "a.pt")
    data = (tmp_path / "a.pt").read_bytes()
    for mutant in (data + b"x" * 70_000, data[:-22], data[4:], data + data[-22:-18]):
        (tmp_path / "a.pt").write_bytes(mutant)
        with pytest.raises(CheckpointError, match=r"a\.pt: is (no intact torch file|refused)"):
            load_torch_file(tmp_path / "a.pt")


def test_parts_that_lie_over_each_other_are_refused(tmp_path: Path) -> None:
    storages = {str(number): bytes(1 << 16) for number in range(20)}
    data = bytearray(torch_zip(b"N.", storages=storages))
    first = data.find(b"PK\1\2", data.find(b"PK\1\2") + 1)
    offset = data[first + 42 : first + 46]
    place = first
    while (place := data.find(b"PK\1\2", place + 1)) >= 0:
        data[place + 42 : place + 46] = offset
    end = data.find(b"PK\1\2")
    cut = bytearray(data[:200_000] + data[end:])
    record = cut.rfind(b"PK\5\6")
    cut[record + 16 : record + 20] = struct.pack("<I", 200_000)
    (tmp_path / "a.pt").write_bytes(cut)
    with pytest.raises(CheckpointError, match=r"a\.pt: is "):
        load_torch_file(tmp_path / "a.pt")


def test_one_storage_behind_a_thousand_tensors_is_refused(tmp_path: Path) -> None:
    base = torch.zeros(1 << 20)
    torch.save([base.view(1 << 10, 1 << 10) for _ in range(100)], tmp_path / "a.pt")
    with pytest.raises(UnsafeFileError, match="asks for far more memory than its size"):
        load_torch_file(tmp_path / "a.pt")


def test_pipes_folders_and_holes_are_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pt")
    (tmp_path / "holes.pt").touch()
    os.truncate(tmp_path / "holes.pt", 3 << 30)
    for name, reason in (("pipe.pt", "regular file"), ("holes.pt", "consists of holes"), ("", "directory")):
        with pytest.raises(CheckpointError, match=reason):
            load_torch_file(tmp_path / name)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(["any", "zip", "old"]))
def test_any_bytes_are_a_value_or_a_named_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, kind: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.pt"
    path.write_bytes({"any": data, "zip": torch_zip(data + b"."), "old": torch_old(data + b".")}[kind])
    for load in (load_torch_file, load_published_file):
        try:
            load(path)
        except Speech2ImgError as error:
            assert str(error).startswith(str(path))


@pytest.mark.parametrize("new", [True, False])
def test_mutants_of_real_files_are_a_value_or_a_named_error(tmp_path: Path, new: bool) -> None:
    path, rng = tmp_path / "a.pt", random.Random(11)
    value = {"model": {"a": torch.arange(6.0).view(2, 3)}, "args": Hyper(), "step": np.int64(3), "names": ["x"] * 3}
    torch.save(value, path, _use_new_zipfile_serialization=new)
    real = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in range(600):
            mutant = bytearray(real)
            for _ in range(rng.randrange(1, 4)):
                place = rng.randrange(len(mutant))
                mutant[place : place + rng.randrange(5)] = rng.choice(
                    (rng.randbytes(rng.randrange(5)), b"\xff\xff\xff\x7f")
                )
            path.write_bytes(mutant)
            try:
                (load_torch_file, load_published_file)[number % 2](path)
            except Speech2ImgError as error:
                assert str(error).startswith(str(path))
