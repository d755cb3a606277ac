"""Hostile pickles: nothing of them runs, nothing they promise is allocated, damage is an error that names the file."""

import builtins
import code
import ctypes
import functools
import importlib
import marshal
import operator
import os
import pickle
import pty
import runpy
import shutil
import socket
import struct
import subprocess
import sys
import time
import timeit
import tracemalloc
import types
import urllib.request
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from speech2img.errors import Speech2ImgError, UnsafeFileError
from speech2img.storage.foreign import restricted_unpickler as pickle_machine
from speech2img.storage.foreign.pickles import load_pickle

MIB = 1 << 20


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


class Unusual:
    """Pickles with NEWOBJ and a state."""

    def __init__(self) -> None:
        self.x = 1


def payloads(sentinel: Path) -> dict[str, Any]:
    """Everything that could do harm, each told to make the sentinel."""
    touch, source = f"touch {sentinel}", f"open({str(sentinel)!r}, 'w')"
    calls: dict[str, tuple[Any, ...]] = {
        "os.system": (os.system, touch),
        "os.popen": (os.popen, touch),
        "os.execv": (os.execv, "/bin/sh", ["sh", "-c", touch]),
        "os.remove": (os.remove, str(sentinel)),
        "os.mkdir": (os.mkdir, str(sentinel)),
        "os.putenv": (os.putenv, "A", "B"),
        "subprocess": (subprocess.Popen, ["touch", str(sentinel)]),
        "subprocess.run": (subprocess.run, ["touch", str(sentinel)]),
        "eval": (eval, source),
        "exec": (exec, source),
        "compile": (compile, source, "x", "exec"),
        "open": (open, str(sentinel), "w"),
        "import": (builtins.__import__, "antigravity"),
        "importlib": (importlib.import_module, "antigravity"),
        "getattr": (getattr, "x", "upper"),
        "partial": (functools.partial, os.system, touch),
        "reduce": (functools.reduce, os.system, [touch]),
        "methodcaller": (operator.methodcaller, "system", touch),
        "attrgetter": (operator.attrgetter, "system"),
        "map": (map, os.system, [touch]),
        "np.load": (np.load, str(sentinel)),
        "np.fromfile": (np.fromfile, str(sentinel)),
        "np.memmap": (np.memmap, str(sentinel), "u1", "w+", 0, (9,)),
        "torch.load": (torch.load, str(sentinel)),
        "runpy": (runpy.run_path, str(sentinel)),
        "pty": (pty.spawn, "sh"),
        "webbrowser": (webbrowser.open, "file:///"),
        "timeit": (timeit.timeit, source),
        "code": (code.interact,),
        "ctypes": (ctypes.CDLL, "libc.so.6"),
        "rmtree": (shutil.rmtree, str(sentinel)),
        "socket": (socket.create_connection, ("127.0.0.1", 9)),
        "urlopen": (urllib.request.urlopen, "file:///etc/hostname"),
        "pickle.loads": (pickle.loads, pickle.dumps(Calls(os.system, touch))),
        "marshal.loads": (marshal.loads, b"N"),
        "types": (types.SimpleNamespace,),
        "bytearray": (bytearray, 1 << 40),
        "np.zeros": (np.zeros, 1 << 40),
        "exit": (sys.exit, 0),
    }
    found = {name: Calls(*call) for name, call in calls.items()}
    nested = [1, {"a": (found["os.system"],)}]
    return {
        **found,
        "nested": nested,
        "object": Unusual(),
        "class": Unusual,
        "module function": os.getcwd,
        "object array": np.array([found["os.system"], None], object),
        "structured": np.zeros(2, "i4,f4"),
        "datetime": np.array(["2020-01-01"], "M8[D]"),
        "masked": np.ma.array([1]),
        "set": {1},
        "complex": 1j,
        "record": np.zeros(1, "V8"),
    }


class Watch:
    """Audit hook that, while armed, notes what a reader of plain data must never do."""

    EVENTS = {"exec", "compile", "import", "pickle.find_class", "os.system", "subprocess.Popen", "socket.connect",
              "os.mkdir", "os.remove", "os.rename", "os.exec", "os.putenv", "ctypes.dlopen", "marshal.loads",
              "shutil.rmtree", "pty.spawn", "webbrowser.open", "urllib.Request", "code.__new__"}  # fmt: skip

    def __init__(self) -> None:
        self.armed, self.seen = False, list[str]()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.armed:
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if event in self.EVENTS or writes:
                self.seen.append(event)

    def sees_refusal(self, path: Path) -> bool:
        """Load a pickle; true if it is refused by name and nothing of the list happened."""
        self.armed = True
        try:
            load_pickle(path)
        except UnsafeFileError as error:
            assert self.seen == []
            return path.name in str(error)
        finally:
            self.armed = False
        return False


WATCH = Watch()


@pytest.fixture
def watch() -> Watch:
    if not hasattr(sys, "_speech2img_watch"):
        sys.addaudithook(WATCH)
        sys._speech2img_watch = True
    # The first use imports the codec.
    b"x".decode("raw-unicode-escape")
    WATCH.seen.clear()
    return WATCH


@pytest.mark.parametrize("protocol", range(6))
def test_no_payload_runs(tmp_path: Path, watch: Watch, protocol: int) -> None:
    sentinel, path, count = tmp_path / "sentinel", tmp_path / "payload.pickle", 0
    for name, payload in payloads(sentinel).items():
        try:
            path.write_bytes(pickle.dumps(payload, protocol))
        except (pickle.PicklingError, TypeError):
            continue
        count += 1
        assert watch.sees_refusal(path), name
        assert not sentinel.exists(), name
    assert count >= 45


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
DTYPE = b"cnumpy\ndtype\n(S'%s'\nI0\nI1\ntR"
HANDMADE = {
    "INST": b"(S'touch x'\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nS'touch x'\no.",
    "GLOBAL": b"cos\nsystem\n.",
    "GLOBAL with dots": b"cnumpy\nndarray.tofile\n.",
    "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    "STACK_GLOBAL with dots": b"\x80\x04\x8c\x08builtins\x8c\x0deval.__call__\x93.",
    "STACK_GLOBAL of numbers": b"\x80\x04K\x01K\x02\x93.",
    "EXT1": b"\x80\x02\x82\x01.",
    "EXT4": b"\x80\x02\x84\x01\x00\x00\x00.",
    "PERSID": b"Pid\n.",
    "BINPERSID": b"U\x02idQ.",
    "NEWOBJ": b"\x80\x02cnumpy\nndarray\n)\x81.",
    "NEWOBJ_EX": b"\x80\x04cnumpy\nndarray\n)}\x92.",
    "NEXT_BUFFER": b"\x80\x05\x97.",
    "a name as value": b"cnumpy\nndarray\n.",
    "a name in a list": b"](cnumpy\nndarray\ne.",
    "a dtype as value": DTYPE % b"f4" + b".",
    "calling ndarray": b"cnumpy\nndarray\n((I3\ntt(I3\ntR.",
    "reconstruct of dtype": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(I0\ntS'b'\ntR.",
    "reconstruct of a size": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I9\ntS'b'\ntR.",
    "codecs to another code": b"c_codecs\nencode\n(Vx\nVbz2\ntR.",
    "bytes of a size": b"c__builtin__\nbytes\n(I9999999999\ntR.",
    "object dtype": DTYPE % b"O" + b".",
    "state of a list": b"]}b.",
    "tuple as key": b"}(I1\ntI1\ns.",
    "float as key": b"}F1.5\nI1\ns.",
    "giant int as key": b"}L" + b"9" * 30 + b"L\nI1\ns.",
}


@pytest.mark.parametrize("name", HANDMADE)
def test_handmade_pickles_are_refused(tmp_path: Path, watch: Watch, name: str) -> None:
    path = tmp_path / "handmade.pickle"
    path.write_bytes(HANDMADE[name])
    assert watch.sees_refusal(path)


def array_bomb(shape: bytes, kind: bytes, raw: bytes) -> bytes:
    return (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n"
        + shape
        + DTYPE % kind
        + b"I0\nC"
        + bytes([len(raw)])
        + raw
        + b"tb."
    )


BOMBS = {
    "reconstruct": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I3000000000\ntS'b'\ntR.",
    "shape": array_bomb(b"(I3000000000\nt", b"f4", b"1234"),
    "negative shape": array_bomb(b"(I-1\nt", b"f4", b"1234"),
    "many dimensions": array_bomb(b"(" + b"L" + b"9" * 30 + b"L\n" * 1 + (b"I2\n" * 5000) + b"t", b"f4", b"1234"),
    "no content, wide type": array_bomb(b"(I0\nt", b"S2000000000", b""),
    "wide text": array_bomb(b"(I0\nt", b"U9999", b""),
    "empty but long": array_bomb(b"(I0\nI4611686018427387904\nt", b"f4", b""),
    "memo index": b"]r\xff\xff\xff\xff.",
    "text memo index": b"]p" + b"9" * 4000 + b"\n.",
    "long bytes": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b"x.",
    "long bytes of 4": b"\x80\x03B\xff\xff\xff\xffx.",
    "long bytearray": b"\x80\x05\x96" + struct.pack("<Q", 1 << 34) + b"x.",
    "long text": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 63) + b"x.",
    "long frame": b"\x80\x04\x95" + struct.pack("<Q", 1 << 62) + b"].",
    "long number": b"\x80\x02\x8b\xff\xff\xff\x7f1.",
    "negative long number": b"\x80\x02\x8b\xff\xff\xff\xff1.",
    "digits": b"L" + b"9" * 100_000 + b"L\n.",
    "lists": b"]" * 100_000 + b".",
    "marks": b"(" * 100_000 + b".",
    "nothings": b"N" * 200_000 + b".",
    "the same array": b"\x80\x03C\xff"
    + b"x" * 255
    + b"q\x00"
    + DTYPE % b"S255"
    + b"q\x010("
    + (b"cnumpy.core.multiarray\nscalar\nh\x01h\x00\x86R") * 30_000
    + b"t.",
    "tuples of tuples as key": b"}" + b"(tq\x00" + b"h\x00h\x00\x86q\x00" * 5000 + b"h\x00N\x86I1\ns.",
    "equal hashes": b"}(" + b"".join(b"L%dL\nN" % (i * (2**61 - 1)) for i in range(20_000)) + b"u.",
}


HARMLESS = {"long frame", "memo index", "text memo index"}


@pytest.mark.parametrize("name", BOMBS)
def test_no_bomb_goes_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(pickle_machine, "_SPARE_BYTES", MIB)
    path = tmp_path / "bomb.pickle"
    path.write_bytes(BOMBS[name])
    tracemalloc.start()
    start = time.process_time()
    try:
        if name in HARMLESS:
            load_pickle(path)
        else:
            with pytest.raises(Speech2ImgError, match="bomb.pickle"):
                load_pickle(path)
        seconds, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seconds < 60  # a bomb would take hours; this is no measure of speed
    assert peak < 4 * len(BOMBS[name]) + 2 * MIB


def nested(kind: bytes) -> bytes:
    """A list or tuple that holds another ten times, that holds another ten times, ... 30 times over, as number 9."""
    return b")q\x09" + (b"(" + b"h\x09" * 10 + kind + b"q\x09") * 30


LIST, TUPLE, IT = nested(b"l"), nested(b"t"), b"h\x09"
LAUGHS = {
    "a list": LIST,
    "a tuple": TUPLE,
    "called": TUPLE + b")R",
    "a list called": LIST + b")R",
    "a deep list called": b"]" * 100_000 + b"a" * 99_999 + b")R",
    "as data type": LIST + b"cnumpy\ndtype\n(" + IT + b"\x89\x88tR",
    "a deep list as data type": b"cnumpy\ndtype\n(" + b"]" * 100_000 + b"a" * 99_999 + b"\x89\x88tR",
    "as name": b"X\x01\x00\x00\x00x" + TUPLE + b"\x93",
    "as module": TUPLE + b"X\x01\x00\x00\x00x\x93",
    "as key": TUPLE + b"}" + IT + b"Ns",
    "as state": TUPLE + b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR" + IT + b"b",
    "as argument": TUPLE + b"c_codecs\nencode\n(" + IT + b"U\x06latin1tR",
    "a list in itself": b"]q\x00h\x00a",
    "a dict in itself": b"}q\x00K\x01h\x00s",
    "deep lists": b"]" * 1000 + b"a" * 999,
    "one array a million times": b"](cnumpy.core.numeric\n_frombuffer\n(B\x00\x00\x10\x00" + bytes(1 << 20)
    + DTYPE % b"u1" + b"(J\x00\x00\x10\x00tU\x01CtRq\x05" + b"h\x05" * 100_000 + b"e",
    "one text a million times": b"](B\x00\x00\x10\x00" + bytes(1 << 20) + b"q\x05" + b"h\x05" * 100_000 + b"e",
}  # fmt: skip


@pytest.mark.parametrize("name", LAUGHS)
def test_what_repeats_itself_without_end_is_refused_at_once(tmp_path: Path, name: str) -> None:
    path = tmp_path / "laughs.pickle"
    path.write_bytes(LAUGHS[name] + b".")
    start = time.process_time()
    with pytest.raises(UnsafeFileError, match=r"laughs\.pickle: is refused: it ") as caught:
        load_pickle(path)
    assert time.process_time() - start < 5
    assert len(str(caught.value)) < 500


def test_a_little_repetition_is_plain_data(tmp_path: Path) -> None:
    path = tmp_path / "shared.pickle"
    row = np.arange(12.0).reshape(3, 4)
    path.write_bytes(pickle.dumps([row, row, ["a"] * 3] * 5))
    first, second, names = load_pickle(path)[:3]
    assert first is second and np.array_equal(first, row) and names == ["a", "a", "a"]
