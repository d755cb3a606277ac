"""What the client makes of answers that no service should give: sound, a fault, or an error; never anything else."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.tts.baidu.client import BaiduClient, ServiceSettings
from speech2img.tts.baidu.credentials import BaiduKeys, Token
from speech2img.tts.baidu.engine import BaiduSynthesizer
from speech2img.tts.baidu.errors import MAX_REASON, Action, Fault, error_object, fault_of
from speech2img.tts.baidu.https_client import Answer, UntrustedError, WebError
from speech2img.tts.base import EngineStoppedError, TryLaterError

API_KEY, SECRET_KEY, TOKEN = "api-key-that-is-long", "secret-key-that-is-long", "24.token-that-is-long"
ERROR = b'{"err_no": 502, "err_msg": "authentication failed.", "err_subcode": 4, "sn": "x"}'
GRANT = b'{"access_token": "24.abc", "expires_in": 2592000, "scope": "public"}'
LONG = [b"9" * 400, b"9" * 5000, b"-" + b"9" * 400, b"1e400", b"NaN", b"[" * 100_000, b'"' + b"9" * 5000 + b'"']


def mutants(sample: bytes) -> st.SearchStrategy[bytes]:
    """Any bytes, and the sample with a few bytes replaced."""
    return st.binary(max_size=80) | st.builds(
        lambda at, junk, cut: sample[:at] + junk + sample[at + cut :],
        st.integers(0, len(sample)),
        st.binary(max_size=6) | st.sampled_from(LONG[:3]),
        st.integers(0, 6),
    )


def client_that_hears(answer: Answer | Exception) -> BaiduClient:
    """A client whose every request has this answer."""

    class Stub:
        def post(self, url: str, form: Any) -> Answer:
            if isinstance(answer, Exception):
                raise answer
            return answer

    settings = ServiceSettings(tries=2, qps=1000.0, backoff_base=1e-4, backoff_cap=1e-3, patience=0.05)
    client = BaiduClient(BaiduKeys(API_KEY, SECRET_KEY), settings)
    client._web = Stub()  # type: ignore[assignment]
    return client


@pytest.mark.parametrize("value", LONG)
@pytest.mark.parametrize("key", ["err_no", "err_subcode", "error_code", "err_msg", "access_token", "expires_in"])
def test_answers_of_thousands_of_digits(key: str, value: bytes) -> None:
    fields = {"err_no": 502, "access_token": "24.abc", "expires_in": 100, key: "@"}
    body = json.dumps(fields).encode().replace(b'"@"', value)
    assert isinstance(fault_of(200, {}, body), Fault)
    client = client_that_hears(Answer(200, {}, body))
    try:
        assert isinstance(client._ask_token(None), Token)
    except Fault as fault:
        assert len(str(fault)) < 2 * MAX_REASON


@given(body=mutants(ERROR), status=st.sampled_from([200, 200, 400, 429, 500]), wait=st.text(max_size=4))
@settings(max_examples=200, deadline=5000)
def test_any_bytes_are_a_fault(body: bytes, status: int, wait: str) -> None:
    fault = fault_of(status, {"retry-after": wait}, body)
    assert isinstance(fault.rule.action, Action) and len(fault.reason) < 400
    assert fault.wait is None or 0 <= fault.wait <= 300


@given(body=mutants(GRANT))
@settings(max_examples=200, deadline=5000)
def test_any_bytes_are_a_token_or_a_fault(body: bytes) -> None:
    try:
        token = client_that_hears(Answer(200, {}, body))._ask_token(None)
    except Fault:
        return
    assert error_object(body) is not None and token.value.isprintable()


@given(body=st.binary(max_size=120), kind=st.sampled_from(["audio/wav", "audio/mp3", "text/html", "", "x" * 500]))
@settings(max_examples=60, deadline=5000)
def test_any_bytes_are_sound_or_an_error(body: bytes, kind: str) -> None:
    engine = BaiduSynthesizer(BaiduKeys(API_KEY, SECRET_KEY))
    engine._client = client_that_hears(Answer(200, {"content-type": kind}, body))
    engine._client._token = Token(TOKEN, 1e12)
    with pytest.raises((TryLaterError, EngineStoppedError)):
        engine.synthesize("a bird", voice="baidu-0")


@pytest.mark.parametrize("length", range(0, 230, 7))
@pytest.mark.parametrize("secret", [API_KEY, SECRET_KEY, TOKEN])
def test_no_part_of_a_secret_is_left_where_a_message_is_cut(secret: str, length: int) -> None:
    text = "x" * length + secret + "y" * 300
    answers: list[Answer | Exception] = [
        WebError(f"BadStatusLine: {text}"),
        UntrustedError(text),
        Answer(200, {}, json.dumps({"err_no": 500, "err_msg": text}).encode()),
        Answer(401, {}, json.dumps({"error": text, "error_description": text}).encode()),
        Answer(401, {}, json.dumps({"error": "invalid_client", "error_description": text}).encode()),
        Answer(200, {"content-type": text}, b"no sound"),
    ]
    calls: list[Callable[[BaiduClient], Any]] = [
        lambda client: client.speech({}, BaiduSynthesizer(BaiduKeys("a", "b"))._decode, subject="text"),
        lambda client: client._insist(lambda: None, client._ask_token, "token", client._stop),
    ]
    for answer in answers:
        for call in calls:
            client = client_that_hears(answer)
            client._token = Token(TOKEN, 1e12)
            client._secrets.add(TOKEN)
            with pytest.raises((TryLaterError, EngineStoppedError)) as caught:
                call(client)
            said = str(caught.value)
            assert not any(secret[:size] in said for size in range(6, len(secret)))
            assert len(said) < 600
