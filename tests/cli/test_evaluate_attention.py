"""``speech2img evaluate`` of a model that attends shows what its images listened to; others show nothing of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.attending_models import attending_release
from helpers.photograph_evaluations import evaluated, store_features
from PIL import Image

from speech2img.attending import attention_of, attention_page, heard_wave
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.utterances import utterances_of
from speech2img.features.speech_embeddings import extract_embeddings
from speech2img.metrics.evaluate.model_groups import choose_utterances
from speech2img.pipeline import SpeechToImage


@pytest.fixture
def photographs(corpus: Path, tmp_path: Path, loaded: list[Path]) -> Path:
    store_features(corpus, tmp_path / "googlenet_bvlc.npz")
    return corpus


def test_the_report_shows_what_generate_draws(photographs: Path, tmp_path: Path) -> None:
    model = attending_release(tmp_path / "model")
    report = evaluated(model, photographs, "--network", "x.npz")
    out = photographs / "report"
    assert sorted(path.name for path in out.glob("attention-*.png")) == [f"attention-{k}.png" for k in range(1, 5)]
    assert "(attention-4.png)" in (out / "report.md").read_text(encoding="utf-8")
    assert (out / "report.html").read_text(encoding="utf-8").count("utterance attended") == 4
    assert "What the pictures listened to" in report["sections"]
    # The first is what `generate --attention` writes of that recording and noise.
    row = sorted(np.random.default_rng(0).permutation(12)[:4].tolist())[0]
    record = choose_utterances(utterances_of(Manifest.load(photographs), ["test"]), count=200, seed=0)[row]
    pipe = SpeechToImage.load(model, device="cpu")
    weights = attention_of(pipe, pipe.encode_speech([record.audio]), index=row)
    image = np.asarray(Image.open(out / "pictures" / f"{record.id.replace('/', '__')}.png"))
    wave = heard_wave(record.audio, sample_rate=pipe.mel.sample_rate, trim=pipe.trim)
    shown = np.asarray(Image.open(out / "attention-1.png")).astype(int)
    assert np.abs(shown - attention_page(image, weights, wave)).max() <= 3


def test_stored_frames_are_looked_at_too(photographs: Path, tmp_path: Path) -> None:
    model = attending_release(tmp_path / "model")
    extract_embeddings(model, photographs, name="stored", frames=True, device="cpu", workers=1, progress=False)
    evaluated(model, photographs, "--network", "x.npz", "--embeddings", "stored")
    assert (photographs / "report" / "attention-1.png").is_file()


def test_models_that_do_not_attend_show_nothing(
    photographs: Path, tmp_path: Path, make_release: Callable[..., Path]
) -> None:
    report = evaluated(make_release(tmp_path / "plain"), photographs, "--network", "x.npz")
    assert "What the pictures listened to" not in report["sections"]
    assert not list((photographs / "report").glob("attention-*.png"))
    one_stage = attending_release(tmp_path / "one-stage", num_stages=1)
    assert "attention" not in SpeechToImage.load(one_stage, device="cpu").capabilities
