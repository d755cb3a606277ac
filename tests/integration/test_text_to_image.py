"""From text to an image by the command line: import CLIP's text side, extract, train, compose, generate."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import painted_corpus, token_diffusions
from helpers.clip_states import VOCABULARY, WIDTH, clip_text_state
from PIL import Image

from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Manifest
from speech2img.encoded_speech import TRANSCRIPT
from speech2img.errors import ConfigError
from speech2img.features.speech_embeddings import load_embeddings
from speech2img.models.text_encoders.registry import build_text_encoder
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.release import load_release, strip_prefix

WORDS = ("red", "the bird", "this bird is red", "a bird is the red one", "is it red")
SMALL = {
    "image_size": 64,
    "model.width": 16,
    "model.depth": 1,
    "model.num_heads": 2,
    "sampler.steps": 4,
    "batch_size": 6,
    "workers": 1,
    "grid_utterances": 2,
    "grid_noises": 2,
    "loop.max_steps": 2,
    "loop.threads": 1,
    "loop.precision": "fp32",
}


def run(*words: Any) -> None:
    """Call the command line, which must succeed."""
    assert main([str(word) for word in words]) == 0


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus whose captions are written and never spoken, and all that the commands make of it."""
    way = tmp_path_factory.mktemp("way")
    root = painted_corpus.build(way / "corpus")
    manifest = Manifest.load(root)
    items = [
        replace(item, captions=tuple(replace(one, text=WORDS[(row + one.index) % 5]) for one in item.captions))
        for row, item in enumerate(manifest.items)
    ]
    Manifest(root, manifest.corpus, items).save()
    token_diffusions.add_to(root)
    torch.save(clip_text_state(embedding=WIDTH), way / "clip.pt")
    (way / "merges.txt").write_text(VOCABULARY)

    # The commands of experiments/s2ivq-d/07_from_text.sh at toy size.
    run("import", "clip-text", way / "clip.pt", "--vocabulary", way / "merges.txt", "--out", way / "clip-text")
    run("extract", "--run", way / "clip-text", "--root", root, "--name", "text", "--frames", "--device", "cpu")
    small = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    small += ["--set", f"codec={root / 'token-codec'}", "--device", "cpu"]
    run("train", "generator", "--preset", "vq-diffusion", "--root", root, "--out", way / "run", *small)
    run("compose", "--text-encoder", way / "clip-text", "--generator", way / "run", "--out", way / "model")
    return way


def test_the_embeddings_are_what_clip_makes_of_the_captions(way: Path) -> None:
    tensors, config = load_release(way / "clip-text")
    network = build_text_encoder(**config["text_encoder"])
    network.load_state_dict(strip_prefix(tensors, "text_encoder."))
    stored = load_embeddings(way / "corpus", "text")
    texts = [caption.text for item in Manifest.load(way / "corpus").items for caption in item.captions]
    with torch.inference_mode():
        wanted = network.eval().encode(texts)
    assert np.abs(stored.embeddings - wanted.sentence.numpy()).max() < 1e-5 * float(wanted.sentence.abs().max())
    assert stored.frames is not None and set(stored.frames.lengths.tolist()) == {77}
    for row in (0, 9, 27):
        assert np.abs(stored.frames[row] - wanted.words[row].T.numpy()).max() < 1e-3
    assert {path.name for path in stored.folder.iterdir()} >= {"speech_embeddings_train.pickle", "encoder"}
    assert stored.encoder_release()[1]["encoder"]["network"] == "text"


def test_text_is_read_by_the_trained_run_and_the_composed_model_alike(
    way: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    images = {}
    for name in ("run", "model"):
        texts = ["--text", WORDS[2], "--text", " ", "--text", WORDS[1]]
        words = ["generate", "--model", str(way / name), *texts, "--out", str(tmp_path / name), "--device", "cpu"]
        assert main(words) == 1  # of what cannot be read, as of what cannot be heard
        printed = capsys.readouterr()
        assert printed.out.splitlines() == [str(tmp_path / name / f"text{place}.png") for place in (0, 2)]
        assert printed.err.splitlines() == [
            f"speech2img: --text: read by the text encoder of {way / name}",
            'speech2img: --text " ": has no word that the text encoder knows; use words of the captions',
        ]
        with Image.open(tmp_path / name / "text0.png") as image:
            images[name] = np.asarray(image.convert("RGB")).astype(int)
            assert image.size == (64, 64) and image.info[TRANSCRIPT] == WORDS[2]
    assert np.abs(images["run"] - images["model"]).max() <= 1


def test_it_reads_from_python_and_hears_nothing(way: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = SpeechToImage.load(way / "model", device="cpu")
    assert pipe.reads_text and pipe.needs_frames and {"images", "text"} <= pipe.capabilities
    speech = pipe.encode_texts([WORDS[0], WORDS[4]])
    assert speech.texts == (WORDS[0], WORDS[4]) and speech.frames is not None and speech.frames[1].shape == (77, WIDTH)
    assert pipe.generate(speech, seed=1).shape == (2, 1, 64, 64, 3)
    noise = (16_000, 0.1 * np.random.default_rng(0).standard_normal(16_000))
    with pytest.raises(ConfigError, match="these weights read text and hear nothing; give it sentences"):
        pipe(noise)
    for texts in ("a bird", [], [3]):
        with pytest.raises(ConfigError, match="are no list of sentences"):
            pipe.encode_texts(texts)  # type: ignore[arg-type]
    assert main(["generate", "--model", str(way / "model"), "a.wav", "--out", str(tmp_path / "out")]) == 2
    assert "reads text and hears no recordings; give --text, or a model that hears" in capsys.readouterr().err


def name_recordings(root: Path) -> None:
    """Give every caption a place for its recording; nobody speaks it."""
    manifest = Manifest.load(root)
    items = [
        replace(item, captions=tuple(replace(one, audio=f"audio/{row}_{one.index}.wav") for one in item.captions))
        for row, item in enumerate(manifest.items)
    ]
    Manifest(root, manifest.corpus, items).save()


def test_its_images_are_measured_on_captions_that_are_stored_or_read(way: Path, tmp_path: Path) -> None:
    root = way / "corpus"
    name_recordings(root)
    reports = {}
    for name, given in (("stored", ("--embeddings", "text")), ("read", ())):
        words = [*given, "--split", "val", "--judge", root / "teacher", "--out", tmp_path / name]
        run("evaluate", "--model", way / "run", "--root", root, *words, "--device", "cpu")
        reports[name] = json.loads((tmp_path / name / "report.json").read_text())
    rows = {
        name: {(row["name"], row["group"]): row["value"] for row in report["metrics"]}
        for name, report in reports.items()
    }
    assert rows["read"].keys() == rows["stored"].keys() and len(rows["read"]) > 5
    assert rows["read"] == pytest.approx(rows["stored"], abs=1e-3, nan_ok=True)
    text = (tmp_path / "read" / "report.md").read_text()
    assert "crown_color" in text and "it was given the captions as they are written" in text
    assert "as they are written" not in (tmp_path / "stored" / "report.md").read_text()


def test_what_it_cannot_read_or_hear_is_told_before_it_is_measured(
    way: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "corpus"
    shutil.copytree(way / "corpus", root)
    name_recordings(root)
    words = ["evaluate", "--model", str(way / "run"), "--root", str(root), "--split", "val", "--device", "cpu"]
    words += ["--judge", str(root / "teacher"), "--out", str(tmp_path / "report")]
    capsys.readouterr()
    assert main([*words, "--conditions", "clean,noise20"]) == 2
    assert "--conditions: " in (said := capsys.readouterr().err) and "reads captions and hears nothing" in said
    manifest = Manifest.load(root)
    items = [replace(item, captions=tuple(replace(one, text=" ") for one in item.captions)) for item in manifest.items]
    Manifest(root, manifest.corpus, items).save()
    assert main(words) == 1
    assert "captions without a word that " in (said := capsys.readouterr().err) and said.count("\n") == 1
    assert not (tmp_path / "report").exists()
