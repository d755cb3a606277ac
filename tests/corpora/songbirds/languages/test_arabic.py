"""Arabic: every sentence of a few attributes, written by hand; gender, article and what is absent of the others."""

import re
import unicodedata

import pytest

from speech2img.corpora.songbirds.languages.arabic import definite

HERE, SEE = ("هُنَا", "هُنَاكَ", "هَذَا"), ("أَرَى", "نَرَى", "أُشَاهِد")
HAS = ("لَهُ", "عِنْدَهُ", "لَدَيْهِ")


def usual(texts):
    """Texts with the signs above each letter in their usual order."""
    return {unicodedata.normalize("NFC", text) for text in texts}


def test_a_masculine_part(all_sentences):
    assert all_sentences("ar", {"beak_color": "red"}) == usual(
        {
            *(f"{bird} {has} مِنْقَار أَحْمَر." for bird in ("طَائِر", "هَذَا الطَّائِر") for has in HAS),
            *(f"{begin} طَائِر {has} مِنْقَار أَحْمَر." for begin in HERE + SEE for has in HAS),
            "لِهَذَا الطَّائِر مِنْقَار أَحْمَر.",
        }
    )


def test_without_parts(all_sentences):
    assert all_sentences("ar", {"size": "large"}) == usual(f"{begin} طَائِر كَبِير." for begin in HERE + SEE)
    assert all_sentences("ar", {"size": "small", "pose": "flying", "background": "sky"}) == usual(
        {
            "طَائِر صَغِير يَطِير فِي السَّمَاء.",
            "هَذَا الطَّائِر الصَّغِير يَطِير فِي السَّمَاء.",
            *(f"{begin} طَائِر صَغِير يَطِير فِي السَّمَاء." for begin in HERE + SEE),
            "يَطِير فِي السَّمَاء طَائِر صَغِير.",
        }
    )


@pytest.mark.parametrize(
    ("mentions", "expected"),
    [
        # Plurals of things are feminine; so are their adjectives, of which there may be several.
        ({"wing_color": "blue"}, "أَجْنِحَة زَرْقَاء"),
        ({"leg_color": "yellow"}, "(أَرْجُل|سِيقَان) صَفْرَاء"),
        ({"beak_length": "short", "beak_shape": "hooked", "beak_color": "black"}, "مِنْقَار قَصِير مَعْقُوف أَسْوَد"),
        ({"crown_color": "white"}, "تَاج أَبْيَض|قُنْزُعَة بَيْضَاء"),
        ({"wing_bars": "none", "wing_color": "green"}, "أَجْنِحَة خَضْرَاء بِلَا (خُطُوط|أَشْرِطَة)"),
        ({"eye_ring": "none"}, "عَيْن بِلَا حَلْقَة"),
        ({"eye_ring": "red"}, "حَلْقَة حَمْرَاء حَوْلَ العَيْن|عَيْن حَوْلَهَا حَلْقَة حَمْرَاء"),
        ({"wing_bars": "white"}, "أَجْنِحَة (عَلَيْهَا|فِيهَا) (خُطُوط|أَشْرِطَة) بَيْضَاء|(خُطُوط|أَشْرِطَة) بَيْضَاء عَلَى أَجْنِحَة"),
        ({"breast_color": "brown", "belly_color": "orange"}, "صَدْر بُنِّيّ وَبَطْن بُرْتُقَالِيّ|بَطْن بُرْتُقَالِيّ وَصَدْر بُنِّيّ"),
    ],
)
def test_agreement(all_sentences, mentions, expected):
    expected = unicodedata.normalize("NFC", expected)
    sentences = all_sentences("ar", mentions, count=200)
    assert len(sentences) >= 10 and all(re.search(expected, text) for text in sentences), sentences


def test_adjectives_of_the_bird_take_its_article(all_sentences):
    sentences = all_sentences("ar", {"size": "small", "body_color": "red", "tail_shape": "forked"})
    pattern = unicodedata.normalize("NFC", "هَذَا ال[^ ]+ الصَّغِير( الأَحْمَر)? |(?<!ال)طَائِر صَغِير( أَحْمَر)? ")
    for text in sentences:
        said = re.search(pattern, text)
        assert said and (said[1] or said[2] or "جِسْم أَحْمَر" in text), text


def test_the_article_doubles_the_letters_that_take_it_up():
    found = {definite(word) for word in ("طَائِر", "عُصْفُور", "أَحْمَر", "ذَيْل")}
    assert usual(found) == usual({"الطَّائِر", "العُصْفُور", "الأَحْمَر", "الذَّيْل"})
