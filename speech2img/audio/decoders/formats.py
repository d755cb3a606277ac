"""Which decoder a file is for: checked as its format asks for, taken apart where recordings are joined, and decoded.

A format's own file is imported when one of its recordings comes.
"""

import io
from collections.abc import Callable

import numpy as np
import soundfile

from speech2img.audio.limits import CONVERT, AudioLimits, check_header
from speech2img.errors import AudioError
from speech2img.storage.media_type import HEAD_BYTES, media_type

FORMATS = ("WAV", "WAVEX", "AIFF", "FLAC", "OGG", "MP3")
"""What libsndfile may decode."""
_OWN = ("audio/wav", "audio/aiff", "audio/flac", "audio/mpeg")
"""Media types that no program besides libsndfile is asked about."""
_BROKEN = (soundfile.SoundFileError, ArithmeticError, AssertionError, RuntimeError, TypeError, ValueError)
"""What soundfile raises at files that nobody thought of."""


def decode_parts(name: str, data: bytes, limits: AudioLimits) -> list[tuple[np.ndarray, int]]:
    """Decode the recordings in a file, mostly one.

    Parameters
    ----------
    name : str
        What messages call it.
    data : bytes
        The whole file.
    limits : AudioLimits
        What each recording may be, as far as its header says.

    Returns
    -------
    list of (np.ndarray [shape=(n, channels), float32], int)
        Sound of full scale 1, and samples per second.

    Raises
    ------
    AudioError
        If it is no recording, damaged, or outside the limits.
    """
    data, kind = _without_tag(data)
    return [_decode_part(name, part, kind, limits) for part in _parts(name, data, kind)]


def _parts(name: str, data: bytes, kind: str | None) -> list[bytes]:
    """The recordings that a file joins, mostly one, after a check that the file is whole."""
    if kind in ("audio/wav", "audio/aiff") and data[:4] != b"RF64" or data[:4] == b"RIFX":
        from speech2img.audio.decoders.chunks import checked_chunks

        return [checked_chunks(name, data)]
    if kind == "audio/flac":
        from speech2img.audio.decoders.flac import flac_parts

        return flac_parts(name, data)
    if kind == "audio/ogg":
        from speech2img.audio.decoders.ogg import ogg_streams

        return ogg_streams(name, data)
    if kind == "audio/mpeg":
        from speech2img.audio.decoders.mp3 import mp3_parts

        return mp3_parts(name, data)
    if kind is not None and _foreign_decoder(kind) is not None:
        from speech2img.audio.decoders.chunks import refuse_concatenated

        refuse_concatenated(name, data, kind)
    return [data]


def _without_tag(data: bytes) -> tuple[bytes, str | None]:
    """A file and what it is; one that begins with a tag of MP3 files, though it is none, begins behind it."""
    kind = media_type(data[:HEAD_BYTES])
    if not data.startswith(b"ID3"):
        return data, kind
    from speech2img.audio.decoders.mp3 import after_tags

    begin = after_tags(data, 0)
    other = media_type(data[begin : begin + HEAD_BYTES])
    return (data[begin:], other) if other not in (None, "audio/mpeg") else (data, kind)


def _foreign_decoder(kind: str | None) -> Callable[..., tuple[np.ndarray, int]] | None:
    """What decodes files of a media type by ffmpeg or PyAV; None for those that are not theirs."""
    if kind is None or kind in _OWN:
        return None
    from speech2img.audio.decoders.ffmpeg import KINDS, decode_foreign

    return decode_foreign if kind in KINDS else None


def _decode_part(name: str, data: bytes, kind: str | None, limits: AudioLimits) -> tuple[np.ndarray, int]:
    """Sound (n, channels) and rate of one recording."""
    if kind is not None and not kind.startswith(("audio/", "video/")):
        raise AudioError.about(name, f"is no recording but {kind}", "give a recording")
    foreign = None if kind == "audio/ogg" else _foreign_decoder(kind)  # libsndfile knows most of ogg
    if kind is None or foreign is None:
        return _by_libsndfile(name, data, kind, limits)
    from speech2img.audio.decoders.chunks import refuse_cut

    sound = foreign(name, data, kind, limits)
    refuse_cut(name, data, kind)
    return sound


def _by_libsndfile(name: str, data: bytes, kind: str | None, limits: AudioLimits) -> tuple[np.ndarray, int]:
    """Sound (n, channels) and rate of any recording that libsndfile decodes, else of what others decode."""
    try:
        # The header is checked before memory is taken for the sound.
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.format not in FORMATS:
                raise AudioError.about(name, f"format {file.format} is not supported", CONVERT)
            check_header(name, file.samplerate, file.channels, len(file), limits)
            rate, promised, coding = file.samplerate, len(file), file.subtype
            sound = file.read(promised, dtype="float32", always_2d=True)
    except _BROKEN as error:
        foreign = _foreign_decoder(kind)
        if foreign is not None:
            return foreign(name, data, kind, limits)
        reason = getattr(error, "error_string", error)
        raise AudioError.about(name, f"not a readable recording ({reason})", CONVERT) from error
    # MPEG promises an estimate only.
    if len(sound) != promised and not coding.startswith("MPEG"):
        raise AudioError.about(name, f"damaged: {len(sound)} of {promised} samples are there", "get the whole file")
    return sound, rate
