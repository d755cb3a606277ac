"""Ogg files: every page is checked, so that a cut file is known; joined streams are taken apart to hear them all."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from speech2img.audio.decoders.chunks import is_harmless
from speech2img.audio.limits import CONVERT
from speech2img.errors import AudioError

_HEADER = 27
_CHECKSUM = slice(22, 26)
_BEGINS, _ENDS = 2, 4  # header flags of a stream's first and last page
_MOST_STREAMS = 100
_MIRRORED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
_FIX = f"get the whole file, or {CONVERT}"


@dataclass(frozen=True, slots=True)
class _Page:
    start: int
    end: int
    flags: int
    serial: bytes
    number: int


def ogg_streams(name: str, data: bytes) -> list[bytes]:
    """Take an Ogg file apart where streams were joined one after the other.

    Parameters
    ----------
    name : str
        What messages call it.
    data : bytes
        The whole file.

    Returns
    -------
    list of bytes
        The parts in their order, each a whole Ogg file (its streams run side by side); mostly one.

    Raises
    ------
    AudioError
        If a page is damaged or missing, or a stream has no last page: the file was cut.
    """
    starts: list[int] = []
    running: dict[bytes, int] = {}
    headers_only, end = False, 0
    # Begin a part where headers come after sound; a stream's pages are numbered without a gap.
    for page in _pages(name, data):
        if page.flags & _BEGINS:
            if not headers_only:
                if running:
                    raise AudioError.about(name, "damaged: a stream begins before the last one ended", _FIX)
                starts.append(page.start)
            running[page.serial] = page.number
        elif page.number != running.get(page.serial, page.number) + 1:
            raise AudioError.about(name, f"damaged: pages before byte {page.start:,} are missing", _FIX)
        # Streams that begin side by side, as in a video, are one part.
        headers_only = bool(page.flags & _BEGINS)
        running[page.serial] = page.number
        if page.flags & _ENDS:
            del running[page.serial]
        end = page.end
    # A stream that never ended was cut.
    if running:
        raise AudioError.about(name, "damaged: cut before the end of the stream", _FIX)
    if len(starts) > _MOST_STREAMS:
        raise AudioError.about(name, f"{len(starts):,} recordings one after the other", "give them one by one")
    return [data[start:stop] for start, stop in zip(starts, [*starts[1:], end], strict=True)]


def _pages(name: str, data: bytes) -> Iterator[_Page]:
    """The pages of a file, checked by their checksums."""
    position = 0
    while position < len(data):
        # A page that is whole: its mark, its table of sizes, its checksum.
        table = position + _HEADER
        if data[position : position + 4] != b"OggS":
            rest = data[position:]
            if position and b"OggS" not in rest and is_harmless(rest):  # a tag behind the last page
                return
            raise AudioError.about(name, f"damaged: no page at byte {position:,}", _FIX)
        sizes = data[table : table + data[table - 1]] if table <= len(data) else b""
        end = table + len(sizes) + sum(sizes)
        if table > len(data) or len(sizes) < data[table - 1] or end > len(data):
            raise AudioError.about(name, "damaged: cut within its last page", _FIX)
        page = data[position:end]
        if int.from_bytes(page[_CHECKSUM], "little") != _checksum(page):
            raise AudioError.about(name, f"damaged: the page at byte {position:,} has changed", _FIX)
        yield _Page(position, end, page[5], page[14:18], int.from_bytes(page[18:22], "little"))
        position = end


def _checksum(page: bytes) -> int:
    """CRC-32 of a page as Ogg defines it: zlib's polynomial, but highest bit first, and nothing inverted."""
    blank = b"".join((page[: _CHECKSUM.start], bytes(4), page[_CHECKSUM.stop :]))
    mirrored = zlib.crc32(blank.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
