"""What ``generate`` is given to hear: files, pipes, standard input and sentences to speak."""

import argparse
import contextlib
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from speech2img.audio.limits import AudioLimits
from speech2img.audio.pipes import STANDARD_INPUT, is_pipe, read_pipe, read_standard_input
from speech2img.audio.remarks import RecordingWarning
from speech2img.audio.wav import encode_wav
from speech2img.errors import AudioError, ConfigError, SynthesisError
from speech2img.storage.names import MAX_NAME_BYTES
from speech2img.storage.notices import notice

_DASH = Path("-")
_DESCRIPTOR = re.compile(r"/(dev|proc/[^/]+)/fd/\d+")


def given_names(args: argparse.Namespace) -> list[str]:
    """What the pictures of every recording and every sentence are called; two may be called the same."""
    if args.audio.count(_DASH) > 1:
        raise ConfigError.about("-", "standard input is given twice, and it can be read once", "give - once")
    return [*map(_name, args.audio), *(f"text{number}" for number in range(len(args.text)))]


def given_recordings(args: argparse.Namespace) -> Iterator[Any]:
    """Recordings as the pipeline takes them, then the spoken sentences; an AudioError stands for one that is none."""
    for path in args.audio:
        try:
            yield opened_recording(path)
        except AudioError as error:
            yield error
    yield from _speak(args)


@contextlib.contextmanager
def remarks_as_notices() -> Iterator[None]:
    """Write what is said of recordings as lines on standard error while the block runs."""
    with warnings.catch_warnings():
        shown = warnings.showwarning

        def show(message: Any, category: type[Warning], *place: Any, **options: Any) -> None:
            if issubclass(category, RecordingWarning):
                notice(message)
            else:
                shown(message, category, *place, **options)

        warnings.simplefilter("always", RecordingWarning)
        warnings.showwarning = show
        yield


def _name(path: Path) -> str:
    """What the pictures of a recording are called."""
    if path == _DASH:
        return "stdin"
    if _DESCRIPTOR.fullmatch(str(path)):
        return "recording"
    stem = os.fsencode(path.stem)
    return path.stem if len(stem) <= MAX_NAME_BYTES else stem[:MAX_NAME_BYTES].decode("utf-8", "ignore")


def opened_recording(path: Path) -> Any:
    """A recording that is waited for, read to its end; a path is left to the pipeline."""
    if path == _DASH:
        return {"bytes": read_standard_input(), "path": STANDARD_INPUT}
    return {"bytes": read_pipe(path), "path": str(path)} if is_pipe(path) else path


def _speak(args: argparse.Namespace) -> Iterator[Any]:
    """The ``--text`` sentences as 16-bit wav files, as a recording would come."""
    if not args.text:
        return
    from speech2img.tts.espeak.engine import EspeakSynthesizer

    # The engine, which refuses the voice before the first text.
    limits = AudioLimits()
    with EspeakSynthesizer() as engine:
        engine.voice_for(args.voice)
        for text in args.text:
            shown = f'--text "{text if len(text) <= 60 else text[:60] + "..."}"'
            try:
                y = engine.synthesize(text, voice=args.voice, rate=args.rate, pitch=args.pitch)
            except SynthesisError as error:
                yield AudioError(str(error))
                continue
            # What is too long or silent is named, as a recording would be.
            seconds = len(y) / engine.sample_rate
            if seconds > limits.max_seconds:
                reason = f"takes {seconds:.0f} s to say, {limits.max_seconds:g} s at most are heard"
                yield AudioError.about(shown, reason, "shorten it, or speak faster with --rate")
            elif y.max() - y.min() < limits.min_swing:
                yield AudioError.about(shown, f"voice {args.voice} made no sound of it", "use words to be spoken")
            else:
                yield {"bytes": encode_wav(y, sample_rate=engine.sample_rate), "path": shown}
