"""Training of a codec: its run is one that everything takes; it is resumed exactly; what does not fit is named."""

import json
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from helpers import tiny_trainings
from PIL import Image

from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import ConfigError, DataError
from speech2img.features.stores import image_store, latent_store
from speech2img.images.codecs import load_codec
from speech2img.metrics.functional.reconstruction import reconstruction
from speech2img.models.codecs.conv_autoencoder import ConvAutoencoder
from speech2img.pipeline import SpeechToImage
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.releases.release import CARD, load_own
from speech2img.training.codec.reconstruction import reconstruct
from speech2img.training.codec.settings import CodecLossSettings, CodecSettings
from speech2img.training.codec.task import CodecTask
from speech2img.training.train import train

STEPS = tiny_trainings.STEPS


def log(run: Path, kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def test_its_run_is_a_codec(root: Path, run: Path) -> None:
    codec = load_codec(run)
    assert codec.name == "own" and isinstance(codec.network, ConvAutoencoder)
    assert (codec.network.channels, codec.network.stride, codec.latent_side(64)) == (4, 8, 8)
    _, config = load_own(run / "export")
    assert config["kind"] == "image-codec" and config["step"] == STEPS and config["images_seen"] == 6 * STEPS
    assert config["trained_with"].keys() == {"perceptual network"}
    assert "2 validation images come back at" in (run / "export" / CARD).read_text()

    # What it says of itself is what it does, up to the float16 of the release.
    images = image_store(Manifest.load(root), size=64, progress=False).read([12, 13])
    assert reconstruction(images, reconstruct(codec.network, images)).psnr == pytest.approx(config["psnr"], abs=0.02)
    assert config["psnr_images"] == 2


def test_its_latents_have_mean_0_and_deviation_1_over_training_images(root: Path, run: Path) -> None:
    manifest = Manifest.load(root)
    rows = [row for row, item in enumerate(manifest.items) if item.split == "train"]
    codec = load_codec(run)
    latents = codec.encode_views(image_store(manifest, size=64, progress=False).read(rows), 1)
    np.testing.assert_allclose(latents.mean(axis=(0, 1, 3, 4)), 0, atol=0.01)
    np.testing.assert_allclose(latents.std(axis=(0, 1, 3, 4)), 1, atol=0.01)


def test_its_linear_maps_stay_the_principal_components_of_training_images(root: Path, run: Path) -> None:
    manifest = Manifest.load(root)
    rows = [row for row, item in enumerate(manifest.items) if item.split == "train"]
    images = image_store(manifest, size=64, progress=False).read(rows)
    fitted = ConvAutoencoder(latent_channels=4, width=4, blocks=1)
    fitted.fit_linear_(torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1)
    tensors, _ = load_own(run / "export")
    for name in ("analysis.weight", "analysis.bias", "synthesis.weight", "synthesis.bias"):
        torch.testing.assert_close(tensors[name].float(), fitted.state_dict()[name], atol=2e-4, rtol=2e-3, msg=name)
    assert tensors["decoder.0.weight"].any() and tensors["encoder.2.second.weight"].any()


def test_what_it_logs_and_draws(run: Path) -> None:
    steps = log(run, "train")
    assert len(steps) == STEPS
    terms = {"loss", "l1", "latent", "perceptual", "adversarial", "discriminator", "gradient_norm"}
    assert terms <= steps[0].keys()
    # The discriminator's turn comes after a fifth of four steps.
    assert [step["discriminator"] > 0 for step in steps] == [False, True, True, True]
    assert [step["adversarial"] != 0 for step in steps] == [False, True, True, True]
    weights = tiny_trainings.CODEC.losses
    for step in steps:
        total = step["l1"] + weights.latent * step["latent"] + weights.perceptual * step["perceptual"]
        assert step["loss"] == pytest.approx(total + weights.adversarial * step["adversarial"], rel=1e-5)
    last = log(run, "evaluation")[-1]
    assert 3 < last["psnr"] < 40 and 0 < last["l1"] < 128 and last["images"] == 2
    grid = Image.open(run / "grids" / f"reconstructions-{STEPS:08d}.png")
    assert grid.size == (2 * 64 + 2, 2 * 64 + 2)


def test_an_interrupted_run_ends_bit_for_bit_the_same(
    root: Path, run: Path, tmp_path: Path, toy: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    original: Callable[..., Any] = CodecTask.train_step

    def stopping(self: CodecTask, batch: Any, used: float) -> Any:
        nonlocal calls
        calls += 1
        if calls in (1, 3):
            signal.raise_signal(signal.SIGTERM)
        return original(self, batch, used)

    monkeypatch.setattr(CodecTask, "train_step", stopping)
    sittings = 0
    while not tiny_trainings.train("codec", root, tmp_path / "own").finished:
        sittings += 1
    assert sittings == 2
    digests = []
    for folder in (run, tmp_path / "own"):
        store = CheckpointStore(folder / "checkpoints")
        state, _ = store.load(store.folder / f"step-{STEPS:08d}")
        digests.append({key: toy.digest(value) for key, value in state["task"].items()})
    assert digests[0] == digests[1]
    assert {"codec", "average", "optimizer", "sampler", "adversary"} <= digests[0].keys()
    exports = [(folder / "export" / "weights.safetensors").read_bytes() for folder in (run, tmp_path / "own")]
    assert exports[0] == exports[1]


def test_it_learns(root: Path, settings: CodecSettings, tmp_path: Path) -> None:
    """More than a mean colour in a few seconds, without a network that looks, and without an adversary."""
    plain = replace(
        settings,
        perceptual=None,
        crop=32,
        losses=CodecLossSettings(),
        model=replace(settings.model, width=8),
        learning_rate=3e-3,
        loop=replace(tiny_trainings.LOOP, max_steps=80, evaluate_every=0, checkpoint_minutes=9.0),
    )
    assert train("codec", root, tmp_path / "run", plain, device="cpu", progress=False).finished
    manifest = Manifest.load(root)
    images = image_store(manifest, size=64, progress=False).read([12, 13])
    mean = np.broadcast_to(images.mean(axis=(1, 2), keepdims=True).round(), images.shape).astype(np.uint8)
    found = log(tmp_path / "run", "evaluation")[-1]["psnr"]
    assert found > reconstruction(images, mean).psnr + 2
    assert load_own(tmp_path / "run" / "export")[1]["trained_with"] == {}


def test_noise_on_latents_is_learned_with(root: Path, run: Path, settings: CodecSettings, tmp_path: Path) -> None:
    loop = replace(tiny_trainings.LOOP, max_steps=STEPS)
    quiet = replace(settings, latent_noise=0.0, loop=loop)
    train("codec", root, tmp_path / "run", quiet, device="cpu", progress=False)
    assert log(tmp_path / "run", "train")[0]["l1"] != log(run, "train")[0]["l1"]


def test_features_and_a_flow_take_it(root: Path, run: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "corpus")
    features = ["features", "--root", str(tmp_path / "corpus"), "--codec", str(run), "--image-size", "64"]
    assert main([*features, "--workers", "1", "--device", "cpu"]) == 0
    assert (tmp_path / "corpus" / "derived" / "latents-64-own.h5").is_file()
    flow = replace(tiny_trainings.latent_flow_settings(root, steps=1), codec=str(run))
    train("generator", tmp_path / "corpus", tmp_path / "flow", flow, device="cpu", progress=False)
    tensors, config = load_own(tmp_path / "flow" / "export")
    assert config["generator"]["codec"]["network"] == "conv-autoencoder"
    assert config["trained_with"]["image codec"] == load_codec(run).sha256
    assert torch.equal(
        tensors["generator.codec.decoder.0.weight"], load_own(run / "export")[0]["decoder.0.weight"].float().half()
    )
    model = SpeechToImage.load(tmp_path / "flow", device="cpu")
    assert model(root / Manifest.load(root).items[0].captions[0].audio, seed=1).size == (64, 64)


def test_latents_of_another_codec_are_refused(root: Path, run: Path, settings: CodecSettings, tmp_path: Path) -> None:
    """A run that was trained on is another codec, of the same name."""
    shutil.copytree(root, tmp_path / "corpus")
    latent_store(Manifest.load(tmp_path / "corpus"), load_codec(run), size=64, device="cpu", progress=False)
    other = tmp_path / "own"
    seeded = replace(settings, loop=replace(tiny_trainings.LOOP, max_steps=1, seed=9))
    train("codec", root, other, seeded, device="cpu", progress=False)
    flow = replace(tiny_trainings.latent_flow_settings(root, steps=1), codec=str(other))
    with pytest.raises(DataError, match="latents-64-own.h5: its latents are of another codec") as caught:
        train("generator", tmp_path / "corpus", tmp_path / "flow", flow, device="cpu", progress=False)
    assert "\n" not in str(caught.value) and not (tmp_path / "flow").exists()
    with pytest.raises(ConfigError, match="image size 100: no multiple of 8, as the codec 'own' needs"):
        load_codec(run).latent_side(100)


def test_the_command_line_trains_it_and_names_what_it_cannot(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "codec", "--root", str(root), "--out", str(tmp_path / "run"), "--device", "cpu"]
    sets = ["image_size=64", "model.width=4", "model.blocks=1", "batch_size=4", "loop.max_steps=2", "loop.threads=1"]
    options = [part for setting in [*sets, "loop.precision=bf16"] for part in ("--set", setting)]
    for wrong, message in (
        ("perceptual=vgg16", "perceptual vgg16: no network, and no teacher features of the corpus"),
        ("image_size=100", "image_size: 100 is no multiple of 8"),
    ):
        assert main([*command, *options, "--set", wrong]) == 2
        assert message in capsys.readouterr().err and not (tmp_path / "run").exists()
    assert main([*command, *options]) == 0
    assert "psnr" in capsys.readouterr().out
    assert load_codec(tmp_path / "run").network.channels == 32


def test_a_run_does_not_go_on_under_another_network(root: Path, run: Path, settings: CodecSettings) -> None:
    loop = replace(tiny_trainings.LOOP, max_steps=STEPS)
    with pytest.raises(ConfigError, match=r"perceptual network \(was .*, now not set\)"):
        train("codec", root, run, replace(settings, perceptual=None, loop=loop), device="cpu", progress=False)


def test_two_processes_learn_what_one_does(start: Any, tmp_path: Path) -> None:
    one, two = (start("codec", tmp_path / str(ranks), ranks=ranks) for ranks in (1, 2))
    assert one.statuses == [0] and two.statuses == [0, 0], two.message(0)
    logs = [log(job.folder, "train") for job in (one, two)]
    assert len(logs[0]) == len(logs[1]) == STEPS
    for alone, divided in zip(*logs, strict=True):
        for name in ("loss", "l1", "latent", "perceptual", "adversarial", "discriminator", "gradient_norm"):
            assert divided[name] == pytest.approx(alone[name], rel=1e-3, abs=1e-6), name
