"""German: every sentence of a few attributes, written by hand; case, gender and number of the others."""

import re

import pytest

TITLES = ("Dieser Vogel", "Der Vogel")


def test_a_masculine_part(all_sentences):
    assert all_sentences("de", {"crown_color": "red"}) == {
        *(f"{title} {verb} einen roten Scheitel." for title in TITLES for verb in ("hat", "trägt")),
        "Ein Vogel mit einem roten Scheitel.",
        "Hier ist ein Vogel mit einem roten Scheitel.",
        "Da ist ein Vogel mit einem roten Scheitel.",
        "Dort ist ein Vogel mit einem roten Scheitel.",
        "Wir sehen einen Vogel mit einem roten Scheitel.",
        "Ich sehe einen Vogel mit einem roten Scheitel.",
        "Man sieht einen Vogel mit einem roten Scheitel.",
        "Das ist ein Vogel, sein Scheitel ist rot.",
        "Ein roter Scheitel bei einem Vogel.",
    }


def test_a_plural_and_the_place_of_the_verb(all_sentences):
    assert all_sentences("de", {"leg_color": "yellow", "pose": "perched", "background": "reeds"}) == {
        *(f"{title} {verb} gelbe Beine, und er sitzt im Schilf." for title in TITLES for verb in ("hat", "trägt")),
        *(f"{title}, der im Schilf sitzt, {verb} gelbe Beine." for title in TITLES for verb in ("hat", "trägt")),
        *(
            f"{begin} mit gelben Beinen, der im Schilf sitzt."
            for begin in (
                "Ein Vogel",
                "Hier ist ein Vogel",
                "Da ist ein Vogel",
                "Ich sehe einen Vogel",
                "Man sieht einen Vogel",
                "Dort ist ein Vogel",
                "Wir sehen einen Vogel",
            )
        ),
        "Das ist ein Vogel, seine Beine sind gelb, und er sitzt im Schilf.",
        "Ein Vogel sitzt im Schilf, und seine Beine sind gelb.",
        "Ein Vogel mit gelben Beinen sitzt im Schilf.",
        "Gelbe Beine bei einem Vogel, der im Schilf sitzt.",
        "Im Schilf sitzt ein Vogel mit gelben Beinen.",
    }


def test_without_parts(all_sentences):
    assert all_sentences("de", {"size": "large"}) == {
        "Das ist ein großer Vogel.",
        "Hier ist ein großer Vogel.",
        "Ich sehe einen großen Vogel.",
    }
    assert all_sentences("de", {"size": "small", "background": "water"}) == {
        "Der kleine Vogel ist vor Wasser zu sehen.",
        "Dieser kleine Vogel ist vor Wasser zu sehen.",
        "Ein kleiner Vogel ist vor Wasser zu sehen.",
        "Hier ist ein kleiner Vogel, der vor Wasser zu sehen ist.",
        "Vor Wasser ist ein kleiner Vogel zu sehen.",
    }


def test_what_is_absent(all_sentences):
    sentences = all_sentences("de", {"eye_ring": "none", "breast_color": "blue"})
    assert {
        "Ein Vogel mit einer blauen Brust und ohne Augenring.",
        "Dieser Vogel hat eine blaue Brust und keinen Augenring.",
        "Kein Augenring und eine blaue Brust bei einem Vogel.",
        "Das ist ein Vogel, seine Brust ist blau und sein Auge hat keinen Ring.",
    } <= sentences
    assert not any("mit ohne" in text or "mit kein" in text for text in sentences)


@pytest.mark.parametrize(
    "mentions, expected",
    [
        ({"breast_color": "green"}, "eine grüne Brust|einer grünen Brust|seine Brust ist grün"),
        (
            {"body_color": "black"},
            "schwarzer Vogel|schwarze Vogel|schwarzen Vogel|schwarzen Körper|schwarzer Körper|Körper ist schwarz",
        ),
        (
            {"beak_length": "short", "beak_shape": "pointed", "beak_color": "red"},
            "einen kurzen spitzen roten Schnabel|einem kurzen spitzen roten Schnabel|kurzer spitzer roter Schnabel"
            "|Schnabel ist kurz, spitz und rot",
        ),
        (
            {"wing_color": "blue", "wing_bars": "white"},
            "[Bb]laue Flügel mit weißen Streifen|blauen Flügeln mit weißen Streifen|[Ww]eiße Streifen auf den "
            "blauen Flügeln"
            "|weißen Streifen auf den blauen Flügeln|Flügel sind blau mit weißen Streifen",
        ),
        ({"tail_shape": "forked", "direction": "right"}, "gegabelte[nr] Schwanz|Schwanz ist gegabelt"),
    ],
)
def test_agreement(all_sentences, mentions, expected):
    sentences = all_sentences("de", mentions, count=200)
    assert len(sentences) >= 10
    assert all(re.search(expected, text, re.IGNORECASE) for text in sentences), sentences


def test_neuter_and_reflexive(all_sentences):
    sentences = all_sentences("de", {"body_color": "red", "background": "snow"}, count=1500, plain_share=0.3)
    assert any("ein rotes Gefieder" in text for text in sentences)
    assert any("einem roten Gefieder" in text for text in sentences)
    assert not any("roter Gefieder" in text or "roten Gefieder, " in text and " mit ein " in text for text in sentences)
    assert any(re.search("der sich vor (dem )?Schnee zeigt", text) for text in sentences)
    assert any(re.search("^Vor (dem )?Schnee zeigt sich ein", text) for text in sentences)
