"""``speech2img import taef2``: two published files become one release; others are refused by name."""

import os
from pathlib import Path

import pytest
import torch
from helpers.taef2_files import POOL, WIDTH, published_graph, published_state, taef2_files

from speech2img.cli.import_weights import import_published
from speech2img.cli.main import main
from speech2img.errors import ConfigError
from speech2img.images.codecs import load_codec
from speech2img.models.codecs.taef2 import LATENT_DEVIATION
from speech2img.storage.releases.release import load_release


def refused(encoder: Path, decoder: Path, capsys: pytest.CaptureFixture[str], *, status: int = 1) -> str:
    """The one line that two files are refused with."""
    out = encoder.parent / "out"
    assert main(["import", "taef2", str(encoder), "--decoder", str(decoder), "--out", str(out)]) == status
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "bug" not in lines[0] and not out.exists()
    return lines[0]


def test_two_files_become_one_codec(tmp_path: Path) -> None:
    encoder, decoder = taef2_files(tmp_path)
    out = tmp_path / "taef2"
    assert main(["import", "taef2", str(encoder), "--decoder", str(decoder), "--out", str(out)]) == 0
    tensors, config = load_release(out)
    assert config["kind"] == "image-codec"
    assert config["codec"] == {"network": "taef2", "latent_channels": 32, "width": WIDTH, "pool_width": POOL}
    assert [file["name"] for file in config["source_files"]] == ["taef2_encoder.pth", "taef2_decoder.pth"]
    assert config["source_files"][0]["sha256"] == config["source_sha256"]
    assert bool((tensors["latent_deviation"] == LATENT_DEVIATION).all())
    card = (out / "CARD.md").read_text()
    assert "Ollin Boer Bohan. MIT License" in card and "madebyollin/taesd" in card and "float16" in card
    assert "import taef2 taef2_encoder.pth --decoder taef2_decoder.pth" in card
    assert all(file["sha256"] in card for file in config["source_files"])

    codec = load_codec(out)
    images = torch.rand(1, 3, 16, 16)
    with torch.inference_mode():
        latents = codec.network.encode(2 * images - 1)
    raw = published_graph("encoder", published_state("encoder"), images)
    torch.testing.assert_close(latents * LATENT_DEVIATION, raw, atol=1e-4, rtol=1e-4)


def test_both_files_are_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    encoder, decoder = taef2_files(tmp_path)
    assert main(["import", "taef2", str(encoder), "--out", str(tmp_path / "out")]) == 2
    assert "taef2: its decoder is a file of its own; add --decoder" in capsys.readouterr().err
    assert main(["import", "hifigan", str(encoder), "--decoder", str(decoder), "--out", str(tmp_path / "out")]) == 2
    assert "--decoder: is no option of hifigan, but of taef2" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="no option of taef2"):
        import_published("taef2", encoder, tmp_path / "out", decoder=decoder, mel_preset="whisper")
    assert "gone.pth" in refused(encoder, tmp_path / "gone.pth", capsys)


def test_swapped_files_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    encoder, decoder = taef2_files(tmp_path)
    line = refused(decoder, encoder, capsys)
    assert "taef2_decoder.pth: holds the decoder" in line and "where the encoder belongs" in line
    line = refused(encoder, encoder, capsys)
    assert "taef2_encoder.pth: holds the encoder" in line and "where the decoder belongs" in line


@pytest.mark.parametrize(("channels", "name"), [(4, "TAESD or TAESDXL"), (16, "TAESD3 or TAEF1"), (8, "8 channels")])
@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_relatives_with_other_latents_are_named(
    part: str, channels: int, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = dict(zip(("encoder", "decoder"), taef2_files(tmp_path), strict=True))
    files[part] = tmp_path / f"taesd_{part}.pth"
    torch.save(published_state(part, channels=channels, pooled=False), files[part])
    line = refused(files["encoder"], files["decoder"], capsys)
    assert f"taesd_{part}.pth: its latents have {channels} channels" in line and name in line


def test_parts_that_are_not_of_one_network_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    encoder, decoder = taef2_files(tmp_path)
    for state, message in (
        (published_state("decoder", pooled=False), "decoder.3.pool.0.weight is missing"),
        (published_state("decoder", width=16), "instead of (8, 32, 3, 3)"),
        ({**published_state("decoder"), "3.extra.weight": torch.ones(1)}, "'3.extra.weight' is no array of TAEF2"),
        ({**published_state("decoder"), "19.bias": torch.full((3,), torch.nan)}, "19.bias: holds values that are not"),
    ):
        torch.save(state, decoder)
        line = refused(encoder, decoder, capsys)
        assert message in line and "taef2_decoder.pth" in line


class Hostile:
    """Pickles as a call."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.place),)


def test_neither_file_runs_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for part in ("encoder", "decoder"):
        files = dict(zip(("encoder", "decoder"), taef2_files(tmp_path), strict=True))
        torch.save({"state_dict": published_state(part), "more": Hostile(tmp_path / "ran")}, files[part])
        line = refused(files["encoder"], files["decoder"], capsys)
        assert f"taef2_{part}.pth: is refused" in line and not (tmp_path / "ran").exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_truncated_files_are_named(share: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for part in (0, 1):
        files = taef2_files(tmp_path)
        content = files[part].read_bytes()
        files[part].write_bytes(content[: int(share * len(content))])
        assert files[part].name in refused(*files, capsys)
