"""``train classifier``: pictures dealt into three parts, a head on kept features, the whole network, and its score."""

import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Item, Manifest
from speech2img.errors import CheckpointError, ConfigError, DataError
from speech2img.features.image_classifier import load_image_classifier
from speech2img.images.input_filters import legacy
from speech2img.models.vision.image_classifier import ImageClassifier, make_backbone
from speech2img.models.vision.inception import InceptionV3
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.releases.release import load_release, release_sha256
from speech2img.storage.releases.writing import save_release
from speech2img.training.classifiers import backbone
from speech2img.training.classifiers import task as training
from speech2img.training.classifiers.data import PARTS, choose_items, deal, vary
from speech2img.training.classifiers.settings import ClassifierSettings
from speech2img.training.run import LoopSettings
from speech2img.training.train import train

COLOURS = {"red": (200, 30, 40), "green": (40, 190, 60), "blue": (30, 50, 210)}
LOOP = LoopSettings(max_steps=40, evaluate_every=10, grid_every=0, precision="fp32", threads=1)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures of each of three unseen classes in their colours, one seen class, a box around the middle."""
    root, rng = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0)
    items = []
    for number in range(27):
        name = "grey" if number >= 24 else list(COLOURS)[number % 3]
        base = np.array(COLOURS.get(name, (128, 128, 128)))
        pixels = (base + rng.integers(-30, 31, (24, 32, 3))).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / f"{number}.png")
        items.append(
            Item(
                f"{name}/{number}",
                f"{number}.png",
                list((*COLOURS, "grey")).index(name),
                name,
                "train" if name == "grey" else "test",
                (8.0, 4.0, 12.0, 12.0),
                None,
                (),
            )
        )
    Manifest(root, "cub", items).save()
    return root


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GoogLeNet with random weights as a release of ``import``."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights") / "googlenet"
    config = {"kind": "googlenet", "variant": "bvlc"}
    save_release(folder, make_backbone("bvlc").state_dict(), config, "# card", half=False)
    return folder


@pytest.fixture(scope="module")
def settings(network: Path) -> ClassifierSettings:
    return ClassifierSettings(network=str(network), views=2, batch_size=8, learning_rate=1e-2, workers=1, loop=LOOP)


@pytest.fixture(scope="module")
def run(corpus: Path, settings: ClassifierSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "head"
    assert train("classifier", corpus, folder, settings, device="cpu", progress=False).finished
    return folder


def test_pictures_are_dealt_class_by_class(corpus: Path) -> None:
    items = choose_items(Manifest.load(corpus), "unseen")
    parts = deal(items, validation=0.15, held_out=0.3, seed=0)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(24))
    assert {part: len(rows) for part, rows in parts.items()} == dict(zip(PARTS, (15, 3, 6), strict=True))
    for rows in parts.values():
        assert {items[row].class_name for row in rows} == set(COLOURS)
    again, other = (deal(items, validation=0.15, held_out=0.3, seed=seed) for seed in (0, 1))
    assert all((again[part] == parts[part]).all() for part in PARTS)
    assert any((other[part] != parts[part]).any() for part in PARTS)
    with pytest.raises(DataError, match="2 pictures for three parts"):
        deal(items[:2], validation=0.15, held_out=0.15, seed=0)


def test_views_are_parts_of_the_picture() -> None:
    picture = Image.fromarray(np.arange(40 * 60, dtype=np.uint16).reshape(40, 60).astype(np.uint8))
    sizes = {vary(picture, np.random.default_rng(seed), smallest=0.5).size for seed in range(30)}
    assert len(sizes) > 5 and all(30 <= width <= 60 and 20 <= height <= 40 for width, height in sizes)
    whole = vary(picture, np.random.default_rng(0), smallest=1.0)
    assert np.asarray(whole).tolist() in (np.asarray(picture).tolist(), np.asarray(picture)[:, ::-1].tolist())


def test_a_head_learns_and_says_what_it_is(run: Path, network: Path) -> None:
    reader = load_image_classifier(run)
    assert reader.weights_sha256 == release_sha256(run / "export") and reader.classifier == "own"
    config = reader.config
    assert config["classes"] == sorted(COLOURS) and config["corpus"] == "cub, unseen classes"
    assert config["network_sha256"] == release_sha256(network) and config["tuned"] == "head"
    assert config["accuracy"] == {"validation": 1.0, "held-out": 1.0}
    assert config["pictures"] == {"training": 18, "validation": 3, "held-out": 3}
    assert "own classifier of 3 classes on GoogLeNet (BVLC, ImageNet)" == reader.name
    assert "100.0 % held-out" in reader.facts
    shown = np.stack([legacy(Image.new("RGB", (9, 9), COLOURS[name])) for name in sorted(COLOURS)])
    logits = reader.read(torch.from_numpy(shown), ("logits",))["logits"]
    assert logits.argmax(axis=1).tolist() == [0, 1, 2]
    assert "cropped" in config["crop"]


def test_validation_chooses_and_held_out_pictures_do_not(
    corpus: Path, settings: ClassifierSettings, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []
    measure = training.ClassifierTask._measure
    monkeypatch.setattr(
        training.ClassifierTask, "_measure", lambda self, part: (measured.append(part), measure(self, part))[1]
    )
    monkeypatch.setattr(ImageClassifier, "features", lambda *_: pytest.fail("features were there already"))
    again = tmp_path / "again"
    for place in run.glob("features-*"):
        shutil.copytree(place, again / place.name)
    train("classifier", corpus, again, settings, device="cpu", progress=False)
    assert measured == ["validation"] * 4 + ["validation", "held-out"]
    for ours, theirs in zip(*(load_release(folder / "export")[0].items() for folder in (run, again)), strict=True):
        assert ours[0] == theirs[0] and torch.equal(ours[1], theirs[1])


def test_an_interrupted_run_ends_bit_for_bit_the_same(
    corpus: Path,
    settings: ClassifierSettings,
    run: Path,
    tmp_path: Path,
    toy: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for place in run.glob("features-*"):
        shutil.copytree(place, tmp_path / "run" / place.name)
    original, calls = training.ClassifierTask.train_step, 0

    def stopping(self: training.ClassifierTask, batch: training.ClassifierBatch, progress: float) -> Any:
        nonlocal calls
        calls += 1
        if calls in (1, 9, 23):
            signal.raise_signal(signal.SIGTERM)
        return original(self, batch, progress)

    monkeypatch.setattr(training.ClassifierTask, "train_step", stopping)
    sittings = 1
    while not train("classifier", corpus, tmp_path / "run", settings, device="cpu", progress=False).finished:
        sittings += 1
    assert sittings == 4
    states = []
    for folder in (run, tmp_path / "run"):
        store = CheckpointStore(folder / "checkpoints")
        states.append(store.load(store.folder / f"step-{LOOP.max_steps:08d}")[0])
    assert all(toy.digest(states[0][part]) == toy.digest(states[1][part]) for part in ("task", "random"))


def test_a_restored_task_goes_on_alike(
    corpus: Path, settings: ClassifierSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks: list[training.ClassifierTask] = []
    monkeypatch.setattr("speech2img.training.train.run_training", lambda task, **_: tasks.append(task))
    for _ in range(2):
        train("classifier", corpus, tmp_path / "run", settings, device="cpu", progress=False)
    first, second = tasks
    for step in range(4):
        torch.manual_seed(step)
        first.train_step(first.next_batch(), step / 8)
        if step == 1:
            first.evaluate(step)
            torch.save(first.state_dict(), tmp_path / "state.pt")
    second.load_state_dict(torch.load(tmp_path / "state.pt"))
    for step in (2, 3):
        torch.manual_seed(step)
        second.train_step(second.next_batch(), step / 8)
    for name, value in first.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name])
    assert second.best.step == 1 and first.batches.sampler.state_dict() == second.batches.sampler.state_dict()


def test_the_whole_network_is_tuned_from_a_head(
    corpus: Path, settings: ClassifierSettings, run: Path, tmp_path: Path
) -> None:
    whole = replace(
        settings,
        network=None,
        initial=str(run),
        tune="all",
        learning_rate=1e-4,
        batch_size=3,
        loop=replace(LOOP, max_steps=2, evaluate_every=1),
    )
    train("classifier", corpus, tmp_path / "all", whole, device="cpu", progress=False)
    before, after = (load_release(folder / "export") for folder in (run, tmp_path / "all"))
    changed = {name.split(".")[0] for name in before[0] if not torch.equal(before[0][name], after[0][name])}
    assert changed == {"backbone", "head"} and after[1]["tuned"] == "all"
    assert after[1]["initial_sha256"] == release_sha256(run / "export")
    assert after[1]["network_sha256"] == before[1]["network_sha256"]
    assert load_image_classifier(tmp_path / "all").weights_sha256 != load_image_classifier(run).weights_sha256


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"network": None}, ConfigError, "neither or both of network and initial"),
        ({"network": "nowhere.npz"}, CheckpointError, "nowhere.npz: no such file"),
        ({"tune": "all"}, ConfigError, "would spoil"),
        ({"classes": "seen"}, DataError, "1 seen classes"),
    ],
)
def test_what_cannot_be_trained(
    change: dict[str, object], error: type, words: str, corpus: Path, settings: ClassifierSettings, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        train("classifier", corpus, tmp_path / "run", replace(settings, **change), device="cpu", progress=False)


def test_other_files_and_settings_are_refused(
    corpus: Path, settings: ClassifierSettings, run: Path, tmp_path: Path
) -> None:
    words = tmp_path / "words.npz"
    np.savez(words, a=np.zeros(3))
    for path in (words, corpus):
        with pytest.raises(CheckpointError):
            train("classifier", corpus, tmp_path / "run", replace(settings, network=str(path)), device="cpu")
    with pytest.raises(CheckpointError, match="other classes"):
        other = replace(settings, network=None, initial=str(run), classes="all")
        train("classifier", corpus, tmp_path / "run", other, device="cpu", progress=False)
    with pytest.raises(CheckpointError, match="no classifier of pictures"):
        load_image_classifier(settings.network or "")
    for field in ({"validation": 0.7}, {"held_out": 0.0}, {"views": 0}, {"smallest": 0.0}):
        with pytest.raises(ConfigError):
            replace(settings, **field)


def test_one_verb_trains_and_the_other_scores(
    corpus: Path, network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["train", "classifier", "--root", str(corpus), "--out", str(tmp_path / "run"), "--device", "cpu"]
    settings = {
        "network": network,
        "views": 1,
        "loop.max_steps": 5,
        "loop.evaluate_every": 5,
        "workers": 1,
        "loop.threads": 1,
        "hidden": 4,
    }
    assert main([*argv, *(f"--set={name}={value}" for name, value in settings.items())]) == 0
    assert "step 5, finished (accuracy" in capsys.readouterr().out
    rng = np.random.default_rng(3)
    for side in ("made", "real"):
        for number in range(10):
            path = tmp_path / side / f"{number}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)
    out = tmp_path / "out"
    made, run = str(tmp_path / "made"), str(tmp_path / "run")
    score = ["evaluate", "--generated", made, "--classifier", run, "--out", str(out)]
    assert main([*score, "--ema", "yes"]) == 0
    report = json.loads((out / "report.json").read_text())
    (row,) = report["metrics"]
    assert (row["name"], row["group"], row["num_samples"]) == ("inception_score", "own classifier", 10)
    assert row["weights_sha256"] == release_sha256(tmp_path / "run" / "export")
    assert row["details"]["classifier"] == "own" and row["details"]["ema"] == "yes" and row["interval"] is not None
    assert any("comparable only with scores of the very same weights" in note for note in report["notes"])
    assert main([*score, "--real", str(tmp_path / "real"), "--protocol", "stackgan", "--corpus", "cub"]) == 1
    assert "10 splits of 0 pictures" in capsys.readouterr().err  # whole batches of 64 only
    assert main([*score, "--real", str(tmp_path / "real"), "--protocol", "clean", "--corpus", "cub"]) == 0
    names = [row["name"] for row in json.loads((out / "report.json").read_text())["metrics"]]
    assert names == ["inception_score", "inception_score_of_real_pictures"]
    assert "its classifier, fine-tuned on the test classes, is no longer available" in (out / "report.md").read_text()


def test_inception_as_far_as_its_layers_are_there(realdata: Path) -> None:
    facts = backbone._published(realdata / "weights" / "inception_fid_2015_12_05_to_mixed7.npz")
    network = facts.pop("module")
    assert isinstance(network, InceptionV3) and facts["network"].endswith("2015-12-05), up to mixed_7")
    classifier = ImageClassifier(network, 5, hidden=7).eval()
    golden = np.load(realdata / "weights" / "inception_fid_golden.npz")
    picture = torch.from_numpy(legacy(Image.fromarray(golden["rgb227"][0]))).permute(2, 0, 1)[None]
    with torch.inference_mode():
        features = classifier.features(picture)
        assert classifier(picture).shape == (1, 5)
    np.testing.assert_allclose(features[0].numpy(), golden["pool768"][0], rtol=1e-3, atol=1e-4)
