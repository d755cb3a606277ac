"""What lies beside a published VQGAN: LPIPS and PatchGAN fill our networks, and LPIPS is computed by its formula."""

import json
from pathlib import Path

import pytest
import torch
from helpers.vqgan_losses import SLICES, lpips_state, patchgan_state
from torch import Tensor
from torch.nn import functional as F

from speech2img.losses.perceptual import perceptual_loss
from speech2img.models.codecs.patchgan import NLayerDiscriminator
from speech2img.models.published.vqgan_losses import convert_lpips, convert_patchgan, lpips_settings, patchgan_settings
from speech2img.models.vision.lpips import LPIPS


def published_lpips(state: dict[str, Tensor], images: list[Tensor]) -> Tensor:
    """The distance by the published names, in float64."""
    state = {name: value.double() for name, value in state.items()}
    features = []
    for x in images:
        x = (x.double() - state["scaling_layer.shift"]) / state["scaling_layer.scale"]
        place, maps = 0, []
        for number, widths in enumerate(SLICES, start=1):
            if number > 1:
                x, place = F.max_pool2d(x, 2), place + 1
            for _ in widths:
                name = f"net.slice{number}.{place}"
                x, place = F.relu(F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)), place + 2
            maps.append(x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10))
        features.append(maps)
    distances = [
        F.conv2d((one - other).square(), state[f"lin{number}.model.1.weight"]).mean(dim=(1, 2, 3))
        for number, (one, other) in enumerate(zip(*features, strict=True))
    ]
    return torch.stack(distances).sum(dim=0)


def test_lpips_is_the_published_distance() -> None:
    state = lpips_state()
    ours = convert_lpips({f"loss.perceptual_loss.{name}": value for name, value in state.items()})
    network = LPIPS(**lpips_settings(ours))
    network.load_state_dict(ours)
    generator = torch.Generator().manual_seed(1)
    one, other = (torch.rand(2, 3, 32, 48, generator=generator) * 2 - 1 for _ in range(2))
    wanted = published_lpips(state, [one, other])
    found = perceptual_loss(network.maps(one), network.maps(other), channel_weights=network.channel_weights)
    assert wanted.min() > 0.01
    assert found.item() == pytest.approx(wanted.mean().item(), rel=1e-4)
    torch.testing.assert_close(network.features(one), network.maps(one)[-1].mean(dim=(2, 3)))


def test_vgg_and_the_channels_weights_may_lie_in_two_files() -> None:
    state = lpips_state()
    vgg = {f"features.{name.split('.', 2)[2]}": value for name, value in state.items() if name.startswith("net.")}
    vgg |= {"classifier.0.weight": torch.zeros(2, 2)}
    linear = {name: value for name, value in state.items() if name.startswith("lin")}
    parts = convert_lpips(vgg) | convert_lpips(linear)
    whole = convert_lpips(state)
    assert whole.keys() == parts.keys() and all(torch.equal(whole[name], value) for name, value in parts.items())
    with pytest.raises(ValueError, match="no weights of channels; give their file with --linear"):
        lpips_settings(convert_lpips(vgg))


def test_patchgan_keeps_its_layers() -> None:
    state = patchgan_state()
    ours = convert_patchgan({f"loss.discriminator.{name}": value for name, value in state.items()})
    assert patchgan_settings(ours) == {"width": 4, "num_layers": 2}
    network = NLayerDiscriminator(4, 2)
    network.load_state_dict(ours)
    assert torch.equal(network.state_dict()["layers.6.running_var"], state["main.6.running_var"])


def test_a_checkpoint_of_full_size_fills_both(realdata: Path) -> None:
    keys = json.loads((realdata / "golden_peers" / "vqgan_f16_training_published.keys.json").read_text())
    state = {
        key: torch.empty(shape, dtype=getattr(torch, dtype), device="meta") for key, (shape, dtype) in keys.items()
    }
    lpips, patchgan = convert_lpips(state), convert_patchgan(state)
    assert patchgan_settings(patchgan) == {"width": 64, "num_layers": 2}
    with torch.device("meta"):
        networks = LPIPS(**lpips_settings(lpips)), NLayerDiscriminator(**patchgan_settings(patchgan))
    for network, own in zip(networks, (lpips, patchgan), strict=True):
        network.load_state_dict(own, assign=True)
    assert sum(value.numel() for value in networks[0].state_dict().values()) == pytest.approx(14.7e6, rel=1e-2)


def test_what_is_no_part_of_them_is_named() -> None:
    with pytest.raises(ValueError, match=r"'net\.slice1\.3\.weight' is no array of LPIPS"):
        convert_lpips({"net.slice1.3.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"'main\.0\.gain' is no array of a PatchGAN"):
        convert_patchgan({"loss.discriminator.main.0.gain": torch.zeros(1), "encoder.x": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"slices\.0\.0\.weight with 4 axes is missing"):
        lpips_settings(convert_lpips({"lin0.model.1.weight": torch.ones(1, 4, 1, 1)}))
