"""A generator without an encoder: it paints S2IGAN's pickles, and is measured on what a corpus has stored."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Caption, Item, Manifest, utterance_id
from speech2img.corpora.songbirds.rendering.render import random_attributes, render_bird
from speech2img.generation import EmbeddingsToImage
from speech2img.metrics.evaluate.model_groups import SpeechPipeline
from speech2img.storage.foreign.peer_embeddings import save_s2igan_embeddings

ReleaseMaker = Callable[..., Path]
SIZE = 16


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory, make_release: ReleaseMaker) -> Path:
    return make_release(tmp_path_factory.mktemp("weights") / "rdg", kind="image-generator", conditioning="sampled")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of unseen classes whose recordings are elsewhere, and the embeddings that a program made."""
    root, rng, items = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0), []
    for number in range(12):
        attributes = random_attributes(rng)
        path = root / "images" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(render_bird(attributes, seed=number, size=64)).save(path)
        said = [dict(list(attributes.items())[k::2]) for k in range(2)]
        captions = tuple(
            Caption(k, "a bird", "en", f"audio/{number}_{k}.wav", 175, 50, 50, said[k], None) for k in range(2)
        )
        name = f"{number % 3 + 1:03d}.Bird"
        image = f"images/{number}.png"
        items.append(Item(f"{name}/{number}", image, number % 3, name, "test", None, attributes, captions))
    Manifest(root, "songbirds", items).save()
    folder = root / "derived" / "embeddings" / "peer"
    folder.mkdir(parents=True)
    with h5py.File(folder / "embeddings.h5", "w") as file:
        file["embeddings"] = rng.standard_normal((24, SIZE)).astype(np.float32)
        file["ids"] = [utterance_id(item, caption) for item in items for caption in item.captions]
        file.attrs.update(sha256="ab" * 32, mel_preset="none")
    return root


def test_pickles_are_painted(generator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [np.random.default_rng(n).standard_normal((2 + n % 2, SIZE)).astype(np.float32) for n in range(15)]
    save_s2igan_embeddings(tmp_path / "speech_embeddings_test.pickle", rows)
    out = tmp_path / "out"
    pickle = str(tmp_path / "speech_embeddings_test.pickle")
    words = ["--embeddings", pickle, "--out", str(out), "--device", "cpu"]
    assert main(["generate", "--model", str(generator), *words]) == 0
    names = {path.stem for path in out.glob("*.png")}
    assert names == {f"picture{n}_{k}" for n, row in enumerate(rows) for k in range(len(row))}
    wanted = EmbeddingsToImage.load(generator, device="cpu").generate(np.concatenate(rows), first_index=0)[36, 0]
    painted = np.asarray(Image.open(out / "picture14_1.png"))
    assert np.abs(painted.astype(int) - wanted.astype(int)).max() <= 1
    assert main(["generate", "bird.wav", "--embeddings", pickle, "--out", str(out)]) == 2
    assert "not together with" in capsys.readouterr().err


def test_pickles_of_another_size_are_refused(
    generator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.pickle"
    save_s2igan_embeddings(path, [np.zeros((2, 8), dtype=np.float32)])
    for given in (path, tmp_path / "missing.pickle"):
        words = ["--embeddings", str(given), "--out", str(tmp_path / "out"), "--device", "cpu"]
        assert main(["generate", "--model", str(generator), *words]) in (1, 2)
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and "bug" not in lines[0]
    assert not (tmp_path / "out").exists()


def test_it_is_measured_on_stored_embeddings(
    generator: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the measuring, which knows a model by these names only."""
    given: list[tuple[SpeechPipeline, dict]] = []

    def measure(pipeline: SpeechPipeline, manifest: Manifest, *, out: Path, **options: object) -> None:
        given.append((pipeline, options))
        (out / "report.md").write_text("measured")

    monkeypatch.setattr("speech2img.metrics.evaluate.model.evaluate_pipeline", measure)
    words = ["--root", str(root), "--out", str(tmp_path), "--device", "cpu"]
    assert main(["evaluate", "--model", str(generator), "--embeddings", "peer", *words]) == 0
    pipe, options = given[0]
    assert pipe.weights_sha256.startswith("ab" * 32 + "+") and pipe.sampling == {"conditioning": "sampled"}
    assert options["retrieval"] == {} and pipe.image_size == 128
    found = pipe.encode_paths([root / "audio/5_1.wav", root / "audio/0_0.wav"])
    with h5py.File(root / "derived" / "embeddings" / "peer" / "embeddings.h5") as file:
        np.testing.assert_array_equal(found, file["embeddings"][:][[11, 0]])
    alone = EmbeddingsToImage.load(generator, device="cpu").generate(found, seed=3, num_images=2, first_index=7)
    np.testing.assert_array_equal(pipe.generate(found, seed=3, num_images=2, first_index=7), alone)


def test_stored_embeddings_that_do_not_fit_are_named(
    generator: Path, root: Path, tmp_path: Path, make_release: ReleaseMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    def evaluate(model: Path, name: str) -> str:
        words = ["--root", str(root), "--out", str(tmp_path / "report"), "--device", "cpu"]
        assert main(["evaluate", "--model", str(model), "--embeddings", name, *words]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and "bug" not in lines[0]
        return lines[0]

    assert "there are: peer" in evaluate(generator, "other")
    assert "not a generator" in evaluate(make_release(tmp_path / "deaf", kind="speech-encoder"), "peer")
    for name, rows, width, words in (("short", 23, SIZE, "another manifest"), ("narrow", 24, 8, "takes 16")):
        folder = root / "derived" / "embeddings" / name
        folder.mkdir()
        with h5py.File(folder / "embeddings.h5", "w") as file, h5py.File(folder.parent / "peer/embeddings.h5") as whole:
            file["embeddings"], file["ids"] = whole["embeddings"][:rows, :width], whole["ids"][:rows]
            file.attrs.update(whole.attrs)
        assert words in evaluate(generator, name)
