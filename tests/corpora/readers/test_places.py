"""Places Audio Captions: both releases of the lists, the seven rooms, and what is wrong with them."""

import contextlib
import json
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from helpers.own_folder import write_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speech2img.corpora.checks.recorded import SpokenOptions
from speech2img.corpora.readers.places import ROOMS, prepare_places
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.splits import read_split_pickles
from speech2img.errors import ConfigError, DataError
from speech2img.storage.foreign.pickles import save_pickle

KINDS = (*ROOMS, "abbey")
PER_KIND = 10


def image_of(kind: str, number: int) -> str:
    return f"{kind[0]}/{kind}/gsun_{KINDS.index(kind)}{number:02d}.jpg"


def write_lists(root: Path, parts: dict[str, list[str]], *, speakers: int = 3) -> None:
    metadata = root / "PlacesAudio_400k_distro/metadata"
    metadata.mkdir(parents=True, exist_ok=True)
    for name, images in parts.items():
        data = [
            {
                "image": image,
                "wav": f"wavs/1/utterance_{image[-7:-4]}.wav",
                "speaker": f"A{row % speakers}",
                "uttid": f"u{row}",
                "asr_text": "there is a  room",
            }
            for row, image in enumerate(images)
        ]
        (metadata / name).write_text(json.dumps({"image_base_path": "/x", "audio_base_path": "/y", "data": data}))


@pytest.fixture
def places(tmp_path: Path) -> Path:
    images = [image_of(kind, number) for kind in KINDS for number in range(PER_KIND)]
    for number, image in enumerate(images):
        write_file(tmp_path / "images" / image, number)
        write_file(tmp_path / f"PlacesAudio_400k_distro/wavs/1/utterance_{image[-7:-4]}.wav", number)
    write_lists(tmp_path, {"train.json": images[:-8], "val.json": images[-8:]})
    return tmp_path


def prepare(root: Path, **options) -> Manifest:
    return prepare_places(root, SpokenOptions(progress=False), **options)


def test_lists_of_2018(places):
    manifest = prepare(places)
    assert Manifest.load(places).items == manifest.items
    assert Counter(item.split for item in manifest.items) == {"train": 65, "val": 7, "test_seen": 8}
    item = manifest.split("test_seen")[0]
    assert item.id == "a/abbey/gsun_702" and item.class_name == "abbey" and item.image == f"images/{item.id}.jpg"
    (caption,) = item.captions
    assert caption.audio == "PlacesAudio_400k_distro/wavs/1/utterance_702.wav"
    assert (caption.text, caption.speaker, caption.held_out_voice) == ("there is a room", "A0", False)
    assert "train.json lists 72 recordings, published are 402,385" in manifest.meta["notes"]
    assert [name for name, _ in read_split_pickles(places / "test")] == [i.id for i in manifest.split("test_seen")]
    assert len(read_split_pickles(places / "train")) == 72
    assert prepare(places).items == manifest.items


def test_lists_of_2020(places):
    images = [image_of("bedroom", number) for number in range(10)]
    write_lists(
        places,
        {
            "train_2020.json": images[:5] + images[9:],
            "dev_seen_2020.json": images[5:6],
            "dev_unseen_2020.json": images[6:7],
            "test_seen_2020.json": images[7:8],
            "test_unseen_2020.json": images[8:10],
        },
        speakers=2,
    )
    manifest = prepare(places)
    assert Counter(item.split for item in manifest.items) == {"train": 5, "val": 2, "test_seen": 3}
    assert any(
        note.startswith("recordings of pictures that another list has too, left out: 1")
        for note in manifest.meta["notes"]
    )
    (places / "PlacesAudio_400k_distro/metadata/dev_seen_2020.json").unlink()
    with pytest.raises(DataError, match="no dev_seen_2020.json in it; take them from"):
        prepare(places)


def test_rooms_drawn(places):
    manifest = prepare(places, rooms_only=True)
    assert manifest.class_names == list(ROOMS)
    counts = Counter((item.class_name, item.split) for item in manifest.items)
    assert {counts[room, "test_seen"] for room in ROOMS} == {2} and "not the published split" in manifest.meta["split"]


@pytest.mark.parametrize("with_letter", [True, False])
def test_rooms_of_the_peers(places, tmp_path_factory, with_letter):
    """S2IGAN's pickles with back-slashes; Li et al. leave the letter out."""
    keys = [image_of(room, number).removesuffix(".jpg") for room in ROOMS for number in range(5)]
    written = [key.replace("/", "\\") if with_letter else key.partition("/")[2] for key in keys]
    folder = tmp_path_factory.mktemp("split")
    for side, part in (("train", written[:30]), ("test", written[30:])):
        (folder / side).mkdir()
        save_pickle(folder / side / "filenames.pickle", part)
    manifest = prepare(places, rooms_only=True, splits=folder)
    assert {item.id for item in manifest.split("test_seen")} == set(keys[30:])
    assert len(manifest) == 35 and manifest.meta["split"].startswith("rooms, by pickles")
    with pytest.raises(ConfigError, match="--splits: the whole corpus has its own lists"):
        prepare(places, splits=folder)
    with pytest.raises(DataError, match="no split files in it"):
        prepare(places, rooms_only=True, splits=places / "images")


def test_unheard_speakers_are_marked(places):
    metadata = places / "PlacesAudio_400k_distro/metadata/val.json"
    metadata.write_text(metadata.read_text().replace('"A1"', '"B1"'))
    unheard = [c.held_out_voice for item in prepare(places).split("test_seen") for c in item.captions]
    assert sum(unheard) == 3


@pytest.mark.parametrize(
    "data, reason",
    [
        ("[]", "not an object with a list 'data'"),
        ('{"data": []}', "not an object with a list 'data'"),
        ('{"data": [{"image": "b/x.jpg"}]}', "entry 0 of 'data' has no 'image' and 'wav'"),
        ('{"data": [{"image": "../x.jpg", "wav": "a.wav"}]}', "entry 0"),
        ('{"data": [{"image": "b/x.jpg", "wav": "/a.wav"}]}', "entry 0"),
        ('{"data": [7]}', "entry 0"),
        ("{", "not valid JSON"),
    ],
)
def test_broken_lists_are_named(places, data, reason):
    (places / "PlacesAudio_400k_distro/metadata/val.json").write_text(data)
    with pytest.raises(DataError, match=f"val.json.*{reason}"):
        prepare(places)


def test_lists_in_another_encoding_are_named(places):
    path = places / "PlacesAudio_400k_distro/metadata/val.json"
    path.write_bytes(path.read_bytes().replace(b'"data"', '"Vögel": 0, "data"'.encode("latin-1"), 1))
    with pytest.raises(DataError, match="val.json.*utf-8"):
        prepare(places)


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.integers(0, 7), key=st.sampled_from(["image", "wav", "speaker", "asr_text"]), value=VALUES)
def test_strange_entries(places, row, key, value):
    """Anything instead of a field: the corpus, or one error."""
    path = places / "PlacesAudio_400k_distro/metadata/val.json"
    good = path.read_text()
    content = json.loads(good)
    content["data"][row][key] = value
    path.write_text(json.dumps(content))
    try:
        with contextlib.suppress(DataError):
            assert len(prepare(places)) == 80
    finally:
        path.write_text(good)


def test_missing_files_are_named_with_their_page(places, tmp_path):
    (places / "PlacesAudio_400k_distro/wavs/1/utterance_000.wav").unlink()
    with pytest.raises(DataError, match="1 of 80 recordings .*placesaudio"):
        prepare(places)
    with pytest.raises(DataError, match="no metadata/train.json.*placesaudio"):
        prepare(tmp_path / "images")


def test_rooms_are_those_of_the_peers_evaluation(realdata):
    with zipfile.ZipFile(realdata / "s2igan_eval_lists.zip") as archive:
        names = archive.read("evaluation/places/filenames_Gen_image_places.txt").decode().split()
    assert len(names) == 2779 and {name.split("\\")[1] for name in names} == set(ROOMS)
