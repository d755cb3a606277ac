"""Mapping files: written as VQ-Diffusion's are, read back, and replaced by nothing but another."""

from pathlib import Path

import pytest
import torch

from speech2img.errors import CheckpointError, ConfigError
from speech2img.images.code_mapping import read_mapping, require_mapping_place, write_mapping

TABLE = torch.tensor([0, 0, 1, 2, 0, 3])


def test_a_mapping_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "used.pth"
    write_mapping(path, TABLE)
    assert torch.equal(read_mapping(path), TABLE)
    # One vector of whole numbers, for programs that read it with torch alone.
    stored = torch.load(path, weights_only=True)
    assert torch.equal(stored, TABLE) and stored.dtype == torch.int64
    torch.save(TABLE.to(torch.int32), path)
    assert torch.equal(read_mapping(path), TABLE) and read_mapping(path).dtype == torch.int64
    with pytest.raises(ValueError, match="two codes have number 1"):
        write_mapping(path, torch.tensor([0, 1, 1]))


def test_a_view_of_a_larger_table_is_written_alone(tmp_path: Path) -> None:
    write_mapping(tmp_path / "used.pth", torch.zeros(100_000, dtype=torch.int64)[:3])
    assert (tmp_path / "used.pth").stat().st_size < 10_000


def test_what_is_no_mapping_is_named(tmp_path: Path) -> None:
    path = tmp_path / "used.pth"
    for value, message in (
        (TABLE.float(), "a list of whole numbers"),
        (TABLE == 0, "a list of whole numbers"),
        ([0, 1], "holds a list, and no mapping of codes"),
        (torch.tensor([0, 2]), r"its numbers must be 0\.\.1, and it holds 2"),
    ):
        torch.save(value, path)
        with pytest.raises(CheckpointError, match=rf"used\.pth: .*{message}") as caught:
            read_mapping(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(CheckpointError, match="gone"):
        read_mapping(tmp_path / "gone.pth")


def test_nothing_but_a_mapping_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "used.pth"
    assert require_mapping_place(path) == path
    write_mapping(path, TABLE)
    assert require_mapping_place(path) == path
    torch.save({"weight": torch.ones(3)}, tmp_path / "network.pth")
    (tmp_path / "large.pth").write_bytes(bytes(2 << 20))
    (tmp_path / "folder").mkdir()
    for name in ("network.pth", "large.pth", "folder"):
        with pytest.raises(ConfigError, match=f"{name}: is there already, and no mapping of codes"):
            require_mapping_place(tmp_path / name)
    with pytest.raises(ConfigError, match="network"):
        require_mapping_place(tmp_path / "network.pth" / "used.pth")
