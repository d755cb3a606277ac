"""What Baidu's service answers when it does not speak: each documented code, and what is to be done about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

from speech2img.storage.exchange import whole_number
from speech2img.storage.reading import parse_json

CONSOLE = "see the application in the console of ai.baidu.com"
MAX_REASON = 200
"""Longest text of the other side in a message; secrets are hidden before it is cut."""
_MAX_RETRY_AFTER, _MAX_DIGITS = 300.0, 9


class Action(Enum):
    """What follows a fault."""

    RETRY = "wait and ask again"
    SLOW_DOWN = "ask less often, wait and ask again"
    REFRESH = "ask again with a new token"
    GIVE_UP = "this text cannot be spoken"
    STOP = "nothing can be spoken"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a code means."""

    action: Action
    meaning: str
    fix: str = "run the same command again later"
    tries: int | None = None
    """How often to ask, where that is less than usual."""
    finally_: Action = Action.RETRY
    """What it comes to when all tries have failed; ``RETRY``: later calls try again."""


RULES: Mapping[int, Rule] = MappingProxyType(
    {
        1: Rule(Action.RETRY, "unknown error of the gateway"),
        2: Rule(Action.RETRY, "service not available"),
        4: Rule(Action.SLOW_DOWN, "too many requests of all users"),
        6: Rule(Action.STOP, "the application may not use speech synthesis", f"add the service to it: {CONSOLE}"),
        13: Rule(Action.SLOW_DOWN, "more requests a second than the account allows"),
        14: Rule(Action.STOP, "the keys are not accepted", "check both keys"),
        15: Rule(Action.SLOW_DOWN, "more requests at once than the account allows"),
        16: Rule(Action.STOP, "all characters of the account are spent", f"buy more or wait: {CONSOLE}"),
        17: Rule(Action.STOP, "all requests of the day are spent", "run the same command again tomorrow"),
        18: Rule(Action.SLOW_DOWN, "the service is busy with all its users"),
        19: Rule(Action.STOP, "all requests of the account are spent", f"buy more: {CONSOLE}"),
        100: Rule(Action.REFRESH, "the token is no token"),
        110: Rule(Action.REFRESH, "the token is not valid any more"),
        111: Rule(Action.REFRESH, "the token is too old"),
        330: Rule(Action.RETRY, "the limiter does not know the account", f"{CONSOLE}", 3, Action.STOP),
        500: Rule(Action.RETRY, "input not supported, or a time-out inside the service"),
        501: Rule(Action.GIVE_UP, "a parameter is refused", "change the text, or take a voice that the account has"),
        502: Rule(Action.REFRESH, "the token is not accepted, or the quota of this kind of voice is spent"),
        503: Rule(Action.RETRY, "error of the synthesis itself", "change the text", 3, Action.GIVE_UP),
        513: Rule(Action.GIVE_UP, "the text has signs that cannot be spoken, or is too long", "change the text"),
        999: Rule(Action.RETRY, "forwarding inside the service failed"),
    }
)
"""The documented codes (ai.baidu.com/ai-doc/SPEECH/Albxhaijw) and those of the gateway before the service."""

QUOTA_SUBCODE = 4
"""With code 502: it is the quota and not the token."""


class Fault(Exception):
    """One request that brought no sound.

    Attributes
    ----------
    rule : Rule
        What is to be done.
    reason : str
        What happened, without any secret.
    wait : float or None
        Seconds that the service asked to be left alone.
    silent : bool
        Whether no answer of the service was read: it may be down.
    """

    def __init__(self, rule: Rule, reason: str, *, wait: float | None = None, silent: bool = False) -> None:
        super().__init__(reason)
        self.rule, self.reason, self.wait, self.silent = rule, reason, wait, silent


def no_answer(reason: str) -> Fault:
    """The fault of a connection that failed, stalled or broke off."""
    return Fault(Rule(Action.RETRY, "no answer"), reason, silent=True)


def bad_answer(reason: str) -> Fault:
    """The fault of an answer that is neither sound nor a known error."""
    return Fault(Rule(Action.RETRY, "no sound"), reason)


def error_object(body: bytes) -> dict[str, Any] | None:
    """Read an answer as the JSON object of an error, whatever its type is said to be."""
    if not body.lstrip()[:1] == b"{":
        return None
    try:
        parsed = parse_json(body)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def fault_of(status: int, headers: Mapping[str, str], body: bytes, *, hide: Callable[[str], str] = str) -> Fault:
    """Say what an answer without sound means.

    Parameters
    ----------
    status : int
        Of HTTP; the service sends its errors with 200.
    headers : mapping
        Of the answer, names in lower case.
    body : bytes
        ``{"err_no": ..., "err_msg": ..., "err_subcode": ...}``, or ``error_code`` and ``error_msg`` of the gateway.
    hide : callable
        Takes secrets out of what the service said.
    """
    # Without a code of the service: by the status.
    wait = _retry_after(headers.get("retry-after"))
    fields = error_object(body) or {}
    code = _whole(fields.get("err_no", fields.get("error_code")))
    if code is None:
        if status == 429:
            return Fault(RULES[13], "HTTP 429, too many requests", wait=wait)
        if status >= 500:
            return Fault(RULES[999], f"HTTP {status}", wait=wait, silent=True)
        return bad_answer(f"HTTP {status} with {len(body)} bytes that are no sound")
    # By its code.
    rule = RULES.get(code, Rule(Action.RETRY, "an error that is not documented"))
    subcode = _whole(fields.get("err_subcode"))
    if code == 502 and subcode == QUOTA_SUBCODE:
        rule = Rule(Action.STOP, "the quota of this kind of voice is spent", f"buy more: {CONSOLE}")
    # What it said, without what may be a key.
    said = fields.get("err_detail") or fields.get("err_msg") or fields.get("error_msg") or ""
    details = f", it said {hide(str(said))[:80]!r}" if said else ""
    return Fault(rule, f"error {code}{'' if subcode is None else f'.{subcode}'}, {rule.meaning}{details}", wait=wait)


def _whole(value: object) -> int | None:
    if type(value) is int:
        return value if abs(value) < 10**_MAX_DIGITS else None
    return whole_number(value) if isinstance(value, str) and len(value) <= _MAX_DIGITS else None


def _retry_after(value: str | None) -> float | None:
    """Seconds; a date is not worth reading."""
    seconds = whole_number(value)
    return None if seconds is None else min(float(seconds), _MAX_RETRY_AFTER)
