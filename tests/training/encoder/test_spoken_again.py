"""Training captions spoken again in other voices: chosen, written as a folder of speech, heard in the training."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from speech2img.corpora.records.items import utterance_id
from speech2img.corpora.records.manifest import Manifest
from speech2img.errors import ConfigError, DataError
from speech2img.training.encoder.data import HeldUtterances, Utterances
from speech2img.training.encoder.settings import EncoderSettings
from speech2img.training.encoder.spoken_again import SpokenAgain, open_spoken_again, with_spoken_again
from speech2img.training.train import train
from speech2img.tts.corpus.again import captions_to_speak_again

PRESET = "whisper"


@pytest.fixture
def again(corpus: Path, tmp_path: Path) -> Path:
    """Four captions in a folder of their own; the corpus's recordings stand for other voices."""
    folder = tmp_path / "again"
    chosen = captions_to_speak_again(Manifest.load(corpus), folder, count=4, seed=0)
    for item in chosen.items:
        for caption in item.captions:
            place = folder / str(caption.audio)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(corpus / str(caption.audio), place)
    return folder


def _opened(corpus: Path, folder: Path) -> SpokenAgain:
    return open_spoken_again(Manifest.load(corpus), [str(folder)], preset=PRESET, workers=1, progress=False)


def test_each_recording_is_that_of_its_utterance(corpus: Path, again: Path) -> None:
    manifest = Manifest.load(corpus)
    names = [utterance_id(item, caption) for item in manifest.items for caption in item.captions]
    opened = _opened(corpus, again)
    assert [f"0:{names[row]}" for row in opened.utterances] == opened.ids
    assert len(opened.ids) == len(opened.paths) == len(opened.lengths) == 4
    assert all(path.is_relative_to(again) for path in opened.paths) and opened.lengths.min() > 0


def _utterances() -> Utterances:
    rows, none = np.array([0, 2, 3]), np.zeros(0, dtype=np.int64)
    return Utterances(
        rows,
        images=np.array([5, 6, 7]),
        labels=np.array([0, 1, 2]),
        num_classes=3,
        held=HeldUtterances(none, none, none),
        features=np.zeros((8, 1, 2), dtype=np.float32),
        standard=None,
        features_sha256="",
        imitated=np.arange(8, dtype=np.float32).reshape(4, 2),
    )


def _again(*rows: int) -> SpokenAgain:
    names = [str(row) for row in rows]
    return SpokenAgain(
        names,
        [Path(name) for name in names],
        np.ones(len(rows), dtype=np.int64),
        np.array(rows),
        (Path("x"),),
        (len(rows),),
        ("",),
    )


def test_other_recordings_have_the_targets_of_their_utterances() -> None:
    joined = with_spoken_again(_utterances(), _again(3, 0), share=0.0, count=4)
    assert joined.rows.tolist() == [0, 2, 3, 4, 5]
    assert joined.images.tolist() == [5, 6, 7, 7, 5] and joined.labels.tolist() == [0, 1, 2, 2, 0]
    assert joined.targets(np.array([3, 4])).tolist() == [[6.0, 7.0], [0.0, 1.0]]


@pytest.mark.parametrize(("share", "more"), [(0.25, [4]), (0.5, [4, 5, 4]), (0.7, [4, 5, 4, 5, 4, 5, 4])])
def test_the_share_of_other_recordings_is_kept_to(share: float, more: list[int]) -> None:
    assert with_spoken_again(_utterances(), _again(3, 0), share=share, count=4).rows.tolist() == [0, 2, 3, *more]


def test_without_folders_nothing_changes(corpus: Path) -> None:
    none = open_spoken_again(Manifest.load(corpus), (), preset=PRESET, workers=1, progress=False)
    utterances = _utterances()
    assert with_spoken_again(utterances, none, share=0.5, count=4) is utterances and not none.folders


def test_a_training_hears_both_folders(corpus: Path, again: Path, settings: EncoderSettings, tmp_path: Path) -> None:
    settings = replace(settings, spoken_again=(str(again),), spoken_again_share=0.5)
    assert train("encoder", corpus, tmp_path / "run", settings, progress=False).finished
    assert len(list((again / "derived" / "front-end").glob("*/frames.h5"))) == 1


def test_the_choice_takes_training_captions_one_a_picture_first(corpus: Path, tmp_path: Path) -> None:
    manifest = Manifest.load(corpus)
    allowed = {
        utterance_id(item, caption): caption.text
        for item in manifest.items
        if item.split == "train"
        for caption in item.captions
        if not caption.held_out_voice
    }
    pictures = sum(item.split == "train" for item in manifest.items)
    first = captions_to_speak_again(manifest, tmp_path / "first", count=pictures, seed=0)
    assert all(len(item.captions) == 1 for item in first.items)
    whole = captions_to_speak_again(manifest, tmp_path / "whole", count=len(allowed), seed=0)
    assert {utterance_id(item, caption): caption.text for item in whole.items for caption in item.captions} == allowed
    assert [item.id for item in whole.items] != sorted(item.id for item in whole.items)
    with pytest.raises(DataError, match=f"{len(allowed)} captions are spoken by an engine in training, not"):
        captions_to_speak_again(manifest, tmp_path / "more", count=len(allowed) + 1, seed=0)


def test_the_same_choice_is_gone_on_with_and_another_one_is_refused(corpus: Path, tmp_path: Path) -> None:
    manifest = Manifest.load(corpus)
    first = captions_to_speak_again(manifest, tmp_path, count=3, seed=0)
    assert captions_to_speak_again(manifest, tmp_path, count=3, seed=0).items == first.items
    with pytest.raises(DataError, match="another choice of captions"):
        captions_to_speak_again(manifest, tmp_path, count=4, seed=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"text": "something else"}, "other words"),
        ({"index": 99}, "no training utterance"),
        ({"held_out_voice": True}, "a voice that is held out"),
    ],
)
def test_what_may_not_be_trained_on_is_refused(
    corpus: Path, again: Path, change: dict[str, object], words: str
) -> None:
    manifest = Manifest.load(again)
    item = manifest.items[0]
    changed = replace(item, captions=(replace(item.captions[0], **change), *item.captions[1:]))
    Manifest(again, manifest.corpus, [changed, *manifest.items[1:]], meta=manifest.meta).save()
    with pytest.raises(DataError, match=words):
        _opened(corpus, again)


def test_a_missing_recording_is_told(corpus: Path, again: Path) -> None:
    next(again.rglob("*.wav")).unlink()
    with pytest.raises(DataError, match="synthesize"):
        _opened(corpus, again)


def test_other_voices_without_augmentation_are_refused() -> None:
    with pytest.raises(ConfigError, match="set augment to true"):
        EncoderSettings(spoken_again=("data/again",))
