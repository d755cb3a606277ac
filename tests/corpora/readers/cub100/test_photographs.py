"""Archives and tables of ``cub100``, missing, damaged or of other pictures: one line that says which and why."""

import io
import re
import zipfile
from pathlib import Path

import pytest
from helpers.cub100_files import (
    CAPTIONS_TAR,
    CROPS_ZIP,
    NAMES_CSV,
    NAMES_HEADER,
    RED,
    WHOLE_HEADER,
    WHOLE_ZIP,
    crop_rows,
    jpeg,
    make_data_folder,
    table,
    whole_rows,
)

from speech2img.corpora.readers.cub100.photographs import read_crops, read_named_crops, read_whole
from speech2img.corpora.readers.cub100.prepare import prepare_cub100
from speech2img.errors import DataError

SETS_OF = {CROPS_ZIP: ("crops",), NAMES_CSV: ("crops",), WHOLE_ZIP: ("whole",), CAPTIONS_TAR: ("crops", "whole")}


@pytest.fixture
def data(tmp_path) -> Path:
    return make_data_folder(tmp_path / "data")


def change_member(path: Path, name: str, data: bytes, **settings: int) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in {**members, name: data}.items():
            archive.writestr(member, content, **(settings if member == name else {}))


@pytest.mark.parametrize("name", SETS_OF)
@pytest.mark.parametrize(
    "damage, reason",
    [
        (None, "no such file; give the project's data folder"),
        (lambda data: b"", "(damaged|has no names)"),
        (lambda data: b"nonsense", "(damaged|has no names)"),
        (lambda data: data[: len(data) // 2], "(damaged|has no names|no captions|line .* not a new crop)"),
        (
            lambda data: data[: len(data) // 2] + b"\xff\xfe" * 50 + data[len(data) // 2 + 100 :],
            "(damaged|not in UTF-8)",
        ),
    ],
    ids=["missing", "empty", "nonsense", "cut off", "overwritten"],
)
def test_files_missing_or_damaged(data, tmp_path, name, damage, reason):
    path = data / name
    content = path.read_bytes()
    path.unlink()
    if damage is not None:
        path.write_bytes(damage(content))
    for photographs in SETS_OF[name]:
        with pytest.raises(DataError, match=rf"{re.escape(name)}: {reason}") as raised:
            prepare_cub100(tmp_path / photographs, data, photographs=photographs, progress=False)
        assert "\n" not in str(raised.value) and "; " in str(raised.value)
        assert not (tmp_path / photographs / "manifest.jsonl").exists()


def names(*changed: tuple[int, str, str], leave_out: int = 0, more: tuple[str, ...] = ()) -> bytes:
    rows = [[row[0], row[1], row[2], "rule"] for row in crop_rows()]
    for row, file, name in changed:
        rows[row][0], rows[row][1] = file or rows[row][0], name or rows[row][1]
    rows = rows[: len(rows) - leave_out] + [[file, f"{RED}/Red_{k}_1.jpg", "train", ""] for k, file in enumerate(more)]
    return table(NAMES_HEADER, rows)


@pytest.mark.parametrize(
    "content, reason",
    [
        (names(leave_out=2), r"has no names of 2 crops \(Yellow_headed_Blackbird/0034.jpg, .*same copy"),
        (names(more=("A/1.jpg",)), r"names 1 crop that cub100_crops227.zip does not hold \(A/1.jpg\); take it and"),
        (names((1, "", f"{RED}/Red_0001_9.jpg")), "Groove_billed_Ani/0001.jpg of 004.Groove_billed_Ani cannot be 010"),
        (names((1, "", str(crop_rows()[0][1]))), r"gives names twice: 004.Groove_billed_Ani/Groove.*_0000_700.jpg"),
        (names((1, str(crop_rows()[0][0]), "")), "line 3: not a new crop"),
        (names((2, "", "../../x_1_1.jpg")), "line 4: not a new crop and its file name in CUB"),
        (names((2, "", "004.Groove_billed_Ani/../x_1_1.jpg")), "line 4"),
        (b"file\nA/1.jpg\n", "line 2: not a new crop"),
        (names().replace(b"rule", b"\xe9", 1), "not in UTF-8"),
        (b"file,cub_image_name\n" + b"x" * 200_000, r"line \d: field larger"),
    ],
)
def test_names_that_do_not_fit_the_crops(data, content, reason):
    (data / NAMES_CSV).write_bytes(content)
    with pytest.raises(DataError, match=f"cub100_crop_names.csv: {reason}"):
        read_named_crops(data)


def test_the_archives_own_names_count(data):
    with zipfile.ZipFile(data / CROPS_ZIP) as archive:
        rows = archive.read("manifest.csv").decode()
    own = rows.replace("train,\r\n", f"train,{crop_rows()[0][1]}\r\n", 1)
    change_member(data / CROPS_ZIP, "manifest.csv", own.encode())
    assert read_named_crops(data)[0].cub_name == crop_rows()[0][1]
    change_member(data / CROPS_ZIP, "manifest.csv", own.replace("_0000_700", "_0000_701", 1).encode())
    with pytest.raises(DataError, match="0000.jpg of 004.Groove_billed_Ani cannot be"):
        read_named_crops(data)


def test_a_species_on_the_wrong_side_is_refused(data):
    """Then a species that one set tests on could stand in the other's training part."""
    rows = [[*row[:2], "train", *row[3:]] if row[1].startswith("004") else row for row in whole_rows()]
    change_member(data / WHOLE_ZIP, "manifest.csv", table(WHOLE_HEADER, rows))
    with pytest.raises(DataError, match=r"photos_crop304.zip: its split is not the published one: 1 class \(004"):
        read_whole(data)
    with zipfile.ZipFile(data / CROPS_ZIP) as archive:
        text = archive.read("manifest.csv").replace(b"Red_winged_Blackbird,train", b"Red_winged_Blackbird,test")
    change_member(data / CROPS_ZIP, "manifest.csv", text)
    with pytest.raises(DataError, match=r"crops227.zip: its split is not the published one: 1 class \(010"):
        read_named_crops(data)


@pytest.mark.parametrize(
    "column, value, reason",
    [
        (0, "010.Red_winged_Blackbird/../x_1_2.jpg", "line 2: '010.*is no name"),
        (0, f"{RED}/Red_0001_1.jpg", "line 2: .* is no name of a photograph of class '004"),
        (2, "val", "line 2: 'val'"),
        (3, "nan", "line 2: a box outside of the photograph"),
        (3, "1e400", "line 2: a box outside of the photograph"),
        (5, "-4", "line 2: a box outside of the photograph"),
        (5, "x", "line 2: could not convert"),
        (9, "115", "line 2: a cut from 115, 45 to 115, 135"),
        (11, "9" * 5000, "line 2: Exceeds the limit"),
        (11, "5000", "line 2: a cut from"),
        (0, str(whole_rows()[0][0]).replace("0010_710", "0011_711"), "lists pictures twice: 004"),
    ],
)
def test_rows_of_whole_photographs_that_cannot_be(data, column, value, reason):
    rows = [list(row) for row in whole_rows()]
    rows[0][column] = value
    change_member(data / WHOLE_ZIP, "manifest.csv", table(WHOLE_HEADER, rows))
    with pytest.raises(DataError, match=f"cub20_photos_crop304.zip: .*manifest.csv.* {reason}"):
        read_whole(data)


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"no picture", "is no JPEG picture"),
        (jpeg((45, 41), 3), "is 45 x 41 pixels instead of 45 x 45"),
        (b"\xff\xd8" + bytes(5 << 20), "is larger than 4,194,304 bytes"),
    ],
)
def test_pictures_that_are_none(data, tmp_path, content, reason):
    change_member(data / WHOLE_ZIP, f"images/{whole_rows()[3][0]}", content)
    with pytest.raises(DataError, match=f"cub20_photos_crop304.zip: .*_0013_713.jpg {reason}.*; copy it again"):
        prepare_cub100(tmp_path / "corpus", data, photographs="whole", progress=False)
    assert not (tmp_path / "corpus/manifest.jsonl").exists()


def test_members_packed_in_a_rare_way_or_missing(data):
    with zipfile.ZipFile(data / CROPS_ZIP) as archive:
        text = archive.read("manifest.csv")
    change_member(data / CROPS_ZIP, "manifest.csv", text, compress_type=zipfile.ZIP_LZMA)
    with pytest.raises(DataError, match="crops227.zip: .*packed in a rare way.*; copy it again"):
        read_crops(data)
    content = io.BytesIO()
    zipfile.ZipFile(content, "w").close()
    (data / CROPS_ZIP).write_bytes(content.getvalue())
    with pytest.raises(DataError, match="crops227.zip: .*no item named 'manifest.csv'"):
        read_crops(data)
