"""Only reports replace reports, and only statistics replace statistics."""

import json
from pathlib import Path

import numpy as np
import pytest

from speech2img.errors import ConfigError
from speech2img.metrics.report.place import require_report_place, require_statistics_place
from speech2img.metrics.report.report import MetricReport


def test_a_report_goes_where_nothing_or_a_report_is(tmp_path: Path) -> None:
    require_report_place(tmp_path / "new" / "folder")
    assert not (tmp_path / "new").exists()
    (tmp_path / "mine.txt").write_text("mine")
    require_report_place(tmp_path)
    MetricReport("t", {}, {}, {}).save(tmp_path)
    (tmp_path / "pictures").mkdir()
    require_report_place(tmp_path)


def test_an_interrupted_call_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "utterances.json").write_text(json.dumps([{"id": "a", "held_out_voice": False}]))
    require_report_place(tmp_path)


@pytest.mark.parametrize("name", ["report.md", "report.json", "report.html", "pictures", "utterances.json"])
def test_what_no_report_made_is_never_replaced(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text('{"title": "mine"}')
    with pytest.raises(ConfigError, match=f"{name}: is there already and no report"):
        require_report_place(tmp_path)
    with pytest.raises(ConfigError, match="Not a directory"):
        require_report_place(tmp_path / name)


def test_a_link_to_nothing_is_somebodys_too(tmp_path: Path) -> None:
    (tmp_path / "report.md").symlink_to(tmp_path / "elsewhere.md")
    with pytest.raises(ConfigError, match="report.md: is there already and no report"):
        require_report_place(tmp_path)


def test_statistics_replace_statistics_only(tmp_path: Path) -> None:
    require_statistics_place(tmp_path / "new" / "a.npz")
    np.savez(tmp_path / "a.npz", mu=np.zeros(64), sigma=np.eye(64))
    require_statistics_place(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", a=np.zeros(3))
    (tmp_path / "c.npz").write_text("words")
    for name in ("b.npz", "c.npz"):
        with pytest.raises(ConfigError, match="holds no statistics"):
            require_statistics_place(tmp_path / name)
    with pytest.raises(ConfigError, match="a folder"):
        require_statistics_place(tmp_path)
