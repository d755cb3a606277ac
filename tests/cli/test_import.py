"""Published checkpoints through the ``import`` verb: the release gives what the publisher's own code gave."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from speech2img.cli.main import main
from speech2img.models.generators.stackgan import StackGenerator
from speech2img.models.generators.stackgan_discriminator import StackDiscriminator
from speech2img.models.vision.googlenet import BVLCGoogLeNet, TorchvisionGoogLeNet, bvlc_preprocess
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.networks import load_weights
from speech2img.storage.releases.release import load_release


@pytest.fixture(scope="module")
def recipe(realdata: Path) -> ModuleType:
    """The rule behind the golden weights."""
    spec = importlib.util.spec_from_file_location("golden_recipe", realdata / "golden_peers" / "recipe.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _publish(recipe: ModuleType, name: str, path: Path, *, wrap: str | None = None) -> Path:
    state = {key: torch.from_numpy(np.array(value)) for key, value in recipe.weights(name).items()}
    torch.save({wrap: state, "meta": {"epoch": 3}} if wrap else state, path)
    return path


def test_encoder_and_generator_become_one_pipeline(recipe: ModuleType, tmp_path: Path) -> None:
    encoder_file = _publish(recipe, "li2020_encoder_bi", tmp_path / "best.pth", wrap="state_dict")
    generator_file = _publish(recipe, "stackgan_v2_generator", tmp_path / "netG.pth")
    assert main(["import", "li2020-encoder", str(encoder_file), "--out", str(tmp_path / "li")]) == 0
    assert main(["import", "stackgan-v2-generator", str(generator_file), "--out", str(tmp_path / "gan")]) == 0
    pipe = SpeechToImage.load(tmp_path / "li", generator=tmp_path / "gan", device="cpu")
    assert pipe.mel.name == "li2020" if hasattr(pipe.mel, "name") else True

    golden = recipe.values("li2020_encoder_bi")
    lengths = torch.from_numpy(golden["lengths"])
    with torch.inference_mode():
        mel = torch.from_numpy(recipe.li2020_mel("li2020_encoder_bi", golden["lengths"]))
        sentence = pipe.encoder(mel[:, :, : int(lengths.max())], lengths).sentence
        np.testing.assert_allclose(sentence.numpy(), golden["sentence"], atol=1e-4)

        golden = recipe.values("stackgan_v2_generator")
        assert pipe.sampler is not None
        output = pipe.sampler.generator(
            torch.from_numpy(golden["embedding"]), torch.from_numpy(golden["z"]), eps=torch.zeros(2, 128)
        )
    np.testing.assert_allclose(output.images[0].numpy(), golden["img64"], atol=1e-4)
    np.testing.assert_allclose(output.images[2][:, :, ::8, ::8].numpy(), golden["img256_every8"], atol=1e-4)
    assert pipe.image_size == 256


def test_s2igan_generator_paints_as_published(recipe: ModuleType, tmp_path: Path) -> None:
    file = _publish(recipe, "s2igan_rdg_generator", tmp_path / "netG_600.pth")
    assert main(["import", "s2igan-generator", str(file), "--out", str(tmp_path / "rdg")]) == 0
    tensors, config = load_release(tmp_path / "rdg")
    assert config["kind"] == "image-generator" and config["conditioning"] == "sampled" and config["generator"]["dense"]
    network = StackGenerator(**config["generator"]).eval()
    load_weights(network, {k.removeprefix("generator."): v for k, v in tensors.items()}, name="rdg")
    golden = recipe.values("s2igan_rdg_generator")
    with torch.inference_mode():
        output = network(torch.from_numpy(golden["embedding"]), torch.from_numpy(golden["z"]), eps=torch.zeros(2, 128))
    np.testing.assert_allclose(output.images[0].numpy(), golden["img64"], atol=1e-4)
    np.testing.assert_allclose(output.images[1][:, :, ::4, ::4].numpy(), golden["img128_every4"], atol=1e-4)
    np.testing.assert_allclose(output.images[2][:, :, ::8, ::8].numpy(), golden["img256_every8"], atol=1e-4)


def test_stacked_generators_are_not_mistaken_for_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for dense, wrong, right in (
        (True, "stackgan-v2-generator", "s2igan-generator"),
        (False, "s2igan-generator", "stackgan-v2-generator"),
    ):
        network = StackGenerator(embedding_dim=4, condition_dim=2, noise_dim=2, width=4, num_stages=2, dense=dense)
        torch.save(_published_names(network.state_dict()), tmp_path / "netG.pth")
        assert main(["import", wrong, str(tmp_path / "netG.pth"), "--out", str(tmp_path / "out")]) == 1
        assert f"those of a {right}" in capsys.readouterr().err and not (tmp_path / "out").exists()
        state = _published_names(network.state_dict())
        state["module.h_net2.upsample.2.weight"] = state["module.h_net2.upsample.2.weight"][:-1]
        torch.save(state, tmp_path / "netG.pth")
        assert main(["import", right, str(tmp_path / "netG.pth"), "--out", str(tmp_path / "out")]) == 1
        assert "netG.pth" in capsys.readouterr().err and not (tmp_path / "out").exists()


def _published_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """State of a generator of ours under the publishers' names."""
    block = {"gated.conv": "0", "gated.norm": "1", "conv": "3", "norm": "4"}
    rules = (
        (r"augment\.project", lambda m: "ca_net.fc"),
        (r"first\.(project|norm)", lambda m: f"h_net1.fc.{'01'[m[1] == 'norm']}"),
        (r"first\.ups\.(\d)\.(conv|norm)", lambda m: f"h_net1.upsample{int(m[1]) + 1}.{'12'[m[2] == 'norm']}"),
        (r"to_image\.(\d)", lambda m: f"img_net{int(m[1]) + 1}.img.0"),
        (r"next\.(\d)\.joint\.(conv|norm)", lambda m: f"h_net{int(m[1]) + 2}.jointConv.{'01'[m[2] == 'norm']}"),
        (r"next\.(\d)\.up\.(conv|norm)", lambda m: f"h_net{int(m[1]) + 2}.upsample.{'12'[m[2] == 'norm']}"),
        (
            r"next\.(\d)\.residual\.(\d)\.(gated\.conv|gated\.norm|conv|norm)",
            lambda m: f"h_net{int(m[1]) + 2}.residual.{m[2]}.block.{block[m[3]]}",
        ),
    )
    named = {}
    for key, value in state.items():
        pattern, name = next(rule for rule in rules if re.match(rule[0], key))
        named[f"module.{re.sub(pattern, name, key, count=1)}"] = value
    return named


def test_discriminator(recipe: ModuleType, tmp_path: Path) -> None:
    file = _publish(recipe, "stackgan_v2_d64", tmp_path / "netD0.pth")
    assert main(["import", "stackgan-v2-discriminator", str(file), "--out", str(tmp_path / "d")]) == 0
    tensors, config = load_release(tmp_path / "d")
    network = StackDiscriminator(**config["discriminator"]).eval()
    load_weights(network, {k.removeprefix("discriminator."): v for k, v in tensors.items()}, name="d64")
    golden = recipe.values("stackgan_v2_d64")
    with torch.inference_mode():
        out = network(torch.from_numpy(recipe.discriminator_images("d64", 64)), torch.from_numpy(golden["mu"]))
    published = [golden[name].reshape(-1) for name in golden.files if name != "mu"]
    ours = [out.conditional_logits.sigmoid().numpy(), out.unconditional_logits.sigmoid().numpy()]
    for value in published:
        assert min(np.abs(value - mine).max() for mine in ours) < 1e-4


def test_torchvision_googlenet(recipe: ModuleType, tmp_path: Path) -> None:
    file = _publish(recipe, "torchvision_googlenet_strong", tmp_path / "googlenet.pth")
    assert main(["import", "torchvision-googlenet", str(file), "--out", str(tmp_path / "t")]) == 0
    tensors, config = load_release(tmp_path / "t")
    assert config["variant"] == "torchvision"
    network = TorchvisionGoogLeNet().eval()
    load_weights(network, tensors, name="torchvision")
    with torch.inference_mode():
        pooled = network.features(2 * recipe.smooth_images("googlenet", 3, 224) - 1)
    np.testing.assert_allclose(pooled.numpy(), recipe.values("torchvision_googlenet_strong")["pool5"], atol=1e-4)


def test_caffe_googlenet_from_arrays(realdata: Path, tmp_path: Path) -> None:
    file = realdata / "weights" / "googlenet_bvlc.npz"
    assert main(["import", "caffe-googlenet", str(file), "--out", str(tmp_path / "bvlc")]) == 0
    tensors, config = load_release(tmp_path / "bvlc")
    assert config["kind"] == "googlenet" and config["variant"] == "bvlc"
    network = BVLCGoogLeNet().eval()
    load_weights(network, tensors, name="bvlc")
    golden = np.load(realdata / "weights" / "googlenet_bvlc_golden.npz")
    rgb = torch.from_numpy(golden["rgb224"][:2])
    rgb = rgb.permute(0, 3, 1, 2) if rgb.shape[-1] == 3 else rgb
    with torch.inference_mode():
        pooled = network.features(bvlc_preprocess(rgb))
    np.testing.assert_allclose(pooled.numpy(), golden["pool5"][:2], atol=1e-3)


@pytest.mark.parametrize(
    "source",
    ["li2020-encoder", "stackgan-v2-generator", "s2igan-generator", "torchvision-googlenet", "caffe-googlenet"],
)
def test_wrong_files_are_one_line_naming_the_file(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "notes.pth"
    text.write_text("these are no weights")
    other = tmp_path / "other.pth"
    torch.save({"some.weight": torch.zeros(3)}, other)
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK\x03\x04 nothing")
    for file in (text, other, broken, tmp_path / "missing.pth"):
        assert main(["import", source, str(file), "--out", str(tmp_path / "out")]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and file.name in lines[0] and "bug" not in lines[0]
        assert not (tmp_path / "out").exists()


def test_hostile_checkpoint_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sentinel = tmp_path / "ran"

    class Hostile:
        def __reduce__(self) -> tuple[object, ...]:
            import os

            return os.mkdir, (str(sentinel),)

    file = tmp_path / "evil.pth"
    torch.save({"state_dict": Hostile()}, file)
    assert main(["import", "li2020-encoder", str(file), "--out", str(tmp_path / "out")]) == 1
    assert not sentinel.exists()
    assert "evil.pth" in capsys.readouterr().err
