"""Pickles that are damaged, or no pickles at all, are values or named errors."""

import os
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from speech2img.errors import DataError, Speech2ImgError
from speech2img.storage.foreign.peer_embeddings import load_s2igan_embeddings
from speech2img.storage.foreign.pickles import load_pickle

from .test_hostile_pickles import DTYPE, RECONSTRUCT, array_bomb


@pytest.mark.parametrize(
    "value", [np.array(3.0), [np.array(3.0)], [], np.zeros((0, 3)), ["text"], {"a": 1}, [[1.0]], 3]
)
def test_what_is_no_list_of_arrays_is_named(tmp_path: Path, value: object) -> None:
    path = tmp_path / "rows.pickle"
    path.write_bytes(pickle.dumps(value))
    with pytest.raises(DataError, match=r"rows\.pickle: "):
        load_s2igan_embeddings(path)


def test_pipes_devices_folders_and_holes_are_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pickle")
    (tmp_path / "holes.pickle").touch()
    os.truncate(tmp_path / "holes.pickle", 3 << 30)
    for name, reason in (
        ("pipe.pickle", "no.* regular file"),
        ("holes.pickle", "consists of holes"),
        ("", "directory"),
    ):
        with pytest.raises(DataError, match=reason):
            load_pickle(tmp_path / name)
    with pytest.raises(DataError, match="no.* regular file"):
        load_pickle("/dev/zero")


@pytest.fixture(scope="module")
def honest() -> list[bytes]:
    """Small honest files of several protocols."""
    rng = np.random.default_rng(0)
    value = [rng.standard_normal((3, 4)).astype("f4"), ["001.A/b_1", "é"], {"n": 3, 5: None}, np.array(["x"]), 2.5]
    return [pickle.dumps(value, protocol) for protocol in range(6)]


def test_damaged_files_are_values_or_named_errors(tmp_path: Path, honest: list[bytes]) -> None:
    rng, path = random.Random(20), tmp_path / "damaged.pickle"
    for index in range(300):
        data = bytearray(honest[index % 6])
        match index % 4:
            case 0:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            case 1:
                del data[rng.randrange(len(data)) :]
            case 2:
                at = rng.randrange(len(data))
                data[at : at + rng.randrange(9)] = rng.randbytes(rng.randrange(9))
            case 3:
                at = rng.randrange(len(data) - 4)
                data[at : at + 4] = b"\xff\xff\xff\x7f"
        path.write_bytes(data)
        try:
            load_pickle(path)
        except Speech2ImgError as error:
            assert str(error).startswith(str(path))


OPCODES = [bytes([number]) for number in range(256)]


PIECES = [
    b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"U\x02f4", b"U\x01b",
    b"cnumpy.core.multiarray\nscalar\n", b"cnumpy.core.numeric\n_frombuffer\n", b"q\x00", b"h\x00", b"(K\x00t",
    b"(K\x01t", b"U\x01<", b"U\x01C", b"\x89", b"K\x03", b"NNN", b"C\x041234", RECONSTRUCT + b"(K\x00tU\x01b\x87R",
    DTYPE % b"f4",
]  # fmt: skip


@given(st.lists(st.sampled_from(OPCODES + PIECES * 8) | st.binary(max_size=6)).map(b"".join))
@example(DTYPE % b"f4" + b"q\x00(K\x04U\x01<NNNK\xffK\xffK\x00tbh\x00b.")
@example(array_bomb(b"(I1\nt", b"U1", b"\xff\xff\xff\xff"))
@example(array_bomb(b"(I1\nt", b"f4", b"1234")[:-1] + b"(I1\n(I1\nt" + DTYPE % b"f4" + b"I0\nC\x041234tb.")
def test_any_program_is_a_value_or_our_error(tmp_path_factory: pytest.TempPathFactory, program: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "program.pickle"
    path.write_bytes(program + b".")
    try:
        load_pickle(path)
    except Speech2ImgError as error:
        assert str(error).startswith(str(path))
