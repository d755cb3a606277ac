"""Floors: training pictures and halves under the same measures, silent where the number itself is refused."""

from dataclasses import replace

import numpy as np
import pytest

from speech2img.metrics.evaluate.inputs import FeatureSide, MetricOptions
from speech2img.metrics.evaluate.yardsticks.floors import add_floors, halves, part_of
from speech2img.metrics.functional.frechet_distance import fit_gaussian, frechet_distance
from speech2img.metrics.report.report import MetricReport
from speech2img.metrics.report.section import ReportSection


def side(seed: int, count: int, name: str, shift: float = 0.0) -> FeatureSide:
    rows = np.random.default_rng(seed).normal(shift, 1.0, size=(count, 6)).astype(np.float32)
    ids = [f"{name}{row:03d}" for row in range(count)]
    return FeatureSide(name, lambda: fit_gaussian(rows), lambda: rows, ids=ids)


def floors(real: FeatureSide, training: FeatureSide | None, **options: int) -> MetricReport:
    report = MetricReport("t", {}, {}, {})

    def section(suffix: str, words: str) -> ReportSection:
        return ReportSection(
            report=report, group="g", network="n", weights_sha256="ab", suffix=suffix, images=words, warnings=()
        )

    add_floors(section, real, training, MetricOptions(**options))
    return report


def test_both_floors_are_the_plain_distances() -> None:
    real, training = side(0, 41, "real"), side(1, 30, "train", 2.0)
    report = floors(real, training, seed=5)
    first, second = halves(real, seed=5)
    assert first.features is not None and second.features is not None
    assert len(first.features()) == len(second.features()) == 20 and not {*first.ids} & {*second.ids}
    expected = frechet_distance(fit_gaussian(first.features()), fit_gaussian(second.features()))
    row = report.row("frechet_distance_of_test_halves", "g")
    assert row.value == pytest.approx(expected) and "one half of real against the other" in row.protocol
    row = report.row("frechet_distance_of_training_pictures", "g")
    assert row.value == pytest.approx(
        frechet_distance(fit_gaussian(training.features()), fit_gaussian(real.features()))
    )
    assert row.value > 5 * expected and row.num_samples == 30 and "real training pictures against real" in row.protocol
    assert {"kernel_distance_of_test_halves", "mind_of_training_pictures", "density_of_test_halves"} <= {
        row.name for row in report.rows
    }
    # Side by side in the report, not among the other numbers.
    add = floors(real, training, seed=5)
    kept = next(one for one in add.rows if one.name == "mind_of_test_halves")
    add.add(replace(kept, name="mind"))
    text = add.to_markdown()
    line = next(line for line in text.splitlines() if line.startswith("| mind | g |"))
    assert "## Beside real pictures" in text and line in text and text.count("(n 20)") >= 2
    assert "mind_of_test_halves | g" not in text
    assert halves(side(0, 41, "real"), seed=5)[0].ids == first.ids != halves(real, seed=6)[0].ids


def test_what_is_refused_is_silent_and_statistics_have_no_floor() -> None:
    few = floors(side(0, 8, "real"), None)
    assert not few.notes and "frechet_distance_of_test_halves" not in {row.name for row in few.rows}
    assert few.row("kernel_distance_of_test_halves", "g").num_samples == 4
    alone = FeatureSide("statistics", side(0, 9, "x").gaussian)
    assert not floors(alone, None).rows
    part = part_of(FeatureSide("x", features=side(0, 9, "x").features), [2, 5])
    assert part.ids == ["0000002", "0000005"] and part.name == "2 of x"
