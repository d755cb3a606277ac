"""Encoder training by presets: S2IGAN's from features of any size to an image head; Li et al.'s as it ever was."""

import importlib.util
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

from speech2img.audio.mel import MEL_PRESETS
from speech2img.batches.speech import Mels, SpeechBatches
from speech2img.config import load_settings
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import ConfigError, DataError
from speech2img.features.image_features import load_features
from speech2img.features.image_head import image_space, load_image_head
from speech2img.features.imported_embeddings import import_embeddings
from speech2img.features.speech_embeddings import embedding_folder, extract_embeddings, load_embeddings
from speech2img.features.stores import mel_store
from speech2img.losses.distillation import distillation_loss, l1_loss
from speech2img.losses.joint_embedding import contrastive_loss, joint_embedding_loss
from speech2img.metrics.functional.retrieval import retrieval_scores
from speech2img.models.encoders.li2020 import Li2020Encoder
from speech2img.pipeline import SpeechToImage
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.foreign.peer_embeddings import load_s2igan_embeddings
from speech2img.storage.releases.release import load_release
from speech2img.systems.registry import preset as find_preset
from speech2img.training.encoder.data import encoder_data
from speech2img.training.encoder.settings import (
    CRNNSettings,
    EncoderLossSettings,
    EncoderModelSettings,
    EncoderSettings,
)
from speech2img.training.encoder.task import EncoderTask
from speech2img.training.optimization import learning_rate
from speech2img.training.run import LoopSettings, seed_everything
from speech2img.training.train import train

STEPS = 4
LOOP = LoopSettings(max_steps=STEPS, evaluate_every=2, grid_every=0, log_every=1, precision="fp32", threads=1)
SEN = replace(
    find_preset("encoder", "s2igan"),
    crnn=CRNNSettings(channels=(8, 12), embedding_dim=16, attention_dim=8),
    batch_size=6,
    features="made",
    workers=1,
    loop=LOOP,
)
LI = EncoderSettings(
    model=EncoderModelSettings(channels=(8, 8, 8, 16, 16, 16, 16, 16), embedding_dim=20),
    features="made",
    losses=EncoderLossSettings(contrastive=1.0),
    batch_size=8,
    workers=1,
    standardise=True,
    loop=LOOP,
)
FEATURE_DIM = 20


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, make_corpus: Callable[[Path], Path]) -> Path:
    """The tiny corpus with features of 20 numbers that tell the class, two views a picture."""
    root = make_corpus(tmp_path_factory.mktemp("corpus"))
    items = Manifest.load(root).items
    generator = np.random.default_rng(1)
    features = 3 * np.eye(FEATURE_DIM)[[item.class_id for item in items]][:, None]
    features = features + generator.random((len(items), 2, FEATURE_DIM)) + np.linspace(0, 5, FEATURE_DIM)
    (root / "derived").mkdir(exist_ok=True)
    with h5py.File(root / "derived" / "features-made.h5", "w") as file:
        file["features"] = features.astype(np.float32)
        file["ids"] = [item.id for item in items]
        file.attrs.update(kind="made", source="nowhere", sha256="cd" * 32, views=2)
    return root


@pytest.fixture(scope="module")
def runs(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of each preset, and the embeddings of S2IGAN's."""
    folder = tmp_path_factory.mktemp("runs")
    train("encoder", corpus, folder / "sen", SEN, progress=False)
    train("encoder", corpus, folder / "li", LI, progress=False)
    extract_embeddings(folder / "sen", corpus, progress=False)
    return folder


def task_state(run: Path) -> dict[str, Any]:
    store = CheckpointStore(run / "checkpoints")
    return store.load(store.folder / f"step-{STEPS:08d}")[0]["task"]


def test_the_preset_of_li_takes_the_very_steps_it_took_before_there_were_two(corpus: Path, runs: Path) -> None:
    """The loop of Li et al.'s preset written out once more, without anything that came with the second network."""
    items = Manifest.load(corpus).items
    train = [(3 * n + k, n, item.class_id) for n, item in enumerate(items) if item.split == "train" for k in range(3)]
    rows, images, classes = np.array(train).T
    features = load_features(corpus, "made").features
    seen = features[np.unique(images)].reshape(-1, FEATURE_DIM)
    features = ((features - seen.mean(0)) / (seen.std(0) + 1e-3 * float(seen.std()) + 1e-8)).astype(np.float32)
    pad = MEL_PRESETS["li2020"].pad_value
    mels = Mels(mel_store(Manifest.load(corpus), preset="li2020", workers=1), max_frames=2048, pad_value=pad)
    batches = SpeechBatches(mels, rows, images, classes, features, batch_size=8, seed=0, mask_bands=4, mask_time=0.05)
    torch.set_num_threads(1)
    seed_everything(0)
    encoder = Li2020Encoder(channels=LI.model.channels, embedding_dim=FEATURE_DIM, pad_value=pad)
    adam = torch.optim.Adam(encoder.parameters(), lr=1e-3, weight_decay=1e-5)
    for step in range(STEPS):
        adam.param_groups[0]["lr"] = learning_rate(step / STEPS, base=1e-3, warmup=0.02)
        encoder.train()
        batch = batches.next()
        speech, image = encoder(batch.mel_BMT, batch.lengths_B).sentence, batch.features_BD
        loss = torch.stack(
            [
                1.0 * joint_embedding_loss(image, speech, batch.classes_B),
                5.0 * l1_loss(speech, image),
                1.0 * distillation_loss(speech, image, temperature=2.0),
                1.0 * contrastive_loss(image, speech, scale=10.0),
            ]
        ).sum()
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 5.0)
        adam.step()
    trained = task_state(runs / "li")["model"]
    for name, value in encoder.state_dict().items():
        assert torch.equal(trained.pop(f"encoder.{name}"), value), name
    assert not trained


def test_the_release_holds_encoder_and_image_head_but_no_classifier(runs: Path) -> None:
    tensors, config = load_release(runs / "sen" / "export")
    assert config["encoder"]["network"] == "s2igan" and config["mel_preset"] == "s2igan"
    assert config["image_head"] == {"feature_dim": FEATURE_DIM, "embedding_dim": 16}
    assert {name.split(".")[0] for name in tensors} == {"encoder", "image_head"}
    assert config["trained_with"] == {"feature network": "cd" * 32} and not config["standardised"]
    found = load_image_head(runs / "sen")
    assert (found.features, found.features_sha256) == ("made", "cd" * 32)
    assert task_state(runs / "sen")["model"]["classifier.weight"].shape == (3, 16), "classes of the training part"
    _, plain = load_release(runs / "li" / "export")
    assert "network" not in plain["encoder"] and "image_head" not in plain and plain["standardised"]


def test_both_losses_and_all_validation_numbers_are_logged(runs: Path) -> None:
    for name, losses in (("sen", {"matching_loss", "distinctive"}), ("li", {"joint", "l1", "distillation"})):
        lines = [json.loads(line) for line in (runs / name / "stats.jsonl").read_text().splitlines()]
        train = next(line for line in lines if line["kind"] == "train")
        assert losses <= train.keys() and train["loss"] == pytest.approx(
            sum(
                train[k]
                for k in ("joint", "l1", "distillation", "contrastive", "matching_loss", "distinctive")
                if k in train
            ),
            rel=1e-5,
        )
        found = [line for line in lines if line["kind"] == "evaluation"][-1]
        assert {"mean_average_precision", "recall_at_10_both", "score", "centroid_accuracy"} <= found.keys()
        assert 0 < found["mean_average_precision"] <= 1 and found["recall_at_10_both"] == 1.0


def test_the_image_head_takes_features_as_the_teacher_gives_them(corpus: Path, tmp_path: Path) -> None:
    """Standardised in training, folded into the head in the release."""
    settings = replace(SEN, standardise=True)
    train("encoder", corpus, tmp_path / "run", settings, progress=False)
    features = load_features(corpus, "made").features
    items = Manifest.load(corpus).items
    seen = features[[n for n, item in enumerate(items) if item.split == "train"]].reshape(-1, FEATURE_DIM)
    standard = (features[:, 0] - seen.mean(0)) / (seen.std(0) + 1e-3 * float(seen.std()) + 1e-8)
    best = task_state(tmp_path / "run")["best"]["weights"]
    by_hand = standard @ best["image_head.linear.weight"].numpy().T + best["image_head.linear.bias"].numpy()
    by_hand /= np.linalg.norm(by_hand, axis=1, keepdims=True)
    np.testing.assert_allclose(load_image_head(tmp_path / "run").embed(features[:, 0]), by_hand, atol=5e-3)


def test_embeddings_have_unit_length_and_do_not_depend_on_company(corpus: Path, runs: Path) -> None:
    found = load_embeddings(corpus, "sen").embeddings
    assert found.shape == (48, 16)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)
    pipe = SpeechToImage.load(runs / "sen", device="cpu")
    assert pipe.mel.name == "s2igan"
    items = Manifest.load(corpus).items
    for row in (0, 17, 47):
        alone = pipe.encode(corpus / items[row // 3].captions[row % 3].audio)
        np.testing.assert_allclose(alone, found[row], atol=2e-3)


def test_pictures_and_speech_meet_in_the_space_of_the_release(corpus: Path, runs: Path) -> None:
    features = load_features(corpus, "made").features[:, 0]
    space = image_space(*load_release(runs / "sen" / "export"), name="sen")
    assert space is not None and space.what == "features through the trained image head"
    np.testing.assert_allclose(np.linalg.norm(space.embed(features), axis=1), 1.0, atol=1e-5)
    tensors, config = load_release(runs / "li" / "export")
    space = image_space(tensors, config, name="li")
    assert space is not None and abs(space.embed(features[:9]).mean()) < 1
    plain = image_space({}, config, name="plain")
    assert plain is not None and np.array_equal(plain.embed(features), features)
    assert image_space({}, {"encoder": {"network": "s2igan"}}, name="imported") is None


def test_s2igans_pickles_go_both_ways(corpus: Path, runs: Path, tmp_path: Path) -> None:
    ours = embedding_folder(corpus, "sen")
    parts = {path.name for path in ours.glob("*.pickle")}
    assert parts == {f"speech_embeddings_{part}.pickle" for part in ("train", "val", "test")}
    rows = load_s2igan_embeddings(ours / "speech_embeddings_train.pickle")
    assert len(rows) == 9 and rows[0].shape == (3, 16)
    taken = import_embeddings(ours, corpus, name="theirs")
    theirs, before = load_embeddings(corpus, "theirs"), load_embeddings(corpus, "sen")
    np.testing.assert_array_equal(theirs.embeddings, before.embeddings)
    assert theirs.ids == before.ids
    assert load_release(taken / "encoder") == ({}, {"kind": "embeddings-only", "source": "sen"})
    with pytest.raises(DataError, match=r"no embeddings of 16 pictures"):
        import_embeddings(tmp_path, corpus)
    (tmp_path / "speech_embeddings_train.pickle").write_bytes((ours / "speech_embeddings_test.pickle").read_bytes())
    with pytest.raises(DataError, match="4 pictures, the corpus's train has 9"):
        import_embeddings(tmp_path, corpus)


def test_the_script_of_scores_sees_pictures_through_the_head(
    corpus: Path, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(__file__).parents[3] / "experiments" / "cub100" / "encoder_scores.py"
    spec = importlib.util.spec_from_file_location("encoder_scores", path)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    out = tmp_path / "scores.json"
    options = ["--root", str(corpus), "--embeddings", "sen", "--features", "made", "--split", "train"]
    monkeypatch.setattr("sys.argv", ["encoder_scores.py", *options, "--out", str(out)])
    script.main()
    found = json.loads(out.read_text())
    assert "through the trained image head" in found["protocol"]
    by_head = load_image_head(runs / "sen").embed(load_features(corpus, "made").features[:, 0])
    items = Manifest.load(corpus).items
    rows = [row for row, item in enumerate(items) if item.split == "train"]
    speech = load_embeddings(corpus, "sen").embeddings.reshape(16, 3, 16)[rows].reshape(-1, 16)
    classes = [items[row].class_id for row in rows]
    expected = retrieval_scores(speech, by_head[rows], np.repeat(classes, 3).tolist(), classes)
    assert found["train, as S2IGAN"]["mean_average_precision_speech_to_picture"] == pytest.approx(
        expected.mean_average_precision, abs=1e-4
    )


@pytest.mark.parametrize("name", ["sen", "li"])
def test_an_interrupted_run_ends_bit_for_bit_the_same(
    name: str, corpus: Path, runs: Path, tmp_path: Path, toy: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    original = EncoderTask.train_step

    def stopping(self: EncoderTask, batch: Any, progress: float) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            signal.raise_signal(signal.SIGTERM)
        return original(self, batch, progress)

    monkeypatch.setattr(EncoderTask, "train_step", stopping)
    settings = {"sen": SEN, "li": LI}[name]
    assert not train("encoder", corpus, tmp_path / name, settings, progress=False).finished
    assert train("encoder", corpus, tmp_path / name, settings, progress=False).finished
    assert toy.digest(task_state(tmp_path / name)) == toy.digest(task_state(runs / name))


def test_a_run_from_before_there_was_more_than_an_encoder_goes_on(
    corpus: Path, runs: Path, toy: ModuleType, tmp_path: Path
) -> None:
    state = task_state(runs / "li")
    manifest = Manifest.load(corpus)
    data = encoder_data(manifest, mel_store(manifest, preset="li2020", workers=1), load_features(corpus, "made"), LI)
    task = EncoderTask(LI, data=data, device=torch.device("cpu"))
    best = {name.removeprefix("encoder."): value for name, value in state["best"]["weights"].items()}
    encoder = {name.removeprefix("encoder."): value for name, value in state["model"].items()}
    older = {name: value for name, value in state.items() if name != "model"}
    task.load_state_dict({**older, "encoder": encoder, "best": {**state["best"], "weights": best}})
    assert toy.digest(task.state_dict()) == toy.digest(state)


def test_published_masking_trains_another_network(corpus: Path, runs: Path, tmp_path: Path) -> None:
    published = replace(SEN, crnn=replace(SEN.crnn, masked=False))
    train("encoder", corpus, tmp_path / "run", published, progress=False)
    first, second = (task_state(run)["model"]["encoder.convs.0.weight"] for run in (runs / "sen", tmp_path / "run"))
    assert not torch.equal(first, second)


def test_features_of_another_size_need_a_head(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="crnn.embedding_dim: 16 beside features of 20.*image_head"):
        train("encoder", corpus, tmp_path / "run", replace(SEN, image_head=False), progress=False)


def test_the_published_recipe_is_the_preset() -> None:
    sen = find_preset("encoder", "s2igan")
    assert (sen.batch_size, sen.learning_rate, sen.weight_decay, sen.betas) == (128, 1e-3, 1e-3, (0.95, 0.999))
    assert sen.losses.weights == (0.0,) * 6 + (1.0, 0.0, 1.0) and sen.losses.scale == 10.0
    rates = [
        learning_rate(
            epoch / 150, base=1e-3, schedule=sen.schedule, step_parts=sen.step_parts, step_factor=sen.step_factor
        )
        for epoch in (0, 49, 50, 99, 100, 149)
    ]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5])
    assert find_preset("encoder", "li2020") == EncoderSettings()
    published = find_preset("encoder", "s2igan-published")
    assert published == replace(sen, crnn=CRNNSettings(masked=False, attention_start="published"))
    over = load_settings(EncoderSettings, overrides=["crnn.embedding_dim=64", "batch_size=4"], base=sen)
    assert over == replace(sen, crnn=replace(sen.crnn, embedding_dim=64), batch_size=4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"crnn": CRNNSettings(channels=(1, 2, 3))},
        {"step_factor": 0.0},
        {"betas": (0.9, 1.0)},
        {"losses": EncoderLossSettings(joint=0.0, l1=0.0, distillation=0.0)},
    ],
)
def test_settings_out_of_range_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        replace(SEN, **wrong)


def test_pictures_may_stand_for_classes(corpus: Path, tmp_path: Path) -> None:
    losses = replace(SEN.losses, distinctive=0.0)
    settings = replace(SEN, labels="picture", losses=losses, selection="recall_at_10_both")
    train("encoder", corpus, tmp_path / "run", settings, progress=False)
    by_class = replace(settings, labels="class")
    train("encoder", corpus, tmp_path / "class", by_class, progress=False)
    first, second = (task_state(tmp_path / run)["model"] for run in ("run", "class"))
    assert not torch.equal(first["encoder.convs.0.weight"], second["encoder.convs.0.weight"])
    assert "classifier.weight" not in first
