"""The soak test itself: an honest job passes; one that loses, repeats, differs or leaves processes behind does not."""

import importlib.util
import random
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools/soak/kill.py"
HONEST = """
echo $$ > lock
touch list
first=$(wc -l < list)
for n in $(seq $((first + 1)) 12); do
    sleep 0.005
    echo $n >> list
    echo "counting: 50%|#| $n/12 [" >&2
done
"""


@pytest.fixture(scope="module")
def kill():
    spec = importlib.util.spec_from_file_location("soak_kill", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Counting:
    """Counts to twelve in a file."""

    name, bar, lock = "count", "counting", "lock"

    def __init__(self, script: str = HONEST) -> None:
        self.script = script

    def set_up(self, folder: Path) -> None:
        folder.mkdir()

    def command(self, folder: Path) -> list[str]:
        return ["sh", "-c", f"cd '{folder}'; {self.script}"]

    def promised(self, folder: Path, quiet: Path, told: int) -> dict[str, object]:
        path = folder / "list"
        lines = path.read_text().splitlines() if path.exists() else []
        return {line: number for number, line in enumerate(lines)}

    def result(self, folder: Path) -> dict[str, str]:
        return {"list": (folder / "list").read_text()}


def test_an_honest_job(kill, tmp_path):
    tally = kill.soak(Counting(), tmp_path, kills=3, draw=random.Random(0))
    assert (tally.kills, tally.results) == (3, 1) and tally.promises > 0 and tally.whole <= 3
    assert "3 kills" in str(tally) and "none lost" in str(tally)


@pytest.mark.parametrize("old, new, reason", [
    ("touch list", ": > list", "promised items lost"),
    ("touch list", "touch list; sed -i '1!G;h;$!d' list", "made twice"),
    ("touch list", "[ -e list ] && echo again > again; touch list", "results differ"),
    ("touch list", "sleep 60 & touch list", "left behind"),
    ("touch list", "exit 7", "exit status 7"),
])
def test_dishonest_jobs(kill, tmp_path, monkeypatch, old, new, reason):
    class Dishonest(Counting):
        def result(self, folder: Path) -> dict[str, str]:
            return {path.name: path.read_text() for path in folder.iterdir() if path.name != "lock"}

    monkeypatch.setattr(kill, "_ORPHAN_SECONDS", 2.0)
    with pytest.raises(kill.SoakError, match=reason):
        kill.soak(Dishonest(HONEST.replace(old, new)), tmp_path, kills=4, draw=random.Random(1))
