"""Training of a latent flow: the whole way to a model that hears, resumed exactly; what does not fit is named."""

import json
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from helpers import latent_flows, painted_corpus, tiny_trainings
from helpers.latent_flows import small_codec
from PIL import Image

from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import CheckpointError, ConfigError, DataError
from speech2img.features.speech_embeddings import load_embeddings, write_embeddings
from speech2img.features.stores import latent_store
from speech2img.models.generators.latent_flow import LatentFlowGenerator
from speech2img.pipeline import SpeechToImage
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.releases.composition import compose_release
from speech2img.storage.releases.release import load_own, load_release
from speech2img.storage.releases.shared_weights import SHARED
from speech2img.training.latent_flow.settings import FlowSamplerSettings, LatentFlowSettings
from speech2img.training.latent_flow.task import LatentFlowTask, draw_times
from speech2img.training.train import train

STEPS = tiny_trainings.STEPS


def test_its_run_is_a_whole_model(root: Path, run: Path) -> None:
    tensors, config = load_own(run / "export")
    assert config["kind"] == "speech-to-image" and config["step"] == STEPS and config["image_size"] == 64
    assert config["generator"]["network"] == "latent-flow" and config["generator"]["codec"] == latent_flows.CODEC
    assert {"image codec", "speech encoder"} <= config["trained_with"].keys() and SHARED not in config
    codec, _ = load_release(root / "codec")
    assert torch.equal(tensors["generator.codec.decoder.1.weight"], codec["decoder.1.weight"])

    # It hears a recording, and paints the same from stored speech.
    model = SpeechToImage.load(run, device="cpu")
    assert model.needs_frames and isinstance(model.require_generator().generator, LatentFlowGenerator)
    recording = root / Manifest.load(root).items[0].captions[0].audio
    image = model(recording, seed=3)
    assert image.size == (64, 64) and model(recording, seed=4) != image
    stored = model.generate(model.encode_speech([recording]), seed=3)[0, 0]
    assert np.abs(stored.astype(int) - np.asarray(image).astype(int)).max() <= 1

    # What it logged and drew on the way.
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    assert {"loss", "gradient_norm"} <= lines[0].keys() and 1.5 < lines[0]["loss"] < 2.5
    assert 0 <= [line for line in lines if line["kind"] == "evaluation"][-1]["attribute_recall"] <= 1
    grid = Image.open(run / "grids" / f"samples-{STEPS:08d}.png")
    assert grid.width > 3 * 64 and grid.height > 2 * 64


def test_statistics_of_latents_and_speech_are_in_the_release(root: Path, run: Path) -> None:
    tensors, _ = load_own(run / "export")
    manifest = Manifest.load(root)
    rows = [row for row, item in enumerate(manifest.items) if item.split == "train"]
    store = latent_store(manifest, small_codec(root / "codec"), size=64, device="cpu", progress=False)
    latents = store.read(rows).swapaxes(0, 1).reshape(32, -1)
    np.testing.assert_allclose(tensors["generator.flow.latents.mean"], latents.mean(axis=1), atol=1e-3)
    np.testing.assert_allclose(tensors["generator.flow.latents.deviation"], latents.std(axis=1), rtol=2e-3)
    sentences = load_embeddings(root, "spoken").embeddings[:24]  # two captions of each of twelve images
    np.testing.assert_allclose(tensors["generator.flow.sentence.mean"], sentences.mean(axis=0), rtol=1e-2, atol=1e-4)
    assert 0 < tensors["generator.flow.frames.deviation"] != 1


def test_an_interrupted_run_ends_bit_for_bit_the_same(
    root: Path, run: Path, tmp_path: Path, toy: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    original: Callable[..., Any] = LatentFlowTask.train_step

    def stopping(self: LatentFlowTask, batch: Any, used: float) -> Any:
        nonlocal calls
        calls += 1
        if calls in (1, 3):
            signal.raise_signal(signal.SIGTERM)
        return original(self, batch, used)

    monkeypatch.setattr(LatentFlowTask, "train_step", stopping)
    sittings = 0
    while not train(
        "generator", root, tmp_path / "run", tiny_trainings.latent_flow_settings(root), progress=False
    ).finished:
        sittings += 1
    assert sittings == 2
    digests = []
    for folder in (run, tmp_path / "run"):
        store = CheckpointStore(folder / "checkpoints")
        state, _ = store.load(store.folder / f"step-{STEPS:08d}")
        digests.append({key: toy.digest(value) for key, value in state["task"].items()})
    assert digests[0] == digests[1] and {"flow", "average", "optimizer", "sampler"} <= digests[0].keys()
    exports = [(folder / "export" / "weights.safetensors").read_bytes() for folder in (run, tmp_path / "run")]
    assert exports[0] == exports[1]


def test_a_compiled_network_learns_the_same(
    root: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What inductor makes of it takes a compiler and a minute.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    settings = replace(tiny_trainings.latent_flow_settings(root), compile=True)
    monkeypatch.setenv("CXX", sys.executable)
    assert train("generator", root, tmp_path / "run", settings, device="cpu", progress=False).finished
    losses = []
    for folder in (run, tmp_path / "run"):
        lines = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
        losses.append([line["loss"] for line in lines if "loss" in line])
    assert losses[0] and losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_compiling_without_a_compiler_is_refused(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(tiny_trainings.latent_flow_settings(root), compile=True)
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ConfigError, match="no-such-compiler"):
        train("generator", root, tmp_path / "run", settings, device="cpu", progress=False)
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_the_command_line_picks_the_family_and_sentences_alone_do(root: Path, tmp_path: Path) -> None:
    sets = ["family=latent-flow", "embeddings=spoken", f"codec={root / 'codec'}", "image_size=64", "features=none"]
    sets += ["model.width=16", "model.depth=1", "model.num_heads=2", "model.needs_frames=false", "batch_size=4"]
    sets += ["sampler.solver=heun", "sampler.steps=4", "grid_utterances=1", "grid_noises=1", "loop.max_steps=2"]
    sets += ["time_sampling=logit-normal", "embedding_noise=0.3", "loop.threads=1", "loop.precision=bf16"]
    sets += ["model.dropout=0.1"]
    options = [part for setting in sets for part in ("--set", setting)]
    command = ["train", "generator", "--root", str(root), "--out", str(tmp_path / "run"), "--device", "cpu"]
    assert main([*command, *options]) == 0
    model = SpeechToImage.load(tmp_path / "run", device="cpu")
    assert not model.needs_frames
    images = model.generate(load_embeddings(root, "spoken").embeddings[:2], seed=1, num_images=2)
    assert images.shape == (2, 2, 64, 64, 3) and not np.array_equal(images[0, 0], images[0, 1])


def test_generate_and_evaluate_take_it(root: Path, run: Path, tmp_path: Path) -> None:
    recording = root / Manifest.load(root).items[12].captions[0].audio
    assert main(["generate", "--model", str(run), str(recording), "--out", str(tmp_path / "p"), "--device", "cpu"]) == 0
    assert [Image.open(path).size for path in (tmp_path / "p").glob("*.png")] == [(64, 64)]
    judge = painted_corpus.teacher_release(tmp_path / "judge", seed=5)
    evaluate = f"evaluate --model {run} --judge {judge} --root {root} --split val --device cpu"
    drawn = {}
    for name, options in (("heard", []), ("stored", ["--embeddings", "spoken"])):
        assert main([*evaluate.split(), *options, "--out", str(tmp_path / name)]) == 0
        report = json.loads((tmp_path / name / "report.json").read_text())
        assert report["metrics"] and all(np.isfinite(row["value"]) for row in report["metrics"])
        assert report["model"]["steps"] == 4 and report["model"]["solver"] == "euler"
        drawn[name] = [np.asarray(Image.open(path)).astype(int) for path in sorted((tmp_path / name).rglob("*.png"))]
    assert len(drawn["heard"]) == len(drawn["stored"]) > 0


def test_a_codec_beside_it_is_shared_and_a_missing_one_is_one_line(root: Path, run: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "codec", tmp_path / "codec")
    settings = tiny_trainings.latent_flow_settings(root, steps=1)
    train("generator", root, tmp_path / "run", settings, device="cpu", progress=False)
    own, config = load_own(tmp_path / "run" / "export")
    assert config[SHARED].keys() == {"generator.codec."} and not any("codec." in name for name in own)
    whole = SpeechToImage.load(tmp_path / "run", device="cpu")
    assert whole.image_size == 64

    # Put together with another encoder, it still shares.
    encoder = latent_flows.small_encoder(tmp_path / "encoder")
    assert compose_release(encoder, tmp_path / "run", tmp_path / "whole")
    assert load_own(tmp_path / "whole")[1][SHARED].keys() == {"generator.codec."}
    assert SpeechToImage.load(tmp_path / "whole", device="cpu").image_size == 64

    shutil.rmtree(tmp_path / "codec")
    with pytest.raises(CheckpointError) as caught:
        SpeechToImage.load(tmp_path / "run", device="cpu")
    message = str(caught.value)
    assert "needs the weights of codec" in message and "import taef2 ENCODER --decoder DECODER" in message
    assert "\n" not in message


def test_a_codec_of_another_size_in_a_release_is_refused(run: Path, tmp_path: Path) -> None:
    from speech2img.storage.releases.writing import save_release

    tensors, config = load_own(run / "export")
    for change, message in (
        ({"codec": {**latent_flows.CODEC, "latent_channels": 16}}, "does not fit the model"),
        ({"image_size": 128}, "does not fit the model"),
        ({"steps": 51}, "steps must be 4 to 50, got 51"),
    ):
        changed = {**config, "generator": {**config["generator"], **change}}
        save_release(tmp_path / "changed", tensors, changed, "# Changed\n")
        with pytest.raises(CheckpointError, match=message):
            SpeechToImage.load(tmp_path / "changed", device="cpu")


def test_latents_of_another_codec_size_or_manifest_are_refused(root: Path, tmp_path: Path) -> None:
    settings = tiny_trainings.latent_flow_settings(root)

    def refused(error: type[Exception], message: str, root: Path = root, **changes: Any) -> None:
        with pytest.raises(error, match=message) as caught:
            train("generator", root, tmp_path / "run", replace(settings, **changes), device="cpu", progress=False)
        assert "\n" not in str(caught.value) and not (tmp_path / "run").exists()

    other = small_codec(tmp_path / "codec", deviation=0.5)
    refused(DataError, "its latents are of another codec", codec=str(other.folder))
    refused(DataError, "there are no latents of that codec and size.*--image-size 128", image_size=128)
    refused(DataError, "there are no latents .* --mirrored", mirrored=True)
    refused(ConfigError, "image size 100: no multiple of 8", image_size=100)
    refused(ConfigError, "model.patch: 3 divides not the side 8", model=replace(settings.model, patch=3))
    refused(CheckpointError, "holds a 'speech-encoder', and no image codec", codec=str(root / "speech"))

    # Latents of fewer images.
    shutil.copytree(root, tmp_path / "corpus")
    manifest = Manifest.load(tmp_path / "corpus")
    fewer = Manifest(manifest.root, manifest.corpus, manifest.items[:-1], meta=manifest.meta)
    latent_store(fewer, small_codec(root / "codec"), size=64, device="cpu", progress=False)
    refused(DataError, "latents-64-codec.h5: it belongs to another manifest", tmp_path / "corpus")

    # Speech that says nothing, speech without frames, and a corpus that lost an image.
    embeddings = load_embeddings(root, "spoken")
    same = np.ones_like(embeddings.embeddings)
    lengths = np.ones(len(same), np.int64)
    write_embeddings(manifest, same, name="same", lengths=lengths, sha256="ab" * 32, mel_preset="none")
    refused(ConfigError, "they are the same for every utterance", tmp_path / "corpus", embeddings="same")
    (tmp_path / "corpus" / "derived" / "embeddings" / "spoken" / "frames.h5").unlink()
    refused(DataError, "its embeddings have no frames.*extract --frames", tmp_path / "corpus")
    fewer.save()
    refused(DataError, "belongs to another manifest", tmp_path / "corpus")


def test_a_run_does_not_go_on_with_another_codec(root: Path, run: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "corpus")
    codec = small_codec(tmp_path / "corpus" / "codec", deviation=0.5)
    latent_store(Manifest.load(tmp_path / "corpus"), codec, size=64, device="cpu", progress=False)
    settings = replace(tiny_trainings.latent_flow_settings(root), codec=str(codec.folder))
    with pytest.raises(ConfigError, match="codec_sha256"):
        train("generator", tmp_path / "corpus", run, settings, device="cpu", progress=False)


def test_settings_out_of_range_are_refused() -> None:
    for make, message in (
        (lambda: FlowSamplerSettings(steps=3), "sampler: steps must be 4 to 50, got 3"),
        (lambda: FlowSamplerSettings(steps=51), "sampler: steps must be 4 to 50, got 51"),
        (lambda: FlowSamplerSettings(guidance_scale=-1.0), "sampler.guidance_scale: -1.0 is out of range"),
        (lambda: FlowSamplerSettings(guidance_until=2.0), "sampler.guidance_until: 2.0 is out of range"),
        (lambda: LatentFlowSettings(condition_dropout=0.0), "guidance needs more than 0"),
        (lambda: LatentFlowSettings(clip=0.0), "clip: 0.0 is not positive"),
        (lambda: replace(LatentFlowSettings().model, num_heads=3), "divides not the width"),
        (lambda: replace(LatentFlowSettings().model, depth=0), "model.depth: 0 is out of range"),
        (lambda: LatentFlowSettings(image_size=32), "image_size: 32 is out of range"),
    ):
        with pytest.raises(ConfigError, match=message):
            make()  # type: ignore[no-untyped-call]


def test_logit_normal_times_favour_what_is_asked() -> None:
    torch.manual_seed(0)

    def times(**settings: Any) -> torch.Tensor:
        return draw_times(20_000, LatentFlowSettings(**settings), torch.device("cpu"))

    uniform, middle, early = (
        times(),
        times(time_sampling="logit-normal"),
        times(time_sampling="logit-normal", time_mean=-0.8),
    )
    assert all(0 <= value.min() and value.max() <= 1 for value in (uniform, middle, early))
    assert abs(float(((uniform > 0.25) & (uniform < 0.75)).float().mean()) - 0.5) < 0.02
    assert abs(float(((middle > 0.25) & (middle < 0.75)).float().mean()) - 0.728) < 0.02  # P(|N(0, 1)| < ln 3)
    assert abs(float((early < 0.5).float().mean()) - 0.788) < 0.02  # P(N(0, 1) < 0.8)
