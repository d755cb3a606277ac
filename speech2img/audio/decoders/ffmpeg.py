"""Recordings that libsndfile does not decode (phones, browsers, video): by ffmpeg where it is, or by PyAV."""

import contextlib
import importlib
import importlib.util
import io
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import soundfile

from speech2img.audio.limits import AudioLimits, check_header
from speech2img.errors import AudioError, DataError
from speech2img.storage.atomic import disk_errors
from speech2img.storage.reading import open_regular
from speech2img.storage.scratch import scratch_folder

KINDS = {
    "audio/mp4": ("mov", "MPEG-4 sound (m4a)"),
    "video/mp4": ("mov", "MPEG-4 (mp4)"),
    "video/quicktime": ("mov", "QuickTime (mov)"),
    "video/3gpp": ("mov", "3GPP (3gp)"),
    "audio/aac": ("aac", "AAC sound"),
    "audio/amr": ("amr", "AMR sound"),
    "video/webm": ("matroska", "WebM or Matroska"),
    "video/x-ms-asf": ("asf", "Windows Media (wma)"),
    "video/x-msvideo": ("avi", "AVI"),
    "audio/x-caf": ("caf", "Core Audio (caf)"),
    "audio/ogg": ("ogg", "an Ogg file of a rare coding"),
}
"""By media type: ffmpeg's name of the container, which is given so that no other is tried, and what messages say."""

_SECONDS = 60
_MOST_BYTES = 256 << 20
_ADDRESS = re.compile(r"^\[[^\]]* @ 0x[0-9a-f]+\] ")
_LOG_BYTES = 1 << 16
_FIX = "get the whole file, or save it as wav, flac, ogg or mp3"


def has_decoder() -> bool:
    """Whether ffmpeg or PyAV is here, so that `decode_foreign` can decode anything."""
    return shutil.which("ffmpeg") is not None or importlib.util.find_spec("av") is not None


def decode_foreign(name: str, data: bytes, media_type: str, limits: AudioLimits) -> tuple[np.ndarray, int]:
    """Decode a recording by another program or library.

    Parameters
    ----------
    name : str
        What messages call it.
    data : bytes
        The whole file.
    media_type : str
        One of `KINDS`.
    limits : AudioLimits
        One second more than the longest recording is decoded, so that a longer one is known as such.

    Returns
    -------
    sound : np.ndarray [shape=(n, channels), float32]
        Samples, not yet checked.
    rate : int
        Samples per second.

    Raises
    ------
    AudioError
        If nothing here decodes it, or it is damaged.
    """
    container, kind = KINDS[media_type]
    program = shutil.which("ffmpeg")
    if program is not None:
        return _by_ffmpeg(name, data, program, container, kind, limits)
    if importlib.util.find_spec("av") is not None:
        return _by_pyav(name, data, container, kind, limits)
    fix = "install ffmpeg, or PyAV (pip install av), or save it as wav, flac, ogg or mp3"
    raise AudioError.about(name, f"is {kind}, which needs ffmpeg or PyAV, and neither is installed", fix)


def _by_ffmpeg(
    name: str, data: bytes, program: str, container: str, kind: str, limits: AudioLimits
) -> tuple[np.ndarray, int]:
    """What ffmpeg makes of the first sound in a recording: no shell, no network, bounded time and size."""
    with scratch_folder() as folder, disk_errors(folder):
        # Files of known names in a folder of its own: no name from outside reaches the command line.
        source, target, log = (folder / part for part in ("recording", "sound.wav", "log"))
        source.write_bytes(data)
        # Only this file, this container and its first sound; a damaged packet is an error.
        command = [program, "-nostdin", "-hide_banner", "-loglevel", "error", "-xerror", "-max_alloc", str(_MOST_BYTES)]
        command += ["-threads", "1", "-protocol_whitelist", "file", "-err_detect", "explode", "-f", container]
        command += ["-i", f"file:{source}", "-map", "0:a:0", "-t", f"{limits.max_seconds + 1:g}", "-map_metadata", "-1"]
        command += ["-c:a", "pcm_f32le", "-fs", str(_MOST_BYTES), "-f", "wav", "-y", f"file:{target}"]
        with log.open("wb") as errors:
            status = _finished(command, errors.fileno())
        if status is None:
            raise AudioError.about(name, f"is {kind}, and ffmpeg was not done with it after {_SECONDS} s", _FIX)
        # ffmpeg may end well with a cut file: what it says counts as well.
        messages = log.read_bytes()[:_LOG_BYTES].decode(errors="replace").strip().splitlines()
        cut = next(filter(_says_cut, messages), None)
        if status or cut or not target.is_file():
            reason = _ADDRESS.sub("", cut or (messages[-1] if messages else f"status {status}"))
            reason = reason.replace(f"file:{source}", "the file")
            raise AudioError.about(name, f"is {kind}, and ffmpeg does not read it ({reason[:200]})", _FIX)
        return _read_made(name, target, kind, limits)


def _read_made(name: str, path: Path, kind: str, limits: AudioLimits) -> tuple[np.ndarray, int]:
    """The wav file that a program made: its header is checked before its samples are read."""
    try:
        with open_regular(path) as raw, soundfile.SoundFile(raw) as file:
            check_header(name, file.samplerate, file.channels, len(file), limits)
            return file.read(len(file), dtype="float32", always_2d=True), file.samplerate
    except (soundfile.SoundFileError, DataError, ValueError, RuntimeError) as error:
        raise AudioError.about(name, f"is {kind}, and ffmpeg made no wav file of it", _FIX) from error


def _says_cut(line: str) -> bool:
    """Whether a message of FFmpeg's is about a file that ends too early, which it takes for no error."""
    return "prematurely" in line or "partial file" in line


def _finished(command: list[str], errors: int) -> int | None:
    """Exit status of a program, None when its time is over; it and what it started are ended with this call."""
    null = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=null, stdout=null, stderr=errors, start_new_session=True)
    try:
        return process.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _by_pyav(name: str, data: bytes, container: str, kind: str, limits: AudioLimits) -> tuple[np.ndarray, int]:
    """Samples (n, channels) and rate that PyAV decodes from the first sound in a recording."""
    av = importlib.import_module("av")
    blocks: list[np.ndarray] = []
    # PyAV logs into one place for the whole program: set here, put back below.
    rate = 0
    level, skips = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    options = {"err_detect": "explode"}
    try:
        with av.logging.Capture() as messages, av.open(io.BytesIO(data), format=container, options=options) as file:
            if not file.streams.audio:
                raise AudioError.about(name, f"is {kind} without sound", _FIX)
            # Decode packet by packet, so that a file that says too little of its length is stopped.
            resampler, samples = av.AudioResampler(format="fltp"), 0
            for packet in file.demux(file.streams.audio[0]):
                if packet.is_corrupt:
                    raise ValueError("a cut packet")
                for part in (part for frame in packet.decode() for part in resampler.resample(frame)):
                    rate, samples = part.sample_rate, samples + part.samples
                    check_header(name, rate, len(part.layout.channels), samples, limits)
                    blocks.append(part.to_ndarray().T)
            # A cut file may end without an exception: what was logged counts as well.
            cut = next((text for _, _, text in messages if _says_cut(text)), None)
            if cut is not None or not blocks:
                raise ValueError(cut or "no samples")
        return np.concatenate(blocks), rate
    except (av.error.FFmpegError, ValueError, RuntimeError) as error:
        raise AudioError.about(name, f"is {kind}, and PyAV does not read it ({error})", _FIX) from error
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skips)
