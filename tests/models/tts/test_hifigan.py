"""HiFi-GAN: the published generators' own waveforms in all sizes, and strictness about their states."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from speech2img.models.published.hifigan import convert_hifigan, fold_weight_norm, hifigan_settings
from speech2img.models.tts.hifigan import PUBLISHED, HifiGan


@pytest.mark.parametrize("version", [1, 2, 3])
def test_the_published_waveforms(realdata: Path, version: int) -> None:
    spec = importlib.util.spec_from_file_location("golden_recipe", realdata / "golden_peers" / "recipe.py")
    assert spec and spec.loader
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    name = f"hifigan_v{version}"
    published = {key: torch.from_numpy(np.asarray(value)) for key, value in recipe.weights(name).items()}
    state = convert_hifigan(published)
    settings = hifigan_settings(state)
    expected = {
        name: list(value) if isinstance(value, tuple) else value for name, value in PUBLISHED[f"v{version}"].items()
    }
    assert settings == {"n_mels": 80, **expected}
    generator = HifiGan(**settings)
    generator.load_state_dict(state)
    with torch.inference_mode():
        wave = generator(torch.from_numpy(recipe.hifigan_mel(version)))
    assert wave.shape == (1, 20 * generator.hop_length) and generator.hop_length == 256
    np.testing.assert_allclose(wave[:, None], recipe.values(name)["wave"], atol=1e-4)


@pytest.mark.parametrize("version", sorted(PUBLISHED))
def test_every_size_gives_256_samples_a_frame(version: str) -> None:
    torch.manual_seed(0)
    wave = HifiGan(**{**PUBLISHED[version], "width": 16})(torch.randn(2, 80, 3))
    assert wave.shape == (2, 3 * 256) and wave.abs().max() <= 1


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("kind", [torch.nn.Conv1d, torch.nn.ConvTranspose1d])
def test_both_spellings_of_weight_norm_are_multiplied_out(kind: type[torch.nn.Conv1d]) -> None:
    for normalise in (torch.nn.utils.parametrizations.weight_norm, torch.nn.utils.weight_norm):
        torch.manual_seed(0)
        network = torch.nn.Sequential(normalise(kind(3, 4, 5)))
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if name.endswith(("original0", "weight_g")):
                    parameter.mul_(1.5)
        network(torch.randn(1, 3, 9))
        folded = fold_weight_norm(network.state_dict())
        assert folded.keys() == {"0.weight", "0.bias"}
        torch.testing.assert_close(folded["0.weight"], network[0].weight.detach())


def test_wrong_states_and_sizes() -> None:
    with pytest.raises(ValueError, match="no array of a generator"):
        convert_hifigan({"mpd.weight": torch.zeros(2)})
    with pytest.raises(ValueError, match="no complete"):
        convert_hifigan({"conv_pre.weight_g": torch.zeros(2, 1, 1)})
    with pytest.raises(ValueError, match="missing"):
        hifigan_settings({})
    with pytest.raises(ValueError, match="go together"):
        HifiGan(width=100, rates=(8, 8, 2), kernels=(16, 16, 4))
    with pytest.raises(ValueError, match="keep the length"):
        HifiGan(rates=(8, 8, 2, 2), kernels=(15, 16, 4, 4))
