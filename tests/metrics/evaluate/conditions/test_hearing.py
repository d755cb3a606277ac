"""Recordings in a condition: those that cannot be used are told, and the others keep their places."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from speech2img.audio.inputs import hear
from speech2img.audio.wav import write_wav
from speech2img.encoded_speech import EncodedSpeech
from speech2img.errors import AudioError
from speech2img.metrics.evaluate.conditions.hearing import heard_runs

RATE = 16_000


def encode(recordings: Any, *, on_error: Any) -> np.ndarray:
    """The length of each, in samples."""
    lengths = np.full((len(recordings), 1), np.nan, np.float32)
    for place, recording in enumerate(recordings):
        try:
            lengths[place] = len(hear(recording, sample_rate=RATE).y)
        except AudioError as error:
            on_error(place, error)
    return lengths


def encode_with_frames(recordings: Any, *, on_error: Any) -> EncodedSpeech:
    sentences = encode(recordings, on_error=on_error)
    return EncodedSpeech(sentences, [row[None] for row in sentences])


LISTENERS: list[Any] = [
    SimpleNamespace(needs_frames=False, encode_paths=encode),
    SimpleNamespace(needs_frames=True, encode_speech=encode_with_frames),
]


def recorded(folder: Path, damaged: set[int], count: int = 6) -> list[Any]:
    for row in range(count):
        write_wav(folder / f"{row}.wav", 0.3 * np.sin(np.arange(RATE + row)), sample_rate=RATE)
        if row in damaged:
            (folder / f"{row}.wav").write_bytes(b"RIFF, and no more")
    return [SimpleNamespace(id=f"a/{row}", audio=folder / f"{row}.wav") for row in range(count)]


@pytest.mark.parametrize("condition", ["clean", "faint"])
@pytest.mark.parametrize("listener", LISTENERS)
@pytest.mark.parametrize("damaged", [set(), {0}, {2, 3}, {5}, set(range(6))])
def test_others_keep_their_places(tmp_path: Path, condition: str, listener: Any, damaged: set[int]) -> None:
    told: list[tuple[str, str]] = []
    records = recorded(tmp_path, damaged)

    def tell(record: Any, error: AudioError) -> None:
        told.append((record.id, str(error)))

    found: dict[int, float] = {}
    for rows, speech in heard_runs(listener, condition, records, seed=0, on_error=tell):
        assert rows == list(range(rows[0], rows[0] + len(speech)))
        sentences = speech.sentences if isinstance(speech, EncodedSpeech) else speech
        found |= dict(zip(rows, sentences[:, 0], strict=True))
    assert found == {row: RATE + row for row in set(range(6)) - damaged}
    assert [name for name, _ in told] == [f"a/{row}" for row in sorted(damaged)]
    assert all(f"{name[2:]}.wav" in line for name, line in told)


@pytest.mark.parametrize("condition", ["clean", "faint"])
def test_nobody_to_tell_is_an_error(tmp_path: Path, condition: str) -> None:
    with pytest.raises(AudioError, match=r"3\.wav"):
        list(heard_runs(LISTENERS[0], condition, recorded(tmp_path, {3}), seed=0))
