"""R-precision by a DAMSM: images that show what is said are found, real ones beside them, by speech and by text."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from speech2img.corpora.records.utterances import UtteranceRecord
from speech2img.errors import ConfigError
from speech2img.features.extractors.damsm import ReleasedDAMSM
from speech2img.metrics.evaluate.attngan.damsm_judge import (
    DAMSMJudge,
    described_alike,
    heard_by,
    read_by,
    require_same_speech,
)
from speech2img.metrics.evaluate.model_groups import EvaluatedGroup
from speech2img.metrics.report.report import MetricReport
from speech2img.models.text_encoders.word_lstm import WordLSTM

COUNT, DIM = 120, 12


class FirstRow(torch.nn.Module):
    """Sees the first row of an image's red, and takes sentences as they are."""

    sentence = torch.nn.Identity()

    def encode_images(self, images_B3SS: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(image=images_B3SS[:, 0, 0])


def released(**changes: Any) -> ReleasedDAMSM:
    known: dict[str, Any] = {
        "sha256": "da" * 32,
        "speech_dim": DIM,
        "encoder_sha256": "ec" * 32,
        "mel_preset": "li2020",
    }
    return ReleasedDAMSM(FirstRow(), **{**known, **changes})  # type: ignore[arg-type]


def spoken_group(*, count: int = COUNT, deaf: bool = False, texts: list[str] | None = None) -> EvaluatedGroup:
    """Images whose first row is what their utterance's embedding says; `deaf` ones all show the first."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, DIM), dtype=np.uint8)
    real = np.repeat(np.repeat(pixels[:, None, :, None], DIM, axis=1), 3, axis=3)
    records = [
        UtteranceRecord(
            id=f"{row:03d}_0",
            item_id=f"{row:03d}",
            audio=Path(f"{row}.wav"),
            text=f"bird number {row}" if texts is None else texts[row],
            image=Path("x"),
            class_id=row % 12,
            class_name=str(row % 12),
            split="test",
        )
        for row in range(count)
    ]
    made = np.broadcast_to(real[:1], real.shape) if deaf else real
    return EvaluatedGroup("unseen species", records, pixels.astype(np.float32) / 127.5 - 1, made, real, 0)


def judged(group: EvaluatedGroup, damsm: ReleasedDAMSM, describe: Any, **options: Any) -> MetricReport:
    report = MetricReport(title="t", model={}, corpus={}, settings={})
    judge = DAMSMJudge(
        damsm, describe, name="DAMSM two", described_by="recordings", device=torch.device("cpu"), **options
    )
    judge(report, group)
    return report


def test_images_of_what_is_said_are_found_with_the_whole_protocol_beside_the_number() -> None:
    report = judged(spoken_group(), released(), heard_by(None), seed=4)
    assert [row.name for row in report.rows] == ["r_precision_by_speech", "r_precision_by_speech_of_real_pictures"]
    row = report.rows[0]
    assert (row.value, row.interval, row.num_samples, row.seed) == (1.0, (1.0, 1.0), COUNT, 4)
    assert (row.network, row.weights_sha256) == ("DAMSM two, speech form", "da" * 32)
    assert row.details["num_candidates"] == 100 and row.details["independent"] and row.details["encoder"] == "ec" * 32
    for words in ("among 100", "interval by 1,000", "in other words", "generated pictures", "recordings"):
        assert words in row.protocol
    assert "real pictures of the same utterances" in report.rows[1].protocol
    assert "da" * 6 in report.to_markdown() and "in other words" in report.to_markdown()


def test_images_that_ignore_it_are_at_chance_and_the_real_ones_are_not() -> None:
    report = judged(spoken_group(deaf=True), released(), heard_by(None), warnings=("its own",))
    generated, real = report.rows
    assert generated.value <= 2 / COUNT and real.value == 1.0
    assert generated.warnings == ("its own",) and not generated.details["independent"]


def test_another_encoder_hears_the_recordings() -> None:
    group = spoken_group()
    heard: list[Path] = []

    def encode(paths: Any) -> np.ndarray:
        heard.extend(paths)
        return -group.embeddings

    report = judged(group, released(), heard_by(encode))
    assert heard[:2] == [Path("0.wav"), Path("1.wav")] and report.rows[0].value < 0.1


def test_captions_are_read_and_those_without_a_known_word_left_out() -> None:
    torch.manual_seed(0)
    encoder = WordLSTM(vocabulary=" ".join(["<end>", *(f"w{row}" for row in range(40))]), embedding_dim=DIM).eval()
    texts = [f"w{row}" for row in range(40)] + ["", "zzz"]
    group = spoken_group(count=42, texts=texts)
    # Images that show the very sentence, so that each finds its own.
    with torch.inference_mode():
        said = encoder.encode(texts[:40]).sentence.numpy()
    pixels = np.clip(np.round((said / np.abs(said).max() + 1) * 127.5), 0, 255).astype(np.uint8)
    shown = np.zeros_like(group.images)
    shown[:40] = pixels[:, None, :, None]
    report = judged(replace(group, images=shown), released(speech_dim=None), read_by(encoder), num_candidates=20)
    row = report.row("r_precision_by_text", "unseen species")
    assert row.value == 1.0 and row.num_samples == 40 and row.details["left_out"] == 2
    assert "2 utterances without a known word left out" in row.protocol
    none = judged(spoken_group(), released(speech_dim=None), read_by(encoder))
    assert none.rows == [] and len(none.notes) == 1
    assert "R-precision by text of unseen species: not measured" in none.notes[0] and "speech form" in none.notes[0]


def test_a_small_group_is_a_note() -> None:
    report = judged(spoken_group(count=50), released(), heard_by(None))
    assert report.rows == [] and report.notes == [
        "R-precision by speech of unseen species: not measured (R-precision: 49 captions of other items, 99 are drawn; "
        "give more captions, or use fewer candidates)."
    ]


def test_one_image_or_the_same_words_are_one_description() -> None:
    records = spoken_group(count=5, texts=["A red  bird", "blue", "a red bird", "", ""]).records
    records[1] = replace(records[1], item_id="004")
    assert described_alike(records, manner=True) == [0, 1, 0, 3, 1]
    records[2] = replace(records[2], manner="slow")
    assert described_alike(records, manner=True) == [0, 1, 2, 3, 1]
    assert described_alike(records, manner=False) == [0, 1, 0, 3, 1]
    # Connected through two others: the images of rows 0 and 1, the words of rows 1 and 2.
    chain = spoken_group(count=3, texts=["red", "blue", "blue"]).records
    assert described_alike([chain[0], replace(chain[1], item_id="000"), chain[2]], manner=True) == [0, 0, 0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"embedding_dim": 7}, "compares embeddings of 12 numbers, those of --model m have 7"),
        ({"mel_preset": "s2igan"}, "mel preset 'li2020', --model m hears 's2igan'"),
        ({"encoders": {"ff" * 32}}, "sentences of another speech encoder .ecececececec. than that of --model m"),
    ],
)
def test_speech_of_another_kind_is_refused_in_one_line(changes: dict[str, Any], words: str) -> None:
    fitting: dict[str, Any] = {"embedding_dim": DIM, "mel_preset": "li2020", "encoders": {"ec" * 32}}
    assert require_same_speech(released(), name="d", of="--model m", **fitting) == ()
    with pytest.raises(ConfigError, match=f"--damsm d: .*{words}; give a DAMSM of that encoder") as refused:
        require_same_speech(released(), name="d", of="--model m", **{**fitting, **changes})
    assert "\n" not in str(refused.value)


def test_a_damsm_that_does_not_say_on_whose_speech_it_was_trained_is_marked() -> None:
    silent = released(encoder_sha256=None, mel_preset=None)
    (said,) = require_same_speech(silent, name="d", of="m", embedding_dim=DIM, mel_preset="s2igan", encoders=())
    assert "does not say on whose sentences" in said
