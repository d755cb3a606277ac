"""A latent flow that starts from another: its weights and sizes are taken over; what does not fit is named."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers import latent_flows, tiny_trainings

from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import CheckpointError, ConfigError
from speech2img.features.stores import latent_store
from speech2img.storage.releases.composition import compose_release
from speech2img.storage.releases.release import load_release
from speech2img.training.latent_flow.settings import FlowModelSettings, LatentFlowSettings
from speech2img.training.train import train


def starting_from(root: Path, start: Path, *, steps: int = 1) -> LatentFlowSettings:
    """One step that changes nothing, from a start whose sizes are not repeated."""
    settings = tiny_trainings.latent_flow_settings(root, steps=steps)
    return replace(settings, initial=str(start), model=FlowModelSettings(), learning_rate=1e-12, ema_decay=0.0)


def test_weights_and_sizes_are_taken_over_and_a_resumed_run_needs_its_start_no_more(
    root: Path, run: Path, tmp_path: Path
) -> None:
    shutil.copytree(run / "export", tmp_path / "start")
    first = starting_from(root, tmp_path / "start")
    train("generator", root, tmp_path / "run", first, device="cpu", progress=False)
    before, _ = load_release(run / "export")
    after, config = load_release(tmp_path / "run" / "export")
    assert before.keys() == after.keys() and config["generator"]["width"] == 16
    assert any(value.any() for name, value in before.items() if name.startswith("generator.flow.to_patch"))
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, atol=1e-6, rtol=1e-3, msg=name)
    assert config["trained_with"]["initial generator's image codec"] == config["trained_with"]["image codec"]

    shutil.rmtree(tmp_path / "start")
    more = replace(first, loop=replace(first.loop, max_steps=2))
    assert train("generator", root, tmp_path / "run", more, device="cpu", progress=False).step == 2
    with pytest.raises(CheckpointError, match="no folder and no shipped weights"):
        train("generator", root, tmp_path / "other", more, device="cpu", progress=False)


def test_a_model_put_together_is_a_start_too(root: Path, run: Path, tmp_path: Path) -> None:
    compose_release(root / "speech", run, tmp_path / "whole")
    settings = starting_from(root, tmp_path / "whole")
    assert train("generator", root, tmp_path / "run", settings, device="cpu", progress=False).finished


def test_a_start_that_does_not_fit_is_named(root: Path, run: Path, tmp_path: Path) -> None:
    settings = starting_from(root, run)
    other = replace(settings, model=FlowModelSettings(width=24))
    with pytest.raises(ConfigError, match=r"its weights have model.width 16 \(set: 24\)"):
        train("generator", root, tmp_path / "a", other, device="cpu", progress=False)
    codec = latent_flows.small_codec(tmp_path / "codec", deviation=0.5)
    latent_store(Manifest.load(root), codec, size=64, device="cpu", progress=False)
    try:
        with pytest.raises(
            CheckpointError, match="it was trained with another codec, or with latents of another scale"
        ):
            train("generator", root, tmp_path / "b", replace(settings, codec=str(codec.folder)), progress=False)
    finally:
        latent_flows.add_to(root)
    for start, message in ((root / "painter", "its generator is 'stackgan'"), (root / "speech", "it has no generator")):
        with pytest.raises(CheckpointError, match=message):
            train("generator", root, tmp_path / "c", replace(settings, initial=str(start)), progress=False)
    assert not any((tmp_path / name).exists() for name in "abc")
