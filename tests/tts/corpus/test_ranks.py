"""One corpus spoken by several processes: shares, one journal, death of one of them."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
from helpers import program_environment

from speech2img.errors import ConfigError
from speech2img.storage.journal import Journal
from speech2img.storage.lock import run_lock
from speech2img.storage.rank import Rank
from speech2img.storage.reading import file_sha256
from speech2img.tts.corpus.synthesize import FAILURES_NAME, JOURNAL_NAME, synthesize_corpus

COUNT = 40
TEXTS = [f"bird {number}" for number in range(COUNT)]


def wavs(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): file_sha256(path) for path in root.rglob("*.wav")}


def start(humming: ModuleType, root: Path, ranks: int, *, pause: float = 0.0) -> list[subprocess.Popen[str]]:
    """Start the processes as torchrun would."""
    command = [sys.executable, "-m", "helpers.humming", str(root), str(pause)]
    return [
        subprocess.Popen(
            command,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=program_environment(TORCHELASTIC_RUN_ID="x", RANK=str(index), WORLD_SIZE=str(ranks)),
        )
        for index in range(ranks)
    ]


def outputs(processes: Sequence[subprocess.Popen[str]]) -> list[str]:
    ends = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), ends
    return [output for output, _ in ends]


@pytest.fixture(scope="module")
def alone(humming: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What one process makes."""
    root = tmp_path_factory.mktemp("alone")
    synthesize_corpus(humming.make(root, TEXTS), engine=humming.Tone(), progress=False)
    return wavs(root)


def test_two_processes_make_what_one_makes(humming: ModuleType, alone: dict[str, str], tmp_path: Path) -> None:
    texts = [*TEXTS, "mute one", "mute two"]
    humming.make(tmp_path, texts).save()
    said = outputs(start(humming, tmp_path, 2))
    assert all("20 recordings made, 0 kept" in line and "1 FAILED" in line for line in said)
    assert wavs(tmp_path) == alone
    journal = Journal(tmp_path / JOURNAL_NAME).done
    assert {key: line["sha256"] for key, line in journal.items() if line["status"] == "done"} == alone
    failed = [json.loads(line)["text"] for line in (tmp_path / FAILURES_NAME).read_text().splitlines()]
    assert failed == texts[COUNT:]
    counts = synthesize_corpus(humming.make(tmp_path, texts), engine=humming.Tone(), progress=False)
    assert (counts.made, counts.kept, counts.given_up) == (0, COUNT, 2)


def test_a_killed_rank_loses_nothing_it_reported(humming: ModuleType, alone: dict[str, str], tmp_path: Path) -> None:
    humming.make(tmp_path, TEXTS).save()
    processes = start(humming, tmp_path, 2, pause=0.12)
    journal = tmp_path / JOURNAL_NAME
    while not (journal.exists() and len(journal.read_bytes().splitlines()) > 3):
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)
    processes[1].send_signal(signal.SIGKILL)
    reported = set(Journal(journal, shared=True).done)
    processes[1].communicate(timeout=60)
    assert "20 recordings made" in outputs(processes[:1])[0]
    assert reported <= set(Journal(journal).done)
    kept = sum(int(line.split(" kept")[0].split()[-1]) for line in outputs(start(humming, tmp_path, 3)))
    assert kept >= max(20, len(reported))
    assert wavs(tmp_path) == alone
    assert set(Journal(journal).done) == set(alone)


def test_another_job_is_refused_while_a_rank_works(humming: ModuleType, tmp_path: Path) -> None:
    manifest = humming.make(tmp_path, TEXTS)
    with run_lock((tmp_path / JOURNAL_NAME).parent, rank=Rank(1, 2)):
        with pytest.raises(ConfigError, match="working here"):
            synthesize_corpus(manifest, engine=humming.Tone(), progress=False)
        assert synthesize_corpus(manifest, engine=humming.Tone(), rank=Rank(0, 2), progress=False).made == COUNT // 2
