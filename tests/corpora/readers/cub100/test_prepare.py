"""CUB photographs with people's captions: two sets, of which neither trains on what the other one tests on."""

import tarfile
from collections import Counter
from pathlib import Path

import pytest
from helpers.cub100_files import (
    ANI,
    BREWER,
    CAPTIONS_TAR,
    RED,
    SIZE,
    YELLOW,
    caption_texts,
    captions_tar,
    cub_name,
    make_data_folder,
)
from PIL import Image

from speech2img.corpora.readers.cub100.photographs import read_named_crops, read_whole
from speech2img.corpora.readers.cub100.prepare import CAPTIONS, part_of, prepare_cub100
from speech2img.corpora.readers.reed_captions import captions_in_tar, read_captions
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.registry import contents_of, facts_of
from speech2img.errors import ConfigError, DataError
from speech2img.images.io import crop_to_box


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return make_data_folder(tmp_path_factory.mktemp("data") / "files")


@pytest.fixture(scope="module")
def corpora(data, tmp_path_factory) -> dict[str, Manifest]:
    """Both sets; the second with another seed, which must not bring their parts apart."""
    folder = tmp_path_factory.mktemp("corpora")
    return {
        name: prepare_cub100(folder / name, data, photographs=name, seed=seed, progress=False)
        for name, seed in (("crops", 0), ("whole", 1))
    }


def test_crops_have_cubs_names_and_peoples_captions(corpora):
    manifest = Manifest.load(corpora["crops"].root)
    assert manifest.items == corpora["crops"].items and len(manifest.items) == 108
    first = manifest.items[0]
    assert (first.id, first.class_id, first.class_name) == (f"{ANI}/Groove_billed_Ani_0000_700", 0, ANI)
    assert [caption.text for caption in first.captions][:2] == [
        "a bird of Groove_billed_Ani_0000_700",
        "a bird with 0 feathers & a grey/white crown",
    ]
    assert first.captions[3].audio.endswith(f"/{first.id}_3.wav") and first.captions[3].rate > 0
    assert {item.class_name: item.class_id for item in manifest.items} == {ANI: 0, RED: 1, YELLOW: 2}
    for item in manifest.items:
        assert item.box == (0.0, 0.0, 227.0, 227.0) and Image.open(manifest.root / item.image).size == (227, 227)
        assert len((manifest.root / f"text/{item.id}.txt").read_text().splitlines()) == len(item.captions) == 10


def test_voices_that_training_never_hears_speak_half_of_each_test_part(corpora):
    for manifest in corpora.values():
        held_out, heard = set(), set()
        for item in manifest.items:
            count = sum(caption.held_out_voice for caption in item.captions)
            assert count == (5 if item.split in ("test_seen", "test") else 0)
            for caption in item.captions:
                (held_out if caption.held_out_voice else heard).add(caption.voice)
        assert held_out and len(heard) > 5 and not held_out & heard


def test_whole_photographs_are_cut_by_stackgans_rule_already(corpora):
    manifest = corpora["whole"]
    assert {item.class_name for item in manifest.items} == {ANI, BREWER, RED}
    for item in manifest.items:
        picture = Image.open(manifest.root / item.image)
        assert picture.size == SIZE and item.box == (7.5, 12.5, 30.0, 20.0)
    # Cut once more, it stays what it is up to a pixel: sides of 2 x int(0.75 x 30).
    assert facts_of(manifest).crop and crop_to_box(picture, item.box).size == (44, 44)


def test_real_whole_photographs_stay_whole(realdata):
    for one in read_whole(realdata):
        width, height = crop_to_box(Image.new("L", one.size), one.box).size
        assert one.size[0] - width <= 2 and one.size[1] - height <= 2, one.id


def test_no_set_trains_on_what_the_other_one_tests_on(corpora):
    parts = {name: {item.id: item.split for item in manifest.items} for name, manifest in corpora.items()}
    shared = parts["crops"].keys() & parts["whole"].keys()
    # The 24 of each common class; some of those that could be trained on are held out, or this test says nothing.
    assert len(shared) == 48
    assert Counter(parts["crops"][item_id] for item_id in shared) == {"test": 24, "train": 20, "val": 2, "test_seen": 2}
    for one, other in (("crops", "whole"), ("whole", "crops")):
        trained = {item_id for item_id, part in parts[one].items() if part == "train"}
        assert not trained & {item_id for item_id, part in parts[other].items() if part != "train"}
        species = {item.class_name for item in corpora[one].items if item.split != "test"}
        assert not species & {item.class_name for item in corpora[other].items if item.split == "test"}
    assert {item.split for item in corpora["whole"].items if item.class_name in (ANI, BREWER)} == {"test"}


def test_a_picture_of_both_sets_is_spoken_alike(data, corpora, tmp_path):
    whole = prepare_cub100(tmp_path, data, photographs="whole", progress=False)
    captions = {item.id: item.captions for item in corpora["crops"].items}
    assert all(item.captions == captions[item.id] for item in whole.items if item.id in captions)
    assert [item.captions for item in whole.items] != [item.captions for item in corpora["whole"].items]


def test_fewer_captions_are_the_first_ones_spoken_alike(data, corpora, tmp_path):
    few = prepare_cub100(tmp_path / "few", data, captions_per_picture=3, progress=False)
    assert [item.captions for item in few.items] == [item.captions[:3] for item in corpora["crops"].items]
    assert contents_of(few)["captions"] == "human: the first 3 a picture of ten (Reed et al. 2016)"
    with pytest.raises(ConfigError, match="captions_per_picture 3.*give another --root"):
        prepare_cub100(few.root, data, progress=False)


def test_what_a_folder_holds_is_said_and_kept(data, corpora):
    crops, whole = corpora["crops"], corpora["whole"]
    assert contents_of(crops) == {
        "captions": "human: ten a picture (Reed et al. 2016)",
        "photographs": "4,540 crops of 227 px: cropped to the bird's box and squashed to a square",
    }
    assert contents_of(whole)["photographs"].startswith("1,185 whole photographs")
    assert crops.meta["leaks"]["checked"] == ["picture", "utterance"]
    (crops.root / crops.items[5].image).unlink()
    assert prepare_cub100(crops.root, data, progress=False).items == crops.items
    assert (crops.root / crops.items[5].image).is_file()
    for settings in ({"photographs": "whole"}, {"seed": 1}):
        with pytest.raises(ConfigError, match="captions human, photographs crops.*give another --root"):
            prepare_cub100(crops.root, data, progress=False, **settings)


@pytest.mark.parametrize(
    "settings, reason",
    [
        ({"captions": "written", "photographs": "whole"}, "of the crops only"),
        ({"captions": "spoken"}, "use captions human or written, photographs crops or whole"),
        ({"photographs": "half"}, "use captions human or written"),
        ({"seed": -1}, "-1 is negative"),
        ({"captions_per_picture": 0}, "0 is out of range; use 1 to 10"),
        ({"captions_per_picture": 11}, "11 is out of range; use 1 to 10"),
        ({"captions": "written", "captions_per_picture": 4}, "goes with people's captions"),
    ],
)
def test_settings_that_make_no_sense(data, tmp_path, settings, reason):
    with pytest.raises(ConfigError, match=reason):
        prepare_cub100(tmp_path / "corpus", data, progress=False, **settings)
    assert not (tmp_path / "corpus").exists()


ONE = cub_name(RED, 3).removesuffix(".jpg")


@pytest.mark.parametrize(
    "change, reason",
    [
        ({ONE: b"\n \n"}, rf"no caption in 1 text \({ONE}\); copy it again"),
        ({ONE: "ein grüner Vogel".encode("cp1252")}, rf"not in utf-8: 1 text \({ONE}\); copy it again"),
        ({ONE: b"a bird\n" * 200_000}, "text_c10/.*_0003_703.txt is larger than 1,048,576 bytes; copy it again"),
        ({ONE: None}, rf"no captions of 1 picture \({ONE}\); copy it again"),
    ],
)
def test_captions_that_cannot_be_used(data, tmp_path, change, reason):
    texts = {name: text for name, text in (caption_texts() | change).items() if text is not None}
    for path in data.glob("cub*"):
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "text").mkdir()
    (tmp_path / CAPTIONS_TAR).write_bytes(captions_tar(texts))
    with pytest.raises(DataError, match=f"cub_text_c10.tar.xz: {reason}"):
        prepare_cub100(tmp_path / "corpus", tmp_path, progress=False)
    assert not (tmp_path / "corpus").exists()


def test_fewer_captions_are_told(data, tmp_path):
    for path in data.glob("cub*"):
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "text").mkdir()
    (tmp_path / CAPTIONS_TAR).write_bytes(captions_tar(caption_texts() | {ONE: b"a bird\n"}))
    manifest = prepare_cub100(tmp_path / "corpus", tmp_path, progress=False)
    assert f"fewer than 10 captions: 1 picture ({ONE})" in manifest.meta["notes"]


def test_the_real_sets_are_apart(realdata):
    crops, whole = read_named_crops(realdata), read_whole(realdata)
    parts = [{one.id: part_of(one) for one in photographs} for photographs in (crops, whole)]
    assert [len(part) for part in parts] == [4540, 1185]
    shared = parts[0].keys() & parts[1].keys()
    assert len(shared) == 561 and all(parts[0][one] == parts[1][one] for one in shared)
    assert {"val", "test_seen", "test"} < {parts[0][one] for one in shared}
    species = [{one.class_folder for one in some if part_of(one) == "test"} for some in (crops, whole)]
    assert [len(names) for names in species] == [12, 8]
    trained = [{one.class_folder for one in some if part_of(one) == "train"} for some in (crops, whole)]
    assert [len(names) for names in trained] == [77, 12] and not (species[0] | species[1]) & (trained[0] | trained[1])
    for part in parts:
        counts = Counter(name for name in part.values() if name != "test")
        assert all(0.06 < counts[name] / counts.total() < 0.11 for name in ("val", "test_seen"))


def test_every_real_photograph_has_ten_captions_of_words(realdata):
    photographs = [*read_named_crops(realdata), *read_whole(realdata)]
    texts = read_captions(captions_in_tar(realdata / CAPTIONS, fix=""), {one.id for one in photographs})
    assert len(texts) == 4540 + 1185 - 561 and {len(lines) for lines in texts.values()} == {10}
    assert not any("\ufffd" in line or not line.isprintable() for lines in texts.values() for line in lines)
    # The names fit the pictures' captions: bytes of one text, taken out by another program's reader.
    name = "017.Cardinal/Cardinal_0001_17057"
    with tarfile.open(realdata / CAPTIONS) as archive:
        words = archive.extractfile(f"text_c10/{name}.txt").read().decode()
    assert captions_in_tar(realdata / CAPTIONS, fix="").read(name).decode() == words and "red" in words
