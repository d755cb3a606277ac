"""Training of a discrete diffusion: the whole way to a model that hears; what does not fit is named."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import latent_flows, painted_corpus, tiny_trainings, token_diffusions
from helpers.token_diffusions import CODES, small_token_codec
from PIL import Image

from speech2img.cli.main import main
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import CheckpointError, ConfigError, DataError
from speech2img.features.speech_embeddings import extract_image_embeddings, load_embeddings, write_embeddings
from speech2img.features.stores import load_tokens, token_store
from speech2img.generation import EmbeddingsToImage
from speech2img.images.codecs import load_codec
from speech2img.images.token_store import TokenStore, write_tokens
from speech2img.models.generators.vq_diffusion.generator import VQDiffusionGenerator
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.release import load_own, load_release
from speech2img.storage.releases.shared_weights import SHARED
from speech2img.training.train import train
from speech2img.training.vq_diffusion.settings import TokenModelSettings, VQDiffusionSettings

STEPS = tiny_trainings.STEPS


def lines_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]


def test_its_run_is_a_whole_model(root: Path, run: Path) -> None:
    tensors, config = load_own(run / "export")
    assert config["kind"] == "speech-to-image" and config["step"] == STEPS and config["image_size"] == 64
    assert config["generator"]["network"] == "vq-diffusion" and config["generator"]["codec"]["num_codes"] == CODES
    assert {"image codec", "speech encoder"} <= config["trained_with"].keys() and SHARED not in config
    assert "generator.transformer.to_logits.weight" in tensors

    # It hears a recording, and paints the same from stored speech.
    model = SpeechToImage.load(run, device="cpu")
    generator = model.require_generator().generator
    assert model.needs_frames and isinstance(generator, VQDiffusionGenerator)
    assert (generator.steps, generator.guidance_scale, generator.truncation) == (4, 2.0, 0.86)
    recording = root / Manifest.load(root).items[0].captions[0].audio
    image = model(recording, seed=3)
    assert image.size == (64, 64) and model(recording, seed=4) != image
    stored = model.generate(model.encode_speech([recording]), seed=3)[0, 0]
    assert np.abs(stored.astype(int) - np.asarray(image).astype(int)).max() <= 1
    *_, last = model.stream(recording, seed=3)
    assert last == image and len(list(model.stream(recording, seed=3, steps=7))) > 2

    # What it logged and drew on the way: at first all codes are as likely.
    lines = lines_of(run)
    assert {"loss", "bound", "surprise", "gradient_norm"} <= lines[0].keys()
    assert abs(lines[0]["surprise"] - np.log(CODES)) < 1.5
    assert 0 <= [line for line in lines if line["kind"] == "evaluation"][-1]["attribute_recall"] <= 1
    grid = Image.open(run / "grids" / f"samples-{STEPS:08d}.png")
    assert grid.width > 3 * 64 and grid.height > 2 * 64


def test_it_learns_what_is_said(root: Path, tmp_path: Path) -> None:
    """Tokens that the sentence decides: one code for each of two groups of images."""
    shutil.copytree(root, tmp_path / "corpus")
    manifest, codec = Manifest.load(tmp_path / "corpus"), load_codec(root / "token-codec")
    store = load_tokens(manifest, codec, size=64)
    embeddings = load_embeddings(root, "spoken").embeddings
    group = np.arange(len(manifest.items)) % 2
    tokens = np.broadcast_to(group[:, None, None, None] * 5 + 3, (len(group), 1, *store.shape))
    write_tokens(store.path, [tokens], ids=store.ids, shape=(1, *store.shape), key=store.key, num_codes=CODES)

    # What is said: the group, and a little of the utterance.
    names = manifest.root / "derived" / "embeddings"
    shutil.copytree(names / "spoken", names / "groups")
    spoken = np.repeat(group, len(embeddings) // len(group))[:, None] + np.linspace(0, 0.01, len(embeddings))[:, None]
    lengths = np.ones(len(spoken), np.int64)
    of_groups = np.repeat(spoken, latent_flows.DIM, axis=1).astype(np.float32)
    write_embeddings(manifest, of_groups, name="groups", lengths=lengths, sha256="ab" * 32, mel_preset="none")
    settings = replace(
        tiny_trainings.vq_diffusion_settings(root, steps=60),
        embeddings="groups",
        features=None,
        model=TokenModelSettings(width=16, depth=1, num_heads=2, needs_frames=False),
        learning_rate=1e-2,
        warmup=0.0,
        embedding_noise=0.0,
        ema_every=1,
    )
    train("generator", tmp_path / "corpus", tmp_path / "run", settings, device="cpu", progress=False)
    lines = lines_of(tmp_path / "run")
    assert lines[-1]["surprise"] < 0.3 < 2.0 < lines[0]["surprise"]


def test_the_command_line_picks_the_family_and_every_form_trains(root: Path, tmp_path: Path) -> None:
    common = ["family=vq-diffusion", "embeddings=spoken", f"codec={root / 'token-codec'}", "image_size=64"]
    common += ["features=none", "batch_size=4", "grid_utterances=1", "grid_noises=1", "loop.max_steps=2"]
    common += ["loop.threads=1", "model.depth=1", "model.num_heads=2", "sampler.steps=2"]
    forms = {
        "sentences": ["model.width=16", "model.needs_frames=false", "memory=low", "loop.precision=bf16"],
        "published": ["model.form=published", f"model.width={latent_flows.DIM // 2}", "model.table_side=32"],
        "text": ["model.form=text", "model.width=16", "losses.importance=false", "losses.adaptive=false"],
        "purity": ["model.width=16", "sampler.order=purity", "sampler.purity_weight=1", "mirrored=false"],
    }
    for name, sets in forms.items():
        options = [part for setting in common + sets for part in ("--set", setting)]
        command = ["train", "generator", "--root", str(root), "--out", str(tmp_path / name), "--device", "cpu"]
        assert main([*command, *options]) == 0
        model = SpeechToImage.load(tmp_path / name, device="cpu")
        assert model.needs_frames == (name in ("text", "purity"))
        assert model(next((root / "audio").glob("*.wav"))).size == (64, 64)


def test_low_memory_learns_the_same(root: Path, run: Path, tmp_path: Path) -> None:
    settings = replace(tiny_trainings.vq_diffusion_settings(root), memory="low")
    train("generator", root, tmp_path / "run", settings, device="cpu", progress=False)
    before, after = (load_own(folder / "export")[0] for folder in (run, tmp_path / "run"))
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_generate_and_evaluate_take_it(root: Path, run: Path, tmp_path: Path) -> None:
    recording = root / Manifest.load(root).items[12].captions[0].audio
    generate = ["generate", "--model", str(run), str(recording), "--device", "cpu"]
    assert (
        main([*generate, "--out", str(tmp_path / "p"), "--steps", "3", "--guidance", "1.5", "--truncation", "1"]) == 0
    )
    assert [Image.open(path).size for path in (tmp_path / "p").glob("*.png")] == [(64, 64)]
    assert main([*generate, "--out", str(tmp_path / "q"), "--truncation", "1.5"]) == 2
    with pytest.raises(ConfigError, match="truncation: nan does not fit; give a number of 0 to 1"):
        SpeechToImage.load(run, device="cpu", truncation=float("nan"))
    assert SpeechToImage.load(run, device="cpu", truncation=0.5).sampling["truncation"] == 0.5
    with pytest.raises(ConfigError, match="truncation: the generator of .*painter draws no tokens; omit it"):
        EmbeddingsToImage.load(root / "painter", device="cpu", truncation=0.5)
    judge = painted_corpus.teacher_release(tmp_path / "judge", seed=5)
    evaluate = f"evaluate --model {run} --judge {judge} --root {root} --split val --device cpu --embeddings spoken"
    assert main([*evaluate.split(), "--out", str(tmp_path / "report")]) == 0
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["metrics"] and all(np.isfinite(row["value"]) for row in report["metrics"])
    assert report["model"]["steps"] == 4 and report["model"]["truncation"] == 0.86


def test_a_prior_draws_what_it_takes(root: Path, tmp_path: Path) -> None:
    extract_image_embeddings(root, "teacher")
    base = tiny_trainings.vq_diffusion_settings(root, steps=2)
    model = TokenModelSettings(width=16, depth=1, num_heads=2, needs_frames=False)
    settings = replace(base, embeddings="picture", model=model, reads_attributes=True)
    train("generator", root, tmp_path / "painter", settings, device="cpu", progress=False)
    prior = replace(tiny_trainings.PRIOR, generator=str(tmp_path / "painter"), loop=base.loop)
    train("prior", root, tmp_path / "prior", prior, device="cpu", progress=False)
    config = load_release(tmp_path / "prior" / "export")[1]
    assert config["generator"]["network"] == "vq-diffusion" and config["generator"]["value_counts"]
    embeddings = load_embeddings(root, "encoder").embeddings[:2]
    assert EmbeddingsToImage.load(tmp_path / "prior", device="cpu").generate(embeddings).shape == (2, 1, 64, 64, 3)


def test_a_codec_beside_it_is_shared(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "token-codec", tmp_path / "token-codec")
    settings = tiny_trainings.vq_diffusion_settings(root, steps=1)
    train("generator", root, tmp_path / "run", settings, device="cpu", progress=False)
    own, config = load_own(tmp_path / "run" / "export")
    assert config[SHARED].keys() == {"generator.codec."} and not any("codec." in name for name in own)
    assert SpeechToImage.load(tmp_path / "run", device="cpu").image_size == 64
    shutil.rmtree(tmp_path / "token-codec")
    with pytest.raises(CheckpointError, match="needs the weights of token-codec"):
        SpeechToImage.load(tmp_path / "run", device="cpu")


def test_it_starts_from_another(root: Path, run: Path, tmp_path: Path) -> None:
    base = tiny_trainings.vq_diffusion_settings(root, steps=1)
    settings = replace(base, initial=str(run), model=TokenModelSettings(), learning_rate=1e-12, ema_every=2)
    train("generator", root, tmp_path / "run", settings, device="cpu", progress=False)
    before, after = load_own(run / "export")[0], load_own(tmp_path / "run" / "export")[0]
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, atol=1e-6, rtol=1e-3, msg=name)
    other = replace(settings, model=TokenModelSettings(width=24), diffusion=replace(base.diffusion, num_steps=50))
    with pytest.raises(ConfigError, match=r"model.width 16 \(set: 24\), diffusion.num_steps 100 \(set: 50\)"):
        train("generator", root, tmp_path / "other", other, device="cpu", progress=False)
    with pytest.raises(CheckpointError, match="its generator is 'stackgan'; give a vq-diffusion"):
        wrong = replace(settings, initial=str(root / "painter"))
        train("generator", root, tmp_path / "other", wrong, device="cpu", progress=False)


def test_tokens_of_another_codec_size_or_manifest_are_refused(root: Path, tmp_path: Path) -> None:
    settings = tiny_trainings.vq_diffusion_settings(root)

    def refused(error: type[Exception], message: str, root: Path = root, **changes: Any) -> None:
        with pytest.raises(error, match=message) as caught:
            train("generator", root, tmp_path / "run", replace(settings, **changes), device="cpu", progress=False)
        assert "\n" not in str(caught.value) and not (tmp_path / "run").exists()

    other = small_token_codec(tmp_path / "token-codec", seed=1)
    refused(DataError, "its tokens are of another codec", codec=str(other.folder))
    refused(DataError, "there are no tokens of that codec and size.*--image-size 128", image_size=128)
    refused(ConfigError, "image size 100: no multiple of 16", image_size=100)
    refused(ConfigError, "codec codec: has no codebook, and so no tokens", codec=str(root / "codec"))
    published = TokenModelSettings(form="published", width=16, num_heads=2)
    plain: dict[str, Any] = {"embedding_noise": 0.0, "sampler": replace(settings.sampler, guidance_scale=1.0)}
    refused(ConfigError, "model.width: 16, and the embedding of 16 is scale and shift", model=published, **plain)
    text = TokenModelSettings(form="text", width=16, num_heads=2, empty_length=5)
    refused(ConfigError, "model.empty_length: 5, and the texts have", model=text, embedding_noise=0.0)
    purity = replace(settings.sampler, order="purity", steps=17)
    refused(ConfigError, "sampler.steps: 17 steps cannot each reveal one of 16 places", sampler=purity)

    # Tokens of fewer images, of another number of codes, and out of range.
    shutil.copytree(root, tmp_path / "corpus")
    manifest, codec = Manifest.load(tmp_path / "corpus"), load_codec(root / "token-codec")
    store = load_tokens(manifest, codec, size=64)
    tokens = store.read(range(len(store)))[:, None]
    write_tokens(store.path, [tokens], ids=store.ids, shape=tokens.shape[1:], key=store.key, num_codes=CODES + 1)
    refused(DataError, "its tokens are of 25 codes, and the codec token-codec has 24", tmp_path / "corpus")
    fewer = Manifest(manifest.root, manifest.corpus, manifest.items[:-1], meta=manifest.meta)
    token_store(fewer, codec, size=64, device="cpu", progress=False)
    refused(DataError, "tokens-64-token-codec.h5: it belongs to another manifest", tmp_path / "corpus")


def test_tokens_out_of_range_are_one_line(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: Callable[..., np.ndarray] = TokenStore.read_views
    monkeypatch.setattr(TokenStore, "read_views", lambda self, *args: read(self, *args) + CODES)
    settings = tiny_trainings.vq_diffusion_settings(root)
    with pytest.raises(DataError, match=f"its codec has {CODES} codes; run 'speech2img features --codec' again"):
        train("generator", root, tmp_path / "run", settings, device="cpu", progress=False)


def test_settings_that_contradict_each_other_are_refused() -> None:
    base, guided = VQDiffusionSettings(), token_diffusions.SETTINGS
    for make, message in (
        (lambda: replace(base.sampler, truncation=1.5), "sampler: truncation must be 0 to 1, got 1.5"),
        (lambda: replace(base.sampler, guidance_scale=-1.0), "sampler.guidance_scale: -1.0 is out of range"),
        (lambda: replace(base, sampler=replace(base.sampler, steps=101)), "steps must be 2 to 100, got 101"),
        (lambda: replace(guided, condition_dropout=0.0), "2.0, and no empty condition is learned"),
        (lambda: replace(base.diffusion, masked=(0.5, 0.1)), "diffusion: shares of step 0 do not follow"),
        (lambda: TokenModelSettings(form="published", dropout=0.1), "model.dropout: the form published has no such"),
        (lambda: TokenModelSettings(num_heads=3), "divides not the width"),
        (
            lambda: replace(base, model=TokenModelSettings(form="text"), embedding_noise=0.1),
            "embedding_noise: the form text has no such setting",
        ),
        (lambda: replace(base, memory="low", compile=True), "memory: low does not go with compile"),
        (lambda: replace(base, ema_every=0), "ema_every: 0 is not positive"),
        (lambda: replace(base, betas=(0.9, 1.0)), "betas"),
    ):
        with pytest.raises(ConfigError, match=message):
            make()  # type: ignore[no-untyped-call]
