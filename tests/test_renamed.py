"""Files with names of earlier versions are read under those of today: a test for each section of `RENAMED`."""

import json
from pathlib import Path

import pytest
import torch

from speech2img.config import load_settings, settings_from_dict
from speech2img.metrics.report.charts import read_curves
from speech2img.metrics.report.saved import metrics_by_name
from speech2img.renamed import RENAMED, modern_state, modern_tensors, renamed
from speech2img.storage.releases.release import load_release
from speech2img.storage.releases.writing import save_release
from speech2img.training.prior.settings import PriorSettings
from speech2img.training.stackgan.settings import StackGANSettings
from speech2img.training.stats_log import StatsLog

PACKAGE = Path(__file__).parents[1] / "speech2img"
READERS = {
    "settings": {"config.py": "modern_settings(", "training/run.py": 'renamed("settings"'},
    "checkpoint": {"training/loop.py": "modern_state(", "training/stackgan/initialization.py": "modern_state("},
    "release": {"storage/releases/config.py": 'renamed("release"'},
    "tensors": {"storage/releases/release.py": "modern_tensors(", "training/prior/task.py": "modern_tensors("},
    "stats": {
        "training/stats_log.py": 'renamed("stats"',
        "training/loop.py": 'renamed("stats"',
        "metrics/report/charts.py": 'renamed("stats"',
        "config.py": "modern_value(",
        "training/run.py": "modern_value(",
    },
    "report": {"metrics/report/saved.py": 'RENAMED["report"]'},
}
"""Section -> files that read such a file, and what each of them calls."""


def test_every_section_has_readers_that_go_through_the_table() -> None:
    assert READERS.keys() == RENAMED.keys()
    for section, readers in READERS.items():
        for file, call in readers.items():
            assert call in (PACKAGE / file).read_text(encoding="utf-8"), f"{section}: {file}"


def test_settings(tmp_path: Path) -> None:
    path = tmp_path / "old.toml"
    path.write_text("stretch = 2.0\nunsaid = 0.25\nguidance = 3.0\n")
    prior = load_settings(PriorSettings, file=path)
    assert (prior.mean_scale, prior.condition_dropout, prior.guidance_scale) == (2.0, 0.25, 3.0)
    assert load_settings(PriorSettings, overrides=["stretch=2.0"]) == load_settings(
        PriorSettings, overrides=["mean_scale=2.0"]
    )
    path.write_text('selection = "said_and_shown"\n[model]\nlooks_through = "teacher"\ndiscriminators = "both"\n')
    generator = load_settings(StackGANSettings, file=path)
    assert (generator.model.projection_network, generator.selection) == ("teacher", "attribute_recall")
    assert generator.model.discriminators == "both", "a checkpoint's key that changed, and a setting that stays"
    saved = {"model": {"looks_through": "teacher"}}
    assert settings_from_dict(StackGANSettings, saved).model.projection_network == "teacher"


def test_checkpoint() -> None:
    old = {"pupil": {"w": 1}, "discriminators": [1], "optimizers": [2], "feature_critics": {"w": 3}, "draws": 4}
    new = {"model": {"w": 1}, "pixel": {"networks": [1], "optimizers": [2]}, "projected": {"w": 3}, "draws": 4}
    assert modern_state(old) == new and modern_state(new) == new


def test_release(tmp_path: Path) -> None:
    old = {
        "kind": "speech-to-image",
        "reader": {"heads": {"color": 3}},
        "stretch": 2.0,
        "guidance": 1.5,
        "candidates": 4,
    }
    tensors = {name: torch.ones(2) for name in ("reader.network.weight", "prior.said.weight", "generator.weight")}
    save_release(tmp_path / "release", tensors, old, "# an old release\n")
    loaded, config = load_release(tmp_path / "release")
    assert config == {
        "kind": "speech-to-image",
        "reranker": {"heads": {"color": 3}},
        "mean_scale": 2.0,
        "guidance_scale": 1.5,
        "num_candidates": 4,
    }
    assert set(loaded) == {"reranker.network.weight", "prior.regression.weight", "generator.weight"}


def test_tensors() -> None:
    old = {"said.weight": 1, "rest": 2, "unsaid": 3, "said_more": 4}
    new = {"regression.weight": 1, "residual_scale": 2, "null_embedding": 3, "said_more": 4}
    assert modern_tensors(old, part="prior.") == new and modern_tensors(new, part="prior.") == new
    assert modern_tensors(old) == old, "without a prefix these may be anybody's"


def test_stats(tmp_path: Path) -> None:
    path = tmp_path / "stats.jsonl"
    lines = [{"kind": "evaluation", "step": step, "said_and_shown": 0.5 * step} for step in (1, 2)]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert list(read_curves(path)) == ["held-out attribute_recall"]
    StatsLog(tmp_path, step=2, evaluated=2).close()
    assert [json.loads(line)["attribute_recall"] for line in path.read_text().splitlines()] == [0.5, 1.0]


@pytest.mark.parametrize("kind", ["spoken", "worded", "manner"])
def test_report(kind: str) -> None:
    row = {"name": f"{kind}_attribute_way", "group": "seen", "value": 0.5}
    assert metrics_by_name({"metrics": [row]}) == {(f"{kind}_relative_accuracy", "seen"): row}
    assert renamed("report", {"way": 0.5, "way_interval": [0.4, 0.6]}) == {
        "relative_accuracy": 0.5,
        "relative_accuracy_interval": [0.4, 0.6],
    }
