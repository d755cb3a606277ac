"""Encoder training on a pretrained front-end: mix, cached frames, resumption; and augmentation of mel networks."""

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.pretrained_runs import FEATURE_DIM, LOOP, WHISPER, task_state

from speech2img.audio.augmentation.augment import AugmentationSettings
from speech2img.config import load_settings
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import CheckpointError, ConfigError, DataError, DiskFullError
from speech2img.features import speech_embeddings
from speech2img.features.speech_embeddings import extract_embeddings, load_embeddings
from speech2img.models.encoders.hubert import HubertBase
from speech2img.models.encoders.whisper import WhisperEncoder
from speech2img.pipeline import SpeechToImage
from speech2img.storage.releases.release import load_release
from speech2img.storage.releases.writing import copy_release, save_release
from speech2img.training.encoder import front_end_frames, sources
from speech2img.training.encoder.settings import EncoderLossSettings, EncoderSettings, PretrainedSettings
from speech2img.training.encoder.sources import MIX_FILE
from speech2img.training.encoder.task import EncoderTask
from speech2img.training.train import train


def test_only_the_adapter_is_trained_and_saved(run: Path) -> None:
    names = task_state(run)["model"]
    assert all(name.startswith("encoder.adapter.") for name in names)


def test_the_release_hears_recordings_and_refers_to_the_front_end(
    corpus: Path, run: Path, front_end: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEECH2IMG_WEIGHTS", str(front_end.parent))
    recording = next((corpus / "audio").rglob("*.wav"))
    vector = SpeechToImage.load(run, device="cpu").encode(recording)
    assert vector.shape == (FEATURE_DIM,) and np.isfinite(vector).all()
    copied = tmp_path / "copy" / "export"
    copy_release(run / "export", copied)
    assert np.array_equal(SpeechToImage.load(copied, device="cpu").encode(recording), vector)


def test_the_mix_of_layers_is_learned_once_and_kept(run: Path, front_end: Path) -> None:
    mix = json.loads((run / MIX_FILE).read_text())
    assert len(mix["logits"]) == WHISPER["num_layers"] + 1
    assert any(value != 0 for value in mix["logits"])


def test_a_mix_that_is_given_is_not_learned(corpus: Path, settings: EncoderSettings, tmp_path: Path) -> None:
    given = replace(settings, pretrained=replace(settings.pretrained, mix=(0.0, 1.0, 3.0)))
    assert train("encoder", corpus, tmp_path / "run", given, progress=False).finished
    logits = np.array(json.loads((tmp_path / "run" / MIX_FILE).read_text())["logits"])
    assert np.exp(logits) / np.exp(logits).sum() == pytest.approx([0, 0.25, 0.75], abs=1e-6)
    short = replace(settings, pretrained=replace(settings.pretrained, mix=(1.0, 3.0)))
    with pytest.raises(ConfigError, match="2 weights, and the front-end has 3 states; give 3"):
        train("encoder", corpus, tmp_path / "short", short, progress=False)
    with pytest.raises(ConfigError, match="give weights of 0 or more, one above 0"):
        replace(settings, pretrained=replace(settings.pretrained, mix=(0.0, 0.0, 0.0)))


def test_frames_are_computed_once_for_all_trainings_of_the_same_front_end(
    corpus: Path, run: Path, settings: EncoderSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the frames lie on the disk")

    monkeypatch.setattr(front_end_frames, "compute_chunks", fail)
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / MIX_FILE).write_bytes((run / MIX_FILE).read_bytes())
    assert train("encoder", corpus, tmp_path / "again", settings, progress=False).finished


def test_what_the_training_heard_is_not_heard_again_by_extract(
    corpus: Path, run: Path, front_end: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEECH2IMG_WEIGHTS", str(front_end.parent))
    heard: list[int] = []
    forward = WhisperEncoder.forward

    def counted(self: WhisperEncoder, mel: torch.Tensor, lengths: torch.Tensor) -> Any:
        heard.append(len(mel))
        return forward(self, mel, lengths)

    monkeypatch.setattr(WhisperEncoder, "forward", counted)
    extract_embeddings(run, corpus, name="from-frames", device="cpu", progress=False)
    some, stored = sum(heard), load_embeddings(corpus, "from-frames")
    monkeypatch.setattr(speech_embeddings, "find_plain_frames", lambda *_, **__: {})
    heard.clear()
    extract_embeddings(run, corpus, name="from-mels", device="cpu", progress=False)
    manifest = Manifest.load(corpus)
    assert sum(heard) == len(stored.ids) == sum(len(item.captions) for item in manifest.items)
    known = sum(
        not caption.held_out_voice for item in manifest.items if item.split == "train" for caption in item.captions
    )
    assert known > 0 and some <= sum(heard) - known
    direct = load_embeddings(corpus, "from-mels").embeddings
    assert np.abs(stored.embeddings - direct).max() < 0.02 * np.abs(direct).max()


def test_every_process_comes_to_where_the_mix_is_written(
    corpus: Path, run: Path, settings: EncoderSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that finds the file, which another process may have written just now: they would wait for each other."""
    calls = []

    def called(work: Callable[[], None]) -> None:
        calls.append(work)
        work()

    monkeypatch.setattr(sources, "on_main_process", called)
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / MIX_FILE).write_bytes((run / MIX_FILE).read_bytes())
    assert train("encoder", corpus, tmp_path / "again", settings, progress=False).finished
    assert len(calls) == 1 and (tmp_path / "again" / MIX_FILE).read_bytes() == (run / MIX_FILE).read_bytes()


def test_a_stopped_training_ends_as_if_it_had_not_been_stopped(
    corpus: Path, run: Path, settings: EncoderSettings, toy: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, original = 0, EncoderTask.train_step

    def stopping(self: EncoderTask, batch: Any, progress: float) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            signal.raise_signal(signal.SIGTERM)
        return original(self, batch, progress)

    monkeypatch.setattr(EncoderTask, "train_step", stopping)
    assert not train("encoder", corpus, tmp_path / "run", settings, progress=False).finished
    assert train("encoder", corpus, tmp_path / "run", settings, progress=False).finished
    assert toy.digest(task_state(tmp_path / "run")) == toy.digest(task_state(run))


def test_the_cache_resumes_where_it_was_interrupted(
    corpus: Path, settings: EncoderSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(settings, loop=replace(LOOP, seed=7))
    original, heard = front_end_frames._mixed, 0
    monkeypatch.setattr(front_end_frames, "BATCH_FRAMES", 3000)

    def interrupted(*arguments: Any) -> Any:
        nonlocal heard
        heard += 1
        if heard == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(front_end_frames, "_mixed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train("encoder", corpus, tmp_path / "run", other, progress=False)
    assert heard == 3
    assert train("encoder", corpus, tmp_path / "run", other, progress=False).finished
    parts = heard
    heard = 10
    assert train("encoder", corpus, tmp_path / "whole", replace(other, loop=replace(LOOP, seed=8)), progress=False)
    assert parts - 1 == heard - 10  # the third was begun twice, no other


def test_a_full_disk_is_told_before_anything_is_computed(
    corpus: Path, settings: EncoderSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front_end_frames.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    other = replace(settings, loop=replace(LOOP, seed=9), pretrained=replace(settings.pretrained, mix_steps=0))
    with pytest.raises(DiskFullError, match="front-end's frames take up to .* GiB"):
        train("encoder", corpus, tmp_path / "run", other, progress=False)


def test_speechclips_branch_is_trained_with_a_learned_temperature(
    corpus: Path, settings: EncoderSettings, tmp_path: Path, front_end: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEECH2IMG_WEIGHTS", str(front_end.parent))
    own = replace(settings.pretrained, adapter="parallel", manner=False, num_heads=8)
    losses = EncoderLossSettings(joint=0.0, l1=0.0, distillation=0.0, info_nce=1.0)
    branch = replace(settings, pretrained=own, losses=losses, labels="picture", standardise=False)
    assert train("encoder", corpus, tmp_path / "run", branch, progress=False).finished
    names = task_state(tmp_path / "run")["model"]
    assert {"log_scale", "encoder.adapter.cls"} <= names.keys()
    assert float(names["log_scale"]) != pytest.approx(-np.log(0.07), abs=1e-6)
    tensors, config = load_release(tmp_path / "run" / "export")
    assert config["encoder"]["adapter"] == "parallel" and "log_scale" not in tensors
    vector = SpeechToImage.load(tmp_path / "run", device="cpu").encode(next((corpus / "audio").rglob("*.wav")))
    assert vector.shape == (FEATURE_DIM,) and np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-4)
    # A temperature that stays is no parameter; the branch takes no features of manner.
    fixed = replace(branch, losses=replace(losses, info_nce_learned=False))
    assert train("encoder", corpus, tmp_path / "fixed", fixed, progress=False).finished
    assert "log_scale" not in task_state(tmp_path / "fixed")["model"]
    with pytest.raises(ConfigError, match="features of manner"):
        wrong = replace(branch, pretrained=replace(own, manner=True))
        train("encoder", corpus, tmp_path / "wrong", wrong, progress=False)
    with pytest.raises(ConfigError, match="info_nce_temperature: 0.0 is not positive"):
        EncoderSettings(losses=replace(losses, info_nce_temperature=0.0))


def test_a_tuned_front_end_is_trained_on_recordings(corpus: Path, settings: EncoderSettings, tmp_path: Path) -> None:
    tuned = replace(settings, pretrained=replace(settings.pretrained, tuned=True))
    assert train("encoder", corpus, tmp_path / "run", tuned, progress=False).finished
    assert not (tmp_path / "run" / MIX_FILE).exists()
    assert any(name.startswith("encoder.front_end.") for name in task_state(tmp_path / "run")["model"])


def test_a_mel_network_hears_augmented_recordings(corpus: Path, tmp_path: Path) -> None:
    plain = EncoderSettings(features="made", batch_size=8, workers=1, standardise=True, loop=LOOP)
    small = replace(
        plain, model=replace(plain.model, channels=(8, 8, 8, 16, 16, 16, 16, 16), embedding_dim=FEATURE_DIM)
    )
    train("encoder", corpus, tmp_path / "plain", small, progress=False)
    train("encoder", corpus, tmp_path / "noisy", replace(small, augment=True), progress=False)
    train("encoder", corpus, tmp_path / "again", replace(small, augment=True), progress=False)
    models = [task_state(tmp_path / name)["model"] for name in ("plain", "noisy", "again")]
    states = [next(value for name, value in model.items() if name.endswith("weight")) for model in models]
    assert not torch.equal(states[0], states[1])
    assert torch.equal(states[1], states[2])


def test_augmentation_is_set_in_toml(tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text("augment = true\n[augmentation.noise]\nprobability = 0.25\nlow = -5.0\n")
    read = load_settings(EncoderSettings, file=tmp_path / "e.toml")
    assert read.augment and read.augmentation.noise.probability == 0.25 and read.augmentation.noise.low == -5.0
    assert read.augmentation.room == AugmentationSettings().room


def test_what_is_no_front_end_is_refused(
    corpus: Path, run: Path, settings: EncoderSettings, front_end: Path, tmp_path: Path
) -> None:
    other = replace(settings, pretrained=replace(settings.pretrained, front_end=str(run)))
    with pytest.raises(CheckpointError, match="no acoustic front-end.*import whisper-encoder"):
        train("encoder", corpus, tmp_path / "run", other, progress=False)
    with pytest.raises(ConfigError, match="mel_preset: li2020, and the front-end .* takes whisper"):
        train("encoder", corpus, tmp_path / "run", replace(settings, mel_preset="li2020"), progress=False)
    even = replace(settings, pretrained=replace(settings.pretrained, kernel=4))
    with pytest.raises(ConfigError, match="pretrained: .*odd"):
        train("encoder", corpus, tmp_path / "run", even, progress=False)
    wide = replace(settings, pretrained=replace(settings.pretrained, embedding_dim=FEATURE_DIM + 1))
    with pytest.raises(ConfigError, match=f"pretrained.embedding_dim: 21 beside features of {FEATURE_DIM}"):
        train("encoder", corpus, tmp_path / "run", wide, progress=False)
    with pytest.raises(ConfigError, match="pretrained.copies.*out of range; use 0 to 1000"):
        EncoderSettings(pretrained=PretrainedSettings(copies=99_999_999))


def test_damaged_frames_are_refused_with_the_folder_to_remove(
    corpus: Path, run: Path, settings: EncoderSettings, tmp_path: Path
) -> None:
    files = {file: file.read_bytes() for file in (corpus / "derived" / "front-end").glob("*/frames.h5")}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / MIX_FILE).write_bytes((run / MIX_FILE).read_bytes())
    for file, content in files.items():
        file.write_bytes(content[:1000])
    with pytest.raises(DataError, match="frames.h5.*remove the folder .*front-end/[0-9a-f]{16} and run it again"):
        train("encoder", corpus, tmp_path / "run", settings, progress=False)
    for file, content in files.items():
        file.write_bytes(content)


def test_a_damaged_mix_is_refused(corpus: Path, run: Path, settings: EncoderSettings, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / MIX_FILE).write_text('{"logits": [0.1], "front_end_sha256": "00"}')
    with pytest.raises(CheckpointError, match="layer-mix.json.*another front-end"):
        train("encoder", corpus, tmp_path / "run", settings, progress=False)


def test_a_training_starts_from_an_adapter_and_its_mix(
    corpus: Path, run: Path, settings: EncoderSettings, front_end: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEECH2IMG_WEIGHTS", str(front_end.parent))
    copy_release(run / "export", tmp_path / "start")
    tuning = EncoderSettings(
        initial=str(tmp_path / "start"),
        features="made",
        pretrained=PretrainedSettings(front_end=str(front_end)),
        batch_size=8,
        workers=1,
        augment=True,
        loop=LOOP,
    )
    assert train("encoder", corpus, tmp_path / "run", replace(tuning, learning_rate=1e-12), progress=False).finished
    old, new = (json.loads((folder / MIX_FILE).read_text())["logits"] for folder in (run, tmp_path / "run"))
    assert new == pytest.approx(old, abs=1e-3)  # releases are float16
    first, last = load_release(run / "export")[0], load_release(tmp_path / "run" / "export")[0]
    assert first.keys() == last.keys()
    assert all(torch.allclose(first[name], last[name], atol=1e-3) for name in first)


def test_a_start_on_another_front_end_is_refused(
    corpus: Path, run: Path, front_end: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEECH2IMG_WEIGHTS", str(front_end.parent))
    torch.manual_seed(9)
    config = {"kind": "acoustic-front-end", "network": "whisper", "front_end": WHISPER, "mel_preset": "whisper"}
    save_release(tmp_path / "other", WhisperEncoder(**WHISPER).state_dict(), config, "# Made up\n")
    other = EncoderSettings(
        initial=str(run), features="made", pretrained=PretrainedSettings(front_end=str(tmp_path / "other"))
    )
    with pytest.raises(ConfigError, match="its adapter was trained on .*set pretrained.front_end"):
        train("encoder", corpus, tmp_path / "run", other, progress=False)


def test_a_front_end_for_waveforms_is_refused(corpus: Path, settings: EncoderSettings, tmp_path: Path) -> None:
    sizes = {"width": 64, "num_layers": 1, "conv_width": 16}
    config = {"kind": "acoustic-front-end", "network": "hubert-base", "front_end": sizes, "mel_preset": "waveform"}
    save_release(tmp_path / "hubert", HubertBase(**sizes).state_dict(), config, "# Made up\n")
    other = replace(
        settings,
        mel_preset="waveform",
        pretrained=replace(settings.pretrained, front_end=str(tmp_path / "hubert"), manner=False),
    )
    with pytest.raises(ConfigError, match="pretrained.front_end: .* takes waveforms.*Whisper"):
        train("encoder", corpus, tmp_path / "run", other, progress=False)
