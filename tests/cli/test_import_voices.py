"""``speech2img import tacotron2`` and ``hifigan``: the published files become releases with the published outputs."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from speech2img.cli.main import main
from speech2img.models.tts.hifigan import HifiGan
from speech2img.models.tts.tacotron2 import Tacotron2
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


def test_tacotron2(recipe: ModuleType, tmp_path: Path) -> None:
    name = "tacotron2_teacher_forced"
    state = {f"module.{key}": torch.from_numpy(np.array(value)) for key, value in recipe.weights(name).items()}
    file = tmp_path / "tacotron2_statedict.pt"
    torch.save({"state_dict": state, "iteration": 3, "optimizer": {}, "learning_rate": 1e-3}, file)
    assert main(["import", "tacotron2", str(file), "--out", str(tmp_path / "voice")]) == 0
    tensors, config = load_release(tmp_path / "voice")
    assert (config["kind"], config["cleaner"], config["mel_preset"]) == ("tacotron2", "english", "tacotron2")
    network = Tacotron2(**{**config["tacotron2"], "masked": False, "prenet_dropout": 0.0}).eval()
    load_weights(network, tensors, name="voice")
    golden = recipe.values(name)
    texts, frames = torch.from_numpy(golden["text_lengths"]), torch.from_numpy(golden["mel_lengths"])
    mel = torch.from_numpy(recipe.tacotron2_mel(golden["text_lengths"], golden["mel_lengths"]))
    with torch.inference_mode():
        output = network(torch.from_numpy(golden["text"]), texts, mel, frames)
    for row, count in enumerate(frames.tolist()):
        np.testing.assert_allclose(output.refined_BMT[row, :, :count], golden["mel_postnet"][row, :, :count], atol=1e-4)


@pytest.mark.parametrize("version", [2, 3])
def test_hifigan(recipe: ModuleType, tmp_path: Path, version: int) -> None:
    state = {key: torch.from_numpy(np.array(value)) for key, value in recipe.weights(f"hifigan_v{version}").items()}
    torch.save({"generator": state}, tmp_path / "generator")
    assert main(["import", "hifigan", str(tmp_path / "generator"), "--out", str(tmp_path / "vocoder")]) == 0
    tensors, config = load_release(tmp_path / "vocoder")
    assert (config["kind"], config["mel_preset"]) == ("vocoder", "tacotron2")
    generator = HifiGan(**config["hifigan"])
    load_weights(generator, tensors, name="vocoder")
    with torch.inference_mode():
        wave = generator(torch.from_numpy(recipe.hifigan_mel(version)))
    np.testing.assert_allclose(wave[:, None], recipe.values(f"hifigan_v{version}")["wave"], atol=1e-4)


@pytest.mark.parametrize("source", ["tacotron2", "hifigan"])
def test_other_files_are_one_line_naming_the_file(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign, half, empty = (tmp_path / name for name in ("foreign.pt", "half.pt", "empty.pt"))
    torch.save({"some.weight": torch.zeros(3)}, foreign)
    torch.save(
        {
            "generator": {"conv_pre.weight_g": torch.ones(4, 1, 1), "conv_pre.weight_v": torch.ones(4, 8, 7)},
            "state_dict": {"embedding.weight": torch.zeros(148, 8)},
        },
        half,
    )
    torch.save({"generator": {}}, empty)
    for file in (foreign, half, empty, tmp_path / "missing.pt"):
        assert main(["import", source, str(file), "--out", str(tmp_path / "out")]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and file.name in lines[0] and "bug" not in lines[0]
        assert not (tmp_path / "out").exists()


def test_sizes_that_no_machine_has_room_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = "encoder_dim attention_dim location_filters prenet_dim attention_rnn_dim decoder_rnn_dim postnet_dim"
    small = Tacotron2(num_symbols=9, n_mels=1, location_kernel=3, **dict.fromkeys(sizes.split(), 2))
    names = {
        "decoder.attention.location_dense": "decoder.attention_layer.location_layer.location_dense.linear_layer",
        "decoder.attention.location_conv": "decoder.attention_layer.location_layer.location_conv.conv",
        "decoder.attention_rnn": "decoder.attention_rnn",
        "decoder.decoder_rnn": "decoder.decoder_rnn",
        "decoder.prenet.layers.0": "decoder.prenet.layers.0.linear_layer",
        "embedding": "embedding",
        "postnet.layers.0.conv": "postnet.convolutions.0.0.conv",
    }
    state = {}
    for key, value in small.state_dict().items():
        layer, _, part = key.rpartition(".")
        if layer in names:
            state[f"{names[layer]}.{part.removesuffix('_l0')}"] = value
    for wide in (torch.zeros(3_000_000, 1), torch.zeros(0, 1)):
        state["decoder.prenet.layers.0.linear_layer.weight"] = wide
        torch.save(state, tmp_path / "wide.pt")
        assert main(["import", "tacotron2", str(tmp_path / "wide.pt"), "--out", str(tmp_path / "out")]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "wide.pt" in line and "bug" not in line
