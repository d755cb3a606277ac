"""``speech2img import vqgan`` and ``gumbel-vq``: published codecs become releases; nothing they carry is run."""

import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.trainer_checkpoints import imported, lightning
from helpers.vqgan_states import CODES, SETTINGS, published_graph, published_state, within_vq_diffusion

from speech2img.cli.main import main
from speech2img.images.codecs import load_codec
from speech2img.models.codecs.token_codec import TokenCodec
from speech2img.storage.releases.release import CARD, load_release
from speech2img.storage.releases.writing import save_release

pytestmark = pytest.mark.usefixtures("foreign_module")
NETWORKS = ("vqgan", "gumbel-vq")
TABLE = torch.tensor([0, 0, 1, 0, 2, 3, 0, 0, 4, 0, 0, 5])


def taming(state: dict[str, torch.Tensor], callback: Any) -> dict[str, Any]:
    """A Lightning checkpoint as taming-transformers wrote them: callbacks by their class, losses beside the codec."""
    beside = {
        "loss.perceptual_loss.net.slice1.0.weight": torch.ones(2, 3),
        "loss.discriminator.main.0.bias": torch.ones(4),
    }
    return {
        "epoch": 3,
        "global_step": 9,
        "pytorch-lightning_version": "1.0.8",
        "callbacks": {callback: {"best_model_path": "x", "best_model_score": torch.ones(())}},
        "optimizer_states": [{"state": {}, "param_groups": []}],
        "lr_schedulers": [],
        "state_dict": {**state, **beside},
    }


@pytest.fixture
def callback(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A class of a module that is gone when the file is read, as the trainer's are."""
    module = types.ModuleType("pytorch_lightning")
    module.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": "pytorch_lightning"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pytorch_lightning", module)
    return module.ModelCheckpoint


def refused(source: str, file: Path, capsys: pytest.CaptureFixture[str], *options: str, status: int = 1) -> str:
    """The one line that a file is refused with."""
    capsys.readouterr()
    out = file.parent / "out"
    assert main(["import", source, str(file), "--out", str(out), *options]) == status
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "bug" not in lines[0] and not out.exists()
    return lines[0]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_container_of_the_publishers_trainer_becomes_a_codec(
    network: str, tmp_path: Path, callback: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, file, out = published_state(network), tmp_path / "last.ckpt", tmp_path / "codec"
    torch.save(taming(state, callback), file)
    monkeypatch.delitem(sys.modules, "pytorch_lightning")
    assert main(["import", network, str(file), "--codes", str(CODES), "--out", str(out)]) == 0
    assert "pytorch_lightning" not in sys.modules

    tensors, config = load_release(out)
    form = {"form": "published"} if network == "vqgan" else {}
    assert config["kind"] == "image-codec" and config["codec"] == {"network": network, **SETTINGS, **form}
    assert not [name for name in tensors if "loss" in name]
    card = (out / CARD).read_text()
    assert f"import {network} last.ckpt" in card and "Patrick Esser" in card and "float32" in card

    codec = load_codec(out)
    assert isinstance(codec.network, TokenCodec) and codec.network.num_codes == CODES
    encode, decode = published_graph(state)
    images = torch.rand(1, 3, 8, 8) * 2 - 1
    with torch.inference_mode():
        torch.testing.assert_close(codec.network.encode(images), encode(images), atol=1e-4, rtol=1e-4)
        tokens = codec.network.encode_tokens(images)
        codes = state["quantize.embedding.weight" if network == "vqgan" else "quantize.embed.weight"]
        wanted = decode(codes[tokens].movedim(-1, 1))
        torch.testing.assert_close(codec.network.decode_tokens(tokens), wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_container_gives_what_the_plain_state_gives(network: str, tmp_path: Path) -> None:
    state = published_state(network)
    torch.save(state, tmp_path / "plain.pth")
    containers = {
        "a transformer around it": lightning({**state}, "first_stage_model."),
        "vq-diffusion": within_vq_diffusion(state),
        "half": {"state_dict": {name: value.half() for name, value in state.items()}},
    }
    for number, container in enumerate(containers.values()):
        torch.save(container, tmp_path / f"{number}.pth", _use_new_zipfile_serialization=number != 1)
    plain = imported(network, tmp_path / "plain.pth", tmp_path / "plain")
    for number, name in enumerate(containers):
        ours = imported(network, tmp_path / f"{number}.pth", tmp_path / f"out{number}")
        assert ours.keys() == plain.keys(), name
        for key, value in ours.items():
            wanted = plain[key].half() if name == "half" else plain[key]
            assert torch.equal(value.float(), wanted.float()), (name, key)


def test_a_mapping_leaves_the_codes_in_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, mapping = tmp_path / "last.ckpt", tmp_path / "used.pth"
    torch.save(published_state(), file)
    torch.save(TABLE, mapping)
    whole = imported("vqgan", file, tmp_path / "whole")
    for unused, options in (("published", []), ("nearest", ["--unused", "nearest"])):
        out = tmp_path / unused
        tensors = imported("vqgan", file, out, "--mapping", str(mapping), *options)
        assert tensors["reduction.codes_R"].tolist() == [0, 2, 4, 5, 8, 11]
        assert all(torch.equal(tensors[name], value) for name, value in whole.items())
        _, config = load_release(out)
        assert config["mapping"] == "used.pth" and len(config["mapping_sha256"]) == 64
        assert f"--mapping {mapping.name}" in (out / CARD).read_text()
        network = load_codec(out).network
        assert isinstance(network, TokenCodec) and (network.num_codes, network.unused) == (6, unused)

    assert "--unused: all codes are in use" in refused("vqgan", file, capsys, "--unused", "nearest", status=2)
    assert "--mapping: is no option of taef2" in refused("taef2", file, capsys, "--mapping", str(mapping), status=2)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (TABLE[:-1], "has 12 codes, and its mapping is of 11"),
        (torch.cat([TABLE, torch.tensor([0])]), "has 12 codes, and its mapping is of 13"),
        (
            TABLE.clone().index_fill_(0, torch.tensor([3]), 2),
            "no permutation of the codes in use: two codes have number 2",
        ),
        (
            TABLE.clone().index_fill_(0, torch.tensor([2]), 0),
            "no permutation of the codes in use: no code has number 1",
        ),
        (TABLE.clone().index_fill_(0, torch.tensor([2]), 12), "its numbers must be 0..11, and it holds 12"),
        (TABLE.float(), "a list of whole numbers"),
        ({"a": TABLE}, "holds a dict, and no mapping of codes"),
    ],
)
def test_a_mapping_that_does_not_fit_is_named(
    table: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, mapping = tmp_path / "last.ckpt", tmp_path / "used.pth"
    torch.save(published_state(), file)
    torch.save(table, mapping)
    line = refused("vqgan", file, capsys, "--mapping", str(mapping))
    assert message in line and ("used.pth" in line or "last.ckpt" in line)


def test_a_mapping_runs_nothing_and_may_not_be_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, mapping = tmp_path / "last.ckpt", tmp_path / "used.pth"
    torch.save(published_state(), file)
    torch.save([TABLE, Hostile(tmp_path / "ran")], mapping)
    assert "used.pth: is refused" in refused("vqgan", file, capsys, "--mapping", str(mapping))
    assert not (tmp_path / "ran").exists()
    torch.save(TABLE, mapping)
    content = mapping.read_bytes()
    for size in (0, 10, len(content) // 2, len(content) - 1):
        mapping.write_bytes(content[:size])
        assert "used.pth" in refused("vqgan", file, capsys, "--mapping", str(mapping))
    assert "gone.pth" in refused("vqgan", file, capsys, "--mapping", str(tmp_path / "gone.pth"))


@pytest.mark.parametrize("network", NETWORKS)
def test_another_number_of_codes_than_asked_is_named(
    network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(published_state(network), tmp_path / "last.ckpt")
    line = refused(network, tmp_path / "last.ckpt", capsys, "--codes", "16384")
    assert f"last.ckpt: has {CODES} codes, not 16384" in line


@pytest.mark.parametrize("network", NETWORKS)
def test_other_networks_are_named(network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, other = tmp_path / "last.ckpt", NETWORKS[1 - NETWORKS.index(network)]
    torch.save(published_state(other), file)
    assert f"its quantiser is that of {other}" in refused(network, file, capsys)
    state = published_state(network)
    for changed, message in (
        ({**state, "encoder.conv_in.gain": torch.ones(1)}, f"'encoder.conv_in.gain' is no array of {network}"),
        ({**state, "encoder.mid.block_1.q.weight": torch.ones(1)}, "is no array of "),
        ({**state, "encoder.down.0.attn.0.k2.weight": torch.ones(1)}, "is no array of "),
        ({"generator.weight": torch.ones(3, 3)}, "is no array of "),
        ({name: value for name, value in state.items() if not name.startswith("decoder.")}, "is missing"),
        ({name: value for name, value in state.items() if not name.startswith("quantize.")}, "is missing"),
        ({name: value for name, value in state.items() if "down" not in name}, "its encoder has the levels []"),
        ({**state, "decoder.conv_out.bias": torch.full((3,), torch.nan)}, "holds values that are not finite"),
        ({**state, "encoder.conv_in.weight": torch.ones(7, 3, 3, 3)}, "has 32 channels, no multiple of 7"),
        ({**state, "decoder.conv_in.weight": torch.ones(64, 5, 3, 3)}, "instead of"),
    ):
        torch.save(changed, file)
        line = refused(network, file, capsys)
        assert message in line and "last.ckpt" in line
    parts = within_vq_diffusion(state)
    codebook = next(name for name in parts["model"] if name.startswith("content_codec.dec.quantize"))  # type: ignore[attr-defined]
    parts["model"][codebook] = parts["model"][codebook] + 1  # type: ignore[index]
    torch.save(parts, file)
    assert "of its encoder and of its decoder differ" in refused(network, file, capsys)


class Hostile:
    """Pickles as a call."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.place),)


def test_a_container_with_callables_runs_none(
    tmp_path: Path, callback: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in ("hyper_parameters", "state_dict"):
        for new in (True, False):
            container = taming(published_state(), callback)
            container.setdefault(place, {})["more"] = Hostile(tmp_path / "ran")
            torch.save(container, tmp_path / "last.ckpt", _use_new_zipfile_serialization=new)
            line = refused("vqgan", tmp_path / "last.ckpt", capsys)
            assert "last.ckpt: is refused" in line and not (tmp_path / "ran").exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_truncated_files_are_named(share: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for new in (True, False):
        torch.save({"state_dict": published_state()}, tmp_path / "last.ckpt", _use_new_zipfile_serialization=new)
        content = (tmp_path / "last.ckpt").read_bytes()
        (tmp_path / "last.ckpt").write_bytes(content[: int(share * len(content))])
        assert "last.ckpt" in refused("vqgan", tmp_path / "last.ckpt", capsys)


def test_a_release_with_an_unsound_table_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(published_state(), tmp_path / "last.ckpt")
    torch.save(TABLE, tmp_path / "used.pth")
    imported("vqgan", tmp_path / "last.ckpt", tmp_path / "codec", "--mapping", str(tmp_path / "used.pth"))
    tensors, config = load_release(tmp_path / "codec")
    tensors["reduction.codes_R"][3] = CODES
    save_release(tmp_path / "codec", tensors, config, "# Changed\n")
    assert main(["features", "--root", str(tmp_path), "--codec", str(tmp_path / "codec"), "--image-size", "8"]) == 1
    assert "its table of codes in use names one twice, or one that is not there" in capsys.readouterr().err
