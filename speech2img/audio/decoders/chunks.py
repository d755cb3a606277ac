"""Files of chunks (wav, aiff): their lengths are compared with the file, since decoders quietly read what is there."""

import struct
from collections.abc import Iterator

from speech2img.audio.limits import CONVERT
from speech2img.errors import AudioError

_HEADER = 12
_UNKNOWN = 0x7FFF_0000  # who writes into a pipe cannot know the length: it writes 0, or something from here on
_PCM, _FLOAT = 1, 3
_MOST_CHUNKS = 10_000
_TAGS = (b"TAG", b"ID3", b"APETAGEX")
_CRUMBS = 64  # bytes at the end that are neither chunk nor tag: a millisecond of sound, if sound at all


def checked_chunks(name: str, data: bytes) -> bytes:
    """Check a wav or aiff file; one whose length was not known when it was written comes back with its length.

    Parameters
    ----------
    name : str
        What messages call it.
    data : bytes
        The whole file.

    Returns
    -------
    bytes
        The same file, or one whose header says how much sound is there.

    Raises
    ------
    AudioError
        If header and data disagree, sound is missing, or other recordings follow that would not be heard.
    """
    aiff = data[:4] == b"FORM"
    order, wanted = (">" if aiff or data[:4] == b"RIFX" else "<"), (b"SSND" if aiff else b"data")
    start = None
    for kind, position, size in _chunks(data, order, _HEADER):
        if kind == b"fmt " and size >= 16 and position + 16 <= len(data):
            _check_format(name, data, position, order)
        if kind == wanted:
            start, length = position, size
            break
    if start is None:
        raise AudioError.about(name, f"damaged: a file without a {wanted.decode()} chunk", "get the whole file")
    if not aiff and _is_unknown(length, data, start, order):
        _check_outer(name, data, start, order)
        return _with_length(data, start, order)
    if length > len(data) - start:
        reason = f"damaged: the header promises {length:,} bytes of sound, the file has {len(data) - start:,}"
        raise AudioError.about(name, reason, f"get the whole file, or {CONVERT}")
    _check_rest(name, data, start + length, length, order, wanted)
    return data


def _chunks(data: bytes, order: str, position: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, position of the content, and size of the chunks from a position on, as far as a file may have any."""
    for _ in range(_MOST_CHUNKS):
        if position + 8 > len(data):
            return
        kind, size = struct.unpack_from(f"{order}4sI", data, position)
        yield kind, position + 8, size
        position += 8 + size + size % 2


def _rest_after_chunks(data: bytes, order: str, position: int) -> tuple[set[bytes], bytes]:
    """Names of the whole chunks from a position on, and what follows them that is none."""
    names, end = set(), position
    for kind, content, size in _chunks(data, order, position):
        if not all(32 <= letter < 127 for letter in kind) or content + size > len(data):
            break
        names.add(kind)
        end = content + size + size % 2
    return names, data[end:]


def _check_format(name: str, data: bytes, position: int, order: str) -> None:
    """Check the ``fmt`` chunk of a wav: uncompressed samples fill their blocks."""
    coding, channels, _, _, block, bits = struct.unpack_from(f"{order}HHIIHH", data, position)
    if channels == 0:
        raise AudioError.about(name, "the header says 0 channels", CONVERT)
    if coding in (_PCM, _FLOAT) and block != channels * ((bits + 7) // 8):
        reason = f"damaged: the header says {channels} channels of {bits} bits in blocks of {block} bytes"
        raise AudioError.about(name, reason, f"get the whole file, or {CONVERT}")


def _is_unknown(length: int, data: bytes, start: int, order: str) -> bool:
    """Whether a length of sound stands for one that was not known."""
    if length == 0:
        names, rest = _rest_after_chunks(data, order, start)
        return len(rest) > _CRUMBS or (not names and bool(rest))
    return length >= _UNKNOWN and length > len(data)


def _check_outer(name: str, data: bytes, start: int, order: str) -> None:
    """Where only the whole file has a length, that length must be there."""
    (whole,) = struct.unpack_from(f"{order}I", data, 4)
    if start < whole + 8 < _UNKNOWN and whole + 8 > len(data):
        reason = f"damaged: the header promises a file of {whole + 8:,} bytes, it has {len(data):,}"
        raise AudioError.about(name, reason, f"get the whole file, or {CONVERT}")


def _with_length(data: bytes, start: int, order: str) -> bytes:
    """The file with the lengths that it has."""
    whole, sound = (struct.pack(f"{order}I", len(data) - before) for before in (8, start))
    return b"".join((data[:4], whole, data[8 : start - 4], sound, data[start:]))


def _check_rest(name: str, data: bytes, end: int, length: int, order: str, wanted: bytes) -> None:
    """Check what lies behind the sound: chunks, tags and padding, but no more sound."""
    for at in (end + end % 2, end):  # not every program pads a chunk of odd size
        names, rest = _rest_after_chunks(data, order, at)
        if len(rest) <= _CRUMBS:
            break
    joined = data[:4] in names or rest[:4] == data[:4]
    if joined or wanted in names:
        reason = "several recordings one after the other, of which only the first would be heard"
        raise AudioError.about(name, reason, "give them one by one, or join them with ffmpeg or sox")
    if len(rest) > _CRUMBS and rest.strip(b"\0") and not rest.startswith(_TAGS):
        reason = f"damaged: the header promises {length:,} bytes of sound, and {len(rest):,} more follow it"
        raise AudioError.about(name, reason, f"get the file again, or {CONVERT}")
