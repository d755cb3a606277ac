"""Archives of strangers: good ones come out whole, hostile and damaged ones leave nothing, inside or outside."""

import gzip
import io
import lzma
import os
import stat
import tarfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.errors import DataError, DiskFullError, Speech2ImgError
from speech2img.storage.foreign import archives
from speech2img.storage.foreign.archives import ArchiveLimits, extract_archive

FILES = {"birds/a.txt": b"a red bird", "birds/deep/b.bin": bytes(range(256)) * 40, "list.txt": b""}


def make_zip(path: Path, files: dict[str, bytes], **options) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def make_tar(path: Path, files: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refuse(path: Path, tmp_path: Path, match: str, **options) -> None:
    """Nothing appears in the folder or beside it."""
    before = set(tmp_path.rglob("*"))
    with pytest.raises(DataError, match=match) as error:
        extract_archive(path, tmp_path / "out", progress=False, **options)
    assert str(path) in str(error.value) or "out" in str(error.value)
    assert set(tmp_path.rglob("*")) - before <= {tmp_path / "out"} and not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("kind", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_good_archives(tmp_path, kind):
    path = tmp_path / "archive.bin"
    make_zip(path, FILES, compression=zipfile.ZIP_DEFLATED) if kind == "zip" else make_tar(path, FILES, kind)
    moved = extract_archive(path, tmp_path / "out", progress=False)
    assert contents(tmp_path / "out") == FILES
    assert moved == [tmp_path / "out/birds", tmp_path / "out/list.txt"]
    with pytest.raises(DataError, match="birds: is there already; move it away"):
        extract_archive(path, tmp_path / "out", progress=False)
    assert contents(tmp_path / "out") == FILES


def test_what_macs_and_windows_add(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"a\\b.txt": b"1", "__MACOSX/a/._b.txt": b"2", "a/.DS_Store": b"3", "a/": b""})
    extract_archive(path, tmp_path / "out", progress=False)
    assert contents(tmp_path / "out") == {"a/b.txt": b"1"}


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/evil", "//evil", "\\evil", "..\\evil", "C:\\evil", "c:/evil", "a/..", ".."]
)
def test_paths_that_leave_the_folder(tmp_path, make, name):
    path = make(tmp_path / "a.bin", {"good.txt": b"1", name: b"evil"})
    refuse(path, tmp_path, "which leaves the folder")


def special(kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo("a/link")
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    "kind, target",
    [
        (tarfile.SYMTYPE, "/etc"),
        (tarfile.SYMTYPE, "good.txt"),
        (tarfile.LNKTYPE, "../../x"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_in_tar(tmp_path, kind, target):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(special(kind, target))
        inner = tarfile.TarInfo("a/link/passwd")
        archive.addfile(inner, io.BytesIO())
    refuse(path, tmp_path, "a/link is a link or a device")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_in_zip(tmp_path, kind):
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    refuse(tmp_path / "a.zip", tmp_path, "link is a link or a device")


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_too_many_members(tmp_path, make):
    path = make(tmp_path / "a.bin", {f"{number}": b"" for number in range(300)})
    refuse(path, tmp_path, "holds more than 100 files", limits=ArchiveLimits(max_members=100))


def test_a_million_entries_are_refused_by_their_count(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"a": b""})
    data = bytearray(path.read_bytes())
    place = data.rfind(b"PK\5\6")
    data[place + 10 : place + 12] = (60_000).to_bytes(2, "little")
    path.write_bytes(data)
    refuse(path, tmp_path, "holds more than 50,000 files", limits=ArchiveLimits(max_members=50_000))


@pytest.mark.parametrize("mode", ["zip", "w:gz", "w:xz"])
def test_bombs(tmp_path, monkeypatch, mode):
    """64 MiB are free here: what grows beyond that and a hundred times its size is a bomb."""
    monkeypatch.setattr(archives, "_FREE_BYTES", 1 << 20)
    files = {f"{number}": bytes(4 << 20) for number in range(2)}
    path = tmp_path / "bomb"
    make_zip(path, files, compression=zipfile.ZIP_DEFLATED) if mode == "zip" else make_tar(path, files, mode)
    refuse(path, tmp_path, "would grow beyond")
    refuse(path, tmp_path, "would grow beyond 1,000 bytes", limits=ArchiveLimits(max_bytes=1000))


def test_a_zip_that_lies_about_its_sizes(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_FREE_BYTES", 1000)
    path = make_zip(tmp_path / "a.zip", {"a": bytes(1 << 20)}, compression=zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    for sign, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        place = data.find(sign) + offset
        data[place : place + 4] = (50).to_bytes(4, "little")
    path.write_bytes(data)
    refuse(path, tmp_path, "damaged|grow beyond")


def header(kind: bytes, size: int, name: str = "x") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.USTAR_FORMAT)


COMMENT = b"20 comment=abcdefgh\n".ljust(512, b"\0")
PAX = header(tarfile.XHDTYPE, 512) + COMMENT
ENDLESS = {
    "a pax header of 300 MiB": (header(tarfile.XHDTYPE, 300 << 20), 64 << 20),
    "a global header of 300 MiB": (header(tarfile.XGLTYPE, 300 << 20), 64 << 20),
    "a long name of 300 MiB": (header(tarfile.GNUTYPE_LONGNAME, 300 << 20), 64 << 20),
    "a long link of 300 MiB": (header(tarfile.GNUTYPE_LONGLINK, 300 << 20), 64 << 20),
    "5,000 pax headers in a row": (PAX * 5000, 0),
    "5,000 global headers in a row": ((header(tarfile.XGLTYPE, 512) + COMMENT) * 5000, 0),
    "5,000 long names in a row": ((header(tarfile.GNUTYPE_LONGNAME, 512) + b"a".ljust(512, b"\0")) * 5000, 0),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_tar_headers_without_end(tmp_path, name):
    start, zeros = ENDLESS[name]
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(start)
        file.write(bytes(zeros + 2048))
    began = time.process_time()
    tracemalloc.start()
    try:
        refuse(path, tmp_path, "headers without end|damaged")
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 5


def test_usual_extended_headers_are_read(tmp_path):
    name = "ü" * 120 + "/" + "b" * 200 + ".txt"
    for number, form in enumerate((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)):
        path = tmp_path / f"{number}.tar"
        with tarfile.open(path, "w", format=form, pax_headers={"comment": "one"}) as archive:
            for index in range(30):
                info = tarfile.TarInfo(f"{index}/{name}")
                info.size, info.mtime = 3, 1.5
                archive.addfile(info, io.BytesIO(b"abc"))
        extract_archive(path, tmp_path / f"out{number}", progress=False)
        assert contents(tmp_path / f"out{number}") == {f"{index}/{name}": b"abc" for index in range(30)}


@pytest.mark.parametrize("mode", ["zip", "w:gz"])
def test_what_is_left_out_is_counted_too(tmp_path, monkeypatch, mode):
    monkeypatch.setattr(archives, "_FREE_BYTES", 1 << 20)
    files = {"a.txt": b"a", "__MACOSX/._a.txt": bytes(8 << 20)}
    path = tmp_path / "a.bin"
    make_zip(path, files, compression=zipfile.ZIP_DEFLATED) if mode == "zip" else make_tar(path, files, mode)
    refuse(path, tmp_path, "would grow beyond")


def test_a_directory_longer_than_it_says(tmp_path):
    path = make_zip(tmp_path / "a.zip", {f"{number}": b"" for number in range(300)})
    data = bytearray(path.read_bytes())
    end = data.rfind(b"PK\5\6")
    data[end + 8 : end + 12] = bytes(4)
    path.write_bytes(data)
    refuse(path, tmp_path, "holds more than 100 files", limits=ArchiveLimits(max_members=100))


def test_decoders_that_ask_for_gigabytes(tmp_path):
    plain = make_tar(tmp_path / "plain.tar", FILES, "w").read_bytes()
    for number, name in enumerate(("small.tar.xz", "large.tar.xz")):
        filters = [{"id": lzma.FILTER_LZMA2, "dict_size": (1 << 26, 1 << 20)[number]}]
        packed = lzma.compress(plain, lzma.FORMAT_XZ, filters=filters)
        (tmp_path / name).write_bytes(packed)
        extract_archive(tmp_path / name, tmp_path / f"out{number}", progress=False)
        assert contents(tmp_path / f"out{number}") == FILES
    alone = bytearray(lzma.compress(plain, lzma.FORMAT_ALONE))
    alone[1:5] = (0xF0000000).to_bytes(4, "little")
    (tmp_path / "alone.tar").write_bytes(alone)
    refuse(tmp_path / "alone.tar", tmp_path, "alone.tar: damaged")
    with zipfile.ZipFile(tmp_path / "lzma.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", b"b" * 100)
    refuse(tmp_path / "lzma.zip", tmp_path, "compressed in a way that is not read")


def test_pipes_devices_folders_and_holes(tmp_path):
    os.mkfifo(tmp_path / "pipe.tar")
    (tmp_path / "holes.tar").touch()
    os.truncate(tmp_path / "holes.tar", 3 << 30)
    for name, reason in (("pipe.tar", "regular file"), ("holes.tar", "consists of holes"), ("", "directory")):
        with pytest.raises(DataError, match=reason):
            extract_archive(tmp_path / name, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["a/" * 100 + "b", "b" * 300])
@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_paths_that_are_too_long(tmp_path, make, name):
    refuse(make(tmp_path / "a.bin", {name: b"1"}), tmp_path, "which is too long")


@settings(max_examples=100, deadline=None)
@given(
    data=st.binary(max_size=2000),
    start=st.sampled_from([b"", b"PK\3\4", b"\x1f\x8b\x08\0", b"BZh9", b"\xfd7zXZ\0", PAX]),
)
def test_any_bytes(tmp_path_factory, data, start):
    folder = tmp_path_factory.mktemp("any")
    (folder / "archive").write_bytes(start + data)
    with pytest.raises(Speech2ImgError, match="archive"):
        extract_archive(folder / "archive", folder / "out", progress=False)
    assert not list((folder / "out").iterdir())


def test_names_twice_and_file_as_folder(tmp_path):
    path = tmp_path / "a.tar"
    for names in (("a", "a"), ("a", "a/b")):
        with tarfile.open(path, "w") as archive:
            for name in names:
                archive.addfile(tarfile.TarInfo(name), io.BytesIO())
        refuse(path, tmp_path, "holds a name twice|damaged|Not a directory|is there")


def test_encrypted_empty_and_missing(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"a": b"1"})
    data = bytearray(path.read_bytes())
    data[data.find(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    refuse(path, tmp_path, "is encrypted")
    refuse(make_zip(tmp_path / "b.zip", {}), tmp_path, "holds no files")
    with pytest.raises(DataError, match="nowhere.zip: No such file"):
        extract_archive(tmp_path / "nowhere.zip", tmp_path / "out", progress=False)


def test_full_disk(tmp_path, monkeypatch):
    path = make_tar(tmp_path / "a.tar", FILES)
    usage = archives.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda folder: usage._replace(free=5000))
    with pytest.raises(DiskFullError):
        extract_archive(path, tmp_path / "out", progress=False)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("kind", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_mutated_archives(tmp_path_factory, kind, data):
    """Flipped, cut and overwritten bytes: files inside the folder, or one error and nothing."""
    folder = tmp_path_factory.mktemp("mutant")
    path = folder / "archive"
    make_zip(path, FILES, compression=zipfile.ZIP_DEFLATED) if kind == "zip" else make_tar(path, FILES, kind)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))] if data.draw(st.booleans()) else content)
    try:
        extract_archive(path, folder / "out", progress=False)
    except Speech2ImgError as error:
        assert not list((folder / "out").iterdir()), error
    assert {entry.name for entry in folder.iterdir()} <= {"archive", "out"}
