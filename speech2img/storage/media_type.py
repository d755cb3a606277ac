"""What a file is by its first bytes, whatever its name says: pictures, recordings, and what is neither."""

from pathlib import Path

from speech2img.storage.atomic import disk_errors
from speech2img.storage.reading import open_regular

HEAD_BYTES = 64
"""How much of a file `media_type` needs."""

_MAGIC = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"II+\0", "image/tiff"),
    (0, b"MM\0+", "image/tiff"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (0, b"8BPS\0\1", "image/vnd.adobe.photoshop"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"#!AMR", "audio/amr"),
    (0, b".snd", "audio/basic"),
    (0, b"caff", "audio/x-caf"),
    (0, b"RF64", "audio/wav"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "video/x-ms-asf"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\3\4", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"\x89HDF\r\n\x1a\n", "application/x-hdf5"),
)
_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_BMP_HEADERS = (b"\x0c\0\0\0", b"\x28\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0")
_HEIF = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def media_type(head: bytes) -> str | None:
    """Media type of a file from its beginning.

    Parameters
    ----------
    head : bytes
        The first `HEAD_BYTES` bytes, or fewer where the file is shorter.

    Returns
    -------
    str or None
        Such as ``image/jpeg``, ``audio/wav``, ``audio/mp4`` (m4a), ``video/webm`` (which may hold sound only),
        ``image/heic``; None where the beginning is not known. Texts have no beginning of their own.
    """
    for offset, magic, kind in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return kind
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "audio/aiff"
    if head[:2] == b"BM" and head[14:18] in _BMP_HEADERS:
        return "image/bmp"
    if head[4:8] == b"ftyp":
        return _of_brand(head[8:12])
    return _mpeg_audio(head)


def file_media_type(path: str | Path) -> str | None:
    """Media type of a regular file; DataError if it cannot be read or is a pipe or a device."""
    with disk_errors(path), open_regular(path) as file:
        return media_type(file.read(HEAD_BYTES))


def _of_brand(brand: bytes) -> str:
    """What an ISO base media file (MPEG-4 and its kin) holds, by its major brand."""
    if brand in _HEIF:
        return "image/heic"
    if brand in (b"avif", b"avis"):
        return "image/avif"
    if brand in (b"M4A ", b"M4B "):
        return "audio/mp4"
    return "video/3gpp" if brand.startswith(b"3g") else "video/mp4"


def _mpeg_audio(head: bytes) -> str | None:
    """MPEG audio without a tag begins with a frame: 11 bits of sync, then version, layer and rates that exist."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    if version != 1 and layer == 0 and head[1] & 0xF6 == 0xF0:
        return "audio/aac"
    return "audio/mpeg" if version != 1 and layer != 0 and head[2] >> 4 != 15 and head[2] >> 2 & 3 != 3 else None
