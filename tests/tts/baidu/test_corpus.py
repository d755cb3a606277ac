"""A corpus spoken by a service that fails at every fifth request: nothing lost, nothing shown, no request too many."""

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote_plus

import pytest

from speech2img.audio.io import read_audio
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import RunInterrupted
from speech2img.storage.journal import Journal
from speech2img.storage.rank import Rank
from speech2img.storage.reading import file_sha256
from speech2img.tts.baidu.engine import BaiduSynthesizer
from speech2img.tts.baidu.rate_limit import Pacer
from speech2img.tts.base import EngineStoppedError
from speech2img.tts.corpus.synthesize import FAILURES_NAME, JOURNAL_NAME, synthesize_corpus

Serve, EngineFor = Callable[..., Any], Callable[..., BaiduSynthesizer]
COUNT = 200


@pytest.fixture
def slots(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every slot that any pacer gave away."""
    taken: list[float] = []
    reserve = Pacer.reserve

    def noted(self: Pacer, now: float) -> float:
        slot = reserve(self, now)
        taken.append(slot)
        return slot

    monkeypatch.setattr(Pacer, "reserve", noted)
    return taken


def wavs(root: Path) -> dict[str, str]:
    return {path.name: file_sha256(path) for path in root.rglob("*.wav")}


def test_nothing_is_lost(
    serve: Serve,
    engine_for: EngineFor,
    humming: ModuleType,
    baidu_server: ModuleType,
    tmp_path: Path,
    slots: list[float],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    texts = [f"a bird number {number} of {COUNT}" for number in range(COUNT)]
    healthy, faulty = serve(), serve(baidu_server.chaos(0.2))
    synthesize_corpus(
        humming.make(tmp_path / "good", texts, voice="en-us+f1"), engine=engine_for(healthy), progress=False
    )
    del slots[:]

    root = tmp_path / "bad"
    humming.make(root, texts, voice="en-us+f1").save()
    messages: list[str] = []
    finished: dict[str, str] = {}
    for _ in range(60):
        engine = engine_for(faulty, token_file=tmp_path / "token.json", qps=500.0)
        try:
            counts = synthesize_corpus(Manifest.load(root), engine=engine, workers=4, retry_failed=True, progress=False)
            messages.append(str(counts))
        except EngineStoppedError as error:
            messages.append(str(error))
        journal = Journal(root / JOURNAL_NAME).done
        done = {Path(key).name: line["sha256"] for key, line in journal.items() if line["status"] == "done"}
        assert finished.items() <= done.items(), "a reported recording was lost"
        assert done.items() <= wavs(root).items(), "a reported recording is not what was reported"
        listed = [json.loads(line)["audio"] for line in _lines(root / FAILURES_NAME)]
        assert sorted(listed) == sorted(key for key, line in journal.items() if line["status"] != "done")
        finished = done
        if len(done) == COUNT:
            break
    assert wavs(root) == wavs(tmp_path / "good")
    assert not (root / FAILURES_NAME).exists()
    assert set(faulty.injected) == set(baidu_server.ALL_FAULTS)
    assert 0.1 * COUNT < len(faulty.injected) < 0.4 * COUNT

    numbers = [round(slot * 500) for slot in slots]
    assert len(set(numbers)) == len(numbers), "two requests in one slot"
    assert len(faulty.arrivals) <= len(slots), "a request without a slot"

    shown = [caplog.text, *capfd.readouterr(), *messages]
    written = [path for path in root.rglob("*") if path.is_file() and path.suffix != ".wav"]
    shown += [path.read_text("utf-8", "replace") for path in written]
    assert len(written) >= 3
    for secret in (baidu_server.API_KEY, baidu_server.SECRET_KEY, "24.00000000"):
        assert not any(secret in text or quote_plus(secret) in text for text in shown)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_an_outage_costs_time_only(serve: Serve, engine_for: EngineFor, humming: ModuleType, tmp_path: Path) -> None:
    server = serve()
    texts = [f"a bird number {number}" for number in range(40)]
    engine = engine_for(server, outage_failures=6, tries=4)

    def strike() -> None:
        while len(server.asked) < 10:
            struck.wait(0.002)
        server.is_down = True
        struck.wait(0.8)
        server.is_down = False

    struck = threading.Event()
    thread = threading.Thread(target=strike)
    thread.start()
    counts = synthesize_corpus(humming.make(tmp_path, texts, voice="en-us"), engine=engine, workers=3, progress=False)
    thread.join()
    assert (counts.made, counts.failed) == (40, 0)
    assert len(server.arrivals) > 41 + 6


def test_a_stop_keeps_what_is_finished(
    serve: Serve, engine_for: EngineFor, humming: ModuleType, tmp_path: Path
) -> None:
    server = serve(lambda text, nth: "16" if "20" in text and nth == 1 else None)
    manifest = humming.make(tmp_path, [f"a bird number {number}" for number in range(40)], voice="en-us")
    with pytest.raises(EngineStoppedError, match="characters of the account are spent.*buy more"):
        synthesize_corpus(manifest, engine=engine_for(server), workers=2, progress=False)
    done = Journal(tmp_path / JOURNAL_NAME).done
    assert len(done) >= 10 and {line["status"] for line in done.values()} == {"done"}
    counts = synthesize_corpus(manifest, engine=engine_for(server), workers=2, progress=False)
    assert (counts.kept, counts.made, counts.failed) == (len(done), 40 - len(done), 0)


def test_control_c_does_not_wait_for_the_service(
    serve: Serve, engine_for: EngineFor, humming: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that would wait for a day is cut off when the job is."""
    server = serve(lambda text, nth: "500" if "stuck" in text else None)
    engine = engine_for(server, backoff_base=1e5, backoff_cap=1e5)
    speak = engine.synthesize

    def interrupted(text: str, **options: Any) -> Any:
        if "interrupt" in text:
            while not any("stuck" in asked for asked in server.asked):
                threading.Event().wait(0.002)
            raise KeyboardInterrupt
        return speak(text, **options)

    monkeypatch.setattr(engine, "synthesize", interrupted)
    manifest = humming.make(tmp_path, ["a good bird", "interrupt", "a stuck bird", "another bird"], voice="en-us")
    with pytest.raises(RunInterrupted, match="of 4 recordings"):
        synthesize_corpus(manifest, engine=engine, workers=2, progress=False)


def test_ranks_share_the_rate(
    serve: Serve, engine_for: EngineFor, humming: ModuleType, tmp_path: Path, slots: list[float]
) -> None:
    server = serve()
    humming.make(tmp_path, [f"a bird number {number}" for number in range(30)], voice="en-us").save()
    for index in range(2):
        engine = engine_for(server, rank=Rank(index, 2), qps=250.0)
        counts = synthesize_corpus(Manifest.load(tmp_path), engine=engine, rank=Rank(index, 2), progress=False)
        assert (counts.made, counts.failed) == (15, 0)
        assert {round(slot * 250) % 2 for slot in slots} == {index}
        assert len(slots) >= 16
        slots.clear()
    assert read_audio(next(tmp_path.rglob("*.wav")), sample_rate=16_000).size > 8_000
