"""Training of a codec with a codebook: a run that everything takes, resumed exactly; codes revived; usage told."""

import json
import math
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
from speech2img.errors import ConfigError
from speech2img.features.stores import image_store, load_tokens
from speech2img.images.codecs import load_codec
from speech2img.metrics.functional.reconstruction import reconstruction
from speech2img.models.codecs.code_usage import code_usage
from speech2img.models.codecs.vqgan import EMAVQ, VQGAN, GumbelVQ
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.releases.release import CARD, load_own
from speech2img.training.codec.reconstruction import reconstruct, token_counts
from speech2img.training.codec.vq_settings import GumbelSettings, VQLossSettings
from speech2img.training.codec.vq_task import VQCodecTask, temperature
from speech2img.training.train import train

STEPS = tiny_trainings.STEPS
CASES = {"vq codec": VQGAN, "gumbel codec": GumbelVQ, "ema codec": EMAVQ}


@pytest.fixture(scope="module")
def runs(root: Path) -> dict[str, Path]:
    """A finished run of each quantiser."""
    folders = {case: root.parent / "runs" / case.replace(" ", "-") for case in CASES}
    for case, folder in folders.items():
        assert tiny_trainings.train(case, root, folder).finished
    return folders


def log(run: Path, kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


@pytest.mark.parametrize("case", CASES)
def test_its_run_is_a_codec_with_codes(case: str, root: Path, runs: dict[str, Path]) -> None:
    codec = load_codec(runs[case])
    network = codec.token_network()
    assert type(network) is CASES[case] and (network.num_codes, network.stride, codec.latent_side(64)) == (24, 8, 8)
    _, config = load_own(runs[case] / "export")
    assert config["kind"] == "image-codec" and config["step"] == STEPS and config["images_seen"] == 6 * STEPS
    assert "of 24 for each square of 8 x 8 px" in (runs[case] / "export" / CARD).read_text()
    # What it says of itself is what it does, up to the float16 of the release.
    images = image_store(Manifest.load(root), size=64, progress=False).read([12, 13])
    assert reconstruction(images, reconstruct(network, images)).psnr == pytest.approx(config["psnr"], abs=0.1)
    usage = code_usage(token_counts(network, images))
    assert usage.share == pytest.approx(config["codes_used"], abs=0.1)
    assert usage.perplexity == pytest.approx(config["perplexity"], rel=0.2)


@pytest.mark.parametrize("case", CASES)
def test_what_it_logs_and_draws(case: str, runs: dict[str, Path]) -> None:
    steps, run = log(runs[case], "train"), runs[case]
    own = {"divergence", "temperature"} if case == "gumbel codec" else {"codebook", "revived"}
    terms = {"loss", "l1", "perceptual", "adversarial", "discriminator", "perplexity", "codes_used", "gradient_norm"}
    assert len(steps) == STEPS and terms | own <= steps[0].keys()
    assert all(1 <= step["perplexity"] <= 24 and 0 < step["codes_used"] <= 1 for step in steps)
    last = log(run, "evaluation")[-1]
    assert 3 < last["psnr"] < 40 and 1 <= last["perplexity"] <= 24 and 0 < last["codes_used"] <= 1
    assert Image.open(run / "grids" / f"reconstructions-{STEPS:08d}.png").size == (2 * 64 + 2, 2 * 64 + 2)
    # Before the discriminator's turn the loss is the weighted sum.
    first, settings = steps[0], tiny_trainings.CASES[case][1]
    weight = {"codebook": settings.losses.codebook, "divergence": settings.gumbel.divergence}
    total = first["l1"] + settings.losses.perceptual * first["perceptual"]
    total += sum(weight[name] * first[name] for name in weight if name in first)
    assert first["loss"] == pytest.approx(total, rel=1e-5) and [step["discriminator"] > 0 for step in steps][0] is False
    if case != "gumbel codec":
        assert steps[0]["revived"] == 24 and steps[1]["revived"] == steps[3]["revived"] == 0
    else:
        assert [step["temperature"] for step in steps] == sorted((s["temperature"] for s in steps), reverse=True)
        assert steps[0]["temperature"] == pytest.approx(0.9) and steps[-1]["temperature"] < 0.5


@pytest.mark.parametrize("case", CASES)
def test_an_interrupted_run_ends_bit_for_bit_the_same(
    case: str, root: Path, runs: dict[str, Path], tmp_path: Path, toy: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    original: Callable[..., Any] = VQCodecTask.train_step

    def stopping(self: VQCodecTask, batch: Any, used: float) -> Any:
        nonlocal calls
        calls += 1
        if calls in (1, 3):
            signal.raise_signal(signal.SIGTERM)
        return original(self, batch, used)

    monkeypatch.setattr(VQCodecTask, "train_step", stopping)
    sittings = 0
    while not tiny_trainings.train(case, root, tmp_path / "own").finished:
        sittings += 1
    assert sittings == 2
    digests = []
    for folder in (runs[case], tmp_path / "own"):
        store = CheckpointStore(folder / "checkpoints")
        state, _ = store.load(store.folder / f"step-{STEPS:08d}")
        digests.append({key: toy.digest(value) for key, value in state["task"].items()})
    assert digests[0] == digests[1]
    assert {"codec", "average", "optimizer", "sampler", "adversary"} <= digests[0].keys()
    assert ("revival" in digests[0]) == (case != "gumbel codec")
    exports = [(folder / "export" / "weights.safetensors").read_bytes() for folder in (runs[case], tmp_path / "own")]
    assert exports[0] == exports[1]


def test_it_learns_and_keeps_its_codes_in_use(root: Path, tmp_path: Path) -> None:
    """More than a mean colour in a few seconds, with more than half of the codebook in use."""
    settings = tiny_trainings.VQ_CODEC
    plain = replace(
        settings,
        perceptual=None,
        crop=32,
        losses=VQLossSettings(),
        model=replace(settings.model, width=8, code_dim=8, num_codes=64),
        learning_rate=3e-3,
        loop=replace(tiny_trainings.LOOP, max_steps=80, evaluate_every=0, checkpoint_minutes=9.0),
    )
    assert train("codec", root, tmp_path / "run", plain, device="cpu", progress=False).finished
    images = image_store(Manifest.load(root), size=64, progress=False).read([12, 13])
    mean = np.broadcast_to(images.mean(axis=(1, 2), keepdims=True).round(), images.shape).astype(np.uint8)
    found = log(tmp_path / "run", "evaluation")[-1]
    assert found["psnr"] > reconstruction(images, mean).psnr + 0.3
    assert found["codes_used"] > 0.5 and found["perplexity"] > 20


@pytest.mark.parametrize("quantizer", ["nearest", "ema"])
def test_revived_codes_are_used_and_help(quantizer: str, root: Path, tmp_path: Path) -> None:
    """The same run with and without revival: usage of the codebook; what comes back, where codes follow a gradient."""
    tiny = tiny_trainings.VQ_CODEC
    plain = replace(
        tiny,
        perceptual=None,
        crop=32,
        losses=VQLossSettings(),
        model=replace(tiny.model, width=8, code_dim=8, num_codes=64, quantizer=quantizer),
        nearest=replace(tiny.nearest, revive_every=10),
        learning_rate=3e-3,
        loop=replace(tiny_trainings.LOOP, max_steps=60, evaluate_every=0, checkpoint_minutes=9.0),
    )
    found = []
    for every in (10, 0):
        settings, run = replace(plain, nearest=replace(plain.nearest, revive_every=every)), tmp_path / str(every)
        assert train("codec", root, run, settings, device="cpu", progress=False).finished
        found.append(log(run, "evaluation")[-1])
    revived, left = found
    assert revived["codes_used"] > 2 * left["codes_used"] and revived["perplexity"] > 2 * left["perplexity"]
    assert revived["psnr"] > left["psnr"] - 0.05 * (quantizer == "ema")  # its codes reach the latents either way


def test_the_temperature_falls_as_half_a_cosine() -> None:
    settings = GumbelSettings(temperature_start=1.0, temperature_end=0.1)
    found = [temperature(progress, settings) for progress in (-0.1, 0.0, 0.5, 1.0, 1.1)]
    assert found == pytest.approx([1.0, 1.0, 0.55, 0.1, 0.1])
    assert temperature(0.25, settings) == pytest.approx(0.1 + 0.45 * (1 + math.sqrt(0.5)))


def test_the_discriminators_weight_follows_both_gradients(root: Path, tmp_path: Path) -> None:
    """With `adaptive` the two gradients at the last convolution are as 1 to the weight."""
    case = tiny_trainings.VQ_CODEC
    tiny = replace(
        case, losses=replace(case.losses, adversarial_from=0.0), loop=replace(tiny_trainings.LOOP, max_steps=1)
    )
    seen: list[float] = []
    original = VQCodecTask.adversarial_weight

    def looking(self: VQCodecTask, loss: torch.Tensor, term: torch.Tensor) -> torch.Tensor | float:
        weight = original(self, loss, term)
        last = self.network.decoder.last.weight
        parts = (loss, weight * term)
        norms = [float(torch.autograd.grad(part, last, retain_graph=True)[0].norm()) for part in parts]
        seen.append(norms[1] / norms[0])
        return weight

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VQCodecTask, "adversarial_weight", looking)
        train("codec", root, tmp_path / "adaptive", tiny, device="cpu", progress=False)
        fixed = replace(tiny, losses=replace(tiny.losses, adaptive=False))
        train("codec", root, tmp_path / "fixed", fixed, device="cpu", progress=False)
    assert seen[0] == pytest.approx(tiny.losses.adversarial, rel=0.05)
    assert seen[1] != pytest.approx(tiny.losses.adversarial, rel=0.05)


def test_features_writes_its_tokens(root: Path, runs: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "corpus")
    features = ["features", "--root", str(tmp_path / "corpus"), "--codec", str(runs["vq codec"]), "--image-size", "64"]
    assert main([*features, "--workers", "1", "--device", "cpu"]) == 0
    codec = load_codec(runs["vq codec"])
    tokens = load_tokens(Manifest.load(tmp_path / "corpus"), codec, size=64)
    assert (tokens.shape, tokens.num_codes) == ((8, 8), 24)
    images = image_store(Manifest.load(tmp_path / "corpus"), size=64, progress=False).read([0, 5])
    assert np.array_equal(tokens.read([0, 5]), codec.encode_token_views(images, 1)[:, 0])


def test_the_command_line_trains_it_and_names_what_it_cannot(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "codec", "--root", str(root), "--out", str(tmp_path / "run"), "--device", "cpu"]
    sets = ["family=vqgan", "image_size=64", "model.width=8", "model.num_codes=16", "batch_size=4", "loop.max_steps=1"]
    options = [part for setting in sets for part in ("--set", setting)]
    for wrong, message in (
        ("family=vq", "family vq: no such family; choose among autoencoder, vqgan"),
        ("image_size=68", "image_size: 68 is no multiple of 8"),
        ("model.num_codes=70000", "model.num_codes: 70000 is out of range"),
        ("model.width=9", "model: width must be a multiple of 8 groups"),
        ("nearest.revive_until=2.0", "nearest.revive_until: 2.0"),
        ("nearest.decay=1.0", "nearest.decay: 1.0"),
        ("gumbel.temperature_end=0.0", "gumbel.temperature_end"),
        ("latent_noise=0.1", "unknown setting 'latent_noise'"),
    ):
        assert main([*command, *options, "--set", wrong]) == 2
        assert message in capsys.readouterr().err and not (tmp_path / "run").exists()
    assert main([*command, *options]) == 0
    assert "perplexity" in capsys.readouterr().out


def test_a_run_of_one_family_does_not_go_on_as_another(root: Path, runs: dict[str, Path]) -> None:
    loop = replace(tiny_trainings.LOOP, max_steps=STEPS)
    with pytest.raises(ConfigError, match="it was trained with other settings: family"):
        train("codec", root, runs["vq codec"], replace(tiny_trainings.CODEC, loop=loop), device="cpu", progress=False)


@pytest.mark.parametrize("case", CASES)
def test_two_processes_learn_what_one_does(case: str, start: Any, tmp_path: Path) -> None:
    one, two = (start(case, tmp_path / str(ranks), ranks=ranks) for ranks in (1, 2))
    assert one.statuses == [0] and two.statuses == [0, 0], two.message(0)
    logs = [log(job.folder, "train") for job in (one, two)]
    assert len(logs[0]) == len(logs[1]) == STEPS
    for alone, divided in zip(*logs, strict=True):
        for name in ("loss", "l1", "perceptual", "adversarial", "perplexity", "gradient_norm"):
            assert divided[name] == pytest.approx(alone[name], rel=1e-3, abs=1e-6), name
