"""``speech2img import fid-inception`` and ``torchvision-inception``: a release that gives the published numbers."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from speech2img.cli.main import main
from speech2img.features.inception import load_inception
from speech2img.models.vision.inception import InceptionV3
from speech2img.storage.reading import file_sha256
from speech2img.storage.releases.networks import load_weights
from speech2img.storage.releases.release import load_release


def test_folded_layers_of_the_fid_network(realdata: Path, tmp_path: Path) -> None:
    file = realdata / "weights" / "inception_fid_2015_12_05_to_mixed7.npz"
    assert main(["import", "fid-inception", str(file), "--out", str(tmp_path / "fid")]) == 0
    tensors, config = load_release(tmp_path / "fid")
    assert config["kind"] == "inception" and config["inception"]["depth"] == "6e"
    network = InceptionV3(**config["inception"]).eval()
    load_weights(network, tensors, name="fid")
    golden = np.load(realdata / "weights" / "inception_fid_golden.npz")
    pictures = torch.from_numpy(golden["rgb227"][:2]).permute(0, 3, 1, 2) / 255
    resized = torch.nn.functional.interpolate(pictures, size=(299, 299), mode="bilinear", align_corners=False)
    with torch.inference_mode():
        found = network(resized * 2 - 1, ("pool768",))["pool768"]
    np.testing.assert_allclose(found.numpy(), golden["pool768"][:2], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("source", "picture", "tap"),
    [("fid-inception", ("fid299", 3), "pool2048"), ("torchvision-inception", ("inception", 2), "logits")],
)
def test_whole_published_files(source: str, picture: tuple[str, int], tap: str, realdata: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("golden_recipe", realdata / "golden_peers" / "recipe.py")
    assert spec and spec.loader
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    name = source.split("-")[0] + "_inception"
    file = tmp_path / "published.pth"
    torch.save({key: torch.from_numpy(np.array(value)) for key, value in recipe.weights(name).items()}, file)
    assert main(["import", source, str(file), "--out", str(tmp_path / "release")]) == 0
    prepared = (recipe.smooth_images(*picture, 299) * 2 - 1).permute(0, 2, 3, 1).contiguous()
    golden = recipe.values(name)
    expected = golden["pool2048_299" if tap == "pool2048" else tap]
    for path in (file, tmp_path / "release"):
        reader = load_inception(path)
        assert reader.weights_sha256 == file_sha256(file)
        np.testing.assert_allclose(reader.read(prepared, (tap,))[tap], expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("source", ["fid-inception", "torchvision-inception"])
def test_other_files_are_one_line_naming_the_file(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.pth"
    torch.save({"Conv2d_1a_3x3.conv.weight": torch.zeros(32, 3, 3, 3)}, other)
    part = tmp_path / "part.npz"
    np.savez(part, **{"conv/weight": np.zeros((32, 3, 3, 3), np.float32), "conv/bias": np.zeros(32, np.float32)})
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(part.read_bytes()[:100])
    for file in (other, part, damaged, tmp_path / "missing.pth"):
        assert main(["import", source, str(file), "--out", str(tmp_path / "out")]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and file.name in lines[0] and "bug" not in lines[0]
        assert not (tmp_path / "out").exists()
