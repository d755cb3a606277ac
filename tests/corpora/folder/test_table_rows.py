"""What spreadsheets make of a table is named as such; hostile tables end at once."""

import json
import os
from pathlib import Path

import pytest

from speech2img.corpora.folder.table import read_table
from speech2img.corpora.folder.table_rows import read_rows
from speech2img.errors import DataError


def rows(path: Path, data: bytes) -> list[dict[str, str]]:
    path.write_bytes(data)
    return [dict(row) for _, row in read_rows(path)]


def test_lines_end_at_line_ends_only(tmp_path: Path) -> None:
    data = 'image,text\ra.jpg,"one\u2028two\x85three"\r\nb.jpg,"x\ny"\n'.encode("utf-8-sig")
    first, second = rows(tmp_path / "items.csv", data)
    assert first == {"image": "a.jpg", "text": "one\u2028two\x85three"} and second["text"] == "x\ny"
    (only,) = rows(tmp_path / "items.jsonl", '{"image": "a.jpg", "text": "one\u2028two\x85three"}\n'.encode())
    assert only == first


@pytest.mark.parametrize(
    "name, data, reason",
    [
        (
            "items.csv",
            b"image;audio\na.jpg;a.wav\n",
            "its columns are separated by semicolons; separate them by commas",
        ),
        ("items.csv", b'"Image";"Audio"\n', "separated by semicolons"),
        ("items.csv", b"image\taudio\na.jpg\ta.wav\n", "separated by tabs"),
        ("items.tsv", b"image,audio\na.jpg,a.wav\n", "separated by commas; separate them by tabs"),
        ("items.csv", "image,audio\n".encode("utf-16"), "not in UTF-8 but in UTF-16; save it as UTF-8"),
        ("items.csv", "image,text\na,größe\n".encode("cp1252"), "not in UTF-8 .*save it as UTF-8"),
        ("items.csv", b"PK\3\4" + bytes(60), "is a spreadsheet, not a text; save it as CSV UTF-8"),
        ("items.csv", b"{\\rtf1\\ansi image,audio}", "not plain text but rich text"),
        ("items.csv", b"image\n" * 500_002, "more than 500,000 lines"),
        ("items.csv", b"," * 1_000_000 + b"image\n", "more than 500 columns"),
        ("items.csv", b"image\n" + b"," * 2_000_000, "line 2: longer than 1,048,576 characters"),
        ("items.csv", b"image\n" + b'"' + b"x" * 200_000 + b'"\n', "field larger than field limit"),
        ("items.jsonl", b'{"image": ' + b"9" * 5_000 + b"}\n", "line 1: not JSON .*digits"),
        ("items.jsonl", b"[" * 1_000_000, "line 1: not JSON"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=f"{name}.*{reason}"):
        rows(tmp_path / name, data)


def test_pipes_and_devices_are_no_tables(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "items.csv")
    (tmp_path / "items.tsv").symlink_to("/dev/zero")
    for name in ("items.csv", "items.tsv"):
        with pytest.raises(DataError, match="not a regular file"):
            list(read_rows(tmp_path / name))


@pytest.mark.parametrize(
    "line, reason",
    [
        ('{"image": "a.jpg", "text": "x", "caption": "y"}', "two columns hold the words"),
        ('{"image": "a.jpg", "speaker": "\\ud800"}', "line 1: speaker is longer .* or has control characters"),
        ('{"image": "\\ud800.jpg"}', "line 1: image is longer .* or has control characters"),
        (json.dumps({f"k{n}": 1 for n in range(501)}), "more than 500 columns"),
        ('{"image": "a.jpg"}\n{"image": "a.png"}', "a.png: has the same name as a.jpg"),
    ],
)
def test_rows_that_cannot_be_meant(tmp_path: Path, line: str, reason: str) -> None:
    (tmp_path / "items.jsonl").write_text(line)
    with pytest.raises(DataError, match=reason):
        read_table(tmp_path / "items.jsonl")


@pytest.mark.parametrize(
    "data",
    [
        b"image,text\r\na.jpg,one\r\nb.jpg,two\r\n,\r\n,\r\n",
        b"image,text,,\r\na.jpg,one,,\r\nb.jpg,two,,\r\n,,,\r\n",
        b"image,text\r\na.jpg,one,,\r\n ,\r\nb.jpg,two, ,\r\n",
        b"\xef\xbb\xbfsep=,\r\nimage,text\r\na.jpg,one\r\nb.jpg,two\r\n",
        b'"sep=,"\nimage,text\na.jpg,one\nb.jpg,two\n',
    ],
)
def test_what_spreadsheets_add_says_nothing(tmp_path: Path, data: bytes) -> None:
    assert rows(tmp_path / "items.csv", data) == [{"image": "a.jpg", "text": "one"}, {"image": "b.jpg", "text": "two"}]


def test_lines_are_counted_from_the_top_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 3: 2 fields expected"):
        rows(tmp_path / "items.csv", b"sep=,\nimage,text\na.jpg,one,more\n")
    with pytest.raises(DataError, match="line 2: 2 fields expected"):
        rows(tmp_path / "items.csv", b"image,text,\na.jpg,one,more\n")
    with pytest.raises(DataError, match="separated by semicolons"):
        rows(tmp_path / "items.csv", b"sep=;\r\nimage;text\r\na.jpg;one\r\n")
    with pytest.raises(DataError, match="line 1: names that differ in capitals only"):
        rows(tmp_path / "items.jsonl", b'{"image": "a.jpg", "Image": "b.jpg"}\n')


def test_a_recording_that_several_rows_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("image,audio\na.jpg,a.wav\nb.jpg,a.wav\nc.jpg,c.wav\n")
    _, notes = read_table(tmp_path / "items.csv")
    assert notes == ["recordings that several rows of items.csv name: a.wav"]
