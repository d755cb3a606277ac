"""The recordings of the package: their table says what is true, and all of them can be heard."""

import soundfile

from speech2img.corpora.songbirds.attributes import ATTRIBUTES, BACKGROUNDS_OF_POSE
from speech2img.corpora.songbirds.captions import WEIGHTS
from speech2img.gallery.recordings_table import FOLDER, TABLE, packaged_recordings
from speech2img.tts.kokoro.voices import HELD_OUT_VOICES

TWELVE = packaged_recordings()
OTHER_HELD_OUT = ("hibari", "piper-", "festival-", "flite-")


def test_there_are_twelve_of_as_many_voices_and_together_they_are_small() -> None:
    assert len(TWELVE) == 12
    assert len({recording.voice.name for recording in TWELVE if recording.voice}) == 12
    files = {path.name for path in FOLDER.iterdir()}
    assert files == {TABLE, *(recording.path.name for recording in TWELVE)}
    assert sum(recording.path.stat().st_size for recording in TWELVE) < 350_000


def test_each_is_speech_of_some_seconds_at_16_khz() -> None:
    for recording in TWELVE:
        samples, rate = soundfile.read(recording.path)
        assert rate == 16_000 and samples.ndim == 1
        assert 3 < len(samples) / rate < 10 and 0.3 < abs(samples).max() <= 1.05, recording.path.name


def test_all_voices_are_held_out_and_their_licences_are_given() -> None:
    for recording in TWELVE:
        voice = recording.voice
        assert voice is not None and voice.licence and voice.credit
        kokoro, _, name = voice.name.partition("-")
        assert name in HELD_OUT_VOICES if kokoro == "kokoro" else voice.name.startswith(OTHER_HELD_OUT)


def test_what_is_said_can_be_drawn_and_is_varied() -> None:
    for recording in TWELVE:
        said = recording.attributes
        assert set(said) <= set(WEIGHTS) and all(value in ATTRIBUTES[name] for name, value in said.items())
        assert said["background"] in BACKGROUNDS_OF_POSE[said["pose"]]
        assert len(said) >= 5
    for name in ("background", "pose", "direction"):
        assert {recording.attributes.get(name) for recording in TWELVE} >= set(ATTRIBUTES[name])
    colors = {value for recording in TWELVE for name, value in recording.attributes.items() if name.endswith("color")}
    assert colors == set(ATTRIBUTES["body_color"])


def test_a_colour_that_is_mentioned_is_a_word_of_the_sentence() -> None:
    for recording in TWELVE:
        for name, value in recording.attributes.items():
            if name.endswith("_color") or name in ("direction", "wing_bars"):
                assert value in recording.text, (recording.path.name, name)
