"""Training of AttnGAN under a DAMSM: from frames of speech to a release that hears; what does not fit is named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import painted_corpus, tiny_trainings

from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import CheckpointError, ConfigError, DataError
from speech2img.features.damsm import load_damsm
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.release import load_own, load_release
from speech2img.training.attngan.settings import AttnGANModelSettings, AttnGANSettings
from speech2img.training.damsm.settings import DAMSMSettings
from speech2img.training.train import train

LOOP = replace(tiny_trainings.LOOP, max_steps=2)
SETTINGS = replace(tiny_trainings.ATTNGAN, batch_size=4, loop=LOOP)


def test_it_learns_under_a_damsm_and_hears(root: Path, damsm: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    settings = replace(SETTINGS, damsm=str(damsm), damsm_weight=2.0)
    assert train("generator", root, folder, settings, device="cpu", progress=False).finished
    _, config = load_own(folder / "export")
    assert config["kind"] == "speech-to-image" and config["image_size"] == 128
    assert config["generator"]["network"] == "attngan" and config["generator"]["attention"] is True
    assert {"damsm", "speech encoder", "feature network"} <= config["trained_with"].keys()
    terms = painted_corpus.losses(folder)
    assert {"discriminator", "generator", "kl", "damsm_words", "damsm_sentence"} <= terms[0].keys()
    assert all(np.isfinite(list(step.values())).all() for step in terms)
    # A batch of four, three classes: at first hardly better than by chance, ln 4 in each direction at most doubled.
    assert 0 < terms[0]["damsm_sentence"] < 2.0 * 2 * 4

    model = SpeechToImage.load(folder, device="cpu")
    assert model.needs_frames and model.image_sizes == (64, 128)
    recording = root / Manifest.load(root).items[0].captions[0].audio
    stored = model.generate(model.encode_speech([recording]), seed=3)[0, 0]
    assert np.abs(stored.astype(int) - np.asarray(model(recording, seed=3)).astype(int)).max() <= 1
    with pytest.raises(ConfigError, match="its generator looks at the frames, not at embeddings alone"):
        model.generate(model.encode(recording))


def test_without_attention_sentences_are_enough(root: Path, tmp_path: Path) -> None:
    model = replace(SETTINGS.model, attention=False, recompute=False, discriminator_norm="spectral")
    settings = replace(SETTINGS, embeddings="encoder", model=model, features=None, evaluation_utterances=0)
    assert train("generator", root, tmp_path / "run", settings, device="cpu", progress=False).finished
    assert load_own(tmp_path / "run" / "export")[1]["generator"]["attention"] is False
    assert "damsm_words" not in painted_corpus.losses(tmp_path / "run")[0]


def test_the_damsm_of_a_run_is_frozen_and_reads_its_embeddings_alone(root: Path, damsm: Path) -> None:
    released = load_damsm(damsm, speech_dim=16, device=torch.device("cpu"))
    assert not released.network.training
    assert not any(parameter.requires_grad for parameter in released.network.parameters())
    with pytest.raises(ConfigError, match="trained on embeddings of 16 numbers, these have 8; train one on these"):
        load_damsm(damsm, speech_dim=8, device=torch.device("cpu"))
    with pytest.raises(CheckpointError, match="it holds no DAMSM; give a run of 'speech2img train damsm'"):
        load_damsm(root / "trunk", speech_dim=16, device=torch.device("cpu"))


def test_a_damsm_ends_with_its_trunk_as_it_was(root: Path, damsm: Path) -> None:
    tensors, config = load_own(damsm / "export")
    assert config["kind"] == "damsm"
    assert config["damsm"] == {"speech_dim": 16, "embedding_dim": 8, "trunk": "efficientnet-lite0"}
    trunk, _ = load_release(root / "trunk")
    for name, value in trunk.items():
        torch.testing.assert_close(tensors[f"image_encoder.trunk.{name}"].float(), value.float(), atol=1e-3, rtol=1e-3)
    assert {"words.1.weight", "sentence.1.weight", "image_encoder.project_regions.weight"} <= tensors.keys()
    terms = painted_corpus.losses(damsm)[0]
    assert terms["loss"] == pytest.approx(terms["words"] + terms["sentence"], rel=1e-5)


def test_what_is_missing_or_wrong_is_named(root: Path, damsm_settings: DAMSMSettings, tmp_path: Path) -> None:
    for stage, settings in (("generator", SETTINGS), ("damsm", damsm_settings)):
        without = replace(settings, embeddings="encoder")
        with pytest.raises(DataError, match=r"its embeddings have no frames to attend to; run 'speech2img extract"):
            train(stage, root, tmp_path / stage, without, device="cpu", progress=False)
    for trunk, reason in (("shapes/googlenet", "no network of images"), ("teacher", "no network of images")):
        wrong = replace(damsm_settings, trunk=str(root / trunk))
        with pytest.raises(CheckpointError, match=reason):
            train("damsm", root, tmp_path / "x", wrong, device="cpu", progress=False)
    with pytest.raises(ConfigError, match="damsm: it compares frames, which are not read"):
        AttnGANSettings(damsm="x", model=AttnGANModelSettings(attention=False))
    with pytest.raises(ConfigError, match=r"model\.num_stages: 5; choose 1 to 4"):
        AttnGANModelSettings(num_stages=5)
