"""An encoder that starts from weights: what is taken over, what must fit, and what a resumed run needs."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from helpers import latent_flows
from PIL import Image

from speech2img.audio.wav import write_wav
from speech2img.corpora.folder.prepare import prepare_folder
from speech2img.corpora.songbirds.rendering.render import random_attributes, render_bird
from speech2img.errors import CheckpointError, ConfigError, DataError
from speech2img.features.image_features import build_teacher_features, load_features
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.release import load_release, release_sha256
from speech2img.training.encoder.initialization import KEPT, adopted, open_start
from speech2img.training.encoder.settings import CRNNSettings, EncoderModelSettings, EncoderSettings
from speech2img.training.run import LoopSettings
from speech2img.training.train import train
from speech2img.tts.espeak.engine import EspeakSynthesizer

LOOP = LoopSettings(max_steps=1, log_every=1, evaluate_every=0, grid_every=0, threads=1, precision="fp32")
OWN = EncoderSettings(initial="songbirds", features="songbirds", batch_size=4, learning_rate=1e-4, workers=1, loop=LOOP)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures with a recording each, no classes; features of the teacher inside the shipped model."""
    root, rng = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    with EspeakSynthesizer() as engine:
        for number in range(8):
            bird = random_attributes(rng)
            Image.fromarray(render_bird(bird, seed=number, size=64)).save(root / f"{number}.png")
            text = f"a {bird['size']} bird with a {bird['crown_color']} crown and a {bird['belly_color']} belly"
            write_wav(root / f"{number}.wav", engine.synthesize(text, voice="en-us"), sample_rate=22_050)
    prepare_folder(root, classes="none", workers=1, progress=False)
    build_teacher_features(root, Path("songbirds"), views=1, workers=1, progress=False)
    return root


def _stats(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]


def test_own_recordings_start_lower_from_shipped_weights_than_from_nothing(folder: Path, tmp_path: Path) -> None:
    train("encoder", folder, tmp_path / "tuned", OWN, progress=False)
    _, config = load_release(find_release("songbirds"))
    anew = replace(adopted(OWN, open_start("songbirds", tmp_path)), initial=None, standardise=True)
    train("encoder", folder, tmp_path / "anew", anew, progress=False)
    tuned, nothing = (_stats(tmp_path / run)[0] for run in ("tuned", "anew"))
    assert tuned["l1"] < 0.9 * nothing["l1"] and tuned["loss"] < 0.7 * nothing["loss"]
    tensors, release = load_release(tmp_path / "tuned" / "export")
    assert (
        release["encoder"] == {"adapter": "frames", **config["encoder"]}
        and release["mel_preset"] == config["mel_preset"]
    )
    shipped, _ = load_release(find_release("songbirds"))
    assert torch.equal(tensors["target.mean"], shipped["target.mean"])  # it keeps giving what it was taught to give


def test_the_release_says_what_its_start_was_trained_with(folder: Path, tmp_path: Path) -> None:
    train("encoder", folder, tmp_path / "run", OWN, progress=False)
    _, config = load_release(tmp_path / "run" / "export")
    sha256 = release_sha256(find_release("songbirds"))
    assert config["trained_with"]["initial encoder"] == sha256 == config["trained_with"]["feature network"]
    _, shipped = load_release(find_release("songbirds"))
    for role, network in shipped["trained_with"].items():
        assert config["trained_with"][f"initial encoder's {role}"] == network
    assert 'initial = "songbirds"' in (tmp_path / "run" / "config.toml").read_text()


def test_a_run_goes_on_without_its_start_as_if_it_had_never_stopped(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(find_release("songbirds"), tmp_path / "start")
    settings = replace(OWN, initial=str(tmp_path / "start"), loop=replace(LOOP, max_steps=2))
    train("encoder", folder, tmp_path / "whole", settings, progress=False)
    train("encoder", folder, tmp_path / "parts", replace(settings, loop=replace(LOOP, max_steps=1)), progress=False)
    shutil.rmtree(tmp_path / "start")
    train("encoder", folder, tmp_path / "parts", settings, progress=False)
    whole, parts = (load_release(tmp_path / run / "export") for run in ("whole", "parts"))
    assert parts[1]["trained_with"] == whole[1]["trained_with"]
    # The schedule knew of one step only in the first sitting of the parts: the first step is the same, not the second.
    assert _stats(tmp_path / "parts")[0]["loss"] == _stats(tmp_path / "whole")[0]["loss"]
    assert (tmp_path / "parts" / KEPT / "config.json").is_file()
    with pytest.raises(CheckpointError, match="no folder and no shipped weights"):
        train("encoder", folder, tmp_path / "other", settings, progress=False)
    with pytest.raises(ConfigError, match=r"initial \(was .*, now songbirds\)"):
        train("encoder", folder, tmp_path / "parts", replace(settings, initial="songbirds"), progress=False)


def test_all_settings_that_do_not_fit_are_listed(tmp_path: Path) -> None:
    start = open_start(str(latent_flows.small_encoder(tmp_path / "start")), tmp_path)
    same = EncoderModelSettings(channels=(8,) * 8, last_stride=1, dropout=0.1)
    fitting = adopted(EncoderSettings(model=same), start).model
    assert fitting.dropout == 0.1 and fitting.embedding_dim == latent_flows.DIM
    wrong = EncoderModelSettings(channels=(4,) * 8, embedding_dim=512)
    with pytest.raises(ConfigError, match=r"model.channels \(8, .*model.embedding_dim 16 \(set: 512\)"):
        adopted(EncoderSettings(model=wrong), start)
    with pytest.raises(ConfigError, match=r"network li2020 \(set: s2igan\), image_head False \(set: True\)"):
        adopted(EncoderSettings(network="s2igan", image_head=True, crnn=CRNNSettings()), start)
    with pytest.raises(ConfigError, match="mel_preset li2020"):
        adopted(EncoderSettings(mel_preset="s2igan"), start)


def test_features_of_another_size_name_the_way_out(tiny: ModuleType, tmp_path: Path) -> None:
    root = tiny.build(tmp_path / "corpus")
    with pytest.raises(ConfigError, match=r"16 numbers an image, and the encoder of songbirds knows 1024.*features"):
        train("encoder", root, tmp_path / "run", EncoderSettings(initial="songbirds"), progress=False)
    assert not (tmp_path / "run").exists()


def test_a_release_without_an_encoder_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no speech encoder"):
        open_start("songbirds-judge", tmp_path)


def test_features_of_the_teacher_inside_a_model_are_what_its_encoder_learned(folder: Path) -> None:
    features = load_features(folder, "songbirds")
    start = open_start("songbirds", folder)
    assert start.knows(features) and features.width == 1024
    assert start.standard(features) is not None
    assert start.standard(replace(features, sha256="ab" * 32)) is None


def test_missing_features_name_the_next_command(folder: Path) -> None:
    with pytest.raises(
        DataError, match=r"give --set features=songbirds, or run 'speech2img features --root \S+ --teac"
    ):
        load_features(folder, "teacher")
