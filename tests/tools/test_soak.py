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
    echo $n $$ >> list
    echo "counting: 50%|#| $n/12 [" >&2
done
"""


@pytest.fixture(scope="module")
def kill():
    spec = importlib.util.spec_from_file_location("soak_kill", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    module._LONG_SECONDS = 0.0
    return module


class LateKills(random.Random):
    """Each kill at its latest moment, when something has been promised."""

    def uniform(self, a: float, b: float) -> float:
        return b

    def random(self) -> float:
        return 0.3


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
        return {line.split()[0]: line for line in lines}

    def result(self, folder: Path) -> dict[str, str]:
        return {path.name: " ".join(path.read_text().split()[::2]) for path in folder.iterdir() if path.name != "lock"}


def test_an_honest_job(kill, tmp_path):
    tally = kill.soak(Counting(), tmp_path, kills=2, draw=LateKills())
    assert (tally.kills, tally.results) == (2, 1) and tally.promises > 0 and tally.whole == 2
    assert "2 kills" in str(tally) and "none lost" in str(tally)


@pytest.mark.parametrize(
    "old, new, reason",
    [
        ("touch list", ": > list", "lost|made twice"),
        ("touch list", "touch list; sed -i 2d list", "promised items lost"),
        ("touch list", "touch list; sed -i 's/ .*/ again/' list", "made twice"),
        ("touch list", "[ -e list ] && echo again > again; touch list", "results differ"),
        ("touch list", "sleep 60 & touch list", "left behind"),
        ("touch list", "exit 7", "exit status 7"),
    ],
)
def test_dishonest_jobs(kill, tmp_path, monkeypatch, old, new, reason):
    monkeypatch.setattr(kill, "_ORPHAN_SECONDS", 2.0)
    with pytest.raises(kill.SoakError, match=reason):
        kill.soak(Counting(HONEST.replace(old, new)), tmp_path, kills=2, draw=LateKills())
