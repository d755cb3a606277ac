"""What is not used is told in few lines, and listed as a whole."""

from pathlib import Path

from speech2img.corpora.folder.unused import SYSTEM, UNUSED_NAME, Unused, describe_unused, list_unused


def test_a_line_a_reason(tmp_path: Path) -> None:
    unused = [Unused(f"{name}.heic", "not read") for name in "edcba"]
    unused += [Unused("@eaDir/", SYSTEM, 1_200), Unused("v\udcf6.jpg", "odd name")]
    assert describe_unused(unused) == [
        "5 files not used: not read (a.heic, b.heic, c.heic, ... and 2 more)",
        r"1 file not used: odd name (v\xf6.jpg)",
        "1,200 files not used: hidden, or made by a system (@eaDir/)",
    ]


def test_the_whole_list_is_in_a_file(tmp_path: Path) -> None:
    few = [Unused("a.heic", "not read")]
    assert list_unused(tmp_path, few) == ["1 file not used: not read (a.heic)"]
    many = [Unused(f"{number}.heic", "not read") for number in range(5)]
    *_, last = list_unused(tmp_path, many, named=[Unused("v\udcf6\n.jpg", "damaged")])
    assert last == "6 files not used in all; the whole list is in derived/prepare/unused.txt"
    assert (tmp_path / UNUSED_NAME).read_text().splitlines()[-1] == "v\\xf6\\n.jpg\tdamaged"
    assert list_unused(tmp_path, []) == [] and not (tmp_path / UNUSED_NAME).exists()
