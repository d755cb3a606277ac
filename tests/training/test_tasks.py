"""Teacher, judge, encoder and generator on a corpus of a few pictures: the whole way, and each resumed exactly."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from helpers.small_trainings import SETTINGS, STEPS, prior_settings
from PIL import Image

from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.songbirds.attributes import ATTRIBUTES
from speech2img.errors import DataError
from speech2img.features.image_features import build_teacher_features, load_features
from speech2img.features.speech_embeddings import load_embeddings
from speech2img.metrics.evaluate.judges import judge_independence
from speech2img.models.generators.image_sampler import SamplingOptions
from speech2img.pipeline import SpeechToImage
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.foreign.peer_embeddings import (
    load_li2020_embeddings,
    load_li2020_image_features,
    load_s2igan_embeddings,
)
from speech2img.storage.releases.release import load_release
from speech2img.training.task import Task
from speech2img.training.train import train


def test_the_teacher_exports_heads_and_its_accuracy(trained: Path) -> None:
    tensors, config = load_release(trained / "teacher" / "export")
    assert config["kind"] == "attribute-network" and config["role"] == "teacher" and config["image_size"] == 64
    assert config["heads"]["species"] == ["001.Bird", "002.Bird", "003.Bird"]
    assert config["heads"]["light"] == list(ATTRIBUTES["light"])
    assert set(config["accuracy"]) <= set(config["heads"]) and config["accuracy_images"] == 3
    assert all(torch.isfinite(value).all() for value in tensors.values())


def test_features_cover_the_corpus_and_are_made_once(corpus: Path, trained: Path) -> None:
    found = load_features(corpus, "teacher")
    assert found.features.shape == (16, 2, 1024) and (found.features >= 0).all()
    assert found.ids == [item.id for item in Manifest.load(corpus).items]
    before = found.path.stat().st_mtime_ns
    build_teacher_features(corpus, trained / "teacher", progress=False)
    assert found.path.stat().st_mtime_ns == before
    rows = load_li2020_image_features(corpus / "train" / "image_features_teacher.pickle")
    assert len(rows) == 9 and rows[0].shape == (10, 1024)
    np.testing.assert_array_equal(rows[0][::2], np.repeat(found.features[0, :1], 5, axis=0))
    with pytest.raises(DataError, match="there are: teacher"):
        load_features(corpus, "other")


def test_embeddings_do_not_depend_on_company(corpus: Path, trained: Path) -> None:
    from speech2img.pipeline import SpeechToImage

    found = load_embeddings(corpus, "encoder")
    manifest = Manifest.load(corpus)
    assert found.embeddings.shape == (48, 1024) and found.ids[4] == f"{manifest.items[1].id}_1"
    pipe = SpeechToImage.load(trained / "encoder", device="cpu")
    for row in (0, 17, 47):
        alone = pipe.encode(corpus / manifest.items[row // 3].captions[row % 3].audio)
        np.testing.assert_allclose(alone, found.embeddings[row], atol=2e-3 * np.abs(alone).max())


def test_embeddings_are_written_for_both_peers(corpus: Path, trained: Path) -> None:
    folder = corpus / "derived" / "embeddings" / "encoder"
    embeddings = load_embeddings(corpus, "encoder").embeddings
    features, lengths = load_li2020_embeddings(folder / "train", switch="encoder")
    assert features.shape == (9, 3, 1024) and lengths.shape == (9, 3)
    np.testing.assert_array_equal(features[0], embeddings[:3])
    rows = load_s2igan_embeddings(folder / "speech_embeddings_test.pickle")
    assert len(rows) == 4
    np.testing.assert_array_equal(rows[0], embeddings[9:12])


def test_the_generators_run_is_a_whole_model(corpus: Path, trained: Path) -> None:
    from speech2img.pipeline import SpeechToImage

    _, config = load_release(trained / "generator" / "export")
    assert config["kind"] == "speech-to-image" and config["mel_preset"] == "li2020"
    assert config["trained_with"] == {
        "feature network": load_features(corpus, "teacher").sha256,
        "speech encoder": load_embeddings(corpus, "encoder").sha256,
    }
    picture = SpeechToImage.load(trained / "generator", device="cpu")(corpus / "audio" / "3_0.wav", seed=1)
    assert picture.size == (64, 64)
    grid = Image.open(trained / "generator" / "grids" / "samples-00000004.png")
    assert grid.width > 3 * 64 and grid.height > 2 * 64
    lines = [json.loads(line) for line in (trained / "generator" / "stats.jsonl").read_text().splitlines()]
    train = [line for line in lines if line["kind"] == "train"]
    assert {"discriminator", "generator", "kl", "class_aware", "feature"} <= train[0].keys() and len(train) == STEPS
    assert 0 <= [line for line in lines if line["kind"] == "evaluation"][-1]["attribute_recall"] <= 1


@pytest.mark.parametrize("name", ["teacher", "encoder", "generator", "prior"])
def test_an_interrupted_run_ends_bit_for_bit_the_same(
    name: str, corpus: Path, trained: Path, tmp_path: Path, toy: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = prior_settings(trained) if name == "prior" else SETTINGS[name]
    calls = 0

    def stopping(self: Task, batch: Any, progress: float, *, step: Callable[..., Any]) -> Any:
        nonlocal calls
        calls += 1
        if calls in (1, 3):
            signal.raise_signal(signal.SIGTERM)
        return step(self, batch, progress)

    from speech2img.training.classifiers import attributes as teacher
    from speech2img.training.encoder import task as encoder
    from speech2img.training.prior import task as prior
    from speech2img.training.stackgan import task as generator

    kind: Any = {
        "teacher": teacher.TeacherTask,
        "encoder": encoder.EncoderTask,
        "generator": generator.StackGANTask,
        "prior": prior.PriorTask,
    }[name]
    original = kind.train_step
    monkeypatch.setattr(kind, "train_step", lambda self, batch, used: stopping(self, batch, used, step=original))
    sittings = 0
    while not train(name, corpus, tmp_path / name, settings, progress=False).finished:
        sittings += 1
    assert sittings == 2
    digests = []
    for folder in (trained / name, tmp_path / name):
        store = CheckpointStore(folder / "checkpoints")
        state, _ = store.load(store.folder / f"step-{STEPS:08d}")
        digests.append({key: toy.digest(value) for key, value in state["task"].items()})
    assert digests[0] == digests[1]
    exports = [(folder / "export" / "weights.safetensors").read_bytes() for folder in (trained / name, tmp_path / name)]
    assert exports[0] == exports[1]


def test_the_priors_run_is_a_whole_model(corpus: Path, trained: Path) -> None:
    lines = [json.loads(line) for line in (trained / "prior" / "stats.jsonl").read_text().splitlines()]
    assert 0 <= [line for line in lines if line["kind"] == "evaluation"][-1]["attribute_recall"] <= 1
    pipe = SpeechToImage.load(trained / "prior", device="cpu")
    assert pipe.sampler is not None and pipe.sampler.prior is not None
    assert pipe.sampler.options == SamplingOptions(prior_steps=2)
    embeddings = load_embeddings(corpus, "standard").embeddings[:3]
    pictures = pipe.generate(embeddings, seed=1, num_images=2, first_index=0)
    assert pictures.shape == (3, 2, 64, 64, 3)
    alone = pipe.generate(embeddings[1:2], seed=1, num_images=2, first_index=1)
    assert np.abs(alone.astype(int) - pictures[1:2].astype(int)).max() <= 1
    assert not np.array_equal(pictures[0, 0], pictures[0, 1])
    _, painter = load_release(trained / "painter" / "export")
    assert painter["kind"] == "image-generator"
    _, whole = load_release(trained / "prior" / "export")
    teacher = load_features(corpus, "teacher").sha256
    encoder = load_embeddings(corpus, "standard").sha256
    assert set(whole["trained_with"].values()) == {teacher, encoder}
    assert whole["trained_with"]["generator's feature network"] == teacher
    assert judge_independence("cc" * 32, whole).verdict == "independent"
    assert judge_independence(teacher, whole).verdict == "trained with it"
