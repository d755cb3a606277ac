"""``speech2img import`` of checkpoints as trainers write them: wrapped, prefixed, compressed, with all sorts beside."""

import gzip
import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.published_states import BESIDE, OPTIONS, PUBLISHED, State, hifigan, s2igan_sen
from helpers.trainer_checkpoints import LAYOUTS, assert_same, imported, lightning
from safetensors.torch import save_file
from torch import Tensor, nn

from speech2img.cli.importers import IMPORTERS, Conversion, ImportedNetwork, Importer
from speech2img.cli.main import main
from speech2img.models.published.state_dicts import converted, shape_of
from speech2img.options import Option
from speech2img.storage.releases.release import load_release

pytestmark = pytest.mark.usefixtures("foreign_module")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("source", ["stackgan-v2-generator", "tacotron2"])
def test_every_layout_gives_what_the_plain_state_gives(tmp_path: Path, source: str, layout: str) -> None:
    state = PUBLISHED[source]()
    torch.save(state, tmp_path / "plain.pth")
    torch.save(LAYOUTS[layout](state), tmp_path / "file.ckpt")
    ours = imported(source, tmp_path / "file.ckpt", tmp_path / "release")
    assert_same(ours, imported(source, tmp_path / "plain.pth", tmp_path / "plain"))


@pytest.mark.parametrize("source", sorted({*IMPORTERS} - {"asr-transformer"}))  # Keras's file is HDF5
def test_every_source_takes_a_compressed_container(tmp_path: Path, source: str) -> None:
    state = PUBLISHED[source]()
    torch.save(lightning(state, "model."), tmp_path / "plain.ckpt", pickle_protocol=4)
    with gzip.open(tmp_path / "file.ckpt.gz", "wb", compresslevel=1) as file:
        file.write((tmp_path / "plain.ckpt").read_bytes())
    options = [*OPTIONS.get(source, [])]
    if source in BESIDE:
        option, beside = BESIDE[source]
        beside(tmp_path / "beside.pth")
        options += [option, str(tmp_path / "beside.pth")]
    assert imported(source, tmp_path / "file.ckpt.gz", tmp_path / "release", *options)


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


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("prefix", ["", "model."])
def test_safetensors_are_read_whatever_their_name(tmp_path: Path, prefix: str, half: bool) -> None:
    state = {key: value.half().float() if half else value for key, value in hifigan().items()}
    torch.save(state, tmp_path / "plain.pth")
    stored = {f"{prefix}{key}": (value.half() if half else value).contiguous() for key, value in state.items()}
    save_file(stored, tmp_path / "file.bin", metadata={"format": "pt"})
    ours = imported("hifigan", tmp_path / "file.bin", tmp_path / "release")
    assert_same(ours, imported("hifigan", tmp_path / "plain.pth", tmp_path / "plain"))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_plain_pickles_of_arrays_are_read(tmp_path: Path, protocol: int) -> None:
    state = hifigan()
    torch.save(state, tmp_path / "plain.pth")
    arrays = {"model": {key: value.numpy() for key, value in state.items()}, "matching_heuristics": True}
    (tmp_path / "file.pkl").write_bytes(pickle.dumps(arrays, protocol=protocol))
    ours = imported("hifigan", tmp_path / "file.pkl", tmp_path / "release")
    assert_same(ours, imported("hifigan", tmp_path / "plain.pth", tmp_path / "plain"))
