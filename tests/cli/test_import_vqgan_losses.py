"""``speech2img import ema-vq``, ``lpips`` and ``vqgan-discriminator``: what lies in or beside a published codec."""

from pathlib import Path

import pytest
import torch
from helpers.trainer_checkpoints import imported
from helpers.vqgan_losses import lpips_state, patchgan_state
from helpers.vqgan_states import CODES, SETTINGS, published_state, within_vq_diffusion

from speech2img.cli.main import main
from speech2img.features.registry import load_extractor
from speech2img.images.codecs import load_codec
from speech2img.models.codecs.vqgan import EMAVQ
from speech2img.storage.releases.release import load_release

pytestmark = pytest.mark.usefixtures("foreign_module")


def training_state() -> dict[str, torch.Tensor]:
    """State of a whole training: codec, perceptual network, discriminator."""
    parts = {"loss.perceptual_loss.": lpips_state(), "loss.discriminator.": patchgan_state()}
    beside = {f"{prefix}{name}": value for prefix, state in parts.items() for name, value in state.items()}
    return {**published_state("vqgan"), **beside}


def test_one_checkpoint_gives_codec_discriminator_and_perceptual_network(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "state_dict": training_state()}, tmp_path / "last.ckpt")
    for source in ("vqgan", "vqgan-discriminator", "lpips"):
        imported(source, tmp_path / "last.ckpt", tmp_path / source)
    _, config = load_release(tmp_path / "vqgan-discriminator")
    assert config["kind"] == "codec-discriminator" and config["discriminator"] == {"width": 4, "num_layers": 2}
    assert load_extractor(tmp_path / "lpips").kind == "lpips"
    assert load_codec(tmp_path / "vqgan").token_network().num_codes == CODES


def test_vgg_needs_the_file_of_the_channels_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = lpips_state()
    vgg = {f"features.{name.split('.', 2)[2]}": value for name, value in state.items() if name.startswith("net.")}
    torch.save(vgg, tmp_path / "vgg16.pth")
    torch.save({name: value for name, value in state.items() if name.startswith("lin")}, tmp_path / "vgg.pth")
    command = ["import", "lpips", str(tmp_path / "vgg16.pth"), "--out", str(tmp_path / "out")]
    assert main(command) == 1
    assert "holds no weights of channels; give their file with --linear" in capsys.readouterr().err
    assert main([*command, "--linear", str(tmp_path / "vgg.pth")]) == 0
    torch.save(state, tmp_path / "whole.pth")
    ours, whole = load_release(tmp_path / "out")[0], imported("lpips", tmp_path / "whole.pth", tmp_path / "whole")
    assert ours.keys() == whole.keys() and all(torch.equal(ours[name], value) for name, value in whole.items())


def test_a_codebook_of_averages_keeps_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = published_state("ema-vq")
    torch.save({"model": state}, tmp_path / "ithq.pth")
    torch.save(within_vq_diffusion(state), tmp_path / "within.pth")
    ours = imported("ema-vq", tmp_path / "ithq.pth", tmp_path / "ours")
    assert torch.equal(ours["quantizer.counts_K"].float(), state["quantize.cluster_size"])
    _, config = load_release(tmp_path / "ours")
    assert config["codec"] == {"network": "ema-vq", **SETTINGS}
    codec = load_codec(tmp_path / "ours").network
    assert isinstance(codec, EMAVQ) and torch.equal(codec.quantizer.codebook.weight, state["quantize.embedding"])
    within = imported("ema-vq", tmp_path / "within.pth", tmp_path / "within")
    assert all(torch.equal(within[name], value) for name, value in ours.items())
    # Every other row names it.
    for source in ("vqgan", "gumbel-vq"):
        assert main(["import", source, str(tmp_path / "ithq.pth"), "--out", str(tmp_path / "no")]) == 1
        assert "its quantiser is that of ema-vq" in capsys.readouterr().err
