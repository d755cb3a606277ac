"""Caches of a front-end: those of recordings that are there no more are removed, and no others."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from speech2img.audio.wav import write_wav
from speech2img.corpora.records.manifest import Manifest
from speech2img.features.speech_frames import FRAMES_FILE
from speech2img.storage.lock import LOCK, run_lock
from speech2img.training.encoder.outdated_caches import NOTE, HeardRecordings, note_recordings, remove_outdated
from speech2img.training.encoder.settings import EncoderSettings
from speech2img.training.train import train

OLD, NEW = HeardRecordings("whisper", "aa"), HeardRecordings("whisper", "bb")


def cache(home: Path, recordings: HeardRecordings | None) -> Path:
    home.mkdir(parents=True)
    (home / FRAMES_FILE).write_bytes(b"frames")
    if recordings is not None:
        note_recordings(home, recordings)
    return home


def test_only_caches_of_other_recordings_are_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "front-end"
    gone = cache(folder / "0001", OLD)
    kept = [cache(folder / "0002", NEW), cache(folder / "0003", None), cache(folder / "0004", OLD)]
    kept += [cache(folder / "0005", HeardRecordings("waveform", "aa"))]
    (kept[2] / NOTE).write_text('{"preset": "whisper"}')
    elsewhere = cache(tmp_path / "elsewhere", OLD)
    (folder / "0006").symlink_to(elsewhere)
    for _ in range(2):
        remove_outdated(folder, NEW, progress=True)
        assert sorted(folder.iterdir()) == [*kept, folder / "0006"] and (elsewhere / FRAMES_FILE).exists()
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and str(gone) in error
    remove_outdated(tmp_path / "nowhere", NEW, progress=True)


def test_an_unfinished_cache_is_removed_unless_another_process_works_on_it(tmp_path: Path) -> None:
    home = tmp_path / "0001.building"
    with run_lock(home):
        note_recordings(home, OLD)
        remove_outdated(tmp_path, NEW, progress=False)
        assert (home / NOTE).exists()
    remove_outdated(tmp_path, NEW, progress=False)
    assert not home.exists()


def test_what_a_kill_has_left_of_a_cache_is_removed(tmp_path: Path) -> None:
    home = cache(tmp_path / "0001", OLD)
    (home / FRAMES_FILE).unlink()
    remove_outdated(tmp_path, NEW, progress=False)
    assert not home.exists()


def test_what_cannot_be_removed_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    home = cache(tmp_path / "0001", OLD)
    monkeypatch.setattr(shutil, "rmtree", refused)
    remove_outdated(tmp_path, NEW, progress=True)
    assert (home / NOTE).exists()


def test_a_training_on_changed_recordings_leaves_one_cache(
    corpus: Path, run: Path, settings: EncoderSettings, tmp_path: Path
) -> None:
    folder = corpus / "derived" / "front-end"
    (first,) = folder.iterdir()
    (first / NOTE).unlink()  # as an older version left it
    assert train("encoder", corpus, tmp_path / "same", settings, progress=False).finished
    assert list(folder.iterdir()) == [first] and (first / NOTE).exists() and not (first / LOCK).exists()
    audio = next(caption.audio for item in Manifest.load(corpus).items for caption in item.captions if caption.audio)
    write_wav(corpus / audio, 0.2 * np.sin(np.arange(16_000) / 5), sample_rate=16_000)
    assert train("encoder", corpus, tmp_path / "changed", settings, progress=False).finished
    (second,) = folder.iterdir()
    assert second.name != first.name and (second / NOTE).exists()
