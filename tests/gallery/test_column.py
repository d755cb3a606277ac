"""One column: what a model makes of recordings is what it makes of each, and a bad one changes nothing for the rest."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from speech2img.gallery.column import make_column
from speech2img.gallery.recordings_table import packaged_recordings
from speech2img.pipeline import SpeechToImage

PATHS = [recording.path for recording in packaged_recordings()[:3]]


@pytest.fixture(scope="module")
def pipe(tmp_path_factory: pytest.TempPathFactory, make_release: Callable[..., Path]) -> SpeechToImage:
    return SpeechToImage.load(make_release(tmp_path_factory.mktemp("model") / "tiny"), device="cpu")


def _refuse(error: Exception) -> None:
    raise error


def test_images_are_those_of_the_model_with_noise_of_their_own(pipe: SpeechToImage) -> None:
    column = make_column(pipe, PATHS, seed=4, num_images=2, on_error=_refuse)
    assert (column.model, column.weights_sha256, column.image_size) == (pipe.name, pipe.weights_sha256, 128)
    assert list(column.images) == [0, 1, 2] and column.confidence == {}
    for place, path in enumerate(PATHS):
        wanted = pipe.generate(pipe.encode(path), seed=4, num_images=2, first_index=place)[0]
        assert np.abs(column.images[place].astype(int) - wanted).max() <= 1
    assert np.abs(column.images[0][0].astype(int) - column.images[0][1]).max() > 1


def test_a_bad_recording_is_named_and_leaves_the_others_as_they_were(pipe: SpeechToImage, tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"these are words")
    errors: list[str] = []
    whole = make_column(pipe, PATHS, on_error=_refuse)
    column = make_column(pipe, [PATHS[0], bad, PATHS[2]], on_error=lambda error: errors.append(str(error)))
    assert len(errors) == 1 and "bad.wav" in errors[0]
    assert sorted(column.images) == [0, 2]
    for place in (0, 2):
        assert np.abs(column.images[place].astype(int) - whole.images[place]).max() <= 1


def test_nothing_that_can_be_heard_is_an_empty_column(pipe: SpeechToImage, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"")
    errors: list[Exception] = []
    column = make_column(pipe, [tmp_path / "bad.wav"], on_error=errors.append)
    assert column.images == {} and len(errors) == 1
