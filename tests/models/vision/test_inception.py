"""Inception-v3: both published builds against a plain network of convolutions and norms, and against golden values."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from speech2img.errors import CheckpointError
from speech2img.models.published.inception import convert_inception, inception_source
from speech2img.models.vision.inception import InceptionV3
from speech2img.storage.releases.networks import load_weights

BENCHMARK = Path(__file__).parents[3] / "tools" / "benchmark" / "published_inception.py"


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _plain(*, fid: bool) -> torch.nn.Module:
    """The customary network with random weights and statistics that keep the signal alive."""
    torch.manual_seed(0)
    network = _module(BENCHMARK).PublishedInception(fid=fid).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.normal_(module.weight, std=(2 / module.weight[0].numel()) ** 0.5)
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            torch.nn.init.uniform_(module.weight, 0.8, 1.2)
            torch.nn.init.normal_(module.bias, std=0.1)
    return network


def _ours(state: dict[str, torch.Tensor], source: str) -> InceptionV3:
    network, _, weights = convert_inception(state, source)
    load_weights(network, weights, name=source)
    return network.eval()


@pytest.fixture(scope="module")
def fid() -> tuple[torch.nn.Module, InceptionV3]:
    plain = _plain(fid=True)
    return plain, _ours(plain.state_dict(), "fid-inception")


def test_every_tap_is_the_customary_networks(fid: tuple[torch.nn.Module, InceptionV3]) -> None:
    plain, ours = fid
    images = torch.rand(2, 3, 107, 91, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        expected, found = plain(images), ours(images, ours.outputs)
    assert ours.outputs == ("pool64", "pool192", "pool768", "pool2048", "logits", "logits_unbiased")
    for name, value in expected.items():
        assert value.abs().max() > 0.1
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5)
    bias = plain.get_parameter("fc.bias")
    torch.testing.assert_close(found["logits"] - found["logits_unbiased"], bias.expand(2, -1), rtol=1e-4, atol=1e-5)


def test_torchvisions_build_differs_by_its_pools() -> None:
    plain = _plain(fid=False)
    state = plain.state_dict() | {"AuxLogits.fc.bias": torch.zeros(1000)}
    images = torch.rand(1, 3, 107, 107, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        expected = plain(images)["logits"]
        found = _ours(state, "torchvision-inception")(images, ("logits",))["logits"]
        build = InceptionV3(build="fid", num_classes=1000).eval()
        load_weights(build, convert_inception(state, "torchvision-inception")[2], name="other build")
        other = build(images, ("logits",))["logits"]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert (other - expected).abs().max() > 1e-2


def test_only_what_is_asked_for_is_computed(fid: tuple[torch.nn.Module, InceptionV3]) -> None:
    _, ours = fid
    ran: list[str] = []
    hooks = [block.register_forward_hook(lambda *_, name=name: ran.append(name)) for name, block in ours.blocks.items()]
    images = torch.zeros(1, 3, 75, 75)
    with torch.inference_mode():
        assert list(ours(images, ("pool192", "pool64"))) == ["pool192", "pool64"] and not ran
        assert ours(images, ("pool768",))["pool768"].shape == (1, 768) and ran[-1] == "6e"
    for hook in hooks:
        hook.remove()


def test_folded_layers_up_to_mixed_7_under_tensorflows_names(fid: tuple[torch.nn.Module, InceptionV3]) -> None:
    _, whole = fid
    arrays = {}
    for key, value in whole.state_dict().items():
        if (name := _tensorflow(key)) is not None:
            arrays[name] = value
    assert len(arrays) == 140 and "mixed_3_tower_conv_2/bias" in arrays and "mixed_7_tower_1_conv_4/weight" in arrays
    ours = _ours(arrays, "fid-inception")
    assert ours.outputs == ("pool64", "pool192", "pool768")
    images = torch.rand(1, 3, 80, 80)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images, ours.outputs), whole(images, ours.outputs), rtol=0, atol=0)
        with pytest.raises(ValueError, match="no output 'pool2048', only pool64, pool192, pool768"):
            ours(images)
        with pytest.raises(ValueError, match="from 75 px on"):
            ours(torch.zeros(1, 3, 74, 80), ("pool64",))


def _tensorflow(key: str) -> str | None:
    """TensorFlow's name of one of our arrays up to 6e."""
    blocks = ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e")
    towers = {"one": "", "five": "_tower", "seven": "_tower", "doubled": "_tower_1", "pool": "_tower_2", "three": ""}
    parts = key.split(".")
    if parts[0] == "stem":
        return f"conv{f'_{parts[1]}' if parts[1] != '0' else ''}/{parts[2]}"
    if parts[0] != "blocks" or parts[1] not in blocks:
        return None
    number = blocks.index(parts[1])
    tower = "_tower" if (parts[1], parts[2]) == ("6a", "doubled") else towers[parts[2]]
    place = f"_{parts[3]}" if len(parts) == 5 and parts[3] != "0" else ""
    return f"mixed{f'_{number}' if number else ''}{tower}_conv{place}/{parts[-1]}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("Mixed_6b.branch7x7_2.conv.weight"), "Mixed_6b.branch7x7_2.conv.weight is missing"),
        (lambda s: s.pop("Mixed_6b.branch7x7_2.bn.running_var"), "Mixed_6b.branch7x7_2.bn.running_var is missing"),
        (lambda s: [s.pop(key) for key in list(s) if "7c.branch_pool" in key], "blocks.7c.pool.weight is missing"),
        (lambda s: s.update({"head.weight": torch.zeros(3)}), "'head.weight' is no array of the FID Inception"),
        (lambda s: s.update({"Mixed_5b.branch9x9_1.conv.weight": torch.zeros(3)}), "branch9x9_1' is no layer"),
        (lambda s: s.update({"Mixed_5b.branch1x1.bn.bias": torch.zeros(65)}), "norm that does not fit"),
        (lambda s: s.update({"Conv2d_1a_3x3.conv.weight": torch.zeros(32, 3, 5, 5)}), "has shape (32, 3, 5, 5)"),
        (lambda s: s.update({"fc.weight": torch.zeros(1008)}), "classifier.weight with 2 axes is missing"),
    ],
)
def test_damaged_files_are_named(fid: tuple[torch.nn.Module, InceptionV3], change, message: str) -> None:
    state = dict(fid[0].state_dict())
    change(state)
    with pytest.raises((ValueError, CheckpointError)) as caught:
        _ours(state, "fid-inception")
    assert message in str(caught.value)


def test_the_two_published_files_are_told_apart(fid: tuple[torch.nn.Module, InceptionV3]) -> None:
    state = dict(fid[0].state_dict())
    assert inception_source(state) == "fid-inception"
    state |= {"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}
    assert inception_source(state) == "torchvision-inception"
    with pytest.raises(ValueError, match="has 1000 classes, the FID Inception 1008"):
        convert_inception(state, "fid-inception")
    state |= {"fc.weight": torch.zeros(50, 2048), "fc.bias": torch.zeros(50)}
    assert inception_source(state) is None
    assert convert_inception(state, "torchvision-inception")[1]["num_classes"] == 50
    with pytest.raises(ValueError, match="has no classes"):
        convert_inception({key: value for key, value in state.items() if "fc." not in key}, "fid-inception")


def test_impossible_networks_are_refused() -> None:
    for settings in ({"build": "keras"}, {"depth": "7a"}, {"depth": "6e", "num_classes": 10}):
        with pytest.raises(ValueError):
            InceptionV3(**settings)


@pytest.mark.parametrize("size", [64, 256, 299])
def test_golden_values_of_pytorch_fid(realdata: Path, size: int) -> None:
    recipe = _module(realdata / "golden_peers" / "recipe.py")
    state = {key: torch.from_numpy(np.array(value)) for key, value in recipe.weights("fid_inception_strong").items()}
    ours = _ours(state, "fid-inception")
    pictures = recipe.smooth_images(f"fid{size}", 3, size)
    with torch.inference_mode():
        found = ours(
            F.interpolate(pictures, size=(299, 299), mode="bilinear", align_corners=False) * 2 - 1, ours.outputs
        )
    golden = recipe.values("fid_inception_strong")
    names = [name for name in golden.files if f"_{size}" in name]
    assert len(names) == (4 if size == 256 else 1)
    for name in names:
        pool, _, step = name.partition("_")[0], *name.partition("_every")[1:]
        values = found[pool].numpy()[:, :: int(step or 1)]
        np.testing.assert_allclose(values, golden[name], rtol=0, atol=1e-4 * max(1.0, float(golden[name].std())))


def test_golden_values_of_torchvision(realdata: Path) -> None:
    recipe = _module(realdata / "golden_peers" / "recipe.py")
    state = {
        key: torch.from_numpy(np.array(value)) for key, value in recipe.weights("torchvision_inception_strong").items()
    }
    with torch.inference_mode():
        found = _ours(state, "torchvision-inception")(recipe.smooth_images("inception", 2, 299) * 2 - 1, ("logits",))
    golden = recipe.values("torchvision_inception_strong")["logits"]
    np.testing.assert_allclose(found["logits"].numpy(), golden, rtol=0, atol=1e-4)


def test_golden_values_with_the_real_weights(realdata: Path) -> None:
    with np.load(realdata / "weights" / "inception_fid_2015_12_05_to_mixed7.npz") as arrays:
        ours = _ours({name: torch.from_numpy(arrays[name]) for name in arrays.files}, "fid-inception")
    golden = np.load(realdata / "weights" / "inception_fid_golden.npz")
    pictures = torch.from_numpy(golden["rgb227"]).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        found = ours(
            F.interpolate(pictures, size=(299, 299), mode="bilinear", align_corners=False) * 2 - 1, ours.outputs
        )
    for tap in ours.outputs:
        np.testing.assert_allclose(found[tap].numpy(), golden[tap], rtol=0, atol=1e-4)
