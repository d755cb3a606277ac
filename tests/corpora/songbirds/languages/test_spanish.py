"""Spanish: every sentence of a few attributes, written by hand; agreement with parts and with pájaro or ave."""

import re

import pytest

TITLES = ("Este pájaro", "El pájaro")
OPENINGS = ("Un pájaro", "Aquí hay un pájaro", "Veo un pájaro", "Hay un pájaro", "Imagina un pájaro")


def test_a_feminine_part(all_sentences):
    assert all_sentences("es", {"crown_color": "red"}) == {
        *(f"{title} tiene {article} corona roja." for title in TITLES for article in ("la", "una")),
        *(f"{opening} {link} corona roja." for opening in OPENINGS for link in ("con una", "con la", "de")),
        "Es un pájaro, su corona es roja.",
        "Una corona roja en un pájaro.",
    }


def test_the_verb_before_its_subject(all_sentences):
    sentences = all_sentences("es", {"leg_color": "yellow", "pose": "swimming", "background": "water"}, count=3000)
    assert sentences == {
        *(
            f"{title} tiene {legs}, {tail}."
            for title in TITLES
            for legs in ("patas amarillas", "las patas amarillas")
            for tail in ("nadando en el agua", "y nada en el agua")
        ),
        *(
            f"{title}, que nada en el agua, tiene {legs}."
            for title in TITLES
            for legs in ("patas amarillas", "las patas amarillas")
        ),
        *(
            f"Nadando en el agua, {title[0].lower()}{title[1:]} tiene {legs}."
            for title in TITLES
            for legs in ("patas amarillas", "las patas amarillas")
        ),
        *(
            f"{opening} {link} patas amarillas, nadando en el agua."
            for opening in OPENINGS
            for link in ("con", "con las", "de")
        ),
        *(f"En el agua nada un pájaro {link} patas amarillas." for link in ("con", "con las", "de")),
        "Es un pájaro, sus patas son amarillas, y nada en el agua.",
        "Un pájaro nada en el agua, y sus patas son amarillas.",
        "Patas amarillas en un pájaro, nadando en el agua.",
    }


def test_without_parts(all_sentences):
    assert all_sentences("es", {"size": "large"}) == {
        "Aquí hay un gran pájaro.",
        "Veo un gran pájaro.",
        "Hay un gran pájaro.",
    }
    assert all_sentences("es", {"size": "small", "background": "water"}) == {
        "Ante el agua se ve un pequeño pájaro.",
        "Aquí hay un pequeño pájaro, ante el agua.",
        "Este pequeño pájaro se ve ante el agua.",
        "Un pequeño pájaro se ve ante el agua.",
    }


def test_what_is_absent(all_sentences):
    assert all_sentences("es", {"eye_ring": "none"}) == {
        *(f"{title} no tiene anillo ocular." for title in TITLES),
        *(f"{opening} sin anillo ocular." for opening in OPENINGS),
        "Es un pájaro, su ojo no tiene anillo.",
    }
    assert {
        "Este pájaro tiene el pecho azul y no tiene anillo ocular.",
        "Un pájaro de pecho azul y sin anillo ocular.",
    } <= all_sentences("es", {"eye_ring": "none", "breast_color": "blue"})


@pytest.mark.parametrize(
    "mentions, expected",
    [
        ({"breast_color": "white"}, "pecho blanco|pecho es blanco"),
        ({"wing_color": "brown"}, "alas marrones|alas son marrones"),
        (
            {"wing_color": "blue", "wing_bars": "yellow"},
            "alas azules con barras amarillas|barras amarillas en las alas azules|alas son azules con barras amarillas",
        ),
        ({"tail_length": "long", "tail_shape": "forked"}, "cola larga y ahorquillada|cola es larga y ahorquillada"),
        (
            {"beak_length": "short", "beak_shape": "hooked", "beak_color": "black"},
            "pico corto, ganchudo y negro|pico es corto, ganchudo y negro",
        ),
        ({"wing_bars": "none", "wing_color": "green"}, "alas verdes (y lisas|sin barras)|verdes y no tienen barras"),
        (
            {"eye_ring": "yellow"},
            "anillo ocular amarillo|anillo amarillo alrededor del ojo|ojo tiene un anillo amarillo",
        ),
    ],
)
def test_agreement(all_sentences, mentions, expected):
    sentences = all_sentences("es", mentions, count=200)
    assert len(sentences) >= 8 and all(re.search(expected, text, re.IGNORECASE) for text in sentences), sentences


def test_ave_is_feminine_after_masculine_articles(all_sentences):
    mentions = {"size": "small", "body_color": "red", "pose": "perched"}
    sentences = all_sentences("es", mentions, count=3000, plain_share=0.5)
    of_ave = [text for text in sentences if re.search(r"\bave\b", text)]
    assert len(of_ave) > 20
    for text in of_ave:
        assert re.search("(pequeña|diminuta|minúscula) ave", text), text
        assert not re.search(r"posado|sentado|\b(este|un|el) (pequeñ|diminut|minúscul)\w+ ave", text), text
    plain = all_sentences("es", {"beak_color": "red", "pose": "perched"}, count=3000, plain_share=0.5)
    assert any("un ave" in text.lower() for text in plain) and any("El ave" in text for text in plain)
    assert any("Esta ave" in text for text in plain) and any("posada" in text for text in plain)
    assert not any(re.search(r"\b(una|la|este) ave\b", text, re.IGNORECASE) for text in plain)
