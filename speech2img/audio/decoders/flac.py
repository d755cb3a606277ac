"""FLAC files of unknown length, as programs write them into a pipe: the last frame says how long they are."""

import re

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


def with_length(name: str, data: bytes) -> bytes:
    """Give a FLAC file whose header does not say its length that length.

    A frame says which one it is and ends with a checksum: the last frame of a whole file ends where the file does.

    Raises
    ------
    AudioError
        If the file ends within a frame: it was cut.
    """
    if len(data) < _LENGTH.stop or int.from_bytes(data[_LENGTH], "big") & _LENGTH_BITS:
        return data
    end = len(data) - 128 if data[-128:-125] == b"TAG" else len(data)
    begin = max(0, end - _MOST_BYTES)
    headers = [match.start() for match in _HEADER.finditer(data, begin, end)]
    left = _MOST_BYTES
    for start in reversed(headers):
        if _checksum(data[start:end]) == 0:
            samples = _samples_until_its_end(data[start : start + _LONGEST_HEADER], data)
            if 0 < samples <= _LENGTH_BITS:
                value = int.from_bytes(data[_LENGTH], "big") | samples
                return data[: _LENGTH.start] + value.to_bytes(5, "big") + data[_LENGTH.stop :]
        left -= end - start
        if left < 0:
            break
    raise AudioError.about(name, "damaged: cut within its last frame", f"get the whole file, or {CONVERT}")


def _samples_until_its_end(header: bytes, data: bytes) -> int:
    """How many samples of a channel lie before the end of a frame, by its header; 0 for a broken one."""
    ones = f"{header[4]:08b}".index("0") if header[4] != 0xFF else 8
    more = max(0, ones - 1)
    if ones in (1, 8) or len(header) < 8 + more:
        return 0
    number = header[4] & 0x7F >> ones
    for byte in header[5 : 5 + more]:
        number = number << 6 | byte & 0x3F
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


def _checksum(frame: bytes) -> int:
    """CRC-16 of a frame; 0 for a whole one, which ends with its own."""
    value = 0
    for byte in frame:
        value = value << 8 & 0xFFFF ^ _TABLE[value >> 8 ^ byte]
    return value
