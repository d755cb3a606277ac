"""Baidu's engine against a server that speaks its protocol: every parameter, every code, one call at a time."""

import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.errors import ConfigError, SynthesisError
from speech2img.tts.baidu.client import ServiceSettings
from speech2img.tts.baidu.credentials import BaiduKeys
from speech2img.tts.baidu.engine import BaiduSettings, BaiduSynthesizer, pitch_step, speed
from speech2img.tts.baidu.https_client import WebLimits
from speech2img.tts.baidu.rate_limit import Pacer
from speech2img.tts.base import BatchSynthesizer, EngineStoppedError, Synthesizer, TryLaterError

TEXT = "a small red bird & 100% + more"
Serve, EngineFor = Callable[..., Any], Callable[..., BaiduSynthesizer]


def first(*faults: str | None) -> Callable[[str, int], str | None]:
    """These faults at a text's first requests, then none."""
    return lambda text, nth: faults[nth - 1] if nth <= len(faults) else None


def test_speaks(serve: Serve, engine_for: EngineFor) -> None:
    server = serve()
    engine = engine_for(server)
    assert isinstance(engine, Synthesizer) and not isinstance(engine, BatchSynthesizer)
    assert engine.name == "baidu aue=6 vol=5 max_bytes=1023"
    y = engine.synthesize(TEXT, voice="baidu-4", rate=300, pitch=80)
    assert y.dtype == np.float32 and y.size == int(16_000 * (0.4 + 0.06 * len(TEXT)) * 5 / 13)
    assert np.abs(y).max() == pytest.approx(0.12, abs=0.001)
    form = server.forms[0]
    assert list(server.asked) == [TEXT]
    assert {name: form[name] for name in ("per", "spd", "pit", "vol", "aue", "lan", "ctp")} == {
        "per": "4",
        "spd": "11",
        "pit": "11",
        "vol": "5",
        "aue": "6",
        "lan": "zh",
        "ctp": "1",
    }
    engine.synthesize("one more", voice="baidu-4")
    assert len(server.all_tokens) == 1


@pytest.mark.parametrize(("aue", "rate"), [(3, 16_000), (4, 16_000), (5, 8_000), (6, 16_000)])
def test_every_format(serve: Serve, engine_for: EngineFor, aue: int, rate: int) -> None:
    engine = engine_for(serve(), settings=BaiduSettings(aue=aue, vol=9, spd=2, pit=0))
    y = engine.synthesize(TEXT, voice="1", rate=400)
    assert engine.sample_rate == rate
    assert y.size / rate == pytest.approx((0.4 + 0.06 * len(TEXT)) * 5 / 4, abs=0.1)
    assert np.abs(y).max() == pytest.approx(0.2, abs=0.02)
    assert engine.name == f"baidu aue={aue} vol=9 spd=2 pit=0 max_bytes=1023"


def test_long_texts_are_cut_and_joined(serve: Serve, engine_for: EngineFor) -> None:
    server = serve()
    sentences = [f"Bird number {number} has a very long tail and a short beak." for number in range(5)]
    engine = engine_for(server, settings=BaiduSettings(max_bytes=120))
    y = engine.synthesize(" ".join(sentences), voice="baidu-0")
    assert list(server.asked) == [" ".join(sentences[:2]), " ".join(sentences[2:4]), sentences[4]]
    assert y.size == sum(engine.synthesize(text, voice="baidu-0").size for text in list(server.asked))


@pytest.mark.parametrize(
    ("faults", "requests"),
    [
        (["13", "15", "18"], 4),
        (["500", "999", "330", "503"], 5),
        (["330", "330"], 3),
        (["503", "503"], 3),
        (["stall", "reset", "half"], 4),
        (["half chunked", "http 500", "http 503", "http 429"], 5),
        (["json as audio", "html", "empty", "short", "noise", "riff"], 7),
        (["revoke"], 2),
        (["110"], 2),
    ],
)
def test_passing_faults_pass(serve: Serve, engine_for: EngineFor, faults: list[str], requests: int) -> None:
    server = serve(first(*faults))
    y = engine_for(server).synthesize(TEXT, voice="baidu-0")
    assert y.size > 16_000
    assert server.asked == {TEXT: requests}


@pytest.mark.parametrize(
    ("faults", "requests", "kind", "message"),
    [
        (["501"], 1, SynthesisError, "error 501"),
        (["513"], 1, SynthesisError, "error 513"),
        (["503"] * 9, 3, SynthesisError, "error 503"),
        (["500"] * 9, 8, TryLaterError, "8 requests failed, the last one: error 500"),
        (["13"] * 9, 8, TryLaterError, "error 13"),
        (["12345"] * 9, 8, TryLaterError, "not documented"),
        (["noise"] * 9, 8, TryLaterError, "not a readable recording"),
        (["6"], 1, EngineStoppedError, "may not use speech synthesis"),
        (["16"], 1, EngineStoppedError, "characters of the account are spent"),
        (["17"], 1, EngineStoppedError, "tomorrow"),
        (["330"] * 9, 3, EngineStoppedError, "limiter"),
        (["quota"], 1, EngineStoppedError, "quota of this kind of voice"),
        (["revoke", "revoke"], 2, EngineStoppedError, "a new token was refused too"),
    ],
)
def test_lasting_faults_are_what_they_are(
    serve: Serve, engine_for: EngineFor, faults: list[str], requests: int, kind: type[Exception], message: str
) -> None:
    server = serve(first(*faults))
    with pytest.raises(SynthesisError, match=message) as caught:
        engine_for(server).synthesize(TEXT, voice="baidu-0")
    assert type(caught.value) is kind
    assert server.asked == {TEXT: requests}
    assert "24.0" not in str(caught.value), "a part of the token is shown"


def test_a_text_that_cannot_be_read_costs_no_request(serve: Serve, engine_for: EngineFor) -> None:
    server = serve()
    for text in ("a \N{SNOWMAN}", "...", "a" * 2001):
        with pytest.raises(SynthesisError):
            engine_for(server).synthesize(text, voice="baidu-0")
    assert server.arrivals == []


def test_the_token_is_kept_between_calls_and_renewed(serve: Serve, engine_for: EngineFor, tmp_path: Path) -> None:
    server = serve()
    path = tmp_path / "token.json"
    for number in range(3):
        engine_for(server, token_file=path).synthesize(f"call {number}", voice="baidu-0")
    assert len(server.all_tokens) == 1
    server.tokens.clear()
    engine = engine_for(server, token_file=path)
    threads = [
        threading.Thread(target=engine.synthesize, args=(f"at once {number}",), kwargs={"voice": "baidu-0"})
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.all_tokens) == 2
    assert engine_for(server, token_file=path).synthesize("again", voice="baidu-0").size
    assert len(server.all_tokens) == 2


def test_no_slot_is_taken_while_the_token_is_waited_for(
    serve: Serve, engine_for: EngineFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that had their slots before the token came would all start at once when it comes."""
    server = serve()
    slots: list[float] = []
    reserve, give = Pacer.reserve, server.RequestHandlerClass._give_token
    asked, let_go = threading.Event(), threading.Event()

    def noted(pacer: Pacer, now: float) -> float:
        slots.append(reserve(pacer, now))
        return slots[-1]

    def slow(handler: Any, form: dict[str, str]) -> None:
        asked.set()
        let_go.wait(30)
        give(handler, form)

    monkeypatch.setattr(Pacer, "reserve", noted)
    monkeypatch.setattr(server.RequestHandlerClass, "_give_token", slow)
    engine = engine_for(server, qps=10.0, limits=WebLimits())
    threads = [
        threading.Thread(target=engine.synthesize, args=(f"text {number}",), kwargs={"voice": "baidu-0"})
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    assert asked.wait(30)
    threads[0].join(0.2)
    assert len(slots) == 1
    let_go.set()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 4 and len(slots) >= 5


def test_a_token_about_to_expire_is_not_used(serve: Serve, engine_for: EngineFor, tmp_path: Path) -> None:
    server = serve()
    server.expires_in = 30
    engine = engine_for(server, token_file=tmp_path / "token.json")
    engine.synthesize("one", voice="baidu-0")
    engine.synthesize("two", voice="baidu-0")
    assert len(server.all_tokens) == 2


def test_wrong_keys_stop_at_once_and_are_not_shown(
    serve: Serve, engine_for: EngineFor, baidu_server: ModuleType
) -> None:
    server = serve()
    for keys in (BaiduKeys("Wrong+Key/1", "s"), BaiduKeys(baidu_server.API_KEY, "Wrong&Secret=2")):
        with pytest.raises(EngineStoppedError, match="the keys are refused") as caught:
            engine_for(server, keys=keys).synthesize(TEXT, voice="baidu-0")
        assert "Wrong" not in str(caught.value)
    assert len(server.arrivals) == 2


def test_an_outage_is_waited_for(serve: Serve, engine_for: EngineFor) -> None:
    server = serve()
    server.is_down = True
    timer = threading.Timer(0.5, lambda: setattr(server, "is_down", False))
    timer.start()
    engine = engine_for(server, tries=2, outage_failures=2, backoff_cap=0.02)
    assert engine.synthesize(TEXT, voice="baidu-0").size > 16_000
    timer.join()
    assert len(server.arrivals) > 6


def test_an_outage_without_end_stops(serve: Serve, engine_for: EngineFor) -> None:
    server = serve()
    server.is_down = True
    with pytest.raises(EngineStoppedError, match="no answer for 0.1 s"):
        engine_for(server, tries=2, outage_failures=2, patience=0.1).synthesize(TEXT, voice="baidu-0")


def test_closing_ends_a_call_that_waits(serve: Serve, engine_for: EngineFor) -> None:
    server = serve(lambda text, nth: "500")
    engine = engine_for(server, backoff_base=1e9, backoff_cap=1e9)
    errors: list[Exception] = []

    def call() -> None:
        try:
            engine.synthesize(TEXT, voice="baidu-0")
        except SynthesisError as error:
            errors.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    while not server.asked:
        thread.join(0.01)
    engine.close()
    thread.join(30)
    assert not thread.is_alive() and isinstance(errors[0], EngineStoppedError)
    server.faults = lambda text, nth: None
    assert engine.synthesize(TEXT, voice="baidu-0").size


def test_voices() -> None:
    engine = BaiduSynthesizer(BaiduKeys("a", "b"))
    assert engine.voices() == sorted(engine.voices()) and "baidu-5118" in engine.voices()
    assert {engine.voice_for(voice) for voice in ("0", "baidu-0", "baidu-00")} == {"baidu-0"}
    assert engine.voice_for("4189") == "baidu-4189"
    women = {engine.voice_for(f"en-us+{name}") for name in ("f1", "f2", "f3", "Annie", "belinda", "whisperf")}
    men = {engine.voice_for(name) for name in ("en-us", "en", "en-gb-x-rp+m4", "en-us+whisper", "cmn", "en-029+Gene")}
    assert women == {"baidu-0", "baidu-4"} and men == {"baidu-1", "baidu-3"}
    for voice in ("de", "fr+f1", "nobody", "", "baidu-", "baidu-x", "enigma"):
        with pytest.raises(SynthesisError, match="--voice"):
            engine.voice_for(voice)
    loud = BaiduSynthesizer(BaiduKeys("a", "b"), BaiduSettings(vol=12))
    assert loud.voice_for("5118") == "baidu-5118"
    with pytest.raises(SynthesisError, match="vol 12"):
        loud.voice_for("en-us")


def test_rate_and_pitch() -> None:
    assert [speed(rate) for rate in (1, 80, 120, 175, 260, 450, 1000)] == [0, 0, 3, 5, 9, 15, 15]
    assert [pitch_step(pitch) for pitch in (0, 10, 50, 60, 99)] == [0, 1, 5, 7, 15]


@given(st.integers(1, 1000), st.integers(0, 99))
def test_faster_is_never_slower(rate: int, pitch: int) -> None:
    assert 0 <= speed(rate) <= speed(rate + 1) <= 15
    assert 0 <= pitch_step(pitch) <= pitch_step(min(99, pitch + 1)) <= 15


@pytest.mark.parametrize(
    "settings", [{"aue": 2}, {"vol": 16}, {"spd": -1}, {"pit": 16}, {"max_bytes": 1024}, {"max_bytes": 119}]
)
def test_settings_out_of_range(settings: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        BaiduSettings(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"qps": 0.0},
        {"qps": float("nan")},
        {"tries": 0},
        {"speech_url": "http://tsn.baidu.com/text2audio"},
        {"token_url": "http://aip.baidubce.com/"},
    ],
)
def test_service_settings_that_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        ServiceSettings(**settings)
    assert ServiceSettings().speech_url.startswith("https://")
    assert ServiceSettings().limits == WebLimits()
