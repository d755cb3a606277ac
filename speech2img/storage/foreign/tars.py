"""Tar archives of any origin as a stream: no header of theirs is longer, and no decoder larger, than it need be."""

import bz2
import gzip
import lzma
import tarfile
from typing import IO, cast

MAX_HEADER_BYTES = 1 << 20
"""Longest extended header, which holds names and times."""
MAX_HEADERS_BYTES = 64 << 20
"""All extended headers of an archive together."""
MAX_HEADERS = 8
"""Extended headers in front of one member; writers need two."""
MAX_DECODER_BYTES = 256 << 20
"""Memory that decoding xz may take; files of ``xz -9`` need 65 MiB."""

_EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_GZIP, _BZIP2, _XZ, _LZMA = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x5d\0\0"
_CHUNK = 1 << 16


def open_tar(file: IO[bytes]) -> tarfile.TarFile:
    """Open a tar archive that is plain or compressed with gzip, bzip2 or xz, to be read from front to back.

    Raises
    ------
    tarfile.TarError, ValueError, OSError, EOFError, lzma.LZMAError, zlib.error
        If it is damaged or its headers are beyond the limits; also while it is read.
    """
    return tarfile.open(fileobj=_decoded(file), mode="r|", tarinfo=_BoundedInfo)


class _BoundedInfo(tarfile.TarInfo):
    """A header whose kin, which hold more about the next member and are read whole, are counted."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        counts = archive.__dict__.setdefault("_extended", {"in front": 0, "bytes": 0})
        if self.type in _EXTENDED:
            counts["in front"] += 1
            counts["bytes"] += self.size
            too_long = self.size > MAX_HEADER_BYTES or counts["bytes"] > MAX_HEADERS_BYTES
            if too_long or counts["in front"] > MAX_HEADERS:
                raise ValueError("it has headers without end")
        else:
            counts["in front"] = 0
        return cast(tarfile.TarInfo, super()._proc_member(archive))  # type: ignore[misc]


def _decoded(file: IO[bytes]) -> IO[bytes]:
    """Content of a file that may be compressed, told by its first bytes."""
    head = file.read(6)
    file.seek(0)
    if head.startswith(_GZIP):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file, mode="rb"))
    if head.startswith(_BZIP2):
        return cast(IO[bytes], bz2.BZ2File(file))
    return cast(IO[bytes], _Xz(file)) if head.startswith((_XZ, _LZMA)) else file


class _Xz:
    """Decodes xz with bounded memory: a header of a few bytes can ask for gigabytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.decoder = file, lzma.LZMADecompressor(memlimit=MAX_DECODER_BYTES)

    def read(self, size: int) -> bytes:
        """Read up to so many bytes; fewer only at the end."""
        pieces: list[bytes] = []
        while size > 0:
            fresh = b""
            if self.decoder.eof:  # streams may follow each other
                fresh = (self.decoder.unused_data or self.file.read(_CHUNK)).lstrip(b"\0")
                if not fresh:
                    break
                self.decoder = lzma.LZMADecompressor(memlimit=MAX_DECODER_BYTES)
            elif self.decoder.needs_input and not (fresh := self.file.read(_CHUNK)):
                raise EOFError("it ends too early")
            pieces.append(self.decoder.decompress(fresh, max_length=size))
            size -= len(pieces[-1])
        return b"".join(pieces)
