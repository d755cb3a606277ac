"""A generator family from outside the package: a line in ``GENERATORS`` and one in ``STAGES`` make it a system."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from helpers import painted_corpus, tiny_trainings
from helpers.toy_family import SIDE, ToyPixels, ToyPixelsTask
from torch import Tensor, nn

from speech2img.cli.io.stored_speech import StoredSpeech
from speech2img.cli.main import main
from speech2img.corpora.records.items import Caption, Item
from speech2img.corpora.records.manifest import Manifest, utterance_id
from speech2img.errors import CheckpointError, ConfigError, MetricError
from speech2img.features.speech_embeddings import EmbeddingFile, extract_image_embeddings, load_embeddings
from speech2img.generation import EmbeddingsToImage
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.generators.base import ImageNoise
from speech2img.models.generators.registry import GENERATORS
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.release import load_release
from speech2img.storage.releases.writing import save_release
from speech2img.systems.registry import preset
from speech2img.training.stages import STAGES
from speech2img.training.train import train as train_stage

ReleaseMaker = Callable[..., Path]
LOOP = replace(tiny_trainings.LOOP, max_steps=4, grid_every=2)


class ToyDiffusion(nn.Module):
    """Images of one size in steps, each with a draw of its own; every pixel attends to the frames."""

    needs_frames = True
    image_sizes = (8,)

    def __init__(self, *, embedding_dim: int = 16, steps: int = 3) -> None:
        super().__init__()
        self.embedding_dim, self.steps = embedding_dim, steps
        self.query = nn.Linear(3, embedding_dim)
        self.value = nn.Linear(embedding_dim, 3)

    def sample(self, speech: SpeechEncoding, noise: ImageNoise) -> list[Tensor]:
        """Contract: `speech2img.models.generators.base.ImageGenerator`."""
        words_BSD = speech.words.transpose(1, 2)
        behind_BS = torch.arange(words_BSD.shape[1]) >= speech.word_lengths[:, None]
        pixels_BPC = noise.normal("start", 64, 3)
        for step in range(self.steps):
            scores_BPS = self.query(pixels_BPC) @ words_BSD.transpose(1, 2)
            weights_BPS = scores_BPS.masked_fill(behind_BS[:, None], float("-inf")).softmax(dim=2)
            heard_BPC = self.value(weights_BPS @ words_BSD + speech.sentence[:, None])
            dropped = noise.uniform(f"mask {step}", 64, 1) < 0.2
            pixels_BPC = (pixels_BPC + heard_BPC).masked_fill(dropped, 0) + 0.1 * noise.normal(f"step {step}", 64, 3)
        return [pixels_BPC.tanh().transpose(1, 2).unflatten(2, (8, 8))]


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release of the toy, which the registry knows."""
    monkeypatch.setitem(GENERATORS, "toy-diffusion", lambda: ToyDiffusion)
    torch.manual_seed(3)
    settings = {"embedding_dim": 16, "steps": 4}
    tensors = {f"generator.{name}": value for name, value in ToyDiffusion(**settings).state_dict().items()}
    config = {"kind": "image-generator", "generator": {"network": "toy-diffusion", **settings}}
    save_release(tmp_path / "toy", tensors, config, "# card")
    return tmp_path / "toy"


@pytest.fixture
def pipe(toy: Path, tmp_path: Path, make_release: ReleaseMaker) -> SpeechToImage:
    """The toy behind a tiny speech encoder."""
    return SpeechToImage.load(make_release(tmp_path / "encoder", kind="speech-encoder"), generator=toy, device="cpu")


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    """Tones of three lengths."""
    paths = []
    for number, seconds in enumerate((1.0, 2.5, 1.7)):
        time = np.arange(int(seconds * 16000)) / 16000
        paths.append(tmp_path / f"{number}.wav")
        soundfile.write(paths[-1], 0.3 * np.sin(2 * np.pi * (200 + 150 * number) * time * (1 + 0.2 * time)), 16000)
    return paths


def test_it_gives_the_same_image_alone_and_in_any_batch(pipe: SpeechToImage, recordings: list[Path]) -> None:
    assert pipe.image_sizes == (8,) and pipe.needs_frames
    together = pipe(recordings, seed=5, num_images=2)
    for recording, images in zip(recordings, together, strict=True):
        alone = pipe(recording, seed=5, num_images=3)
        assert alone[0].size == (8, 8) and alone[0] != alone[1]
        for image, same in zip(images, alone, strict=False):
            assert np.abs(np.asarray(image).astype(int) - np.asarray(same).astype(int)).max() <= 1
    assert pipe(recordings[0], seed=6) != pipe(recordings[0], seed=5)


def test_it_sees_the_frames(pipe: SpeechToImage, recordings: list[Path]) -> None:
    speech = pipe.encode_speech(recordings)
    assert speech.frames is not None
    lengths = [len(frames) for frames in speech.frames]
    assert lengths[0] < lengths[2] < lengths[1] and all(frames.shape[1] == 16 for frames in speech.frames)
    np.testing.assert_array_equal(speech.sentences, pipe.encode_paths(recordings))
    of_speech = pipe.generate(speech, seed=2)
    np.testing.assert_array_equal(of_speech[1, 0], pipe.generate(speech[[1]], seed=2)[0, 0])
    speech.frames[1][:] = speech.frames[1][::-1] * 3  # type: ignore[index]
    changed = pipe.generate(speech, seed=2)
    assert not np.array_equal(changed[1], of_speech[1]) and np.array_equal(changed[0], of_speech[0])


def test_sentences_alone_are_refused(pipe: SpeechToImage, toy: Path, recordings: list[Path]) -> None:
    with pytest.raises(ConfigError, match="looks at the frames"):
        EmbeddingsToImage.load(toy, device="cpu").generate(np.zeros((2, 16)))
    speech = pipe.encode_speech(recordings)
    assert speech.frames is not None
    speech.frames[2][0, 0] = np.nan  # type: ignore[index]
    with pytest.raises(ConfigError, match="frames that do not fit"):
        pipe.generate(speech)


def test_without_its_line_the_release_names_what_is_known(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(GENERATORS, "toy-diffusion")
    with pytest.raises(
        CheckpointError, match="one of stackgan, stackgan-v1, attngan, latent-flow, vq-diffusion, got 'toy-diffusion'"
    ):
        EmbeddingsToImage.load(toy, device="cpu")


def test_stored_embeddings_need_their_frames(pipe: SpeechToImage, toy: Path, recordings: list[Path]) -> None:
    captions = [(Caption(0, "a", "en", path.name, 175, 50, 50, {}, None),) for path in recordings]
    items = [
        Item(path.stem, "x.png", 0, "001.A", "test", None, None, spoken)
        for path, spoken in zip(recordings, captions, strict=True)
    ]
    manifest = Manifest(recordings[0].parent, "toys", items)
    ids, speech = [utterance_id(item, item.captions[0]) for item in items], pipe.encode_speech(recordings)
    generator = EmbeddingsToImage.load(toy, device="cpu")
    with pytest.raises(MetricError, match="has no frames.*--frames"):
        StoredSpeech(generator, manifest, EmbeddingFile(toy, ids, speech.sentences, "ab"))
    stored = StoredSpeech(generator, manifest, EmbeddingFile(toy, ids, speech.sentences, "ab", speech.frames))
    found = stored.encode_speech(recordings[::-1])
    np.testing.assert_array_equal(stored.generate(found, seed=1), pipe.generate(speech[::-1], seed=1))


@pytest.fixture
def toy_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is changed to add a family that can be trained: a line in each of two tables."""
    monkeypatch.setitem(GENERATORS, "toy-pixels", lambda: ToyPixels)
    monkeypatch.setitem(STAGES["generator"].families, "toy-pixels", lambda: ToyPixelsTask)


def test_it_trains_gets_a_prior_generates_and_is_evaluated(
    toy_pixels: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tiny_trainings.build(tmp_path / "corpus")
    extract_image_embeddings(root, "teacher")
    loop = [f"loop.{name}" for name in ("max_steps=3", "evaluate_every=2", "grid_every=0", "log_every=1", "threads=1")]

    # The generator, by the command line; stopped after two steps, it resumes.
    family = tmp_path / "toy.toml"
    family.write_text('family = "toy-pixels"\nnoise_scale = 0.2\n')
    train = f"train generator --config {family} --root {root} --out {tmp_path / 'toy'} --device cpu".split()
    for steps in ("2", "3"):
        sets = [part for setting in [*loop, f"loop.max_steps={steps}"] for part in ("--set", setting)]
        assert main([*train, *sets]) == 0
    tensors, config = load_release(tmp_path / "toy" / "export")
    assert config["generator"] == {"network": "toy-pixels", "embedding_dim": 16, "noise_scale": 0.2}
    assert config["kind"] == "image-generator" and config["step"] == 3 and "generator.pixels.weight" in tensors
    assert 'family = "toy-pixels"' in (tmp_path / "toy" / "config.toml").read_text()

    # The prior on top of it: together with the encoder a whole model.
    prior = replace(tiny_trainings.PRIOR, generator=str(tmp_path / "toy"), grid_utterances=2, grid_noises=2)
    result = train_stage("prior", root, tmp_path / "prior", replace(prior, loop=LOOP), device="cpu", progress=False)
    assert 0 <= result.metrics["attribute_recall"] <= 1 and list((tmp_path / "prior" / "grids").glob("*.png"))
    assert load_release(tmp_path / "prior" / "export")[1]["generator"] == config["generator"]

    # Images, the same alone and in a batch.
    model = EmbeddingsToImage.load(tmp_path / "prior", device="cpu")
    embeddings = load_embeddings(root, "encoder").embeddings[:3]
    images = model.generate(embeddings, seed=1, num_images=2, first_index=0)
    assert images.shape == (3, 2, SIDE, SIDE, 3) and model.sampling["prior_steps"] == 2
    alone = model.generate(embeddings[1:2], seed=1, first_index=1)
    assert np.abs(alone[0, 0].astype(int) - images[1, 0].astype(int)).max() <= 1

    # Numbers.
    judge = painted_corpus.teacher_release(tmp_path / "judge", seed=5)
    evaluate = f"evaluate --model {tmp_path / 'prior'} --embeddings encoder --judge {judge} --root {root} --split val"
    assert main([*evaluate.split(), "--device", "cpu", "--out", str(tmp_path / "report")]) == 0
    rows = json.loads((tmp_path / "report" / "report.json").read_text())["metrics"]
    assert rows and all(np.isfinite(row["value"]) for row in rows)


def test_no_family_knows_the_settings_of_another(toy_pixels: None, tmp_path: Path) -> None:
    stage = STAGES["generator"]
    assert stage.load_settings(overrides=["family=toy-pixels", "noise_scale=0.5"]).noise_scale == 0.5
    with pytest.raises(ConfigError, match="unknown setting 'model'"):
        stage.load_settings(overrides=["family=toy-pixels", "model.width=4"])
    with pytest.raises(ConfigError, match="unknown setting 'noise_scale'"):
        stage.load_settings(overrides=["noise_scale=0.5"])
    with pytest.raises(ConfigError, match="no such family; choose among stackgan, latent-flow, .*, toy-pixels"):
        stage.load_settings(overrides=["family=toy"])
    with pytest.raises(ConfigError, match="family toy-pixels: .* of family stackgan; omit it, or the preset"):
        stage.load_settings(overrides=["family=toy-pixels"], base=preset("generator", "s2igan"))
    settings = {family: stage.load_settings(overrides=[f"family={family}"]) for family in ("stackgan", "toy-pixels")}
    loop = replace(LOOP, max_steps=1)
    root = tiny_trainings.build(tmp_path / "corpus")
    extract_image_embeddings(root, "teacher")
    train_stage("generator", root, tmp_path / "run", replace(settings["toy-pixels"], loop=loop), device="cpu")
    with pytest.raises(ConfigError, match=r"family \(was toy-pixels, now stackgan\)"):
        train_stage("generator", root, tmp_path / "run", replace(settings["stackgan"], loop=loop), device="cpu")


def test_a_prior_refuses_a_generator_that_looks_at_frames(toy: Path, tmp_path: Path) -> None:
    root = tiny_trainings.build(tmp_path / "corpus")
    tensors, config = load_release(toy)
    tensors |= {"target.mean": torch.zeros(16), "target.std": torch.ones(16)}
    save_release(tmp_path / "frames", tensors, config, "# card")
    prior = replace(tiny_trainings.PRIOR, generator=str(tmp_path / "frames"))
    with pytest.raises(ConfigError, match="looks at the frames of speech, a prior gives features alone"):
        train_stage("prior", root, tmp_path / "prior", prior, device="cpu")
