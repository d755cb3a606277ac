"""Trainings that begin from others, with other losses, stages and targets; what cannot be, is named."""

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from helpers.small_trainings import ENCODER, GENERATOR, SETTINGS, STEPS, TEACHER, loop, prior_settings

from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.songbirds.attributes import ATTRIBUTES
from speech2img.errors import CheckpointError, ConfigError, DataError
from speech2img.features.image_features import load_features
from speech2img.features.registry import load_teacher
from speech2img.features.speech_embeddings import extract_image_embeddings, load_embeddings
from speech2img.models.generators.image_sampler import SamplingOptions
from speech2img.pipeline import SpeechToImage
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.releases.release import load_release
from speech2img.training.encoder.settings import EncoderLossSettings
from speech2img.training.stackgan.settings import StackGANLossSettings, StackGANSettings
from speech2img.training.task import Task
from speech2img.training.train import train


def test_what_a_prior_cannot_use_is_named(corpus: Path, trained: Path, tmp_path: Path) -> None:
    settings = prior_settings(trained)
    train("generator", corpus, tmp_path / "speech", replace(GENERATOR, embeddings="standard"), progress=False)
    for generator in (trained / "generator", tmp_path / "speech"):
        with pytest.raises(DataError, match="not trained on standardised features"):
            train("prior", corpus, tmp_path / "a", replace(settings, generator=str(generator)), progress=False)
    with pytest.raises(CheckpointError, match="not a generator"):
        train("prior", corpus, tmp_path / "b", replace(settings, generator=str(trained / "teacher")), progress=False)
    with pytest.raises(ConfigError, match="ridge"):
        replace(settings, ridge=0.0)


def test_a_painter_gets_used_to_noisy_features(corpus: Path, trained: Path, tmp_path: Path) -> None:
    losses = replace(GENERATOR.losses, feature_target="image", feature_noise=0.1, feature_shift=1)
    settings = replace(
        GENERATOR, embeddings="picture", initial=str(trained / "painter"), embedding_noise=0.5, losses=losses
    )
    train("generator", corpus, tmp_path / "noisy", settings, progress=False)
    train("generator", corpus, tmp_path / "plain", replace(settings, embedding_noise=0.0), progress=False)
    noisy, plain = (load_release(tmp_path / name / "export")[0] for name in ("noisy", "plain"))
    assert any(not torch.equal(noisy[name], plain[name]) for name in noisy)
    with pytest.raises(ConfigError, match="embedding_noise"):
        replace(settings, embedding_noise=-0.1)


def test_the_teacher_chooses_among_candidates(corpus: Path, trained: Path, tmp_path: Path) -> None:
    settings = replace(prior_settings(trained), candidates=4)
    train("prior", corpus, tmp_path / "run", settings, progress=False)
    many = SpeechToImage.load(tmp_path / "run", device="cpu")
    first = SpeechToImage.load(tmp_path / "run", device="cpu", candidates=1)
    assert many.sampler is not None and many.sampler.options == SamplingOptions(prior_steps=2, num_candidates=4)
    teacher = load_teacher(trained / "teacher", device=torch.device("cpu"))
    tensors, _ = load_release(tmp_path / "run" / "export")
    embeddings = load_embeddings(corpus, "standard").embeddings[:4]

    def fit(pictures: np.ndarray) -> np.ndarray:
        images = torch.from_numpy(pictures[:, 0]).permute(0, 3, 1, 2).float() / 127.5 - 1
        features = (teacher.features(images) - tensors["target.mean"]) / tensors["target.std"]
        return torch.cosine_similarity(features, torch.from_numpy(embeddings), dim=1).numpy()

    chosen, taken = (pipe.generate(embeddings, seed=3, first_index=0) for pipe in (many, first))
    assert (fit(chosen) >= fit(taken) - 1e-2).all() and fit(chosen).sum() > fit(taken).sum()
    alone = many.generate(embeddings[2:3], seed=3, first_index=2)
    assert np.abs(alone.astype(int) - chosen[2:3].astype(int)).max() <= 1
    with pytest.raises(ConfigError, match="no reranker"):
        SpeechToImage.load(trained / "prior", device="cpu", candidates=2)
    with pytest.raises(ConfigError, match="candidates"):
        replace(settings, candidates=0)


def test_the_judge_learns_from_its_own_renders(tmp_path: Path) -> None:
    settings = replace(TEACHER, renders=12, held_out_renders=8, loop=loop(max_steps=2))
    train("judge", tmp_path / "no-corpus", tmp_path / "judge", settings, progress=False)
    _, config = load_release(tmp_path / "judge" / "export")
    assert config["role"] == "judge" and list(config["heads"]) == list(ATTRIBUTES)
    assert config["accuracy_images"] == 8
    with pytest.raises(ConfigError, match="task"):
        train("teacher", tmp_path / "no-corpus", tmp_path / "judge", settings, progress=False)


def test_a_teacher_learns_what_it_is_shown(corpus: Path, tmp_path: Path) -> None:
    settings = replace(TEACHER, shift=0, noise=0.0, dropout=0.0, loop=loop(max_steps=25, evaluate_every=0))
    train("teacher", corpus, tmp_path / "run", settings, progress=False)
    lines = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if line["kind"] == "train"]
    assert np.mean(losses[-3:]) < 0.75 * np.mean(losses[:3])


def test_published_losses_and_standardised_targets(corpus: Path, trained: Path, tmp_path: Path) -> None:
    published = replace(
        ENCODER,
        standardise=True,
        loop=loop(max_steps=2),
        losses=EncoderLossSettings(form="published", distillation=1000.0),
        model=replace(ENCODER.model, masked=False, pooling="padded_mean", padded_frames=2048, pad_value=0.0),
    )
    result = train("encoder", corpus, tmp_path / "published", published, progress=False)
    assert {"centroid_accuracy", "ap_at_50", "recall_at_1", "recall_at_10", "score"} <= result.metrics.keys()
    tensors, config = load_release(tmp_path / "published" / "export")
    assert config["standardised"] and tensors["target.std"].shape == (1024,)
    assert config["encoder"]["pooling"] == "padded_mean"


def test_more_stages_bf16_and_crops(corpus: Path, trained: Path, tmp_path: Path) -> None:
    settings = replace(
        GENERATOR,
        model=replace(GENERATOR.model, num_stages=2),
        augmentation="crop_flip",
        features=None,
        losses=StackGANLossSettings(color=1.0),
        loop=loop(max_steps=2, precision="bf16"),
    )
    train("generator", corpus, tmp_path / "two", settings, progress=False)
    from speech2img.pipeline import SpeechToImage

    stages = SpeechToImage.load(tmp_path / "two", device="cpu")(corpus / "audio" / "3_0.wav", return_stages=True)
    assert [stage.size for stage in stages] == [(64, 64), (128, 128)]


def test_a_warm_up_on_picture_features_is_taken_over(corpus: Path, trained: Path, tmp_path: Path) -> None:
    extract_image_embeddings(corpus, "teacher", name="picture")
    found = load_features(corpus, "teacher").features[:, 0]
    pictures = load_embeddings(corpus, "picture").embeddings
    captions = [len(item.captions) for item in Manifest.load(corpus).items]
    of_training = np.repeat([item.split == "train" for item in Manifest.load(corpus).items], captions)
    assert np.abs(pictures[of_training].mean(axis=0)).mean() < 0.2
    first = np.repeat(found, captions, axis=0)[:, 0]
    assert abs(np.corrcoef(first, pictures[:, 0])[0, 1]) > 0.999
    losses = replace(GENERATOR.losses, reconstruction=10.0, feature_target="image", class_aware=0.0)
    alone = replace(GENERATOR, embeddings="picture", losses=replace(losses, adversarial_from=1.0))
    warm = train("generator", corpus, tmp_path / "warm", alone, device="cpu", progress=False)
    terms = [json.loads(line) for line in (warm.run_dir / "stats.jsonl").read_text().splitlines()]
    assert all("discriminator" not in line for line in terms)
    assert "reconstruction" in terms[0]
    last = CheckpointStore(warm.run_dir / "checkpoints").latest()
    assert last is not None
    before = CheckpointStore(warm.run_dir / "checkpoints").load(last)[0]["task"]["average"]["module"]
    still = replace(GENERATOR, initial=str(warm.run_dir), losses=losses, learning_rate=1e-12, ema_decay=0.0)
    tuned = train("generator", corpus, tmp_path / "tuned", still, device="cpu", progress=False)
    after, config = load_release(tuned.run_dir / "export")
    assert config["kind"] == "speech-to-image"
    for name, value in before.items():
        if name.startswith("first.ups") and name.endswith("conv.weight"):
            torch.testing.assert_close(after[f"generator.{name}"], value, atol=2e-3, rtol=1e-2)
    ours, theirs = after["generator.augment.project.weight"].flatten(), before["augment.project.weight"].flatten()
    assert torch.cosine_similarity(ours, theirs, dim=0).abs() > 0.999
    other = replace(still, model=replace(GENERATOR.model, width=8))
    with pytest.raises(ConfigError, match=r"its weights have model.width \d+ \(set: 8\)"):
        train("generator", corpus, tmp_path / "other", other, device="cpu", progress=False)
    with pytest.raises(CheckpointError, match="no folder and no shipped weights"):
        train("generator", corpus, tmp_path / "none", replace(still, initial=str(tmp_path / "x")), device="cpu")


def test_what_is_missing_is_named(corpus: Path, trained: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are: .*encoder"):
        train("generator", corpus, tmp_path / "a", replace(GENERATOR, embeddings="other"), progress=False)
    with pytest.raises(ConfigError, match="embedding_dim"):
        model = replace(ENCODER.model, embedding_dim=512)
        train("encoder", corpus, tmp_path / "b", replace(ENCODER, model=model), progress=False)
    with pytest.raises(ConfigError, match="mel_preset"):
        train("encoder", corpus, tmp_path / "c", replace(ENCODER, mel_preset="none"), progress=False)


def test_embeddings_of_another_manifest_are_refused(
    corpus: Path, trained: Path, tmp_path: Path, unseal: Callable[[Path], None]
) -> None:
    path = corpus / "derived" / "embeddings" / "encoder" / "embeddings.h5"
    whole = path.read_bytes()
    try:
        unseal(path)
        with h5py.File(path, "r+") as file:
            file["ids"][0] = "another"
        with pytest.raises(DataError, match="another manifest"):
            train("generator", corpus, tmp_path / "a", GENERATOR, progress=False)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize(
    "change", [{"model": {"num_stages": 9}}, {"batch_size": 1}, {"features": None, "losses": {"feature": 1.0}}]
)
def test_contradictory_generator_settings_are_refused(change: dict[str, Any]) -> None:
    from speech2img.config import settings_from_dict

    with pytest.raises(ConfigError):
        settings_from_dict(StackGANSettings, change)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_every_task_trains_and_resumes_on_cuda(
    precision: str, corpus: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from speech2img.training.classifiers import attributes as teacher
    from speech2img.training.encoder import task as encoder
    from speech2img.training.stackgan import task as generator

    kinds = {"teacher": teacher.TeacherTask, "encoder": encoder.EncoderTask, "generator": generator.StackGANTask}
    for name, settings in SETTINGS.items():
        settings = replace(settings, loop=loop(precision=precision))
        original = kinds[name].train_step

        def stopping(self: Task, batch: Any, used: float, step: Callable[..., Any] = original) -> Any:
            if used == 0:
                signal.raise_signal(signal.SIGTERM)
            return step(self, batch, used)

        monkeypatch.setattr(kinds[name], "train_step", stopping)
        assert not train(name, corpus, tmp_path / name, settings, device="cuda", progress=False).finished
        result = train(name, corpus, tmp_path / name, settings, device="cuda", progress=False)
        assert result.finished and result.step == STEPS
        tensors, _ = load_release(tmp_path / name / "export")
        assert all(torch.isfinite(value).all() for value in tensors.values())
