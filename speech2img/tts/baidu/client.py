"""Baidu's speech service over REST: the token, the pace, and what follows each kind of fault."""

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from speech2img.errors import ConfigError, SynthesisError
from speech2img.storage.rank import SINGLE, Rank
from speech2img.tts.baidu.credentials import BaiduKeys, Secrets, Token, TokenFile, is_token
from speech2img.tts.baidu.errors import MAX_REASON, Action, Fault, Rule, bad_answer, error_object, fault_of, no_answer
from speech2img.tts.baidu.https_client import Answer, UntrustedError, Web, WebError, WebLimits, checked_url
from speech2img.tts.baidu.rate_limit import Outage, Pacer, backoff_seconds
from speech2img.tts.base import EngineStoppedError, TryLaterError

_LONGEST_TOKEN_SECONDS = 1e9

P = TypeVar("P")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """Where the service is and how it is asked."""

    speech_url: str = "https://tsn.baidu.com/text2audio"
    """Where texts are spoken; plain http is refused for any host but this machine."""
    token_url: str = "https://aip.baidubce.com/oauth/2.0/token"
    """Where tokens are had; likewise."""
    qps: float = 2.0
    """Requests a second, of all workers and ranks together."""
    tries: int = 8
    """Requests for one text before it is put off."""
    backoff_base: float = 0.5
    """Longest wait after a first failure, in seconds; it doubles with each."""
    backoff_cap: float = 60.0
    """Longest wait, in seconds."""
    outage_failures: int = 20
    """So many requests in a row without an answer are an outage: waiting no longer counts against a text."""
    patience: float = 900.0
    """Seconds of an outage after which the job stops."""
    limits: WebLimits = field(default_factory=WebLimits)
    """Of each request."""

    def __post_init__(self) -> None:
        checked_url(self.speech_url)
        checked_url(self.token_url)
        if not 0 < self.qps <= 1000:
            raise ConfigError.about(f"qps {self.qps:g}", "is no rate", "give requests a second, above 0 to 1000")
        if self.tries < 1:
            raise ConfigError.about(f"tries {self.tries}", "nothing would be asked", "give at least 1")


class BaiduClient:
    """Asks Baidu's service for sound until it has it or knows why not; may be used by several threads.

    Parameters
    ----------
    keys : BaiduKeys
        The user's.
    settings : ServiceSettings
        Where and how.
    rank : Rank
        This process's share of the rate.
    token_file : Path, optional
        Where the token is kept between calls.
    """

    def __init__(
        self, keys: BaiduKeys, settings: ServiceSettings, *, rank: Rank = SINGLE, token_file: Path | None = None
    ) -> None:
        self._keys, self._settings = keys, settings
        self._secrets = Secrets(keys.api_key, keys.secret_key)
        self._web = Web(settings.limits)
        self._pacer = Pacer(settings.qps, rank=rank)
        self._outage = Outage(failures=settings.outage_failures, patience=settings.patience)
        self._file = TokenFile(token_file, account=f"{settings.token_url} {keys.api_key}")
        self._token: Token | None = None
        self._refused: set[str] = set()
        self._token_lock = threading.Lock()
        self._stop = threading.Event()
        self.cuid = hashlib.sha256(f"speech2img {keys.api_key}".encode()).hexdigest()[:32]

    def speech(self, form: Mapping[str, str], decode: Callable[[Answer], T], *, subject: str) -> T:
        """Send one text.

        Parameters
        ----------
        form : mapping of str to str
            The fields of the request without ``tok``.
        decode : callable
            Turns the answer into sound; raises ValueError with the reason if it is none.
        subject : str
            What messages call this text.

        Raises
        ------
        SynthesisError
            If the service refuses the text for good.
        TryLaterError
            If all tries failed, but later ones may not.
        EngineStoppedError
            If no text can be spoken: keys, permission, quota, an outage that does not end, or `abort`.
        """
        # A token that is refused is replaced once; a second refusal means the service.
        stop = self._stop
        refused: set[str] = set()

        def ask(token: Token) -> T:
            try:
                return self._ask({**form, "tok": token.value}, decode)
            except Fault as fault:
                if fault.rule.action is not Action.REFRESH:
                    raise
                self._refuse(token)
                refused.add(token.value)
                if len(refused) == 1:
                    raise
                fix = "check in the console of ai.baidu.com that the application has speech synthesis, and its quota"
                raise Fault(Rule(Action.STOP, "", fix), f"a new token was refused too ({fault.reason})") from None

        return self._insist(lambda: self._current_token(stop), ask, subject, stop)

    def abort(self) -> None:
        """End the calls under way; later ones go on as usual."""
        self._stop.set()
        self._stop = threading.Event()
        self._web.abort()

    def _post(self, url: str, form: Mapping[str, str]) -> Answer:
        try:
            return self._web.post(url, form)
        except UntrustedError as error:
            fix = "check the clock and the proxy of this machine, or set SSL_CERT_FILE to its certificates"
            raise Fault(Rule(Action.STOP, "", fix), self._said(str(error))) from None
        except WebError as error:
            raise no_answer(self._said(str(error))) from None

    def _said(self, text: str) -> str:
        """What the other side said, as a message may show it: nothing of a secret is left at the cut."""
        return self._secrets.hide(text)[:MAX_REASON]

    def _ask(self, form: Mapping[str, str], decode: Callable[[Answer], T]) -> T:
        answer = self._post(self._settings.speech_url, form)
        if answer.status == 200 and error_object(answer.body) is None:
            try:
                return decode(answer)
            except ValueError as error:
                raise bad_answer(self._said(str(error))) from None
        raise fault_of(answer.status, answer.headers, answer.body, hide=self._secrets.hide)

    def _insist(self, prepare: Callable[[], P], ask: Callable[[P], T], subject: str, stop: threading.Event) -> T:
        """Ask at the service's pace until there is an answer that counts.

        Whatever takes its time is prepared before the slot comes: requests that wait for it afterwards come at once.
        """
        # Ask until there is an answer, or a reason to stop; an outage counts no tries.
        settings = self._settings
        tries = 0
        of_kind: Counter[Rule] = Counter()
        heeded = False
        while True:
            prepared = prepare()
            if self._pacer.wait(stop):
                raise EngineStoppedError.about("Baidu", "cut off", "run the same command again to go on")
            try:
                result = ask(prepared)
            except Fault as fault:
                rule = fault.rule
                self._note(fault)
                tries += not self._outage.is_down
                of_kind[rule] += 1
                self._raise_if_final(fault, tries, of_kind[rule], subject)
                if rule.action is Action.REFRESH:
                    continue
                # Wait as long as the service says, once, and else longer each time.
                wait = backoff_seconds(max(tries, 1), base=settings.backoff_base, cap=settings.backoff_cap)
                if fault.wait is not None and not heeded:
                    wait, heeded = fault.wait, True
                stop.wait(wait)
            else:
                self._outage.answered()
                self._pacer.succeeded()
                return result

    def _note(self, fault: Fault) -> None:
        if fault.silent:
            self._outage.failed()
        else:
            self._outage.answered()
        if fault.rule.action is Action.SLOW_DOWN:
            self._pacer.slow_down()

    def _raise_if_final(self, fault: Fault, tries: int, of_kind: int, subject: str) -> None:
        # Faults that may pass: how long, how often.
        rule = fault.rule
        action = rule.action
        if action not in (Action.STOP, Action.GIVE_UP):
            if self._outage.is_hopeless:
                reason = f"no answer for {self._settings.patience:g} s, the last time because: {fault.reason}"
                raise EngineStoppedError.about("Baidu", reason, "run the same command again when it is back") from None
            if rule.tries is not None and of_kind >= rule.tries:
                action = rule.finally_
            elif tries < self._settings.tries:
                return
        # The end: of the whole work, of this text, or for now.
        if action is Action.STOP:
            raise EngineStoppedError.about("Baidu", fault.reason, rule.fix) from None
        if action is Action.GIVE_UP:
            raise SynthesisError.about(subject, fault.reason, rule.fix) from None
        raise TryLaterError.about(subject, f"{tries} requests failed, the last one: {fault.reason}", rule.fix) from None

    def _current_token(self, stop: threading.Event) -> Token:
        with self._token_lock:
            if self._token is None or not self._file.is_valid(self._token):
                kept = self._file.read()
                if kept is None or kept.value in self._refused:
                    kept = self._insist(lambda: None, self._ask_token, "the token of Baidu's service", stop)
                    self._file.write(kept)
                self._secrets.add(kept.value)
                self._token = kept
            return self._token

    def _refuse(self, token: Token) -> None:
        """The service does not accept a token: another one is needed, unless another thread has it already."""
        with self._token_lock:
            self._refused.add(token.value)
            if self._token is not None and self._token.value == token.value:
                self._token = None

    def _ask_token(self, _: None) -> Token:
        # Ask for it.
        form = {
            "grant_type": "client_credentials",
            "client_id": self._keys.api_key,
            "client_secret": self._keys.secret_key,
        }
        answer = self._post(self._settings.token_url, form)
        fields = error_object(answer.body) or {}
        value, seconds = fields.get("access_token"), fields.get("expires_in")
        if is_token(value) and isinstance(seconds, int | float):
            return Token(value, time.time() + min(float(seconds), _LONGEST_TOKEN_SECONDS))
        # What the service says of the keys, never the keys.
        reason = self._said(f"{fields.get('error', '')} {fields.get('error_description', '')}".strip())
        if str(fields.get("error")).startswith("invalid_client"):
            fix = "check both keys: the console of ai.baidu.com shows them for each application"
            raise Fault(Rule(Action.STOP, "", fix), f"the keys are refused ({reason})")
        if answer.status >= 500 or answer.status == 429:
            raise fault_of(answer.status, answer.headers, b"")
        raise bad_answer(f"no token, HTTP {answer.status} {reason}".strip())
