"""What visitors made: kept, found, served file by file, zipped, deleted, and never more than fits."""

import io
import zipfile
from pathlib import Path

import pytest

from speech2img.app.takes import Takes, recording_name
from speech2img.errors import ConfigError, DataError, DiskFullError

FACTS = {"recording": "recording.wav", "num_images": 2}


@pytest.fixture
def takes(tmp_path: Path) -> Takes:
    return Takes(tmp_path / "kept")


def test_a_take_is_kept_and_found(takes: Takes) -> None:
    take = takes.keep(b"sound", [b"one", b"two"], FACTS)
    again = takes.get(take.name)
    assert again == take and again.recording.read_bytes() == b"sound" and again.facts["made"]
    assert [path.read_bytes() for path in again.pictures] == [b"one", b"two"]
    assert takes.folder.stat().st_mode & 0o077 == 0 and again.folder.stat().st_mode & 0o077 == 0
    with takes.opened(take.name, "1.png") as picture:
        assert picture.read() == b"two"
    assert [found.name for found in takes.found([take.name, "0" * 32, "../x", ""])] == [take.name]


def test_what_pictures_listened_to_is_kept_with_them(takes: Takes) -> None:
    take = takes.keep(b"sound", [b"one", b"two"], FACTS, sheets=[b"first", b"second"])
    assert takes.get(take.name).facts["attention"] is True
    assert [path.read_bytes() for path in takes.get(take.name).sheets] == [b"first", b"second"]
    with takes.opened(take.name, "1_attention.png") as sheet:
        assert sheet.read() == b"second"
    zipped = io.BytesIO()
    takes.write_zip([take.name], zipped)
    with zipfile.ZipFile(zipped) as archive:
        assert sum(name.endswith("_attention.png") for name in archive.namelist()) == 2
    # Other models' takes have none, and their facts say nothing of it.
    plain = takes.keep(b"sound", [b"one", b"two"], FACTS)
    assert plain.sheets == [] and "attention" not in plain.facts
    with pytest.raises(DataError, match="is not of this take"):
        takes.opened(plain.name, "0_attention.png")


@pytest.mark.parametrize(
    "file", ["../../secret", "take.json", "2.png", ".", "", "recording.exe/..", "link.png", "0.png\n"]
)
def test_no_other_file_is_given_out(takes: Takes, tmp_path: Path, file: str) -> None:
    (tmp_path / "secret").write_text("s")
    take = takes.keep(b"sound", [b"one", b"two"], FACTS)
    (take.folder / "link.png").symlink_to(tmp_path / "secret")
    (take.folder / "7.png").symlink_to(tmp_path / "secret")
    for name in (file, "7.png"):
        with pytest.raises(DataError, match="is not of this take"):
            takes.opened(take.name, name)


@pytest.mark.parametrize("name", ["..", "../kept", "", "0" * 31, "G" * 32, "0" * 32, "/etc", "0" * 32 + "\n"])
def test_no_other_folder_is_opened_or_deleted(takes: Takes, name: str) -> None:
    take = takes.keep(b"sound", [b"one", b"two"], FACTS)
    with pytest.raises(DataError, match="this take: is no longer kept here"):
        takes.get(name)
    takes.delete(name)
    assert takes.get(take.name)


def test_a_deleted_take_is_gone(takes: Takes) -> None:
    one, two = (takes.keep(b"sound", [b"one", b"two"], FACTS) for _ in range(2))
    takes.delete(one.name)
    takes.delete(one.name)
    assert not one.folder.exists() and takes.found([one.name, two.name]) == [takes.get(two.name)]


def test_what_is_open_is_read_to_its_end(takes: Takes) -> None:
    take = takes.keep(b"sound", [b"one", b"two"], FACTS)
    with takes.opened(take.name, "0.png") as picture:
        takes.delete(take.name)
        assert picture.read() == b"one"


def test_the_oldest_make_room(tmp_path: Path) -> None:
    takes = Takes(tmp_path / "kept", most_bytes=250)
    made = [takes.keep(bytes(80), [bytes(10), bytes(10)], FACTS) for _ in range(4)]
    assert [take.folder.exists() for take in made] == [False, False, True, True]
    large = takes.keep(bytes(1000), [b"", b""], FACTS)
    assert [path.name for path in takes.folder.iterdir()] == [large.name]


def test_what_cannot_be_written_leaves_nothing(takes: Takes, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskFullError, match="the disk is full"):
        takes.keep(b"sound", [b"one", b"two"], FACTS)
    assert not list(takes.folder.iterdir())


def test_the_zip_holds_recordings_pictures_and_facts(takes: Takes) -> None:
    made = [takes.keep(b"sound", [b"one", b"two"], FACTS) for _ in range(2)]
    target = io.BytesIO()
    takes.write_zip([made[0].name, "f" * 32, made[1].name], target)
    with zipfile.ZipFile(target) as archive:
        names = archive.namelist()
        assert archive.testzip() is None and archive.read(names[0]) == b"sound"
    folders = [f"speech2img/{place:02d}-{take.name[:6]}" for place, take in enumerate(made, start=1)]
    files = ("recording.wav", "0.png", "1.png", "take.json")
    assert names == [f"{folder}/{file}" for folder in folders for file in files]
    with pytest.raises(ConfigError, match="none of these takes"):
        takes.write_zip(["f" * 32], io.BytesIO())


def test_what_is_deleted_meanwhile_is_not_in_the_zip(takes: Takes) -> None:
    made = [takes.keep(b"sound", [b"one", b"two"], FACTS) for _ in range(2)]
    target = io.BytesIO()
    made[0].pictures[1].unlink()  # as between the list and its files
    takes.write_zip([take.name for take in made], target)
    with zipfile.ZipFile(target) as archive:
        assert len(archive.namelist()) == 4 and made[1].name[:6] in archive.namelist()[0]
    with pytest.raises(ConfigError, match="none of these takes"):
        takes.write_zip([made[0].name], io.BytesIO())


def test_recordings_are_named_after_what_they_are(ogg: Path) -> None:
    assert recording_name(ogg.read_bytes()) == "recording.ogg"
    assert recording_name(b"RIFF\0\0\0\0WAVEfmt ") == "recording.wav"
    assert recording_name(b"words") == "recording.bin"
