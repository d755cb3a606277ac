"""TorchScript files: tensors by the names of their modules, and nothing of the program is run."""

import io
import os
import pickle
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from speech2img.errors import CheckpointError, UnsafeFileError
from speech2img.storage.foreign.torch_files import load_published_file, load_torch_file


class Block(nn.Module):
    """A module with a buffer, a list of modules and plain attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.rate, self.label = 3, "x"
        self.layers = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.register_buffer("mask", torch.arange(4.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What would be run, if anything were."""
        return self.layers(x) * self.mask


def program(path: Path) -> Block:
    """A saved TorchScript program, and what it was made of."""
    torch.manual_seed(0)
    block = Block().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(block), path)
    return block


def archive(path: Path, data: bytes, *, compressed: bool = False) -> Path:
    """A zip that looks like a TorchScript file, with a pickle of one's own."""
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("net/data.pkl", data, kind)
        file.writestr("net/code/__torch__.py", "import os\nos.mkdir('ran')\n" * 50, zipfile.ZIP_DEFLATED)
        file.writestr("net/constants.pkl", b"\x80\x02).")
    return path


def test_tensors_come_under_the_names_of_their_modules(tmp_path: Path) -> None:
    block = program(tmp_path / "a.pt")
    tensors = load_published_file(tmp_path / "a.pt", programs=True)
    state = block.state_dict()
    assert set(tensors) == set(state) and all(torch.equal(tensors[name], state[name]) for name in state)
    with pytest.raises(CheckpointError, match="a TorchScript program; save its state_dict"):
        load_published_file(tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="a TorchScript program"):
        load_torch_file(tmp_path / "a.pt")


def test_nothing_is_run_and_nothing_but_modules_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plain = b"\x80\x02c__torch__.net\nNet\n)\x81}(X\x01\x00\x00\x00aK\x03ub."
    assert load_published_file(archive(tmp_path / "plain.pt", plain), programs=True) == {}
    for number, call in enumerate((os.mkdir, eval)):
        hostile = pickle.dumps(Calls(call, "ran"), protocol=2)
        with pytest.raises(UnsafeFileError, match="is refused: it names"):
            load_published_file(archive(tmp_path / f"{number}.pt", hostile), programs=True)
    assert not (tmp_path / "ran").exists()


class Calls:
    """Pickles as a call."""

    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call[0], self.call[1:]


def test_modules_without_end_and_odd_archives_are_refused(tmp_path: Path) -> None:
    # A module that holds itself, by the memo of the pickle.
    endless = b"\x80\x02c__torch__.net\nNet\n)\x81q\x00}(X\x01\x00\x00\x00ah\x00ub."
    with pytest.raises((UnsafeFileError, CheckpointError)):
        load_published_file(archive(tmp_path / "endless.pt", endless), programs=True)
    with pytest.raises(UnsafeFileError, match="is compressed"):
        load_published_file(archive(tmp_path / "packed.pt", b"\x80\x02N." * 99, compressed=True), programs=True)
    with pytest.raises(CheckpointError, match="without a module"):
        load_published_file(archive(tmp_path / "none.pt", b"\x80\x02N."), programs=True)
    whole = io.BytesIO((tmp_path / "none.pt").read_bytes()).getvalue()
    (tmp_path / "cut.pt").write_bytes(whole[:60])
    with pytest.raises(CheckpointError):
        load_published_file(tmp_path / "cut.pt", programs=True)
