"""Flickr8k with its spoken captions: lists, words, recordings and speakers fit, or what does not is named."""

import contextlib
import pickle
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from helpers.own_folder import write_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speech2img.corpora.checks.recorded import SpokenOptions
from speech2img.corpora.readers.flickr8k import Flickr8kCounts, prepare_flickr8k
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.splits import read_split_pickles
from speech2img.errors import ConfigError, DataError

COUNTS = Flickr8kCounts(train=4, val=2, test=2, captions=2)
KEYS = [f"10{number}_ab{number}" for number in range(9)]
QUIET = SpokenOptions(progress=False)


@pytest.fixture
def flickr(tmp_path: Path) -> Path:
    texts = tmp_path / "Flickr8k_text"
    texts.mkdir()
    lists = {"train": KEYS[:4], "dev": KEYS[4:6], "test": KEYS[6:8]}
    for name, keys in lists.items():
        (texts / f"Flickr_8k.{name}Images.txt").write_text("".join(f"{key}.jpg\n" for key in keys))
    names = [f"{key}.jpg" for key in KEYS[:8]] + [f"{KEYS[8]}.jpg.1"]
    lines = [f"{name}#{k}\tA dog runs , then sits on {name} .\n" for name in names for k in range(2)]
    (texts / "Flickr8k.token.txt").write_text("".join(lines))
    wavs, speakers = [], []
    for number, key in enumerate(KEYS[:8]):
        write_file(tmp_path / "Flicker8k_Dataset" / f"{key}.jpg", number)
        for k in range(2):
            wav = f"{key}_{k}.wav"
            write_file(tmp_path / "flickr_audio" / "wavs" / wav, 10 * number + k, sample_rate=16_000)
            wavs.append(f"{wav} {key}.jpg #{k}\n")
            speakers.append(f"{wav} {[4, 7, 9][(number + k) % 2 + (number > 6)]}\n")
    (tmp_path / "flickr_audio/wav2capt.txt").write_text("".join(reversed(wavs)))
    (tmp_path / "flickr_audio/wav2spk.txt").write_text("".join(speakers))
    return tmp_path


def prepare(root: Path, **options) -> Manifest:
    return prepare_flickr8k(root, SpokenOptions(progress=False, **options), counts=COUNTS)


def test_the_authors_layout(flickr):
    manifest = prepare(flickr)
    assert Manifest.load(flickr).items == manifest.items
    assert Counter(item.split for item in manifest.items) == {"train": 4, "val": 2, "test": 2}
    assert len(manifest.class_names) == 8 and [item.id for item in manifest.split("test")] == KEYS[6:8]
    caption = manifest.split("train")[0].captions[1]
    assert caption.audio == f"flickr_audio/wavs/{KEYS[0]}_1.wav" and caption.speaker == "7" and caption.recorded
    assert caption.text == f"A dog runs, then sits on {KEYS[0]}.jpg."
    assert manifest.meta["speech"] | {"hours": 0} == {
        "recordings": 16,
        "hours": 0,
        "sample_rates": [16_000],
        "speakers": 3,
    }
    unheard = {c.speaker for item in manifest.items for c in item.captions if c.held_out_voice}
    assert unheard == {"9"}
    leaks = {leak["kind"] for leak in manifest.meta["leaks"]["found"]}
    assert leaks == {"speaker"} and "photographer" in manifest.meta["leaks"]["unknown"]
    assert any("in no list, left out: 1 picture" in note for note in manifest.meta["notes"])
    assert [name for name, _ in read_split_pickles(flickr / "test")] == KEYS[6:8]


def test_pictures_of_the_peers_folder(flickr):
    (flickr / "Flicker8k_Dataset").rename(flickr / "images")
    assert prepare(flickr).items[0].image == f"images/{KEYS[0]}.jpg"


def test_text_only(flickr):
    manifest = prepare(flickr, text_only=True)
    captions = [caption for item in manifest.items for caption in item.captions]
    assert not any(caption.recorded for caption in captions) and len(captions) == 16
    assert captions[0].audio.startswith("spoken/") and manifest.meta["speech"]["recordings"] == 0


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    "name, old, new, reason",
    [
        ("Flickr8k_text/Flickr8k.token.txt", "#0\tA", "#0 A", "line 1 is not 'picture#number<tab>caption'"),
        ("Flickr8k_text/Flickr8k.token.txt", "#1\t", "#0\t", "line 2: caption 0 of 100_ab0 occurs twice"),
        ("Flickr8k_text/Flickr8k.token.txt", "#1\t", "#5\t", "not 2 captions: 1 picture of train"),
        ("Flickr8k_text/Flickr_8k.trainImages.txt", "100_ab0", "104_ab4", "shares pictures with Flickr_8k.devImages"),
        ("Flickr8k_text/Flickr_8k.trainImages.txt", "100_ab0.jpg\n", "", "3 pictures instead of 4"),
        ("Flickr8k_text/Flickr_8k.trainImages.txt", "100_ab0", "101_ab1", "lists a picture twice"),
        ("flickr_audio/wav2capt.txt", "#1", "1", "line 1 is broken"),
        ("flickr_audio/wav2capt.txt", "107_ab7.jpg", "107_abc.jpg", "line 1: no caption 1 of 107_abc"),
        ("flickr_audio/wav2capt.txt", "#1", "#0", "line 2: no caption 0 of 107_ab7, or it has two recordings"),
        ("flickr_audio/wav2capt.txt", "107_ab7_1.wav 1", "../x.wav 1", "line 1 is broken"),
        ("flickr_audio/wav2spk.txt", " 4", "", "line 1 is broken"),
    ],
)
def test_contradictions_are_named(flickr, name, old, new, reason):
    edit(flickr / name, old, new)
    with pytest.raises(DataError, match=reason):
        prepare(flickr)


@pytest.mark.parametrize(
    "name", ["Flickr8k_text/Flickr8k.token.txt", "Flickr8k_text/Flickr_8k.trainImages.txt", "flickr_audio/wav2capt.txt"]
)
def test_lists_in_another_encoding_are_named(flickr, name):
    path = flickr / name
    path.write_bytes(path.read_bytes() + "Vögel\n".encode("latin-1"))
    with pytest.raises(DataError, match=f"{Path(name).name}.*(UTF-8|utf-8)"):
        prepare(flickr)


def test_a_recording_without_a_speaker_is_told(flickr):
    edit(flickr / "flickr_audio/wav2spk.txt", f"{KEYS[0]}_0.wav 4\n", "")
    manifest = prepare(flickr)
    assert manifest.items[0].captions[0].speaker is None
    assert any("without a speaker in wav2spk.txt: 1 recording" in note for note in manifest.meta["notes"])


def test_what_is_missing_is_named_with_its_page(flickr):
    with pytest.raises(DataError, match="4 pictures instead of 6000; take it from Flickr8k_text.zip, asked for at"):
        prepare_flickr8k(flickr, QUIET)
    (flickr / "Flicker8k_Dataset" / f"{KEYS[0]}.jpg").unlink()
    (flickr / f"flickr_audio/wavs/{KEYS[1]}_0.wav").unlink()
    with pytest.raises(DataError, match="1 of 8 pictures .*Flickr8k_Dataset.zip.*1 of 16 recordings .*flickr_audio"):
        prepare(flickr)
    (flickr / "flickr_audio/wav2capt.txt").unlink()
    with pytest.raises(DataError, match="wav2capt.txt: no such file; .*or give --text-only"):
        prepare(flickr)
    with pytest.raises(DataError, match="Flickr8k.token.txt: no such file"):
        prepare(flickr / "Flicker8k_Dataset")
    Manifest(flickr, "cub", []).save()
    with pytest.raises(ConfigError, match="holds the corpus cub"):
        prepare(flickr)


def test_damaged_files(flickr):
    (flickr / f"flickr_audio/wavs/{KEYS[1]}_0.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match="1 of 24 files cannot be used.*--leave-out-unusable"):
        prepare(flickr)
    manifest = prepare(flickr, leave_out_unusable=True)
    assert [caption.index for caption in manifest.items[1].captions] == [1]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_lists(flickr, data):
    """Flipped, cut and overwritten bytes in a list: the corpus, or one error."""
    names = ["Flickr8k_text/Flickr8k.token.txt", "flickr_audio/wav2capt.txt", "flickr_audio/wav2spk.txt"]
    path = flickr / data.draw(st.sampled_from(names))
    good = path.read_bytes()
    content = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
        with contextlib.suppress(DataError):
            assert len(prepare(flickr)) == 8
    finally:
        path.write_bytes(good)


def test_the_published_texts(realdata, tmp_path):
    """40,460 real captions and the three lists fit; only pictures and recordings are then missing."""
    with zipfile.ZipFile(realdata / "text/flickr8k_text.zip") as archive:
        archive.extractall(tmp_path)
    with pytest.raises(DataError, match="8,000 of 8,000 pictures"):
        prepare_flickr8k(tmp_path, SpokenOptions(progress=False, text_only=True))
    with zipfile.ZipFile(realdata / "s2igan_eval_lists.zip") as archive:
        evaluated = set(archive.read("evaluation/flickr/filenames_Gen_image_flickr.txt").decode().split())
    test = (tmp_path / "Flickr8k_text/Flickr_8k.testImages.txt").read_text().replace(".jpg", "").split()
    assert len(evaluated) == 994 and evaluated <= set(test)


def test_real_words_with_a_few_pictures(realdata, tmp_path):
    """The first pictures of each list with their real captions, to be spoken."""
    with zipfile.ZipFile(realdata / "text/flickr8k_text.zip") as archive:
        archive.extractall(tmp_path)
    for name in ("train", "dev", "test"):
        path = tmp_path / f"Flickr8k_text/Flickr_8k.{name}Images.txt"
        keys = path.read_text().split()[:3]
        path.write_text("\n".join(keys))
        for number, key in enumerate(keys):
            write_file(tmp_path / "Flicker8k_Dataset" / key, number)
    manifest = prepare_flickr8k(
        tmp_path, SpokenOptions(progress=False, text_only=True), counts=Flickr8kCounts(train=3, val=3, test=3)
    )
    assert all(len(item.captions) == 5 for item in manifest.items)
    assert not any(" ." in caption.text or "\t" in caption.text for item in manifest.items for caption in item.captions)
    assert pickle.loads((tmp_path / "val/filenames.pickle").read_bytes())
