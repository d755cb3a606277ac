"""The report: nothing without its protocol, shares in per cent, JSON and Markdown that hold all of it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from speech2img.errors import MetricError
from speech2img.metrics.functional.spoken_attributes import score_by_attribute
from speech2img.metrics.report.report import MetricReport, MetricRow, format_value

ROW = MetricRow(
    name="kernel_distance",
    group="unseen species",
    value=0.01234567,
    num_samples=200,
    protocol="50 subsets of 100",
    seed=3,
    network="a judge",
    weights_sha256="ab" * 32,
    spread=0.5,
)


def report() -> MetricReport:
    return MetricReport(title="A model", model={"name": "m"}, corpus={"name": "songbirds"}, settings={"seed": 3})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"protocol": " "}, "no protocol"),
        ({"network": ""}, "no network"),
        ({"weights_sha256": ""}, "no weights_sha256"),
        ({"group": ""}, "no group"),
        ({"num_samples": 0}, "no samples"),
        ({"value": float("nan")}, "its value is nan"),
        ({"value": float("inf")}, "its value is inf"),
    ],
)
def test_refuses_a_number_that_cannot_be_compared(change: dict, message: str) -> None:
    made = report()
    with pytest.raises(MetricError, match=message):
        made.add(replace(ROW, **change))
    assert not made.rows


def test_refuses_a_second_number_of_the_same_name() -> None:
    made = report()
    made.add(ROW)
    made.add(replace(ROW, group="seen species"))
    with pytest.raises(MetricError, match="has it already"):
        made.add(replace(ROW, value=9.0))
    assert made.row("kernel_distance", "unseen species") == ROW
    with pytest.raises(MetricError, match="not measured"):
        made.row("kernel_distance", "elsewhere")


def test_values_are_readable() -> None:
    assert format_value(ROW) == "0.01235 ± 0.5"
    share = replace(ROW, value=0.5, spread=None, interval=(0.25, 0.75), is_share=True)
    assert format_value(share) == "50.0 % [25.0 % to 75.0 %]"


def test_files_hold_everything(tmp_path: Path) -> None:
    made = report()
    made.add(ROW)
    for name, value in (("accuracy", 0.8), ("chance", 0.2), ("real", 1.0)):
        made.add(replace(ROW, name=f"spoken_attribute_{name}", value=value, spread=None, is_share=True))
    made.add(replace(ROW, name="spoken_relative_accuracy", value=0.75, spread=None, is_share=True))
    said = [{"size": "small"}, {"size": "large"}]
    made.attributes["unseen species"] = score_by_attribute(said, said, real_readings=said)
    made.judge_accuracy["size"] = 0.99
    made.notes.append("Mind the gap.")
    made.save(tmp_path)
    saved = json.loads((tmp_path / "report.json").read_text())
    assert saved["metrics"][0] | {"interval": None} == saved["metrics"][0]
    demanded = {"name", "value", "num_samples", "protocol", "seed", "network", "weights_sha256"}
    assert demanded <= saved["metrics"][0].keys()
    assert saved["attributes"]["unseen species"]["size"]["relative_accuracy"] == 1.0
    text = (tmp_path / "report.md").read_text()
    assert "| unseen species | all that is said | 80.0 % | 20.0 % | 100.0 % | 75.0 % |" in text
    assert "| unseen species | size | 100.0 % | 0.0 % | 100.0 % | 100.0 % | 2 | 99.0 % |" in text
    assert "**kernel_distance**: 50 subsets of 100" in text
    assert "Mind the gap." in text
