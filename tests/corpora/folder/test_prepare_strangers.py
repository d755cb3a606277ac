"""Folders as people have them: real data sets, deleted files, links, odd names."""

import re
import unicodedata
import zipfile
from collections import Counter

import pytest
from helpers.own_folder import write_file

from speech2img.errors import ConfigError, DataError, Speech2ImgError
from speech2img.features.stores import mel_store
from speech2img.storage.foreign.pickles import save_pickle

from .test_prepare import prepare, speakers, table


def test_spokencoco(realdata, tmp_path):
    """Human captions at 16, 44.1 and 48 kHz with the source's own table, through to the mels of both systems."""
    with zipfile.ZipFile(realdata / "spokencoco_10x5.zip") as archive:
        archive.extractall(tmp_path)
    manifest = prepare(tmp_path, table="manifest.csv")
    assert manifest.meta["speech"] == {
        "recordings": 50,
        "hours": pytest.approx(208 / 3600, abs=1e-3),
        "sample_rates": [16_000, 44_100, 48_000],
        "speakers": 0,
    }
    assert [len(manifest.split(name)) for name in ("train", "val", "test")] == [8, 1, 1]
    assert all(len(item.captions) == 5 and item.captions[0].text for item in manifest.items)
    by_name = prepare(tmp_path)
    assert {c.audio for i in by_name.items for c in i.captions} == {c.audio for i in manifest.items for c in i.captions}
    seconds = sum(mel_store(manifest, preset="s2igan_native16k", progress=False).lengths) / 100
    assert seconds == pytest.approx(208, abs=2)


def test_li2020_demo(realdata, tmp_path):
    """Ogg Vorbis as published with the demo: spoken Places captions beside their pictures, one row each."""
    with zipfile.ZipFile(realdata / "li2020_demo.zip") as archive:
        archive.extractall(tmp_path)
    rows = []
    for number in range(1, 9):
        (audio,) = tmp_path.glob(f"audio/*.place{number}.ogg")
        (image,) = tmp_path.glob(f"image/*_place{number}.jpg")
        rows.append({"image": image.relative_to(tmp_path), "audio": audio.relative_to(tmp_path)})
    table(tmp_path, rows)
    manifest = prepare(tmp_path)
    assert manifest.meta["speech"]["recordings"] == 8 and manifest.meta["speech"]["sample_rates"] == [22_050]
    lengths = mel_store(manifest, preset="li2020", progress=False).lengths
    assert lengths.sum() == pytest.approx(7144, abs=40)


def test_fsdd(realdata, tmp_path):
    """8 kHz digits of three people; the class and the speaker stand in the file names, so a table says them."""
    rows = []
    with zipfile.ZipFile(realdata / "fsdd_3speakers.zip") as archive:
        for name in archive.namelist():
            match = re.fullmatch(r"recordings/(\d)_(\w+)_(\d+)\.wav", name)
            if match and int(match[3]) < 3:
                archive.extract(name, tmp_path)
                write_file(tmp_path / f"pictures/{match[1]}.png", int(match[1]))
                rows.append(
                    {
                        "image": f"pictures/{match[1]}.png",
                        "audio": name,
                        "class": match[1],
                        "speaker": match[2],
                        "split": "train",
                    }
                )
    table(tmp_path, rows)
    manifest = prepare(tmp_path)
    assert manifest.meta["speech"]["sample_rates"] == [8000] and manifest.meta["speech"]["speakers"] == 3
    assert Counter(caption.speaker for item in manifest.items for caption in item.captions) == {
        "jackson": 30,
        "nicolas": 30,
        "yweweler": 30,
    }
    assert min(mel_store(manifest, preset="li2020", progress=False).lengths) >= 10


def test_a_recording_of_a_deleted_picture_is_an_error_or_left_out(tmp_path):
    """It never becomes the speech of another class's picture of that name."""
    for number, name in enumerate(["robin", "wren"]):
        for k in range(4):
            write_file(tmp_path / name / f"IMG_{k}.jpg", 10 * number + k)
            if k or number == 0:
                write_file(tmp_path / name / f"IMG_{k}.wav", 10 * number + k)
    (tmp_path / "robin/IMG_0.jpg").unlink()
    with pytest.raises(DataError, match=r"1 recording without a picture: robin/IMG_0.wav; .*--leave-out-unusable"):
        prepare(tmp_path)
    (tmp_path / "robin/IMG_0.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(60))
    with pytest.raises(DataError, match=r"robin/IMG_0.wav \(pictures of formats that are not read: 1 recording"):
        prepare(tmp_path)
    manifest = prepare(tmp_path, leave_out_unusable=True)
    assert all(caption.audio.startswith(item.id) for item in manifest.items for caption in item.captions)
    assert {item.id for item in manifest.items} == {f"{name}/IMG_{k}" for name in ("robin", "wren") for k in (1, 2, 3)}
    notes = manifest.meta["notes"]
    assert "1 file not used: a recording of a picture that is not used (robin/IMG_0.wav)" in notes
    listed = (tmp_path / "derived/prepare/unused.txt").read_text().splitlines()
    assert [line.split("\t")[0] for line in listed] == ["robin/IMG_0.heic", "robin/IMG_0.wav", "wren/IMG_0.jpg"]


def test_recordings_that_cannot_be_read_are_not_taken_for_none(tmp_path, monkeypatch):
    monkeypatch.setattr("speech2img.corpora.folder.kinds.has_decoder", lambda: False)
    for k in range(8):
        write_file(tmp_path / f"{k}.jpg", k)
        (tmp_path / f"{k}.webm").write_bytes(b"\x1aE\xdf\xa3" + bytes(60))
    with pytest.raises(DataError, match="no recording can be read of 8 recordings .*ffmpeg.* and 5 more"):
        prepare(tmp_path)
    assert len(prepare(tmp_path, leave_out_unusable=True)) == 8


def test_a_linked_class(tmp_path):
    for k in range(4):
        write_file(tmp_path / f"root/robin/{k}.jpg", k)
        write_file(tmp_path / f"elsewhere/{k}.jpg", 4 + k)
    (tmp_path / "root/wren").symlink_to("../elsewhere")
    manifest = prepare(tmp_path / "root")
    assert Counter(item.class_name for item in manifest.items) == {"robin": 4, "wren": 4}
    assert "linked folders were followed: wren" in manifest.meta["notes"]


def test_lines_of_captions_keep_their_recordings(tmp_path):
    for k in range(4):
        write_file(tmp_path / f"{k}.jpg", k)
    write_file(tmp_path / "0_0.wav", 0)
    write_file(tmp_path / "0_1.wav", 1)
    for k in range(1, 4):
        write_file(tmp_path / f"{k}.txt", k)
    (tmp_path / "0.txt").write_bytes("a\u2028b\x85c\vd\fe\r\nsecond\rthird".encode())
    captions = prepare(tmp_path).items[0].captions
    assert [(caption.text, caption.recorded) for caption in captions] == [
        ("a b c d e", True),
        ("second", True),
        ("third", False),
    ]


def test_eight_pictures_without_classes(tmp_path):
    for k in range(8):
        write_file(tmp_path / f"{k}.jpg", k)
        write_file(tmp_path / f"{k}.wav", k)
    manifest = prepare(tmp_path)
    assert len(manifest.class_names) == 8
    assert {name: len(manifest.split(name)) for name in manifest.splits} == {"train": 6, "val": 1, "test": 1}


def test_a_table_and_the_files_that_it_does_not_name(tmp_path, monkeypatch):
    root = speakers(tmp_path / "root")
    (root / "extra.csv").write_text("image\n")
    write_file(root / "a/99.png", 99)
    notes = prepare(root).meta["notes"]
    assert "1 file not used: not named in items.csv (a/99.png)" in notes
    assert any("a table, and none that was asked for (--table) (extra.csv)" in note for note in notes)
    (root / "items.csv").rename(root / "other.CSV")
    monkeypatch.chdir(tmp_path)
    for name in ("other.CSV", "root/other.CSV", root / "other.CSV"):
        manifest = prepare(root, table=name)
        assert len(manifest) == 12 and not any("(other.CSV" in note for note in manifest.meta["notes"])


def test_names_of_a_table_composed_or_not(tmp_path):
    apart, composed = (unicodedata.normalize(form, "zaunkönig") for form in ("NFD", "NFC"))
    for k in range(3):
        write_file(tmp_path / f"{apart}_{k}.png", k)
        write_file(tmp_path / f"{composed}_{k}.wav", k)
    table(tmp_path, [{"image": f"{composed}_{k}.PNG", "audio": f"{apart}_{k}.wav"} for k in range(3)])
    assert {item.image for item in prepare(tmp_path).items} == {f"{apart}_{k}.png" for k in range(3)}


def test_nothing_of_the_users_is_replaced(tmp_path):
    for k in range(4):
        write_file(tmp_path / f"{k}.jpg", k)
    (tmp_path / "manifest.jsonl").write_text('{"my": "own"}\n')
    with pytest.raises(ConfigError, match="manifest.jsonl: was not made by this library"):
        prepare(tmp_path)
    (tmp_path / "manifest.jsonl").unlink()
    for name, content in {"train.json": b"[1, 2]", "val.json": b"{broken", "train/filenames.pickle": b"mine"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Speech2ImgError, match="train/filenames.pickle: is refused"):
        prepare(tmp_path)
    assert (tmp_path / "train/filenames.pickle").read_bytes() == b"mine"
    save_pickle(tmp_path / "train/filenames.pickle", ["of", "another", "program"])
    with pytest.raises(ConfigError, match="train/filenames.pickle: lists other pictures"):
        prepare(tmp_path)
    (tmp_path / "train/filenames.pickle").unlink()
    prepare(tmp_path)
    assert (tmp_path / "train.json").read_bytes() == b"[1, 2]" and (tmp_path / "val.json").read_bytes() == b"{broken"


def test_a_root_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    for root in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(DataError, match="no such folder"):
            prepare(root)


def test_names_that_differ_in_capitals_only_are_told(tmp_path):
    for number, name in enumerate(["Robin/a", "robin/a", "robin/b", "Robin/c"]):
        write_file(tmp_path / f"{name}.jpg", number)
        write_file(tmp_path / f"{name}.wav", number)
    manifest = prepare(tmp_path)
    assert all(item.captions[0].audio == f"{item.id}.wav" for item in manifest.items)
    (note,) = [note for note in manifest.meta["notes"] if "capital letters" in note]
    assert note.endswith("two here: Robin/a and robin/a, Robin and robin")


def test_recordings_in_a_folder_called_spoken(tmp_path):
    """The folder is kept for what engines speak; what a table names is read wherever it lies."""
    for k in range(4):
        write_file(tmp_path / f"{k}.jpg", k)
        write_file(tmp_path / f"spoken/{k}.wav", k)
    with pytest.raises(DataError, match="spoken: 4 files not read: .*rename it"):
        prepare(tmp_path)
    table(tmp_path, [{"image": f"{k}.jpg", "audio": f"spoken/{k}.wav"} for k in range(4)])
    for _ in range(2):
        manifest = prepare(tmp_path)
        assert all(caption.recorded for item in manifest.items for caption in item.captions)
        assert not any("not used" in note for note in manifest.meta["notes"])
