"""Teacher, judge, encoder and generator on a corpus of a few pictures: the whole way, and each resumed exactly."""

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.songbirds.attributes import ATTRIBUTES
from speech2img.errors import CheckpointError, ConfigError, DataError
from speech2img.features.image_features import build_teacher_features, load_features
from speech2img.features.registry import load_teacher
from speech2img.features.speech_embeddings import extract_embeddings, extract_picture_embeddings, load_embeddings
from speech2img.metrics.evaluate.independence import judge_independence
from speech2img.models.generators.image_sampler import SamplingOptions
from speech2img.pipeline import SpeechToImage
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.foreign.peer_embeddings import (
    load_li2020_embeddings,
    load_li2020_image_features,
    load_s2igan_embeddings,
)
from speech2img.storage.releases.release import load_release
from speech2img.training.classifiers.settings import TeacherSettings
from speech2img.training.encoder.settings import EncoderLossSettings, EncoderModelSettings, EncoderSettings
from speech2img.training.prior.settings import PriorSettings
from speech2img.training.run import LoopSettings
from speech2img.training.stackgan.settings import GeneratorLossSettings, GeneratorModelSettings, GeneratorSettings
from speech2img.training.task import Task
from speech2img.training.train import train

STEPS = 4


def loop(**changes: Any) -> LoopSettings:
    options = {"max_steps": STEPS, "evaluate_every": 2, "grid_every": 2, "log_every": 1, "precision": "fp32"}
    return LoopSettings(**(options | {"threads": 1} | changes))


TEACHER = TeacherSettings(width=8, batch_size=8, workers=1, loop=loop())
ENCODER = EncoderSettings(
    model=EncoderModelSettings(channels=(8, 8, 8, 16, 16, 16, 16, 16)),
    losses=EncoderLossSettings(contrastive=1.0),
    batch_size=8,
    workers=1,
    loop=loop(),
)
GENERATOR = GeneratorSettings(
    model=GeneratorModelSettings(width=4, discriminator_width=4, condition_dim=8, noise_dim=8),
    batch_size=4,
    losses=GeneratorLossSettings(feature=1.0, class_aware=1.0),
    augmentation="shift",
    wrong_same_class=0.5,
    discriminator_augmentation=("translation", "cutout", "color"),
    evaluation_utterances=4,
    grid_utterances=2,
    grid_noises=2,
    loop=loop(),
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, make_corpus: Callable[[Path], Path]) -> Path:
    """Sixteen pictures of four species, three utterances each: noise bursts of different lengths."""
    return make_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def trained(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of teacher, encoder and generator on the corpus."""
    runs = tmp_path_factory.mktemp("runs")
    train("teacher", corpus, runs / "teacher", TEACHER, progress=False)
    build_teacher_features(corpus, runs / "teacher", progress=False)
    train("encoder", corpus, runs / "encoder", ENCODER, progress=False)
    extract_embeddings(runs / "encoder", corpus, progress=False)
    train("generator", corpus, runs / "generator", GENERATOR, progress=False)
    train("encoder", corpus, runs / "standard", replace(ENCODER, standardise=True), progress=False)
    extract_embeddings(runs / "standard", corpus, progress=False)
    extract_picture_embeddings(corpus, "teacher")
    painter = replace(GENERATOR, embeddings="picture", losses=replace(GENERATOR.losses, feature_target="image"))
    train("generator", corpus, runs / "painter", painter, progress=False)
    train("prior", corpus, runs / "prior", prior_settings(runs), progress=False)
    return runs


SETTINGS: dict[str, Any] = {"teacher": TEACHER, "encoder": ENCODER, "generator": GENERATOR}


def prior_settings(runs: Path) -> PriorSettings:
    return PriorSettings(
        generator=str(runs / "painter"),
        embeddings="standard",
        components=6,
        width=16,
        blocks=1,
        batch_size=8,
        evaluation_utterances=4,
        grid_utterances=2,
        grid_noises=2,
        steps=2,
        loop=loop(),
    )


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
        "generator": generator.GeneratorTask,
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


def test_what_a_prior_cannot_use_is_named(corpus: Path, trained: Path, tmp_path: Path) -> None:
    settings = prior_settings(trained)
    train("generator", corpus, tmp_path / "speech", replace(GENERATOR, embeddings="standard"), progress=False)
    for generator in (trained / "generator", tmp_path / "speech"):
        with pytest.raises(DataError, match="paint standardised"):
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
    assert many.sampler is not None and many.sampler.options == SamplingOptions(prior_steps=2, candidates=4)
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
    with pytest.raises(ConfigError, match="no reader"):
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
        losses=GeneratorLossSettings(color=1.0),
        loop=loop(max_steps=2, precision="bf16"),
    )
    train("generator", corpus, tmp_path / "two", settings, progress=False)
    from speech2img.pipeline import SpeechToImage

    stages = SpeechToImage.load(tmp_path / "two", device="cpu")(corpus / "audio" / "3_0.wav", return_stages=True)
    assert [stage.size for stage in stages] == [(64, 64), (128, 128)]


def test_a_warm_up_on_picture_features_is_taken_over(corpus: Path, trained: Path, tmp_path: Path) -> None:
    extract_picture_embeddings(corpus, "teacher", name="picture")
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
        settings_from_dict(GeneratorSettings, change)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_every_task_trains_and_resumes_on_cuda(
    precision: str, corpus: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from speech2img.training.classifiers import attributes as teacher
    from speech2img.training.encoder import task as encoder
    from speech2img.training.stackgan import task as generator

    kinds = {"teacher": teacher.TeacherTask, "encoder": encoder.EncoderTask, "generator": generator.GeneratorTask}
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
