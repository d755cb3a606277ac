"""``Decoder``: uploads are decoded in a child of their own, which is ready before they come and ends with each."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import speech2img
from speech2img.errors import AudioError

WAIT_SECONDS = 25.0
"""Seconds after which a child is ended that has not answered."""
_FIX = "try again, or save it as wav, flac, ogg or mp3"
_MOST_NAME = 80


@dataclass(frozen=True, eq=False)
class DecodedSound:
    """A recording within the limits, at its own rate."""

    name: str
    """What messages call it."""
    mono: np.ndarray
    """Mean of the channels, (n,) float32."""
    rate: int
    """Samples per second."""
    channels: int
    """How many there were."""


class Decoder:
    """Decodes uploads, one child each; a child that dies costs its upload and nothing else.

    Parameters
    ----------
    folder : Path
        Where a decoder may write temporary files.
    command : sequence of str, optional
        Another program than `decode_child`, for tests.
    """

    def __init__(self, folder: Path, *, command: tuple[str, ...] = ()) -> None:
        self._folder = folder
        self._command = command or (sys.executable, "-m", "speech2img.app.decode_child")
        self._spare: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    def prepare(self) -> None:
        """Start the child of the next upload, unless one waits already."""
        with self._lock:
            if not self._is_closed and (self._spare is None or self._spare.poll() is not None):
                self._end(self._spare)
                self._spare = self._started()

    def decode(self, name: str, data: bytes) -> DecodedSound:
        """Decode one upload.

        Parameters
        ----------
        name : str
            What the visitor calls it; messages repeat it.
        data : bytes
            The whole file.

        Raises
        ------
        AudioError
            If it is no recording within the limits, or the child dies of it or does not answer in time.
        """
        name = Path(name.replace("\\", "/")).name[:_MOST_NAME] or "recording"
        child = self._taken()
        request = json.dumps({"name": name}).encode() + b"\n" + data
        try:
            reply, _ = child.communicate(request, timeout=WAIT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise AudioError.about(name, f"was not decoded within {WAIT_SECONDS:g} s", _FIX) from error
        finally:
            self._end(child)
        return _sound(name, reply, child.returncode)

    def close(self) -> None:
        """End the child that waits; none is started any more."""
        with self._lock:
            self._is_closed = True
            self._end(self._spare)
            self._spare = None

    def _taken(self) -> "subprocess.Popen[bytes]":
        """The child that waits if it lives, else a new one."""
        with self._lock:
            child, self._spare = self._spare, None
        if child is not None and child.poll() is None:
            return child
        self._end(child)
        return self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        # It finds this very package, keeps to one thread, and writes nowhere else.
        environ = {**os.environ, "TMPDIR": str(self._folder), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environ["PYTHONPATH"] = str(Path(str(speech2img.__file__)).parents[1])
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environ,
            start_new_session=True,
        )

    @staticmethod
    def _end(child: "subprocess.Popen[bytes] | None") -> None:
        """End a child and what it started, and take its status."""
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        child.wait()


def _sound(name: str, reply: bytes, status: int | None) -> DecodedSound:
    """What a child answered; AudioError where it refused the file, or said nothing that can be read."""
    line, _, samples = reply.partition(b"\n")
    try:
        header = json.loads(line)
        if "error" in header:
            raise AudioError(str(header["error"]))
        mono = np.frombuffer(samples, "<f4", int(header["samples"])).copy()
        return DecodedSound(name, mono, int(header["rate"]), int(header["channels"]))
    except (ValueError, KeyError, TypeError) as error:
        how = f"signal {-status}" if status is not None and status < 0 else f"status {status}"
        raise AudioError.about(name, f"the program that decodes it stopped before its end ({how})", _FIX) from error
