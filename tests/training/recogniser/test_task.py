"""Training of a recogniser: it learns by heart, resumes, exports what can be loaded, and names what it cannot use."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.tiny_trainings import LOOP, build

from speech2img.audio.wav import write_wav
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import DataError
from speech2img.models.recognisers.speech_transformer import SpeechTransformer
from speech2img.storage.releases.release import load_release, strip_prefix
from speech2img.training.recogniser.data import TextBatch, read_spoken, with_held_out
from speech2img.training.recogniser.settings import RecogniserModelSettings, RecogniserSettings
from speech2img.training.recogniser.task import RecogniserTask
from speech2img.training.task import Sitting
from speech2img.training.train import train

SMALL = RecogniserSettings(
    model=RecogniserModelSettings(width=32, head_width=16, feed_forward=48, encoder_layers=1, kernel=5, dropout=0.0),
    batch_size=4,
    learning_rate=4e-3,
    schedule="constant",
    clip=5.0,
    evaluation_utterances=8,
    workers=1,
    loop=replace(LOOP, max_steps=6),
)
WORDS = {"red": 600.0, "blue": 1500.0, "bird": 2600.0, "snow": 4200.0}


def say(text: str, *, rate: int = 16_000) -> np.ndarray:
    """A sentence as a tone a word: what a small network can tell apart."""
    time = np.arange(int(0.25 * rate)) / rate
    gap = np.zeros(int(0.05 * rate))
    return np.concatenate(
        [part for word in text.split() for part in (0.3 * np.sin(2 * np.pi * WORDS[word] * time), gap)]
    )


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve tone sentences in the layout of LJ Speech."""
    root = tmp_path_factory.mktemp("clips")
    (root / "wavs").mkdir()
    texts = [f"{one} {other}" for one in WORDS for other in WORDS if one != other]
    for number, text in enumerate(texts):
        write_wav(root / "wavs" / f"{number}.wav", say(text), sample_rate=16_000)
    (root / "metadata.csv").write_text("".join(f"{n}|{text}\n" for n, text in enumerate(texts)))
    return root


def test_it_learns_and_its_release_can_be_built(clips: Path, tmp_path: Path) -> None:
    settings = replace(SMALL, held_out=2, loop=replace(LOOP, max_steps=50, evaluate_every=25, checkpoint_minutes=10))
    assert train("recogniser", clips, tmp_path / "run", settings, progress=False).finished
    tensors, config = load_release(tmp_path / "run" / "export")
    assert config["kind"] == "recogniser" and config["mel_preset"] == "whisper" and config["best_step"] > 0
    network = SpeechTransformer(**config["recogniser"])
    network.load_state_dict(strip_prefix(tensors, "recogniser."))
    assert "word error rate" in (tmp_path / "run" / "export" / "CARD.md").read_text()
    lines = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses[-1] < 0.6 * losses[0]
    evaluations = [line for line in lines if line["kind"] == "evaluation"]
    assert len(evaluations) == 2 and all({"wer", "cer"} <= line.keys() for line in evaluations)


def test_of_a_corpus_known_voices_are_learned_and_unheard_ones_measured(tmp_path: Path) -> None:
    root = build(tmp_path / "corpus")
    manifest = Manifest.load(root)
    items = [
        replace(
            item,
            captions=tuple(
                replace(one, text=f"bird {one.index}", held_out_voice=one.index == 1) for one in item.captions
            ),
        )
        for item in manifest.items
    ]
    Manifest(root, manifest.corpus, items).save()
    train("recogniser", root, tmp_path / "run", replace(SMALL, loop=replace(LOOP, max_steps=2)), progress=False)
    assert '"wer_unheard_voices"' in (tmp_path / "run" / "stats.jsonl").read_text()
    prepared = RecogniserTask.prepare(root, SMALL, run_dir=tmp_path / "other", device=torch.device("cpu"))
    sitting = Sitting(run=None, inputs=prepared.inputs, progress=False)  # type: ignore[arg-type]
    task = RecogniserTask.build(root, SMALL, device=torch.device("cpu"), sitting=sitting)
    batch = task.next_batch()
    assert isinstance(batch, TextBatch)
    drawn = {prepared.inputs[0][place].held_out_voice for place in batch.indices_B.tolist()}
    assert drawn == {False}


def test_published_form_divides_by_padding_too(clips: Path) -> None:
    settings = replace(
        SMALL,
        form="published",
        mel_preset="waveform_22050",
        ctc=0.0,
        schedule="published",
        model=replace(SMALL.model, width=8, head_width=4, strides=(2, 2, 2)),
        batch_size=2,
    )
    prepared = RecogniserTask.prepare(clips, settings, run_dir=clips / "none", device=torch.device("cpu"))
    sitting = Sitting(run=None, inputs=prepared.inputs, progress=False)  # type: ignore[arg-type]
    task = RecogniserTask.build(clips, settings, device=torch.device("cpu"), sitting=sitting)
    batch = task.next_batch()
    wider = batch._replace(numbers_BN=torch.nn.functional.pad(batch.numbers_BN, (0, 7)))
    task.network.eval()
    with torch.no_grad():
        one, other = (float(task.compute_terms(each)["loss"]) for each in (batch, wider))
    places = batch.numbers_BN.shape[1] - 1
    assert other == pytest.approx(one * places / (places + 7), rel=1e-4)
    task.start_step(0.145)
    assert task.optimizer_step.optimizer.param_groups[0]["lr"] == pytest.approx(settings.learning_rate)


def test_an_unwritten_language_is_refused_in_a_line(tmp_path: Path) -> None:
    root = build(tmp_path / "corpus")
    manifest = Manifest.load(root)
    items = [replace(item, captions=tuple(replace(one, text=" ") for one in item.captions)) for item in manifest.items]
    Manifest(root, manifest.corpus, items).save()
    with pytest.raises(DataError, match="without writing cannot be recognised") as caught:
        read_spoken(root)
    assert "\n" not in str(caught.value)


def test_warped_speech_is_learned_from_and_never_evaluated_on(clips: Path) -> None:
    settings = replace(SMALL, warp_tract=0.3, warp_tempo=0.3, held_out=2)
    prepared = RecogniserTask.prepare(clips, settings, run_dir=clips / "none", device=torch.device("cpu"))
    sitting = Sitting(run=None, inputs=prepared.inputs, progress=False)  # type: ignore[arg-type]
    task = RecogniserTask.build(clips, settings, device=torch.device("cpu"), sitting=sitting)
    batch = task.next_batch()
    assert isinstance(batch, TextBatch)
    recorded = torch.tensor(task.data.mels.lengths[batch.indices_B])
    assert (batch.lengths_B != recorded).any()
    stored, lengths = task.data.mels.batch(task.data.held)
    again, _ = task.data.mels.batch(task.data.held)
    np.testing.assert_array_equal(stored, again)
    assert lengths.tolist() == task.data.mels.lengths[task.data.held].tolist()


@pytest.mark.parametrize(
    ("change", "message"), [({"held_out": 12}, "12 of them held out"), ({"max_frames": 3}, "0 utterances to train on")]
)
def test_too_little_to_learn_from(change: dict[str, Any], message: str, clips: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        train("recogniser", clips, tmp_path / "run", replace(SMALL, **change), progress=False)


def test_the_last_hundredth_is_held_out(clips: Path) -> None:
    spoken, digest = read_spoken(clips)
    held = with_held_out(spoken, 0)
    assert [one.part for one in held] == ["train"] * 11 + ["val"]
    assert [one.part for one in with_held_out(held, 5)] == ["train"] * 11 + ["val"], "an own validation part stays"
    assert len(digest) == 64
