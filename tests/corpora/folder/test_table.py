"""A table of captions: what it says is kept, and each mistake is named with its line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.corpora.folder.entries import Entry, Line
from speech2img.corpora.folder.table import find_table, read_table
from speech2img.errors import DataError

ROWS = [
    Entry(
        "x/a.jpg",
        "robin",
        "train",
        (
            Line(0, "s/a_0.wav", "a red, small bird", "Ada"),
            Line(1, "s/a_1.mp3", "", "Ben"),
            Line(2, None, "ein Vogel", language="de"),
        ),
    ),
    Entry("y/b.jpg", "wren", "test", ()),
]


def read(root, text, name="items.csv", encoding="utf-8"):
    (root / name).write_text(text, encoding=encoding)
    return read_table(root / name)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("name, between", [("items.csv", ","), ("items.tsv", "\t")])
def test_csv_and_tsv(tmp_path, name, between, encoding):
    rows = [
        ["image", "Audio", "transcript", "class", "speaker", "split", "language", "seconds"],
        ["x\\a.jpg", "s/a_0.wav", '"a red,  small bird"', "robin", "Ada", "train", "", "3"],
        ["x/a.jpg", "s/a_1.mp3", "", "robin", "Ben", "train", "en", "4"],
        ["x/a.jpg", "", "ein Vogel", "robin", "", "train", "de", ""],
        ["y/b.jpg", "", "", "wren", "", "Testing", "", ""],
    ]
    text = "\r\n".join(between.join(row) for row in rows) + "\r\n"
    assert read(tmp_path, text, name, encoding) == (ROWS, [f"columns of {name} that were passed over: seconds"])


def test_jsonl(tmp_path):
    entries, notes = read(
        tmp_path,
        "\n".join(
            [
                '{"image": "x/a.jpg", "audio": "s/a_0.wav", "text": "a red, small bird", "class": "robin", '
                '"speaker": "Ada", '
                '"split": "train"}',
                "",
                '{"image": "x/a.jpg", "audio": "s/a_1.mp3", "class": "robin", "speaker": "Ben", "split": "train"}',
                '{"image": "x/a.jpg", "audio": null, "text": "ein Vogel", "class": "robin", "split": "train", '
                '"language": "de"}',
                '{"image": "y/b.jpg", "class": "wren", "split": "test"}',
            ]
        ),
        "items.jsonl",
    )
    assert (entries, notes) == (ROWS, [])


def test_folders_say_what_columns_do_not(tmp_path):
    entries, _ = read(tmp_path, "image\ntrain/robin/a.jpg\ntest/robin/b.jpg\n")
    assert [(entry.class_name, entry.split) for entry in entries] == [("robin", "train"), ("robin", "test")]


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "no column 'image'"),
        ("file,audio\na.jpg,a.wav\n", "no column 'image'.*its first line has to name the columns"),
        ("image,image\na.jpg,a.jpg\n", "one name twice"),
        ("image\n", "no rows"),
        ("image,speeker\na.jpg,Ada\n", "the column 'speeker' is not known; call it 'speaker'"),
        ("image,audio\na.jpg,a.wav\n,b.wav\n", "line 3: no image"),
        ("image,audio\na.jpg,../b.wav\n", "line 2: '../b.wav' leaves the folder"),
        ("image,audio\n/a.jpg,b.wav\n", "line 2: '/a.jpg' leaves the folder"),
        ("image,class\na.jpg,x\na.jpg,y\n", "line 3: a.jpg has another class or split"),
        ("image,class\na.jpg,x\nb.jpg,\n", "b.jpg has no class"),
        ("image,split\na.jpg,trian\n", "a.jpg: unknown split 'trian'"),
        ("image,language\na.jpg,../en\n", "line 2: no language"),
        ("image,audio\na.jpg\n", "line 2: 2 fields expected"),
        ("image,text\na.jpg,a red, small bird\n", "line 2: 2 fields expected; quote commas"),
        ('image,text\na.jpg,"open\n', "broken"),
        ("image,speaker\na.jpg,A\x07da\n", "line 2: speaker is longer .* or has control characters"),
        (f"image,text\na.jpg,{'x' * 10_001}\n", "line 2: text is longer than 10000"),
    ],
)
def test_mistakes_are_named(tmp_path, text, reason):
    with pytest.raises(DataError, match=reason):
        read(tmp_path, text)


@pytest.mark.parametrize("line", ["[1]", "{", '{"image": ["a.jpg"]}', "nonsense", '{"image": {"a": 1}}'])
def test_broken_json_lines_are_named(tmp_path, line):
    with pytest.raises(DataError, match="items.jsonl: line 2: not"):
        read(tmp_path, f'{{"image": "a.jpg"}}\n{line}\n', "items.jsonl")


def test_one_table_only(tmp_path):
    assert find_table(tmp_path) is None
    (tmp_path / "items.csv").write_text("image\n")
    assert find_table(tmp_path) == tmp_path / "items.csv"
    (tmp_path / "items.jsonl").write_text("")
    with pytest.raises(DataError, match="both items.csv and items.jsonl"):
        find_table(tmp_path)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), st.sampled_from(["csv", "tsv", "jsonl"]))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_entries_or_one_error(tmp_path_factory, data, kind):
    path = tmp_path_factory.mktemp("table") / f"items.{kind}"
    path.write_bytes((b"image,text\n" if kind == "csv" else b"") + data)
    try:
        entries, _ = read_table(path)
    except DataError as error:
        assert str(path) in str(error) or "leaves" in str(error)
    else:
        assert entries and all(entry.image for entry in entries)
