"""Finding out what an HDF5 file holds: in a child whose crash, endless loop or hunger is one reason."""

import os
import signal
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.storage.hdf5 import probe as store_probe
from speech2img.storage.hdf5.probe import Place, probe


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["values"] = np.arange(6, dtype=np.float32).reshape(3, 2)
        file["names"] = ["a", "é", ""]
        file.attrs.update(text="t", number=7)
    return tmp_path / "s.h5"


def test_places_and_short_attributes_are_told(path: Path) -> None:
    found = probe(path, arrays=("values", "names"), attributes=("text", "number", "none"))
    assert found.attributes == {"text": "t", "number": 7}
    place, names = found.arrays["values"], found.arrays["names"]
    assert isinstance(place, Place) and (place.dtype, place.shape, place.nbytes) == ("<f4", (3, 2), 24)
    assert np.fromfile(path, place.dtype, 6, offset=place.offset).tolist() == list(range(6))
    assert isinstance(names, np.ndarray) and [name.decode() for name in names.tolist()] == ["a", "é", ""]


def dies() -> bytes:
    os.kill(os.getpid(), signal.SIGSEGV)
    return b""


def turns_for_ever() -> bytes:
    while True:
        time.monotonic()


def eats() -> bytes:
    return bytes(2 << 30)


@pytest.mark.parametrize("fault", [dies, turns_for_ever, eats])
def test_a_crash_an_endless_loop_and_hunger_are_one_reason(
    fault: object, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_probe, "CPU_SECONDS", 1)
    monkeypatch.setattr(store_probe, "_describe", lambda *_: fault())  # type: ignore[operator]
    with pytest.raises(ValueError, match="HDF5 fails on it"):
        probe(path, arrays=("values",), attributes=())


def test_a_child_that_stands_still_is_not_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_probe, "_WALL_SECONDS", 0.3)
    monkeypatch.setattr(store_probe, "_describe", lambda *_: time.sleep(60))
    with pytest.raises(ValueError, match="HDF5 fails on it"):
        probe(path, arrays=("values",), attributes=())


ANY = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=6) | st.floats()


@given(
    dtype=ANY | st.sampled_from(["<f4", "|O", "V8", "S0", "S9", "f4,f4", "M8[s]", "(3,)f4"]),
    shape=ANY | st.lists(ANY | st.integers(0, 9), max_size=3),
    offset=ANY | st.integers(0, 200),
)
def test_a_place_is_in_the_file_or_refused(dtype: object, shape: object, offset: object) -> None:
    try:
        place = Place.checked(dtype, shape, offset, size=128)
    except ValueError:
        return
    assert min(place.shape) >= 1 <= place.row_bytes and 1 <= place.offset <= 128 - place.nbytes
    assert np.dtype(place.dtype).kind in "iufS"
