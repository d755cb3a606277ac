"""FLAC files: their last frame must be there and says how long they are, and joined ones are taken apart."""

import re

from speech2img.audio.decoders.mp3 import end_of_sound
from speech2img.audio.limits import CONVERT
from speech2img.errors import AudioError

_BLOCK_SIZE = slice(8, 10)
_LENGTH = slice(21, 26)
"""Where the number of samples stands, in its lower 36 bits; 0 where it was not known."""
_LENGTH_BITS = 0xF_FFFF_FFFF
_MOST_BYTES = 1 << 18
"""How far from the end the last frame is looked for."""
_HEADER = re.compile(rb"\xff[\xf8\xf9][\x10-\xff][\x00-\xaf]", re.DOTALL)
_LONGEST_HEADER = 16
_POLYNOMIAL = 0x8005
_BEGINNING = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
_MOST_PARTS = 100
_CRUMBS = 64
"""Bytes behind the last frame that nobody misses."""


def flac_parts(name: str, data: bytes) -> list[bytes]:
    """Take a FLAC file apart where files were joined one after the other; each says its length (`with_length`).

    Raises
    ------
    AudioError
        If one of them is cut, or is longer or shorter than its header says, or something else follows.
    """
    starts = [match.start() for match in _BEGINNING.finditer(data)]
    if len(starts) > _MOST_PARTS:
        raise AudioError.about(name, f"{len(starts):,} recordings one after the other", "give them one by one")
    if not starts or starts[0]:
        return [data]
    return [with_length(name, data[start:stop]) for start, stop in zip(starts, [*starts[1:], len(data)], strict=True)]


def with_length(name: str, data: bytes) -> bytes:
    """Give a FLAC file whose header does not say its length that length, and check it where the header does.

    A frame says which one it is and ends with a checksum: the last frame of a whole file ends where the file does.

    Raises
    ------
    AudioError
        If the file ends within a frame, or not with the one that is its last by the header.
    """
    if len(data) < _LENGTH.stop:
        return data
    # The header may promise no length, as streams do.
    promised = int.from_bytes(data[_LENGTH], "big") & _LENGTH_BITS
    end = end_of_sound(data)
    # From the end backwards to a frame that is whole, over zeros that some programs append.
    while True:
        samples = _samples_before(data, end, promised)
        # A stream without a length gets the one of its frames.
        if samples and not promised:
            value = int.from_bytes(data[_LENGTH], "big") | samples
            return data[: _LENGTH.start] + value.to_bytes(5, "big") + data[_LENGTH.stop :]
        if samples:
            return data
        filled = len(data[:end].rstrip(b"\0"))
        if end - filled <= _CRUMBS:
            break
        end = filled + 2  # the checksum of the last frame may end with zeros
    # No last frame fits the promise.
    reason = "damaged: cut within its last frame"
    if promised:
        reason = f"damaged: it does not end with sample {promised:,}, which is the last by its header"
    raise AudioError.about(name, reason, f"get the whole file, or {CONVERT}")


def _samples_before(data: bytes, end: int, promised: int) -> int:
    """How many samples of a channel lie before a place, where the last frame ends; 0 if none ends there.

    If it is known how many there should be, the frame that is the last then may end a little earlier.
    """
    begin, left = max(0, end - _MOST_BYTES), _MOST_BYTES
    for start in reversed([match.start() for match in _HEADER.finditer(data, begin, end)]):
        samples = _samples_until_its_end(data[start : start + _LONGEST_HEADER], data)
        if not 0 < samples <= _LENGTH_BITS:
            continue
        is_last = samples == promised or not promised
        if _ends_with_checksum(data[start:end], _CRUMBS if promised and is_last else 0):
            return samples if is_last else 0
        left -= end - start
        if left < 0:
            break
    return 0


def _samples_until_its_end(header: bytes, data: bytes) -> int:
    """How many samples of a channel lie before the end of a frame, by its header; 0 for a broken one."""
    if len(header) < 8:
        return 0
    # Number of the frame or of its first sample, in the code of UTF-8.
    ones = f"{header[4]:08b}".index("0") if header[4] != 0xFF else 8
    more = max(0, ones - 1)
    if ones in (1, 8) or len(header) < 8 + more:
        return 0
    number = header[4] & 0x7F >> ones
    for byte in header[5 : 5 + more]:
        number = number << 6 | byte & 0x3F
    # Samples of this frame: coded in its header or behind the number.
    code = header[2] >> 4
    if code in (6, 7):
        block = int.from_bytes(header[5 + more : 5 + more + code - 5], "big") + 1
    else:
        block = 192 if code == 1 else 576 << (code - 2) if code < 6 else 256 << (code - 8)
    if header[1] & 1:  # blocks of different sizes are numbered by their first sample
        return number + block
    return number * int.from_bytes(data[_BLOCK_SIZE], "big") + block


def _remainders() -> tuple[int, ...]:
    """CRC-16 of each byte."""
    table = []
    for byte in range(256):
        value = byte << 8
        for _ in range(8):
            value = (value << 1 ^ (_POLYNOMIAL if value & 0x8000 else 0)) & 0xFFFF
        table.append(value)
    return tuple(table)


_TABLE = _remainders()


def _ends_with_checksum(frame: bytes, crumbs: int) -> bool:
    """Whether a frame ends with its own CRC-16, or does before the last few bytes."""
    value = 0
    for byte in frame[: max(0, len(frame) - crumbs)]:
        value = value << 8 & 0xFFFF ^ _TABLE[value >> 8 ^ byte]
    if value == 0:
        return True
    for byte in frame[max(0, len(frame) - crumbs) :]:
        value = value << 8 & 0xFFFF ^ _TABLE[value >> 8 ^ byte]
        if value == 0:
            return True
    return False
