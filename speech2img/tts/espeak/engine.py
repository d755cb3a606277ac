"""espeak-ng from the ``espeakng-loader`` wheel: repeatable speech without a system package or a program a caption."""

import importlib.util
import json
import queue
import select
import subprocess
import sys
import time
import weakref
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import IO, cast

import numpy as np

from speech2img.errors import SynthesisError
from speech2img.tts.base import EngineStoppedError, TryLaterError, is_phonemic
from speech2img.tts.espeak import process
from speech2img.tts.espeak.process import REPLY_HEADER, REQUEST_HEADER, SOUND

INSTALL_HINT = 'install it with: pip install "espeakng-loader>=0.2" (or, in the checkout: pip install ".[tts]")'
MAX_CHARACTERS = 2000

_REPLY_SECONDS = 90.0
_START_SECONDS = 30.0
_MAY_BE_THE_MACHINE = "try again, with more memory or fewer --workers; where it happens again, change text or voice"


class EspeakSynthesizer:
    """Speech by espeak-ng, bit-identical for the same arguments whatever was spoken before.

    Each thread that speaks uses a small process of its own (see :mod:`speech2img.tts.espeak.process`), which is kept
    for the next call. ``close()`` or leaving a ``with`` block ends these processes; so does the end of this program.

    Voices are ``"accent"`` or ``"accent+variant"``: ``"en-us"``, ``"en-us+f3"``, ``"en-gb-scotland+whisper"``.

    Raises
    ------
    SynthesisError
        If the ``espeakng-loader`` wheel is missing or does not load.

    Notes
    -----
    espeak-ng is GPL-3.0-or-later: the wheel is an optional extra, found at run time and never bundled.
    """

    def __init__(self) -> None:
        wheel = _load_wheel()
        try:
            self._library, self._data = Path(wheel.get_library_path()), Path(wheel.get_data_path())
        except RuntimeError as error:
            raise SynthesisError.about("espeak-ng", error, INSTALL_HINT) from error
        self._idle: queue.LifoQueue[_Speaker] = queue.LifoQueue()
        self._finalizer = weakref.finalize(self, _close_all, self._idle)
        speaker = _Speaker(self._library, self._data)
        self._idle.put(speaker)
        self.name = f"espeak-ng {speaker.version}"
        self.sample_rate = speaker.sample_rate
        self.languages: tuple[str, ...] = ()

    def __enter__(self) -> "EspeakSynthesizer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the speaking processes; a later call starts new ones."""
        _close_all(self._idle)

    @cached_property
    def _accents(self) -> frozenset[str]:
        """Names of the voices by language; English in Shavian script cannot read English captions."""
        files = (path for path in (self._data / "lang").rglob("*") if path.is_file())
        return frozenset(path.name.lower() for path in files) - {"en-shaw"}

    @cached_property
    def _variants(self) -> frozenset[str]:
        return frozenset(path.name for path in (self._data / "voices" / "!v").iterdir() if path.is_file())

    def voices(self, *, language: str = "en") -> list[str]:
        """Return the voice names of a language: every accent, alone and with every variant.

        Parameters
        ----------
        language : str
            First part of the accent's code; ``""`` for all languages.
        """
        accents = sorted(name for name in self._accents if not language or name.split("-")[0] == language)
        return sorted([*accents, *(f"{accent}+{variant}" for accent in accents for variant in self._variants)])

    def voice_for(self, voice: str) -> str:
        """Return the voice itself if espeak-ng has it; see :meth:`speech2img.tts.base.Synthesizer.voice_for`."""
        accent, plus, variant = voice.partition("+")
        if accent.lower() not in self._accents or (plus and variant not in self._variants):
            near = get_close_matches(voice, self.voices(language=""), n=1)
            hint = f'did you mean "{near[0]}"?' if near else 'use for example "en-us" or "en-us+f3"'
            raise SynthesisError.about(f'voice "{voice[:80]}"', "espeak-ng has no such voice", hint)
        return voice

    def synthesize(
        self, text: str, *, voice: str, rate: int = 175, pitch: int = 50, pitch_range: int = 50
    ) -> np.ndarray:
        """Speak one text; see :meth:`speech2img.tts.base.Synthesizer.synthesize`.

        Parameters
        ----------
        text : str
            1 to 2,000 characters. Blocks in double brackets and nothing beside them (`is_phonemic`) are phonemes.
        voice : str
            Accent with or without a variant.
        rate : int
            Words per minute, 80 to 450.
        pitch, pitch_range : int
            0 to 99.

        Returns
        -------
        np.ndarray [shape=(n,), float32, range -1..1]
            Mono sound at 22,050 Hz.
        """
        # The request.
        self._check(text, voice=voice, rate=rate, pitch=pitch, pitch_range=pitch_range)
        request = {
            "text": text,
            "voice": voice,
            "rate": rate,
            "pitch": pitch,
            "pitch_range": pitch_range,
            "phonemes": is_phonemic(text),
        }
        # A free process, or a new one; one that failed is not used again.
        try:
            speaker = self._idle.get_nowait()
        except queue.Empty:
            speaker = _Speaker(self._library, self._data)
        try:
            samples = speaker.speak(request)
        except BaseException:
            speaker.close()
            raise
        self._idle.put(speaker)
        if samples is None:
            raise SynthesisError.about(f"text {text[:60]!r}", f"voice {voice} made no sound", "use words to be spoken")
        return samples

    def _check(self, text: str, *, voice: str, rate: int, pitch: int, pitch_range: int) -> None:
        if not text.strip() or len(text) > MAX_CHARACTERS or "\0" in text:
            reason = f"{len(text)} characters{' with a NUL' if chr(0) in text else ''}"
            raise SynthesisError.about(f"text {text[:40]!r}", reason, f"give 1 to {MAX_CHARACTERS} characters of text")
        if not _is_unicode(text):
            raise SynthesisError.about(f"text {text[:40]!r}", "is not text in UTF-8", "write it in UTF-8")
        self.voice_for(voice)
        ranges = (("rate", rate, 80, 450), ("pitch", pitch, 0, 99), ("pitch_range", pitch_range, 0, 99))
        for name, value, low, high in ranges:
            if not low <= value <= high:
                raise SynthesisError.about(f"{name} {value}", "out of range", f"give {low} to {high}")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Speaker:
    """One speaking process and the pipes to it; used by one thread at a time."""

    def __init__(self, library: Path, data: Path) -> None:
        # A process of its own: the library may hang or die.
        command = [sys.executable, "-I", "-S", process.__file__, str(library), str(data)]
        try:
            # A session of its own: the Ctrl-C of a terminal is this process's affair from the first moment on.
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
            )
        except OSError as error:
            fix = "give fewer --workers, or raise what 'ulimit -n', 'ulimit -u' and 'ulimit -v' say; try again"
            raise EngineStoppedError.about("espeak-ng", f"no process starts ({error.strerror})", fix) from error
        # It speaks first, and within time.
        self._requests = cast(IO[bytes], self._process.stdin)
        self._replies = cast(IO[bytes], self._process.stdout)
        self._poll = select.poll()
        self._poll.register(self._replies, select.POLLIN)
        self._deadline = time.monotonic() + _START_SECONDS
        try:
            self.sample_rate, self.version = self._hello()
        except BaseException:
            self.close()
            raise

    def _hello(self) -> tuple[int, str]:
        status, payload = self._receive("espeak-ng")
        if status != SOUND:
            raise SynthesisError.about("espeak-ng", payload.decode("utf-8", "replace"), INSTALL_HINT)
        hello = json.loads(payload)
        return int(hello["sample_rate"]), str(hello["version"])

    def speak(self, request: dict[str, object]) -> np.ndarray | None:
        """Send one request and wait for its samples; None if there are none."""
        subject = f"text {str(request['text'])[:60]!r} in voice {request['voice']}"
        payload = json.dumps(request).encode()
        self._deadline = time.monotonic() + _REPLY_SECONDS
        try:
            self._requests.write(REQUEST_HEADER.pack(len(payload)) + payload)
        except OSError as error:
            raise TryLaterError.about(subject, f"the speaking process is gone ({error})", "try again") from error
        status, reply = self._receive(subject)
        if status != SOUND:
            raise SynthesisError.about(subject, reply.decode("utf-8", "replace"), "change the text or the voice")
        samples = np.frombuffer(reply, dtype="<i2")
        return samples.astype(np.float32) / np.float32(32768) if samples.size else None

    def _receive(self, subject: str) -> tuple[int, bytes]:
        status, length = REPLY_HEADER.unpack(self._read(REPLY_HEADER.size, subject))
        return status, self._read(length, subject)

    def _read(self, count: int, subject: str) -> bytes:
        data = bytearray()
        while len(data) < count:
            wait = max(0.0, self._deadline - time.monotonic())
            if not self._poll.poll(1000 * wait):
                raise TryLaterError.about(subject, "espeak-ng gave no answer in time", _MAY_BE_THE_MACHINE)
            piece = self._replies.read(count - len(data))
            if not piece:
                raise TryLaterError.about(subject, "espeak-ng crashed", _MAY_BE_THE_MACHINE)
            data += piece
        return bytes(data)

    def close(self) -> None:
        """End the process: kindly, then surely."""
        self._requests.close()
        self._replies.close()
        try:
            self._process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _close_all(idle: "queue.LifoQueue[_Speaker]") -> None:
    while True:
        try:
            idle.get_nowait().close()
        except queue.Empty:
            return


def _load_wheel() -> ModuleType:
    if importlib.util.find_spec("espeakng_loader") is None:
        raise SynthesisError.about("espeak-ng", "the package espeakng-loader is not installed", INSTALL_HINT)
    import espeakng_loader

    return espeakng_loader
