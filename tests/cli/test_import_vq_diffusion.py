"""``speech2img import vq-diffusion`` and ``sta``: published checkpoints draw images; what does not fit is one line."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.hubert_states import speechclip_state, waveform
from helpers.trainer_checkpoints import imported
from helpers.vq_diffusion_states import STEPS, TEXT_DIM, WIDTH, diffusion_checkpoint, transformer_state
from helpers.vqgan_states import CODES
from PIL import Image

from speech2img.audio.wav import write_wav
from speech2img.cli.formats.diffusion import token_diffusion
from speech2img.cli.main import main
from speech2img.generation import EmbeddingsToImage
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.registry import build_generator
from speech2img.models.published.vq_diffusion import convert_speech_transformer, convert_text_transformer
from speech2img.seeded_noise import seeded_noise
from speech2img.storage.releases.release import load_release, strip_prefix

pytestmark = pytest.mark.usefixtures("foreign_module")
TABLE = torch.tensor([0, 0, 1, 0, 2, 3, 0, 0, 4, 0, 0, 5])
SIZES = ["--side", "8", "--heads", "2"]


def generator(folder: Path) -> torch.nn.Module:
    tensors, config = load_release(folder)
    network = build_generator(**config["generator"])
    network.load_state_dict(strip_prefix(tensors, "generator."))
    return network.eval()


@pytest.mark.parametrize("codec", ["vqgan", "gumbel-vq", "ema-vq"])
def test_s2ivq_ds_checkpoint_draws_images_of_embeddings(codec: str, tmp_path: Path) -> None:
    torch.save(diffusion_checkpoint("published", network=codec), tmp_path / "600e.pth")
    imported("sta", tmp_path / "600e.pth", tmp_path / "sta", *SIZES)
    _, config = load_release(tmp_path / "sta")
    settings = config["generator"]
    assert (config["kind"], settings["form"], settings["embedding_dim"]) == ("image-generator", "published", 2 * WIDTH)
    assert (settings["table_side"], settings["num_steps"], settings["codec"]["network"]) == (5, STEPS, codec)
    assert "kept_codes" not in settings["codec"]
    # The averaged weights, under our names.
    averaged = convert_speech_transformer(transformer_state("published", seed=1))
    ours = generator(tmp_path / "sta").transformer.state_dict()  # type: ignore[union-attr]
    assert ours.keys() == averaged.keys()
    assert all(torch.equal(ours[name], value) for name, value in averaged.items())
    vectors = np.random.default_rng(0).standard_normal((2, 2 * WIDTH)).astype(np.float32)
    images = EmbeddingsToImage.load(tmp_path / "sta", device="cpu").generate(vectors, seed=1)
    assert images.shape == (2, 1, 8, 8, 3) and images.std() > 0


def test_s2ivq_d_paints_a_recording_by_its_imported_parts(tmp_path: Path) -> None:
    torch.save({"state_dict": speechclip_state(large=True)}, tmp_path / "encoder.ckpt")
    torch.save(diffusion_checkpoint("published"), tmp_path / "600e.pth")
    imported("s2ivq-d-encoder", tmp_path / "encoder.ckpt", tmp_path / "encoder")
    imported("sta", tmp_path / "600e.pth", tmp_path / "sta", *SIZES)
    write_wav(tmp_path / "bird.wav", waveform(9_000), sample_rate=16_000)
    parts = ["--model", str(tmp_path / "encoder"), "--generator", str(tmp_path / "sta")]
    assert (
        main(["generate", *parts, str(tmp_path / "bird.wav"), "--out", str(tmp_path / "out"), "--device", "cpu"]) == 0
    )
    (image,) = [path for path in (tmp_path / "out").rglob("*") if path.suffix in (".png", ".jpg")]
    assert Image.open(image).size == (8, 8)


def test_vq_diffusions_checkpoint_draws_the_codes_of_its_mapping(tmp_path: Path) -> None:
    torch.save(diffusion_checkpoint("text", codes=6), tmp_path / "cub.pth")
    torch.save(TABLE, tmp_path / "used.pth")
    imported("vq-diffusion", tmp_path / "cub.pth", tmp_path / "cub", *SIZES, "--mapping", str(tmp_path / "used.pth"))
    _, config = load_release(tmp_path / "cub")
    settings = config["generator"]
    assert settings["form"] == "text" and settings["embedding_dim"] == TEXT_DIM
    assert settings["codec"]["kept_codes"] == 6 and settings["codec"]["unused"] == "published"
    assert config["mapping"] == "used.pth" and len(config["mapping_sha256"]) == 64
    network = generator(tmp_path / "cub")
    averaged = convert_text_transformer(transformer_state("text", codes=6, seed=1))
    assert all(torch.equal(network.transformer.state_dict()[name], value) for name, value in averaged.items())  # type: ignore[union-attr]
    # Whatever is drawn, it is an image of the codes in use.
    words = torch.nn.functional.normalize(torch.randn(1, TEXT_DIM, 3), dim=1)
    speech = SpeechEncoding(torch.zeros(1, TEXT_DIM), words, torch.tensor([3]))
    with torch.inference_mode():
        *_, last = network.token_states(speech, seeded_noise([(0, 0, 0)]))  # type: ignore[operator]
        (image,) = network.sample(speech, seeded_noise([(0, 0, 0)]))  # type: ignore[operator]
    assert int(last.tokens_BN.max()) < 6 and image.shape == (1, 3, 8, 8)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ("none", ["--mapping"], "draws 12 codes, and its mapping has 6"),
        ("reduced", [], "draws 6 codes, and its codec has 12; add --mapping FILE"),
        ("no codec", [], "holds no codec beside its transformer"),
        ("other form", [], "is no array of S2IVQ-D's transformer"),
        ("array missing", [], "is missing"),
        ("callable", [], "is refused"),
    ],
)
def test_what_does_not_fit_is_one_line(
    change: str, options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    form = "text" if change == "other form" else "published"
    checkpoint: dict[str, Any] = diffusion_checkpoint(form, codes=6 if change == "reduced" else CODES)
    if change == "no codec":
        checkpoint["model"] = {name: v for name, v in checkpoint["model"].items() if not name.startswith("content")}
    if change == "array missing":
        for part in ("model", "ema"):
            checkpoint[part] = {name: v for name, v in checkpoint[part].items() if "content_emb.emb" not in name}
    if change == "callable":
        checkpoint["more"] = Hostile(tmp_path / "ran")
    torch.save(checkpoint, tmp_path / "600e.pth")
    torch.save(TABLE, tmp_path / "used.pth")
    given = [part for option in options for part in (option, str(tmp_path / "used.pth"))]
    assert main(["import", "sta", str(tmp_path / "600e.pth"), "--out", str(tmp_path / "out"), *SIZES, *given]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0] and "600e.pth" in lines[0] and "bug" not in lines[0]
    assert not (tmp_path / "out").exists() and not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("options", "message"), [(["--side", "9"], "multiple of 2"), (["--heads", "5"], "num_heads")])
def test_sizes_that_it_cannot_have_are_one_line(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(diffusion_checkpoint("published"), tmp_path / "600e.pth")
    command = ["import", "sta", str(tmp_path / "600e.pth"), "--out", str(tmp_path / "out")]
    assert main([*command, *SIZES, *options]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0] and not (tmp_path / "out").exists()


class Hostile:
    """Pickles as a call."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.place),)


@pytest.mark.parametrize(
    ("name", "form", "codes", "codec"), [("sta", "published", 974, "vqgan"), ("vqdiffusion", "text", 2887, "gumbel-vq")]
)
def test_checkpoints_of_full_size_are_described(
    name: str, form: Any, codes: int, codec: str, realdata: Path, tmp_path: Path
) -> None:
    """Published names and shapes; arrays of one number each, so that they take no memory."""
    keys = json.loads((realdata / "golden_peers" / f"{name}_cub_checkpoint_published.keys.json").read_text())
    state = {key: torch.zeros((), dtype=getattr(torch, dtype)).expand(shape) for key, (shape, dtype) in keys.items()}
    all_codes = {"vqgan": 16_384, "gumbel-vq": 8_192}[codec]
    table = torch.zeros(all_codes, dtype=torch.int64)
    table[1 : 2 * codes - 1 : 2] = torch.arange(1, codes)
    torch.save(table, tmp_path / "used.pth")
    conversion = token_diffusion(form, mapping=tmp_path / "used.pth")
    ours = conversion.describe(conversion.convert(state))
    settings = ours.settings
    assert (settings["codec"]["network"], settings["codec"]["kept_codes"]) == (codec, codes)
    assert (settings["codec"]["num_codes"], settings["image_size"]) == (all_codes, 256)
    depth, width, speech = (24, 512, 1024) if form == "published" else (19, 1024, 512)
    assert (settings["depth"], settings["width"], settings["embedding_dim"]) == (depth, width, speech)
