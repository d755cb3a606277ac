"""Files of chunks (wav, aiff, and what phones and browsers record): their lengths are compared with the file, since
decoders quietly read what is there.
"""

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
_PLAIN_AIFF = frozenset(
    (b"NONE", b"sowt", b"twos", b"in24", b"in32", b"23ni", b"42ni", b"fl32", b"FL32", b"fl64", b"FL64")
)
_CONCATENATED = "several recordings one after the other, of which only the first would be heard"
_ONE_BY_ONE = "give them one by one, or join them with ffmpeg or sox"
_BEGINNINGS = {
    "audio/mp4": (b"ftyp", b"moov"),
    "video/mp4": (b"ftyp", b"moov"),
    "video/quicktime": (b"ftyp", b"moov"),
    "video/3gpp": (b"ftyp", b"moov"),
    "video/x-ms-asf": (b"0&\xb2u\x8ef\xcf\x11\xa6\xd9\0\xaa\0b\xcel",),
    "audio/x-caf": (b"caff",),
    "video/webm": (b"\x1aE\xdf\xa3",),
    "video/x-msvideo": (),  # all of several are heard
}
"""By media type: the parts that a file has once, at its beginning."""


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
    # Find the sound, and what the header says of it.
    aiff = data[:4] == b"FORM"
    order, wanted = (">" if aiff or data[:4] == b"RIFX" else "<"), (b"SSND" if aiff else b"data")
    start, common = None, None
    for kind, position, size in _chunks(data, order, _HEADER):
        if kind == b"fmt " and size >= 16 and position + 16 <= len(data):
            _check_format(name, data, position, order)
        if aiff and kind == b"COMM" and size >= 18 and position + size <= len(data):
            common = position
        if kind == wanted:
            start, length = position, size
            break
    # A length that a recorder never filled in is taken from the file itself.
    if start is None:
        raise AudioError.about(name, f"damaged: a file without a {wanted.decode()} chunk", "get the whole file")
    if _is_unknown(length, data, start, order):
        _check_outer(name, data, start, order)
        return _with_length(data, start, order)
    if length > len(data) - start:
        reason = f"damaged: the header promises {length:,} bytes of sound, the file has {len(data) - start:,}"
        raise AudioError.about(name, reason, f"get the whole file, or {CONVERT}")
    # Nothing that would not be heard may follow.
    _check_rest(name, data, start + length, length, order, wanted)
    if common is not None:
        _check_frames(name, data, common, start, length)
    return data


def refuse_concatenated(name: str, data: bytes, media_type: str) -> None:
    """Refuse a file of another program's container (`foreign.KINDS`) to which something is joined.

    Programs that decode such files hear the first recording only.

    Raises
    ------
    AudioError
        If something follows that would not be heard.
    """
    # Only kinds whose beginning is known can be told from one another.
    wanted = _BEGINNINGS.get(media_type)
    if wanted is None:
        return
    # A kind of box that begins a file may come once.
    seen: set[bytes] = set()
    end = 0
    for kind, stop in _boxes(data, media_type):
        if kind in wanted and kind in seen:
            raise AudioError.about(name, _CONCATENATED, _ONE_BY_ONE)
        seen.add(kind)
        end = stop
    # WebM lies about sizes while it streams, so that its beginnings are looked for as bytes.
    if media_type == "video/webm" and any(mark in data[4:] for mark in _whole_beginnings(data)):
        raise AudioError.about(name, _CONCATENATED, _ONE_BY_ONE)
    if seen and not is_harmless(data[end:]):
        reason = f"damaged: {len(data) - end:,} bytes follow its end, which would not be heard"
        raise AudioError.about(name, reason, _ONE_BY_ONE)


def refuse_cut(name: str, data: bytes, media_type: str) -> None:
    """Refuse a file of another program's container that is shorter than it says, which not every decoder notices."""
    ends = [end for _, end in _boxes(data, media_type)] if media_type in _BEGINNINGS else []
    if ends and ends[-1] > len(data):
        reason = f"damaged: cut, it promises {ends[-1]:,} bytes and has {len(data):,}"
        raise AudioError.about(name, reason, "get the whole file")


def is_harmless(rest: bytes) -> bool:
    """Whether what follows the sound in a file is nothing that anybody would miss: crumbs, zeros or tags."""
    return len(rest) <= _CRUMBS or not rest.strip(b"\0") or rest.startswith(_TAGS)


def _whole_beginnings(data: bytes) -> tuple[bytes, ...]:
    """The header of a webm file, by which another one is known where the parts do not say their sizes."""
    size = data[4] & 0x7F if len(data) > 4 and data[4] & 0x80 else 0
    return (data[: 5 + size],) if size else ()


def _boxes(data: bytes, media_type: str) -> Iterator[tuple[bytes, int]]:
    """Name and end of the parts of a file, as far as they can be told apart."""
    position = 0
    for _ in range(_MOST_CHUNKS):
        # Kind and size of the box, by the container's own rules.
        if position + 12 > len(data):
            return
        if media_type == "video/webm":
            kind, size = data[position : position + 4], _webm_size(data, position)
        elif media_type == "video/x-ms-asf":
            kind, size = data[position : position + 16], int.from_bytes(data[position + 16 : position + 24], "little")
            size = size if size >= 24 else len(data) - position  # a stream that was recorded does not know it
        elif media_type == "audio/x-caf":
            kind, size = _caf_size(data, position)
        elif media_type == "video/x-msvideo":
            outer, size, kind = struct.unpack_from("<4sI4s", data, position)
            size = 0 if outer != b"RIFF" else 8 + size + size % 2 if size else len(data) - position
        else:
            # ISO media: a size of 0 reaches to the end, one of 1 is in the next eight bytes.
            size, kind = struct.unpack_from(">I4s", data, position)
            if size == 1 and position + 16 <= len(data):
                (size,) = struct.unpack_from(">Q", data, position + 8)
            size = (
                len(data) - position
                if size == 0
                else size
                if all(32 <= letter < 127 or letter == 169 for letter in kind)
                else 0
            )
        # A box smaller than its header ends the walk, as damage would.
        if size < 8:
            return
        position += size
        yield kind, position


def _webm_size(data: bytes, position: int) -> int:
    """Size of an element of Matroska with its head: to the end of the file where it is not known; 0 for none."""
    if data[position : position + 4] not in (b"\x1aE\xdf\xa3", b"\x18S\x80g"):
        return 0
    first = data[position + 4]
    length = 9 - first.bit_length()
    if length > 8:
        return 0
    ones = (1 << 7 * length) - 1
    value = int.from_bytes(data[position + 4 : position + 4 + length], "big") & ones
    return len(data) - position if value == ones else 4 + length + value


def _caf_size(data: bytes, position: int) -> tuple[bytes, int]:
    """Name and size of a chunk of Core Audio with its head; the file's own head is the first."""
    if position == 0 or data[position : position + 4] == b"caff":
        return data[position : position + 4], 8
    kind, size = struct.unpack_from(">4sq", data, position)
    return kind, len(data) - position if size == -1 else 12 + size if size >= 0 else 0


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


def _frame_bytes(data: bytes, common: int) -> int:
    """Bytes of a frame of an uncompressed aiff file; 0 of any other."""
    channels, _, bits = struct.unpack_from(">HIH", data, common)
    coding = data[common + 18 : common + 22] if data[8:12] == b"AIFC" else b"NONE"
    return channels * ((bits + 7) // 8) if coding in _PLAIN_AIFF else 0


def _check_frames(name: str, data: bytes, common: int, start: int, length: int) -> None:
    """Check that the number of frames in an aiff file's header fits its sound."""
    frame, (frames,) = _frame_bytes(data, common), struct.unpack_from(">I", data, common + 2)
    (offset,) = struct.unpack_from(">I", data, start) if length >= 8 else (0,)
    there = length - 8 - offset
    if frame and not -_CRUMBS <= there - frames * frame <= _CRUMBS:
        reason = f"damaged: the header promises {frames:,} samples, the file has {max(0, there) // frame:,}"
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
    for offset in (end + end % 2, end):  # not every program pads a chunk of odd size
        names, rest = _rest_after_chunks(data, order, offset)
        if len(rest) <= _CRUMBS:
            break
    has_another = data[:4] in names or rest[:4] == data[:4]
    if has_another or wanted in names:
        raise AudioError.about(name, _CONCATENATED, _ONE_BY_ONE)
    if not is_harmless(rest):
        reason = f"damaged: the header promises {length:,} bytes of sound, and {len(rest):,} more follow it"
        raise AudioError.about(name, reason, f"get the file again, or {CONVERT}")
