"""What names of espeak-ng say of who speaks, and how evenly other voices stand for them."""

from collections import Counter

import pytest

from speech2img.corpora.records.voices import ENGLISH_VOICES
from speech2img.tts.casting import Speaker, espeak_speaker, stand_in


@pytest.mark.parametrize(
    ("voice", "speaker"),
    [
        ("en-us", Speaker("en", False, False, False)),
        ("en-us+f3", Speaker("en", True, False, False)),
        ("en-gb-x-rp+whisperf", Speaker("en", True, True, False)),
        ("en-gb-scotland+whisper", Speaker("en", False, True, True)),
        ("en-us-nyc+belinda", Speaker("en", True, False, True)),
        ("cmn", Speaker("cmn", False, False, False)),
    ],
)
def test_a_name_of_espeak_says_who_speaks(voice: str, speaker: Speaker) -> None:
    assert espeak_speaker(voice) == speaker


@pytest.mark.parametrize("voice", ["af_sky", "baidu-4", "tacotron2", "", "en us", "EN-US", "en+"])
def test_any_other_name_says_nothing(voice: str) -> None:
    assert espeak_speaker(voice) is None


def test_the_same_name_is_always_the_same_voice_and_all_have_their_turn() -> None:
    voices = [f"v{number}" for number in range(9)]
    chosen = [stand_in(name, voices) for name in ENGLISH_VOICES.training]
    assert chosen == [stand_in(name, voices) for name in ENGLISH_VOICES.training]
    assert set(chosen) == set(voices) and max(Counter(chosen).values()) <= 4
    assert stand_in("xx+unheard-of", voices) in voices
    assert {stand_in(name, ["only"]) for name in ("en", "xx", "\ud800")} == {"only"}
