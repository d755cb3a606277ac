"""The process that owns espeak-ng: it initialises the library once, never speaks itself, and forks for each text.

espeak-ng keeps a hidden noise state, so only the first utterance of a fresh library is repeatable. A child forked from
an initialised, never-used parent is always at that first utterance, and the child sets the seed that initialisation
took from the clock: its samples depend on nothing but the request.
The file runs as a program of the standard library alone, which keeps the process small and a fork cheap.

Requests on standard input and replies on standard output are frames. Request: length (uint32), JSON. Reply: status
(uint8: 0 sound, 1 error), length (uint32), payload (int16 samples, or a message in UTF-8).
"""

import ctypes
import json
import os
import select
import signal
import struct
import sys
from typing import Any, BinaryIO

REQUEST_HEADER = struct.Struct("<I")
REPLY_HEADER = struct.Struct("<BI")
SOUND, ERROR = 0, 1

_SYNCHRONOUS = 2  # samples go to the callback, in the calling thread
_DO_NOT_EXIT = 0x8000  # a missing data folder is an error code, not the end of the process
_UTF8, _PHONEMES = 1, 0x100
_PARAMETERS = (("rate", 1), ("pitch", 3), ("pitch_range", 4))
_MAX_BYTES = 4 << 20  # 95 s of 16-bit sound at 22,050 Hz: more is a runaway, not a caption
_CHILD_SECONDS = 60
_SEED = 1  # espeak-ng seeds the noise of breathy voices by the clock when it is initialised


def main(library_path: str, data_folder: str) -> int:
    """Serve requests until standard input ends; the exit status tells how it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair: it closes standard input
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # where nobody reads the replies any more, there is nothing to say
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    try:
        library = ctypes.CDLL(library_path)
        library.espeak_Info.restype = ctypes.c_char_p
        os.chdir(data_folder)  # espeak-ng keeps paths of less than 160 bytes only: it gets the shortest one
        sample_rate = library.espeak_Initialize(_SYNCHRONOUS, 0, b".", _DO_NOT_EXIT)
    except (OSError, AttributeError) as error:
        _reply(replies, ERROR, str(error).encode("utf-8", "backslashreplace"))
        return 1
    if sample_rate <= 0:
        _reply(replies, ERROR, f"espeak_Initialize failed with {sample_rate}".encode())
        return 1
    library.espeak_ListVoices(None)  # read here once, else every child reads all voice files to find its own
    version = (library.espeak_Info(None) or b"").split()[0].decode("ascii", "replace")
    _reply(replies, SOUND, json.dumps({"sample_rate": sample_rate, "version": version}).encode())

    # Each text in a child of its own: what the library keeps from one cannot change the next.
    while len(header := requests.read(REQUEST_HEADER.size)) == REQUEST_HEADER.size:
        size = REQUEST_HEADER.unpack(header)[0]
        if len(payload := requests.read(size)) < size:
            return 1
        child = os.fork()
        if child == 0:
            signal.alarm(_CHILD_SECONDS)
            os._exit(_speak(library, json.loads(payload), replies))
        if _status_of(child, requests) != 0:
            return 1  # the child may have died in the middle of a frame: only a new process is in step again
    return 0


def _status_of(child: int, requests: BinaryIO) -> int:
    """Wait for a child; it is ended when the program that asked is gone, so that nothing speaks on for nobody."""
    try:
        descriptor = os.pidfd_open(child)
    except (AttributeError, OSError):
        return os.waitpid(child, 0)[1]
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.register(requests, 0)  # tells that the other end was closed, whatever else is asked for
    if descriptor not in dict(poll.poll()):
        os.kill(child, signal.SIGKILL)
    os.close(descriptor)
    return os.waitpid(child, 0)[1]


def _speak(library: Any, request: dict[str, Any], replies: BinaryIO) -> int:
    """Speak one request in a forked child and write its reply."""
    # Samples as they come, no more than a text may take.
    sound = bytearray()

    def collect(samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            sound.extend(ctypes.string_at(samples, 2 * count))
        return int(len(sound) > _MAX_BYTES)

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(collect)
    library.espeak_SetSynthCallback(callback)
    library.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))
    # Set all, speak, and wait for the end.
    text = request["text"].encode()
    steps = [("voice", library.espeak_SetVoiceByName(request["voice"].encode()))]
    steps += [(name, library.espeak_SetParameter(number, request[name], 0)) for name, number in _PARAMETERS]
    flags = _UTF8 | (_PHONEMES if request["phonemes"] else 0)
    steps.append(("text", library.espeak_Synth(text, ctypes.c_size_t(len(text) + 1), 0, 1, 0, flags, None, None)))
    steps.append(("end", library.espeak_Synchronize()))
    # The first refusal is the answer.
    for step, code in steps:
        if code != 0:
            _reply(replies, ERROR, f"espeak-ng refused the {step} with code {code}".encode())
            return 0
    if len(sound) > _MAX_BYTES:
        _reply(replies, ERROR, b"the speech did not end within 95 seconds")
    else:
        _reply(replies, SOUND, bytes(sound))
    return 0


def _reply(stream: BinaryIO, status: int, payload: bytes) -> None:
    stream.write(REPLY_HEADER.pack(status, len(payload)) + payload)
    stream.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
