"""Published spoken captions of CUB: each recording is taken for the caption it speaks, what is left over is told."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from helpers.own_folder import write_file
from helpers.published_corpora import CUB_CLASSES, CUB_COUNTS, CUB_PER_CLASS

from speech2img.corpora.readers.cub import prepare_cub
from speech2img.corpora.readers.zero_shot import ZeroShotOptions
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import ConfigError, DataError

PLACE = "CUB_200_2011_audio/audio/0"
IDS = [f"{name}/{name[4:]}_{k:04d}_{k}" for name in CUB_CLASSES.values() for k in range(CUB_PER_CLASS)]


@pytest.fixture
def spoken(cub: Path) -> Path:
    """All ten captions of three pictures."""
    write_file(cub / "sound.wav", 1)
    for item_id in (IDS[0], IDS[30], IDS[60]):
        for k in range(10):
            path = cub / PLACE / f"{item_id}_{k}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(cub / "sound.wav", path)
    return cub


def prepare(root: Path, recordings: str | Path = PLACE) -> Manifest:
    options = ZeroShotOptions(progress=False, recordings=Path(recordings))
    return prepare_cub(root, options, counts=CUB_COUNTS)


def test_recordings_are_taken(spoken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = prepare(spoken)
    assert Manifest.load(spoken).items == manifest.items
    recorded = [(item.id, caption) for item in manifest.items for caption in item.captions if caption.recorded]
    assert Counter(name for name, _ in recorded) == {IDS[0]: 10, IDS[30]: 10, IDS[60]: 10}
    assert all(caption.audio == f"{PLACE}/{name}_{caption.index}.wav" for name, caption in recorded)
    assert recorded[0][1].text == "a bird with 0 feathers and 0 eyes"
    assert all(len(item.captions) == 10 for item in manifest.items)
    notes = manifest.meta["notes"]
    assert f"published recordings of {PLACE}: 30 captions" in notes and manifest.meta["speech"]["recordings"] == 30
    (missing,) = [note for note in notes if note.startswith("without a recording there: 720 captions")]
    assert "and 717 more" in missing
    assert len((spoken / "derived/prepare/without_recording.txt").read_text().splitlines()) == 720
    monkeypatch.chdir(spoken.parent)
    assert prepare(spoken, f"{spoken.name}/{PLACE}").items == manifest.items


def test_a_folder_of_the_speaker_and_a_link(spoken: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (spoken / PLACE).rename(tmp_path / "elsewhere/ada")
    (spoken / "published").symlink_to(tmp_path / "elsewhere")
    captions = [caption for item in prepare(spoken, "published").items for caption in item.captions if caption.recorded]
    assert len(captions) == 30 and {caption.speaker for caption in captions} == {"ada"}
    with pytest.raises(ConfigError, match="elsewhere: no folder in the corpus folder; put it, or a link to it"):
        prepare(spoken, tmp_path / "elsewhere")


def test_what_fits_no_caption_is_told(spoken: Path) -> None:
    first = spoken / PLACE / f"{IDS[0]}_0.wav"
    for name in (
        f"{IDS[0]}_10.wav",
        f"{IDS[0]}.wav",
        "robin_0.wav",
        f"{IDS[0]}_0.txt",
        "001.x/" + IDS[0] + "_0.wav.part",
    ):
        (spoken / PLACE / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(first, spoken / PLACE / name)
    (note,) = [note for note in prepare(spoken).meta["notes"] if "of no caption" in note]
    assert note.startswith("of no caption, not used: 5 files (") and note.endswith("... and 2 more)")


def test_two_speakers_damage_and_emptiness(spoken: Path) -> None:
    other = spoken / "CUB_200_2011_audio/audio/1" / f"{IDS[0]}_0.wav"
    other.parent.mkdir(parents=True)
    shutil.copy(spoken / "sound.wav", other)
    with pytest.raises(DataError, match="caption 0 of .* and so does .*; give the folder of one speaker"):
        prepare(spoken, "CUB_200_2011_audio/audio")
    (spoken / PLACE / f"{IDS[0]}_3.wav").write_bytes(other.read_bytes()[:400])
    with pytest.raises(DataError, match="1 of 30 files cannot be used"):
        prepare(spoken)
    with pytest.raises(DataError, match="no recording of a caption"):
        prepare(spoken, "text")
