"""French: every sentence of a few attributes, written by hand; agreement, elision and contraction in the others."""

import re

import pytest

TITLES = ("Cet oiseau", "L'oiseau")
OPENINGS = ("Un oiseau", "Voici un oiseau", "Je vois un oiseau", "Il y a un oiseau", "Imagine un oiseau")


def test_a_feminine_part(all_sentences):
    assert all_sentences("fr", {"crown_color": "red"}) == {
        *(f"{title} a {article} calotte rouge." for title in TITLES for article in ("la", "une")),
        *(f"{opening} {link} calotte rouge." for opening in OPENINGS for link in ("avec une", "à la")),
        "C'est un oiseau, sa calotte est rouge.",
        "Une calotte rouge chez un oiseau.",
    }


def test_a_plural_and_a_place(all_sentences):
    here = "perché parmi les roseaux"
    assert all_sentences("fr", {"leg_color": "yellow", "pose": "perched", "background": "reeds"}, count=2000) == {
        *(
            f"{title} a {article} pattes jaunes, {tail}."
            for title in TITLES
            for article in ("les", "des")
            for tail in (here, f"et il est {here}")
        ),
        *(f"{title}, qui est {here}, a {article} pattes jaunes." for title in TITLES for article in ("les", "des")),
        *(
            f"P{here[1:]}, {title[0].lower()}{title[1:]} a {article} pattes jaunes."
            for title in TITLES
            for article in ("les", "des")
        ),
        *(f"{opening} {link} pattes jaunes, {here}." for opening in OPENINGS for link in ("avec des", "aux")),
        f"C'est un oiseau, ses pattes sont jaunes, et il est {here}.",
        f"Un oiseau est {here}, et ses pattes sont jaunes.",
        f"Des pattes jaunes chez un oiseau, {here}.",
    }


def test_without_parts(all_sentences):
    assert all_sentences("fr", {"size": "small"}) == {
        "Voici un petit oiseau.",
        "Je vois un petit oiseau.",
        "Ceci est un petit oiseau.",
    }
    assert all_sentences("fr", {"size": "large", "background": "sky"}) == {
        "Un grand oiseau se trouve devant le ciel.",
        "Ce grand oiseau se trouve devant le ciel.",
        "Voici un grand oiseau, devant le ciel.",
    }


@pytest.mark.parametrize(
    "mentions, expected",
    [
        ({"breast_color": "white"}, "(une|la|à la) poitrine blanche|poitrine est blanche"),
        ({"belly_color": "white"}, "(un|le|au) ventre blanc|ventre est blanc"),
        ({"wing_color": "brown"}, "(des|les|aux) ailes brunes|ailes sont brunes"),
        ({"wing_color": "orange"}, "(des|les|aux) ailes orange[ .,]|ailes sont orange[.,]"),
        ({"tail_length": "long"}, "(une|à la) longue queue|la queue longue|queue est longue"),
        (
            {"beak_length": "short", "beak_shape": "hooked", "beak_color": "black"},
            "(un|le|au) bec court, crochu et noir|bec est court, crochu et noir",
        ),
        ({"eye_ring": "yellow"}, "œil cerclé de jaune|un cercle jaune autour de l'œil|œil est cerclé de jaune"),
        ({"eye_ring": "none"}, "(un|l'|à l')( )?œil sans cercle|œil n'a pas de cercle"),
        (
            {"wing_bars": "none", "wing_color": "green"},
            "ailes vertes (et unies|sans barres)|vertes et n'ont pas de barres",
        ),
        (
            {"body_color": "blue", "size": "small"},
            "petit oiseau bleu|petit oiseau.*corps.* bleu|corps bleu.*petit oiseau",
        ),
    ],
)
def test_agreement(all_sentences, mentions, expected):
    sentences = all_sentences("fr", mentions, count=200)
    assert len(sentences) >= 3 and all(re.search(expected, text, re.IGNORECASE) for text in sentences), sentences


def test_elision_and_contraction(all_sentences):
    mentions = {"belly_color": "white", "wing_bars": "white", "eye_ring": "none", "background": "water"}
    sentences = all_sentences("fr", mentions, count=3000, plain_share=0.3)
    assert any("à l'abdomen" in text or "l'abdomen" in text for text in sentences)
    assert any("son abdomen est" in text for text in sentences)
    assert any("d'ivoire" in text for text in sentences) and any("pas d'anneau" in text for text in sentences)
    wrong = r"\b(le|la|de|ce|sa) [aeiouyéèêœ]|\bà les?\b|\bde les?\b|\bce oiseau|\bde d'|'\s"
    assert not [text for text in sentences if re.search(wrong, text)]


def test_synonyms_that_never_change(all_sentences):
    sentences = all_sentences("fr", {"wing_color": "yellow", "pose": "flying"}, count=2000, plain_share=0.0)
    assert any("ailes jaune citron" in text for text in sentences)
    assert not any(re.search("jaunes citron|jaune citrons|canaris", text) for text in sentences)
