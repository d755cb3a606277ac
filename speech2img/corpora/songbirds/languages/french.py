"""French captions: two genders and numbers, adjectives before and after the noun, elision and contracted articles."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from speech2img.corpora.records.voices import cast
from speech2img.corpora.songbirds.languages.french_words import (
    ADJECTIVES,
    COLORS,
    DIRECTIONS,
    NOUNS,
    PLACES,
    PLAIN,
    POSES,
    SCENES,
    SEEN,
)
from speech2img.corpora.songbirds.languages.romance import Adjective, Noun
from speech2img.corpora.songbirds.languages.sentence import Language, Sentence, as_sentence, join_with

_VOWELS = "aeiouyâéèêëîïôûœ"
_ARTICLES: Mapping[str, tuple[str, str, str]] = {
    "un": ("un", "une", "des"),
    "le": ("le", "la", "les"),
    "à": ("au", "à la", "aux"),
    "son": ("son", "sa", "ses"),
}
"""Masculine, feminine, plural."""
_BEFORE_VOWEL: Mapping[str, str] = {
    "le": "l'",
    "la": "l'",
    "au": "à l'",
    "à la": "à l'",
    "sa": "son",
    "ce": "cet",
    "de": "d'",
}


@dataclass(frozen=True)
class _Phrase:
    """A noun with what describes it."""

    noun: Noun
    adjectives: tuple[Adjective, ...] = ()
    after: str = ""
    """What follows: "à barres blanches"."""
    indefinite: bool = False
    """Whether it takes no definite article."""

    def write(self, article: str) -> str:
        """Put an article before it: "un", "le", "à" (with the definite one), "son", or "" for none."""
        if self.indefinite and article in ("le", "à"):
            article = "un"
        form = 2 if self.noun.plural else int(self.noun.gender == "f")
        ahead = [a for a in self.adjectives if a.before and article != "le"]  # "un long bec", but "a le bec long"
        words = [a.agree(self.noun) for a in ahead] + [self.noun.text]
        behind = [a.agree(self.noun) for a in self.adjectives if a not in ahead]
        text = " ".join([*words, *([join_with(behind, "et")] if behind else []), *([self.after] if self.after else [])])
        return _before(_ARTICLES[article][form], text) if article else text

    def write_this(self, word: str) -> str:
        """As "cet oiseau", "ce petit oiseau", "l'oiseau"; the bird is masculine in all its names."""
        return _before(word, self.write(""))


def _before(word: str, text: str) -> str:
    """Put a small word before a text, in the form that its first letter asks for."""
    if text[0] in _VOWELS:
        word = _BEFORE_VOWEL.get(word, word)
    return f"{word}{text}" if word.endswith("'") else f"{word} {text}"


def write_french(mentions: Mapping[str, str], rng: random.Random, plain_share: float) -> str:
    """Put attributes into one French sentence."""
    return as_sentence(_FrenchSentence(mentions, rng, plain_share).write())


class _FrenchSentence(Sentence):
    def _adjective(self, name: str) -> Adjective:
        return self.synonym(ADJECTIVES.get(name, COLORS)[self.said[name]])

    def _noun(self, part: str) -> Noun:
        return self.synonym(NOUNS[part])

    def write(self) -> str:
        """The sentence without its full stop."""
        bird = _Phrase(self._noun("bird"), tuple(self._adjective(name) for name in self.of_bird()))
        described = [self._describe(part) for part in self.parts()]
        predicates = self._predicates()
        verbs = " et ".join(verb for verb, _ in predicates)
        beside = " et ".join(words for _, words in predicates)
        if not described:
            return self._frame_without_parts(bird, verbs, beside)
        return self._frame(bird, [one[0] for one in described], [one[1] for one in described], verbs, beside)

    def _frame(self, bird: _Phrase, parts: Sequence[_Phrase], clauses: Sequence[str], verbs: str, beside: str) -> str:
        # The bird and its parts.
        this, a_bird = bird.write_this(self.rng.choice(("ce", "le"))), bird.write("un")
        article = self.rng.choice(("un", "le"))
        has = f"a {join_with([part.write(article) for part in parts], 'et')}"
        indefinite = join_with([part.write("un") for part in parts], "et")
        with_parts = f"avec {indefinite}"
        if not any(part.indefinite for part in parts) and self.rng.random() < 0.5:
            with_parts = join_with([part.write("à") for part in parts], "et")
        # What it does.
        tail = f", {beside}" if beside else ""
        and_he = f", et il {verbs}" if verbs else ""
        # Frames of a sentence; every one says all that is to be said.
        frames = [
            f"{this} {has}{and_he}",
            f"{a_bird} {with_parts}{tail}",
            f"{self.rng.choice(('voici', 'je vois', 'il y a', 'imagine'))} {a_bird} {with_parts}{tail}",
            f"{this} {has}{tail}",
            f"c'est {a_bird}, {join_with(clauses, 'et')}{and_he}",
            f"{indefinite} chez {a_bird}{tail}",
        ]
        if verbs:
            frames += [
                f"{beside}, {this} {has}",
                f"{a_bird} {verbs}, et {join_with(clauses, 'et')}",
                f"{this}, qui {verbs}, {has}",
            ]
        return self.rng.choice(frames)

    def _frame_without_parts(self, bird: _Phrase, verbs: str, beside: str) -> str:
        a_bird = bird.write("un")
        if not verbs:
            return f"{self.rng.choice(('voici', 'je vois', 'ceci est'))} {a_bird}"
        this = bird.write_this("ce")
        return self.rng.choice((f"{a_bird} {verbs}", f"{this} {verbs}", f"voici {a_bird}, {beside}"))

    def _describe(self, part: str) -> tuple[_Phrase, str]:
        """A part as a phrase ("calotte rouge") and as a clause ("sa calotte est rouge")."""
        if part == "wing":
            return self._wings()
        if part == "eye":
            return self._eye()
        noun = self._noun(part)
        adjectives = tuple(self._adjective(name) for name in self.of_part(part))
        verb = "sont" if noun.plural else "est"
        clause = f"{_Phrase(noun).write('son')} {verb} {join_with([one.agree(noun) for one in adjectives], 'et')}"
        return _Phrase(noun, adjectives), clause

    def _wings(self) -> tuple[_Phrase, str]:
        # Colour alone.
        wings = self._noun("wing")
        colors = (self._adjective("wing_color"),) if "wing_color" in self.said else ()
        are = f"ses ailes sont {colors[0].agree(wings)}" if colors else ""
        bars = self.said.get("wing_bars")
        if bars is None:
            return _Phrase(wings, colors), are
        # Without bars.
        marks = self._noun("bars")
        if bars == "none":
            without = self.rng.choice((_Phrase(wings, (*colors, PLAIN)), _Phrase(wings, colors, f"sans {marks.text}")))
            return without, f"{are} et n'ont pas de {marks.text}" if are else f"ses ailes n'ont pas de {marks.text}"
        # With bars.
        color = self.synonym(COLORS[bars])
        striped = _Phrase(marks, (color,)).write("")
        behind = self.rng.choice((f"à {striped}", f"avec des {striped}", f"barrées {_of(color)}"))
        phrase = self.rng.choice(
            (
                _Phrase(wings, colors, behind),
                _Phrase(marks, (color,), f"sur {_Phrase(wings, colors).write('le')}", indefinite=True),
            )
        )
        return phrase, f"{are} à {striped}" if are else f"ses ailes ont des {striped}"

    def _eye(self) -> tuple[_Phrase, str]:
        eye, ring = self._noun("eye"), self._noun("ring")
        if self.said["eye_ring"] == "none":
            return _Phrase(eye, (), f"sans {ring.text}"), f"son œil n'a {_no(ring)}"
        color = self.synonym(COLORS[self.said["eye_ring"]])
        phrase = self.rng.choice(
            (_Phrase(eye, (), f"cerclé {_of(color)}"), _Phrase(ring, (color,), "autour de l'œil", indefinite=True))
        )
        return phrase, f"son œil est cerclé {_of(color)}"

    def _predicates(self) -> list[tuple[str, str]]:
        """What the bird does and where it looks: each as a verb after its subject, and beside a noun."""
        pose, background, direction = (self.said.get(name) for name in ("pose", "background", "direction"))
        pieces = []
        if pose:
            place = f" {self.synonym(PLACES[pose][background])}" if background else ""
            pieces += [(f"{verb}{place}", f"{words}{place}") for verb, words in (self.synonym(POSES[pose]),)]
        elif background:
            scene = self.synonym(SCENES[background])
            pieces += [(verb.format(scene), words.format(scene)) for verb, words in (self.synonym(SEEN),)]
        if direction:
            pieces.append(self.synonym(DIRECTIONS[direction]))
        return pieces


def _of(color: Adjective) -> str:
    """As "de blanc", "d'ivoire"."""
    return _before("de", color.forms[0])


def _no(noun: Noun) -> str:
    """As "pas de cercle", "pas d'anneau"."""
    return f"pas {_before('de', noun.text)}"


FRENCH = Language("French", write_french, cast(("fr", "fr-be"), held_out_accents=("fr-ch",)))
