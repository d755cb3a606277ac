"""Which of Kokoro's voices may speak."""

import pytest

from speech2img.errors import ConfigError
from speech2img.tts.kokoro.voices import HELD_OUT_VOICES, TRAINING_VOICES, chosen_voices

ALL = sorted((*TRAINING_VOICES, *HELD_OUT_VOICES))


def test_the_voices_of_training_and_of_measuring_are_all_of_the_english_ones_and_share_none() -> None:
    assert len(ALL) == len(set(ALL)) == 28 and len(HELD_OUT_VOICES) == 8


def test_training_voices_speak_unless_others_are_named() -> None:
    assert chosen_voices(None, ALL) == TRAINING_VOICES == chosen_voices(["training"], ALL)
    assert chosen_voices(None, ["af_sky", "af_heart"]) == ("af_sky",)
    assert chosen_voices(["bm_lewis", "af_sky", "bm_lewis"], ALL) == ("bm_lewis", "af_sky")


@pytest.mark.parametrize("wanted", [["af_heart"], ["held-out"], ["training", "am_puck"]])
def test_held_out_voices_speak_only_where_that_is_allowed(wanted: list[str]) -> None:
    with pytest.raises(ConfigError, match="held out, for measuring only; .*--allow-held-out"):
        chosen_voices(wanted, ALL)
    assert set(chosen_voices(wanted, ALL, allow_held_out=True)) & set(HELD_OUT_VOICES)


def test_where_they_are_allowed_they_speak_beside_the_others() -> None:
    assert chosen_voices(None, ALL, allow_held_out=True) == (*TRAINING_VOICES, *HELD_OUT_VOICES)
    assert chosen_voices(["held-out"], ALL, allow_held_out=True) == HELD_OUT_VOICES


def test_a_name_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(ConfigError, match='"af_skye"; choose from training, held-out, .*af_sky') as caught:
        chosen_voices(["af_skye"], ALL)
    assert "af_heart" not in str(caught.value)
    with pytest.raises(ConfigError, match="names no voice that the model folder has"):
        chosen_voices(["training"], ["af_heart"])
