"""Parts of the page: what visitors and files say is shown as text, never as markup."""

from pathlib import Path

import numpy as np
import pytest

from speech2img.app import cards
from speech2img.app.hearing import HeardSpeech
from speech2img.app.takes import Take
from speech2img.encoded_speech import EncodedSpeech
from speech2img.gallery.recordings_table import packaged_recordings

EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'


def _heard(**given: object) -> HeardSpeech:
    speech = EncodedSpeech(np.zeros((1, 4), np.float32))
    parts = {"wave": np.zeros((2, 10), np.float32), "mel": np.zeros((4, 5), np.float32)}
    return HeardSpeech(speech, 2.5, **{**parts, **given})  # type: ignore[arg-type]


def _take(**given: object) -> Take:
    facts = {"model": "runs/toy", "seed": 7, "num_images": 2, "recording": "recording.wav", "shell": "s", "python": "p"}
    facts |= {"weights_sha256": "a" * 64, "recording_sha256": "b" * 64, "text": None}
    return Take("0" * 32, Path("/tmp/x"), {**facts, **given})


def test_doubts_are_said_and_remarks_are_no_doubts() -> None:
    card = cards.heard_card(
        _heard(remarks=["Silence left out: 1 s.", "Very faint."], confidence=0.123, is_doubtful=True)
    )
    assert "2.5 s · confidence 12%" in card and '<p class="s2i-remarks">Silence left out: 1 s.</p>' in card
    assert "<li>Very faint.</li>" in card and "Hardly a description that this model understands" in card
    assert "s2i-doubts" not in cards.heard_card(_heard()) and "Read as" not in cards.heard_card(_heard())


def test_the_text_of_a_cascade() -> None:
    assert "<q>a red bird</q>" in cards.heard_card(_heard(transcript="a red bird"))


@pytest.mark.parametrize(
    "card",
    [
        cards.message_card(EVIL),
        cards.heard_card(_heard(remarks=[EVIL], transcript=EVIL)),
        cards.pictures_card(_take(text=EVIL, model=EVIL)),
        cards.visit_card([_take(text=EVIL, model=EVIL, shell=EVIL, python=EVIL)], where=EVIL),
    ],
)
def test_no_text_becomes_markup(card: str) -> None:
    assert "<script" not in card and "<img src=x" not in card


def test_pictures_are_links_with_names() -> None:
    card = cards.pictures_card(_take())
    assert f'href="/kept/{"0" * 32}/1.png" download="toy-000000-seed7-1.png"' in card
    assert 'alt="picture 2 of the recording"' in card and "2 pictures by toy, seed 7." in card
    assert "1 picture by toy" in cards.pictures_card(_take(num_images=1))


def test_what_pictures_listened_to_is_folded_below_them() -> None:
    card = cards.attention_card(_take(attention=True))
    assert card.startswith("<details") and card.count("<img") == 2
    assert f'src="/kept/{"0" * 32}/1_attention.png"' in card and 'alt="what picture 2 listened to"' in card
    assert card in cards.visit_card([_take(attention=True)], where="Kept.")
    assert cards.attention_card(_take()) == "" and "listened" not in cards.visit_card([_take()], where="Kept.")


def test_a_visit_is_newest_first_with_one_zip() -> None:
    old, new = _take(text="old"), Take("1" * 32, Path("/tmp/y"), _take(text="new").facts)
    card = cards.visit_card([old, new], where="Kept.")
    assert card.index("new") < card.index("old")
    assert f'href="/kept.zip?take={"0" * 32}&take={"1" * 32}"' in card
    assert f'data-delete="{"1" * 32}"' in card
    assert "What you make appears here" in cards.visit_card([], where="Kept.")


def test_previews_stages_and_places() -> None:
    images = np.zeros((4, 8, 8, 3), np.uint8)
    assert cards.preview_card(images, stage=2).count("<img") == 4
    assert "8 px" in cards.stages_card([images, images]) and cards.stages_card([images]).count("<img") == 1
    assert cards.welcome_card().count("s2i-empty") == 4 and ">Your pictures will be here<" in cards.welcome_card()
    assert '<p role="status">Listening</p>' in cards.welcome_card(said="Listening")


def test_sentences_end() -> None:
    assert ">no end.<" in cards.message_card("no end") and ">an end!<" in cards.message_card("an end!")


def test_examples_play_and_paint() -> None:
    card = cards.examples_card(packaged_recordings())
    assert card.count("<audio") == card.count("data-example=") == 12 and 'src="/examples/01-snow.ogg"' in card
