"""Captions: found in folders and archives, read as UTF-8 or what the user says, never guessed."""

import io
import lzma
import random
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.corpora.readers import reed_captions
from speech2img.corpora.readers.reed_captions import captions_in_tar, captions_of_lists, find_captions, read_captions
from speech2img.errors import ConfigError, DataError, Speech2ImgError

NAME = "001.A/b"


def folder_with(tmp_path, data: bytes):
    (tmp_path / "text/001.A").mkdir(parents=True, exist_ok=True)
    (tmp_path / "text/001.A/b.txt").write_bytes(data)
    return find_captions(tmp_path, ("",))


def zip_with(path, **members: bytes):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    "data, texts",
    [
        (b"one bird\ntwo birds\n", ["one bird", "two birds"]),
        (b"\xef\xbb\xbfone bird\r\ntwo  birds\rthree", ["one bird", "two birds", "three"]),
        ("a caf\xe9 \ufffd\ufffd bird\u2028of grey\n".encode(), ["a café bird of grey"]),
        (b"\n . \n\x0cred\x07 bird\n", ["red bird"]),
        (b"".join(b"bird %d\n" % k for k in range(14)), [f"bird {k}" for k in range(10)]),
    ],
)
def test_lines(tmp_path, data, texts):
    assert read_captions(folder_with(tmp_path, data), [NAME])[NAME] == texts


@pytest.mark.parametrize(
    "data, codec",
    [
        ("grün\n".encode("utf-16"), "utf-16"),
        ("grün\n".encode("latin-1"), "cp1252"),
        ("grün “bird”\n".encode("cp1252"), "cp1252"),
    ],
)
def test_other_encodings_are_named_and_read_on_demand(tmp_path, data, codec):
    files = folder_with(tmp_path, data)
    with pytest.raises(DataError, match=rf"text: not in utf-8: 1 text \(001.A/b\);.* give --encoding {codec} "):
        read_captions(files, [NAME])
    assert read_captions(files, [NAME], encoding=codec)[NAME] == [data.decode(codec).strip()]


def test_utf8_is_tried_first_whatever_the_user_says(tmp_path):
    assert read_captions(folder_with(tmp_path, "grün\n".encode()), [NAME], encoding="cp1252")[NAME] == ["grün"]


@pytest.mark.parametrize("encoding", ["klingon", "hex", "", "a\0b"])
def test_unknown_encoding(tmp_path, encoding):
    with pytest.raises(ConfigError, match="is not known; use utf-8"):
        read_captions(folder_with(tmp_path, b"a bird\n"), [NAME], encoding=encoding)


def test_first_place_wins(tmp_path):
    assert find_captions(tmp_path, ("", "birds")) is None
    (tmp_path / "birds").mkdir()
    zip_with(tmp_path / "birds/text.zip", **{"text/001.A/b.txt": b"zipped"})
    assert find_captions(tmp_path, ("", "birds")).path.name == "text.zip"
    (tmp_path / "text_c10/001.A").mkdir(parents=True)
    assert find_captions(tmp_path, ("", "birds")).path.name == "text.zip"
    (tmp_path / "text_c10/001.A/b.txt").write_text("unpacked")
    found = find_captions(tmp_path, ("", "birds"))
    assert (found.read(NAME), found.has("001.A/c"), found.file_of(NAME)) == (b"unpacked", False, "text_c10/001.A/b.txt")


def test_archive(tmp_path):
    zip_with(
        tmp_path / "text.zip",
        **{
            "__MACOSX/001.A/._b.txt": b"x",
            "birds/text/001.A/b.txt": b"a bird",
            "../../001.A/c.txt": b"c",
            "README": b"",
        },
    )
    found = find_captions(tmp_path, ("",))
    assert read_captions(found, [NAME, "001.A/c"]) == {NAME: ["a bird"], "001.A/c": ["c"]}
    assert not found.has("001.A/._b") and found.file_of(NAME) is None


def test_hostile_archives(tmp_path, monkeypatch):
    path = tmp_path / "text.zip"
    path.write_bytes(b"PK\3\4 no archive")
    with pytest.raises(DataError, match=r"text.zip: damaged, locked or no zip archive"):
        find_captions(tmp_path, ("",))
    zip_with(path, **{"a/b.txt": b"\0" * (2 << 20)})
    with pytest.raises(DataError, match="a/b.txt is larger than"):
        find_captions(tmp_path, ("",))
    monkeypatch.setattr(reed_captions, "MAX_ARCHIVE_BYTES", 1000)
    zip_with(path, **{f"a/{k}.txt": b"\0" * 101 for k in range(10)})
    with pytest.raises(DataError, match="far too large for captions"):
        find_captions(tmp_path, ("",))
    zip_with(path, **{"a/b.txt": b"bird" * 99})
    whole = path.read_bytes()
    path.write_bytes(whole.replace(whole[40:44], b"\xff\xff\xff\xff"))
    with pytest.raises(DataError, match=r"text.zip: damaged"):
        find_captions(tmp_path, ("",))


@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_mutated_archives_are_read_or_refused(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("zip") / "text.zip"
    zip_with(path, **{"001.A/b.txt": b"a bird\n" * 9, "001.A/c.txt": b"two birds\n"})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        found = find_captions(path.parent, ("",))
        if found.has(NAME):
            read_captions(found, [NAME])
    except Speech2ImgError as error:
        assert "text.zip" in str(error)


def test_lists(tmp_path):
    found = captions_of_lists(tmp_path / "train.json", {NAME: ["a\nbird", "two birds"]})
    assert read_captions(found, [NAME])[NAME] == ["a bird", "two birds"]
    broken = captions_of_lists(tmp_path / "train.json", {NAME: ["half a \ud83d character"]})
    with pytest.raises(DataError, match="train.json: not in utf-8: 1 text"):
        read_captions(broken, [NAME])


def tar_with(path: Path, members: Sequence[tuple[str, bytes]], mode: str = "w:xz", *, kind: bytes = tarfile.REGTYPE):
    with tarfile.open(path, mode) as archive:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size, member.type, member.linkname = len(data), kind, "x/y.txt"
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.parametrize("mode", ["w:xz", "w:gz", "w:bz2", "w"])
def test_tar(tmp_path, mode):
    members = [("text_c10/001.A/b.txt", b"a \xef\xbf\xbd bird\r\n"), ("001.A/b.t7", b"x"), ("c.txt", b"nothing")]
    found = captions_in_tar(tar_with(tmp_path / "c.tar", members, mode), fix="fetch it again")
    assert found.read(NAME) == members[0][1] and found.file_of(NAME) is None
    assert [found.has(name) for name in (NAME, "001.A/c", "c")] == [True, False, False]
    assert read_captions(found, [NAME]) == {NAME: ["a bird"]}


@pytest.mark.parametrize("place", [0.1, 0.4, 0.7, 0.97])
def test_a_tar_with_other_bytes_is_found_out(tmp_path, place):
    """Also where all its headers are whole: what is changed would be other words."""
    noise = random.Random(0).randbytes(40_000).hex().encode()
    path = tar_with(tmp_path / "c.tar.xz", [("t/001.A/b.txt", noise), ("t/001.A/c.txt", b"a bird\n")])
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"c.tar.xz: damaged.*; fetch it again"):
        captions_in_tar(path, fix="fetch it again")


@pytest.mark.parametrize(
    "members, reason",
    [
        ([("a/b.txt", b"x"), ("t/a/b.txt", b"y")], "holds the captions of a/b twice"),
        ([("a/b.txt", bytes((1 << 20) + 1))], "a/b.txt is larger than 1,048,576 bytes"),
        ([("a/b.bin", bytes(129 << 20))], "far too large for captions"),
    ],
)
def test_tars_that_are_refused(tmp_path, members, reason):
    with pytest.raises(DataError, match=f"c.tar: {reason}; fetch it again"):
        captions_in_tar(tar_with(tmp_path / "c.tar", members, "w:gz"), fix="fetch it again")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_are_no_captions(tmp_path, kind):
    assert not captions_in_tar(tar_with(tmp_path / "c.tar", [("a/b.txt", b"")], kind=kind), fix="").has("a/b")


def test_more_than_a_tar_says_is_not_unpacked_without_end(tmp_path):
    path = tar_with(tmp_path / "c.tar", [("a/b.txt", b"x")], "w")
    path.write_bytes(lzma.compress(path.read_bytes() + bytes(200 << 20), preset=0))
    with pytest.raises(DataError, match="far too large for captions"):
        captions_in_tar(path, fix="fetch it again")
