"""MP3 files: all frames are counted, so that a cut file is known, and joined files are taken apart to hear them all.

Frame headers after ISO/IEC 11172-3 and 13818-3; the counts in a first frame after Xing/LAME and Fraunhofer (VBRI).
"""

import re
import struct
from dataclasses import dataclass
from functools import lru_cache

from speech2img.audio.limits import CONVERT
from speech2img.errors import AudioError

_RATES = (44_100, 48_000, 32_000)
_DIVISORS = {3: 1, 2: 2, 0: 4}  # of MPEG 1, 2 and 2.5 by their bits: the rates are those of MPEG 1 divided by it
_KBITS = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_KBITS[2, 3] = _KBITS[2, 2]
_ZEROS = re.compile(rb"\0+")
_MOST_PARTS, _MOST_TAGS = 100, 1000
_COUNTS = 64
"""Bytes of a first frame in which it counts the others."""
_FIX = f"get the whole file, or {CONVERT}"


@dataclass(frozen=True, slots=True)
class _Frame:
    divisor: int
    layer: int
    rate: int
    size: int
    """Bytes; 0 for the free format, whose frames do not say their size."""

    def is_like(self, *others: "_Frame | None") -> bool:
        """Whether one of the others may belong to the same part."""
        return any(o and (o.divisor, o.layer, o.rate) == (self.divisor, self.layer, self.rate) for o in others)


@dataclass(slots=True)
class _Part:
    """A run of frames that one encoder wrote."""

    start: int
    end: int
    sound: int
    """Where the first frame with sound begins."""
    frames: int
    """How many of them there are."""
    promised_frames: int
    promised_bytes: int

    @property
    def is_whole(self) -> bool:
        """Whether all the frames or all the bytes are there that were promised; programs count a little differently."""
        return self.frames >= self.promised_frames or 0 < self.promised_bytes <= self.end - self.start


def mp3_parts(name: str, data: bytes) -> list[bytes]:
    """Take an MPEG audio file apart where files were joined one after the other.

    Parameters
    ----------
    name : str
        What messages call it.
    data : bytes
        The whole file: frames, with tags (ID3, APE, Lyrics3) and zeros around them.

    Returns
    -------
    list of bytes
        The frames of each part, without tags, counted by the first; mostly one.

    Raises
    ------
    AudioError
        If frames are damaged, missing or cut.
    """
    # Walk from frame to frame; tags may lie between recordings.
    parts: list[_Part] = []
    stop = end_of_sound(data)
    last: _Frame | None = None
    position = 0
    while (position := after_tags(data, position)) < stop:
        frame = _frame(data, position)
        if frame is None or (parts and not frame.size):
            raise AudioError.about(name, f"damaged: no frame of sound at byte {position:,}", _FIX)
        # A free bit rate gives frames no size: the file is taken as it is.
        if not frame.size:
            return [data]
        if position + frame.size > stop:
            raise AudioError.about(name, "damaged: cut within its last frame", _FIX)
        # A new part begins where a frame counts the others, where tags lay, or where the format changes.
        counts = _counts(data[position : position + min(frame.size, _COUNTS)])
        if not parts or counts is not None or position != parts[-1].end or not frame.is_like(last):
            if last is not None and not frame.is_like(_frame(data, position + frame.size), last):
                raise AudioError.about(name, f"damaged: no frame of sound at byte {position:,}", _FIX)
            parts.append(_Part(position, position, position + (frame.size if counts else 0), 0, *(counts or (0, 0))))
        parts[-1].frames += counts is None
        parts[-1].end = position = position + frame.size
        last = frame
    # Every part must have the frames that it promises.
    if len(parts) > _MOST_PARTS:
        raise AudioError.about(name, f"{len(parts):,} recordings one after the other", "give them one by one")
    for part in parts:
        if not part.is_whole:
            reason = f"damaged: {part.frames:,} of {part.promised_frames:,} frames of sound are there"
            raise AudioError.about(name, reason, _FIX)
    return [_with_counts(data, part) for part in parts]


def _with_counts(data: bytes, part: _Part) -> bytes:
    """The frames of a part behind one that counts them: without it decoders guess the length and stop there."""
    frames = data[part.sound : part.end]
    header = int.from_bytes(frames[:4], "big")
    if part.frames <= part.promised_frames + 1 and part.promised_frames or len(frames) < 4 or header >> 17 & 3 != 1:
        return data[part.start : part.end]
    mpeg1, mono = header >> 19 & 3 == 3, header >> 6 & 3 == 3
    header = header & ~0xF200 | 0x1_0000 | (1 if mpeg1 else 4) << 12  # 32 kbit/s, no checksum, no padding
    first = _frame(header.to_bytes(4, "big"), 0)
    if first is None:
        return data[part.start : part.end]
    side = (17 if mono else 32) if mpeg1 else (9 if mono else 17)
    counts = header.to_bytes(4, "big") + bytes(side) + struct.pack(">4sII", b"Xing", 1, part.frames)
    return counts.ljust(first.size, b"\0") + frames


def _frame(data: bytes, position: int) -> _Frame | None:
    """The frame at a position; None where there is none."""
    return _frame_of(data[position : position + 4])


@lru_cache(maxsize=1024)
def _frame_of(header_bytes: bytes) -> _Frame | None:
    """The frame with such a header of four bytes."""
    header = int.from_bytes(header_bytes, "big")
    divisor, layer = _DIVISORS.get(header >> 19 & 3, 0), 4 - (header >> 17 & 3)
    bitrate, rate, padding = header >> 12 & 15, header >> 10 & 3, header >> 9 & 1
    if len(header_bytes) < 4 or header >> 21 != 0x7FF or not divisor or layer == 4 or bitrate == 15 or rate == 3:
        return None
    hertz = _RATES[rate] // divisor
    bits = 1000 * _KBITS[min(divisor, 2), layer][bitrate]
    if layer == 1:
        return _Frame(divisor, layer, hertz, (12 * bits // hertz + padding) * 4 if bits else 0)
    samples = 576 if layer == 3 and divisor > 1 else 1152
    return _Frame(divisor, layer, hertz, samples // 8 * bits // hertz + padding if bits else 0)


def _counts(frame: bytes) -> tuple[int, int] | None:
    """Numbers of frames and bytes (0: not said) in a first frame that holds no sound; None of any other frame."""
    if b"Xing" not in frame and b"Info" not in frame and b"VBRI" not in frame:
        return None
    offset = max(frame.find(tag, 4, 48) for tag in (b"Xing", b"Info"))
    if offset >= 0 and not frame[6:offset].strip(b"\0") and len(frame) >= offset + 16:
        flags, frames, size = struct.unpack_from(">III", frame, offset + 4)
        return (frames if flags & 1 else 0), ((size if flags & 1 else frames) if flags & 2 else 0)
    if frame[36:40] == b"VBRI" and len(frame) >= 54:
        size, frames = struct.unpack_from(">II", frame, 46)
        return frames, size
    return None


def after_tags(data: bytes, position: int) -> int:
    """Where frames begin behind the tags and zeros at a position, as far as a file may have any."""
    for _ in range(0 if data[position : position + 1] == b"\xff" else _MOST_TAGS):
        before = position
        # ID3v2 says its length in seven bits a byte; APE, ID3v1 and padding follow.
        head = data[position : position + 32]
        if head[:3] == b"ID3" and len(head) >= 10:
            size = sum((byte & 127) << 7 * place for place, byte in enumerate(reversed(head[6:10])))
            position += 10 + size + (10 if head[5] & 16 else 0)
        elif head[:8] == b"APETAGEX" and len(head) == 32:
            position += 32 + int.from_bytes(head[12:16], "little")
        elif head[:3] == b"TAG":
            position += 227 if head[:4] == b"TAG+" else 128
        elif head[:1] == b"\0":
            zeros = _ZEROS.match(data, position)
            position = zeros.end() if zeros else position
        if position == before:
            break
    return position


def end_of_sound(data: bytes) -> int:
    """Where the tags at the end of a file begin: their lengths stand behind them."""
    end = len(data)
    for _ in range(_MOST_TAGS):
        before = end
        # Tags at the end come in any order: ID3v1, its extension, APE, and two forms of lyrics.
        if end >= 128 and data[end - 128 : end - 125] == b"TAG":
            end -= 128
        elif end >= 227 and data[end - 227 : end - 223] == b"TAG+":
            end -= 227
        elif end >= 32 and data[end - 32 : end - 24] == b"APETAGEX":
            size, _, flags = struct.unpack_from("<III", data, end - 20)
            end -= size + (32 if flags >> 31 else 0)
        elif end >= 15 and data[end - 9 : end] == b"LYRICS200" and data[end - 15 : end - 9].isdigit():
            end -= 15 + int(data[end - 15 : end - 9])
        elif end >= 9 and data[end - 9 : end] == b"LYRICSEND" and (begin := data.rfind(b"LYRICSBEGIN", 0, end)) >= 0:
            end = begin
        if end == before or end < 0:
            break
    return max(0, end)
