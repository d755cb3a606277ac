"""The program that decodes one upload, and nothing else: hostile files meet its limits, not the server.

Standard input: a line of JSON with the name, then the file. Standard output: a line of JSON, then float32 samples.
"""

import json
import resource
import sys
from typing import BinaryIO

MEMORY_BYTES = 1_536 << 20
"""Address space: 30 s of eight channels at 192 kHz need 600 MB of it with what decodes them."""
CPU_SECONDS = 25
"""Processor time of this process, and of a decoder that it starts."""
FILE_BYTES = 300 << 20
"""Largest file that a decoder may write."""
OPEN_FILES = 64
NAME_BYTES = 4_096
"""Longest first line."""


def limit_resources() -> None:
    """Take memory, time and files from this process and those that it starts."""
    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CPU: CPU_SECONDS,
        resource.RLIMIT_FSIZE: FILE_BYTES,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in limits.items():
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def answer(source: BinaryIO, target: BinaryIO) -> None:
    """Decode what comes, and say what came of it.

    Parameters
    ----------
    source : binary file
        The request, read to its end.
    target : binary file
        Gets ``{"rate", "channels", "samples"}`` and the samples, or ``{"error"}``.
    """
    # What decodes is imported before the request comes: the process waits, ready.
    from speech2img.app.settings import TOO_LARGE
    from speech2img.audio.decoders import formats  # noqa: F401
    from speech2img.audio.io import decode_audio
    from speech2img.audio.limits import AudioLimits
    from speech2img.errors import AudioError

    # Decode; whatever else goes wrong is a sentence too.
    limits = AudioLimits()
    name = str(json.loads(source.readline(NAME_BYTES))["name"])
    data = source.read(limits.max_bytes + 1)
    try:
        if len(data) > limits.max_bytes:
            raise AudioError.about(name, *TOO_LARGE)
        sound = decode_audio(name, data, limits)
    except AudioError as error:
        _write(target, {"error": str(error)})
    except MemoryError:
        _write(target, {"error": str(AudioError.about(name, "needs too much memory", "save it as mono wav of 16 kHz"))})
    else:
        samples = sound.mono.astype("<f4").tobytes()
        _write(target, {"rate": sound.rate, "channels": sound.channels, "samples": len(sound.mono)}, samples)


def _write(target: BinaryIO, header: dict[str, object], samples: bytes = b"") -> None:
    target.write(json.dumps(header).encode() + b"\n" + samples)
    target.flush()


if __name__ == "__main__":
    limit_resources()
    answer(sys.stdin.buffer, sys.stdout.buffer)
