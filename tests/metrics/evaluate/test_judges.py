"""Judges: told by hashes, refused or marked for their own training's; an encoder's grades of a model that paints."""

from pathlib import Path

import numpy as np
import pytest

from speech2img.corpora.records.utterances import UtteranceRecord
from speech2img.errors import MetricError
from speech2img.metrics.evaluate.judges import EncoderJudge, check_judges, judge_independence, require_independent
from speech2img.metrics.evaluate.model_groups import EvaluatedGroup
from speech2img.metrics.report.report import MetricReport
from speech2img.storage.releases.provenance import UNKNOWN, inherited, trained_with

CONFIG = {"trained_with": {"speech encoder": "aa" * 32, "feature network": "BB" * 32}}
JUDGES = {"speech encoder": "aa" * 32, "feature network": "bb" * 32}
OTHERS = {"trained_with": {"speech encoder": "cc" * 32, "feature network": "dd" * 32}}


def test_a_judge_of_its_own_is_independent() -> None:
    found = judge_independence("cc" * 32, CONFIG)
    assert found.verdict == "independent" and require_independent("R-precision", found) == ()


@pytest.mark.parametrize(("sha256", "role"), [("aa" * 32, "speech encoder"), ("bb" * 32, "feature network")])
def test_a_network_of_the_training_is_refused_or_marked(sha256: str, role: str) -> None:
    found = judge_independence(sha256, CONFIG)
    with pytest.raises(MetricError, match=f"R-precision: .*own {role}.* a training loss, not a grade"):
        require_independent("R-precision", found)
    assert role in require_independent("R-precision", found, allow=True)[0]


def test_a_model_is_no_judge_of_itself() -> None:
    found = judge_independence("cc" * 32, CONFIG, own_sha256="dd" * 32 + "+" + "cc" * 32)
    with pytest.raises(MetricError, match="part of the model itself"):
        require_independent("mAP", found)


@pytest.mark.parametrize("config", [{}, {"trained_with": "aa"}, {"trained_with": {"encoder": 3}}])
def test_releases_that_do_not_say_are_marked(config: dict[str, object]) -> None:
    assert trained_with(config) is None
    found = judge_independence("cc" * 32, config)
    assert found.verdict == "unknown" and "does not record all" in require_independent("mAP", found)[0]
    assert judge_independence("", CONFIG).verdict == "unknown"


def test_what_was_not_recorded_stays_unknown_but_what_was_is_refused() -> None:
    config = {"trained_with": {"speech encoder": "aa" * 32, "speech encoder's own": UNKNOWN}}
    assert judge_independence("cc" * 32, config).verdict == "unknown"
    assert judge_independence("aa" * 32, config).verdict == "trained with it"


def test_what_a_model_starts_from_counts_too() -> None:
    whole = {"trained_with": inherited(CONFIG, "generator")}
    assert whole["trained_with"]["generator's feature network"] == "bb" * 32
    assert judge_independence("bb" * 32, whole).verdict == "trained with it"
    assert judge_independence("cc" * 32, {"trained_with": inherited({}, "generator")}).verdict == "unknown"


def _group(*, deaf: bool = False) -> tuple[EvaluatedGroup, np.ndarray]:
    """120 pictures of 12 classes, one utterance each; a feature is the picture's first row."""
    rng = np.random.default_rng(0)
    features = rng.integers(0, 256, (120, 32), dtype=np.uint8)
    records = [
        UtteranceRecord(
            id=f"{row:03d}_0",
            item_id=f"{row:03d}",
            audio=Path(f"{row}.wav"),
            text="",
            image=Path("x"),
            class_id=row % 12,
            class_name=str(row % 12),
            split="test",
        )
        for row in range(120)
    ]
    pictures = np.repeat(features[:, None, :, None], 3, axis=3)
    made = np.broadcast_to(pictures[:1], pictures.shape) if deaf else pictures
    return EvaluatedGroup("unseen species", records, features.astype(np.float32), made, pictures, 0), features


def _report(*, deaf: bool = False, warnings: tuple[str, ...] = ()) -> MetricReport:
    group, features = _group(deaf=deaf)
    report = MetricReport(title="t", model={}, corpus={}, settings={})
    EncoderJudge(
        encode=lambda paths: features[[int(path.stem) for path in paths]].astype(np.float32) - 128,
        read=lambda pictures: pictures[:, 0, :, 0].astype(np.float32) - 128,
        name="judge",
        weights_sha256="aa" * 32,
        warnings=warnings,
    )(report, group)
    return report


def test_a_model_that_paints_what_it_hears() -> None:
    report = _report()
    names = {row.name for row in report.rows}
    assert names == {"r_precision"} | {
        f"{metric}_{direction}"
        for direction in ("real_to_generated", "generated_to_real")
        for metric in (
            "recall_at_1",
            "recall_at_5",
            "recall_at_10",
            "recall_at_50",
            "median_rank",
            "mean_average_precision",
        )
    }
    assert report.row("r_precision", "unseen species").value == 1.0
    assert report.row("recall_at_1_real_to_generated", "unseen species").value == 1.0
    by_class = report.row("mean_average_precision_generated_to_real", "unseen species")
    assert 0.1 < by_class.value < 0.5 and "same class" in by_class.protocol and by_class.details["independent"]


def test_a_model_that_never_listens_is_at_chance_and_marks_go_with_every_number() -> None:
    report = _report(deaf=True, warnings=("its own teacher",))
    assert report.row("r_precision", "unseen species").value <= 1 / 120 + 1e-9
    assert report.row("recall_at_1_real_to_generated", "unseen species").value < 0.05
    assert all(row.warnings == ("its own teacher",) and not row.details["independent"] for row in report.rows)


def test_networks_of_the_training_are_refused_or_marked() -> None:
    assert check_judges(JUDGES, [OTHERS], own_sha256="ee", allow=False) == ()
    own = {"trained_with": {"feature network": "bb" * 32}}
    with pytest.raises(MetricError, match="feature network of the judge: .*own feature network"):
        check_judges(JUDGES, [OTHERS, own], own_sha256="ee", allow=False)
    assert "training loss" in check_judges(JUDGES, [OTHERS, own], own_sha256="ee", allow=True)[0]
    with pytest.raises(MetricError, match="part of the model itself"):
        check_judges(JUDGES, [OTHERS], own_sha256="ee+" + "aa" * 32, allow=False)
    assert len(check_judges(JUDGES, [{}], own_sha256="ee", allow=False)) == 2
