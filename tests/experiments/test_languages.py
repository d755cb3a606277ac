"""The table of languages: one row a report, shares as per cent with their intervals."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "experiments/languages/table.py"


def run(runs: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--runs", str(runs), "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def report(words: float) -> dict:
    def metric(name: str, value: float, interval: list[float] | None) -> dict:
        return {"name": name, "group": "seen species", "value": value, "num_samples": 70, "interval": interval}

    metrics = [
        metric("worded_attribute_way", words, [words - 0.02, words + 0.02]),
        metric("worded_attribute_chance", 0.25, None),
        metric("manner_attribute_way", 0.97, [0.96, 0.98]),
    ]
    return {"corpus": {"utterances": 30}, "metrics": metrics}


def test_rows_in_the_order_of_the_languages(tmp_path):
    for code, words in (("lumari", 0.5), ("en", 0.25)):
        (tmp_path / code / "report").mkdir(parents=True)
        (tmp_path / code / "report" / "report.json").write_text(json.dumps(report(words)))
    assert run(tmp_path, tmp_path / "table.md").returncode == 0
    head, rule, *rows = (tmp_path / "table.md").read_text().splitlines()
    assert head.count("|") == rule.count("|") == rows[0].count("|")
    assert rows[0].startswith("| English | 30 | 70 | 25.0 % [23.0 to 27.0] | ")
    assert rows[1].startswith("| Lumari, invented | 30 | 70 | 50.0 % [48.0 to 52.0] | ") and len(rows) == 2
    assert "| 97.0 % [96.0 to 98.0] |" in rows[0]


def test_no_report_is_one_error(tmp_path):
    done = run(tmp_path, tmp_path / "table.md")
    assert done.returncode != 0 and "02_languages.sh" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "table.md").exists()
