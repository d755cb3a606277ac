"""Spanish captions: two genders (also of the bird: pájaro, ave) and numbers, and verbs before their subjects."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from speech2img.corpora.records.voices import cast
from speech2img.corpora.songbirds.languages.romance import Adjective, Noun
from speech2img.corpora.songbirds.languages.sentence import Language, Sentence, as_sentence, join_with
from speech2img.corpora.songbirds.languages.spanish_words import (
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

_ARTICLES: Mapping[str, tuple[str, str, str, str]] = {
    "un": ("un", "una", "", ""),
    "el": ("el", "la", "los", "las"),
    "su": ("su", "su", "sus", "sus"),
    "este": ("este", "esta", "estos", "estas"),
}
"""For each form of an adjective; a plural goes without "un"."""


@dataclass(frozen=True)
class _Phrase:
    """A noun with what describes it."""

    noun: Noun
    adjectives: tuple[Adjective, ...] = ()
    after: str = ""
    """What follows: "con barras blancas"."""

    def write(self, article: str = "") -> str:
        """Put an article before it: "un", "el", "su", "este", or none."""
        ahead = [one.agree(self.noun) for one in self.adjectives if one.before]
        behind = [one.agree(self.noun) for one in self.adjectives if not one.before]
        word = _ARTICLES[article][self.noun.form] if article else ""
        if self.noun.text == "ave" and not ahead:  # a stressed a takes the masculine article
            word = {"una": "un", "la": "el"}.get(word, word)
        described = [join_with(behind, "y")] if behind else []
        return _words(word, *ahead, self.noun.text, *described, self.after)


@dataclass(frozen=True)
class _Predicate:
    """What the bird does: a verb with its complement, its place, and the same beside a noun."""

    verb: str
    complement: str
    beside: str
    place: str = ""

    def after_subject(self) -> str:
        """As "está posado en una rama entre las hojas"."""
        return _words(self.verb, self.complement, self.place)

    def beside_noun(self) -> str:
        """As "posado en una rama entre las hojas"."""
        return _words(self.beside, self.place)


def write_spanish(mentions: Mapping[str, str], rng: random.Random, plain_share: float) -> str:
    """Put attributes into one Spanish sentence."""
    return as_sentence(_SpanishSentence(mentions, rng, plain_share).write())


class _SpanishSentence(Sentence):
    def _adjective(self, name: str) -> Adjective:
        return self.synonym(ADJECTIVES.get(name, COLORS)[self.said[name]])

    def write(self) -> str:
        """The sentence without its full stop."""
        bird = _Phrase(self.synonym(NOUNS["bird"]), tuple(self._adjective(name) for name in self.of_bird()))
        ringless = self.said.get("eye_ring") == "none"
        described = [self._describe(part) for part in self.parts() if not (part == "eye" and ringless)]
        predicates = self._predicates(bird.noun)
        if not described and not ringless:
            return self._frame_without_parts(bird, predicates)
        clauses = [clause for _, clause in described] + (["su ojo no tiene anillo"] if ringless else [])
        return self._frame(bird, [phrase for phrase, _ in described], clauses, predicates, ringless)

    def _frame(
        self,
        bird: _Phrase,
        parts: Sequence[_Phrase],
        clauses: Sequence[str],
        predicates: Sequence[_Predicate],
        ringless: bool,
    ) -> str:
        # The bird, and what it does.
        this, a_bird = bird.write(self.rng.choice(("este", "el"))), bird.write("un")
        verbs = " y ".join(one.after_subject() for one in predicates)
        beside = " y ".join(one.beside_noun() for one in predicates)
        # Its parts; what it lacks stands behind them.
        article = self.rng.choice(("un", "el"))
        owned = [f"tiene {join_with([part.write(article) for part in parts], 'y')}"] if parts else []
        has = " y ".join(owned + ["no tiene anillo ocular"] * ringless)
        preposition, article = self.rng.choice((("con", "un"), ("con", "el"), ("de", "")))
        shown = [f"{preposition} {join_with([part.write(article) for part in parts], 'y')}"] if parts else []
        with_parts = " y ".join(shown + ["sin anillo ocular"] * ringless)
        said = join_with(clauses, "y")
        tail = f", {beside}" if beside else ""
        # Frames of a sentence; every one says all that is to be said.
        frames = [
            f"{this} {has}{f', y {verbs}' if verbs else ''}",
            f"{a_bird} {with_parts}{tail}",
            f"{self.rng.choice(('aquí hay', 'veo', 'hay', 'imagina'))} {a_bird} {with_parts}{tail}",
            f"{this} {has}{tail}",
            f"es {a_bird}, {said}{f', y {verbs}' if verbs else ''}",
        ]
        if parts and not ringless:
            frames.append(f"{join_with([part.write('un') for part in parts], 'y')} en {a_bird}{tail}")
        if predicates:
            frames += [
                f"{beside}, {this} {has}",
                f"{a_bird} {verbs}, y {said}",
                self._inverted(predicates, f"{a_bird} {with_parts}"),
                f"{this}, que {verbs}, {has}",
            ]
        return self.rng.choice(frames)

    def _frame_without_parts(self, bird: _Phrase, predicates: Sequence[_Predicate]) -> str:
        a_bird, this = bird.write("un"), bird.write("este")
        if not predicates:
            return f"{self.rng.choice(('aquí hay', 'veo', 'hay'))} {a_bird}"
        verbs = " y ".join(one.after_subject() for one in predicates)
        beside = " y ".join(one.beside_noun() for one in predicates)
        return self.rng.choice(
            (f"{a_bird} {verbs}", f"{this} {verbs}", f"aquí hay {a_bird}, {beside}", self._inverted(predicates, a_bird))
        )

    def _inverted(self, predicates: Sequence[_Predicate], subject: str) -> str:
        """The verb before its subject: "en el agua nada un pájaro rojo"."""
        first, *others = predicates
        begin = _words(first.place, first.verb, first.complement, subject)
        return " y ".join([begin, *(one.after_subject() for one in others)])

    def _describe(self, part: str) -> tuple[_Phrase, str]:
        """A part as a phrase ("corona roja") and as a clause ("su corona es roja")."""
        if part == "wing":
            return self._wings()
        if part == "eye":
            return self._eye()
        noun = self.synonym(NOUNS[part])
        adjectives = tuple(self._adjective(name) for name in self.of_part(part))
        verb = "son" if noun.plural else "es"
        clause = f"{_Phrase(noun).write('su')} {verb} {join_with([one.agree(noun) for one in adjectives], 'y')}"
        return _Phrase(noun, adjectives), clause

    def _wings(self) -> tuple[_Phrase, str]:
        # Colour alone.
        wings, marks = self.synonym(NOUNS["wing"]), self.synonym(NOUNS["bars"])
        colors = (self._adjective("wing_color"),) if "wing_color" in self.said else ()
        are = f"sus alas son {colors[0].agree(wings)}" if colors else ""
        bars = self.said.get("wing_bars")
        if bars is None:
            return _Phrase(wings, colors), are
        # Without bars.
        if bars == "none":
            without = self.rng.choice((_Phrase(wings, (*colors, PLAIN)), _Phrase(wings, colors, f"sin {marks.text}")))
            return without, f"{are} y no tienen {marks.text}" if are else f"sus alas no tienen {marks.text}"
        # With bars.
        color = self.synonym(COLORS[bars])
        striped = _Phrase(marks, (color,)).write()
        phrase = self.rng.choice(
            (
                _Phrase(wings, colors, f"con {striped}"),
                _Phrase(marks, (color,), f"en {_Phrase(wings, colors).write('el')}"),
            )
        )
        return phrase, f"{are} con {striped}" if are else f"sus alas tienen {striped}"

    def _eye(self) -> tuple[_Phrase, str]:
        ring, color = self.synonym(NOUNS["ring"]), self.synonym(COLORS[self.said["eye_ring"]])
        phrase = self.rng.choice(
            (_Phrase(Noun(f"{ring.text} ocular", "m"), (color,)), _Phrase(ring, (color,), "alrededor del ojo"))
        )
        return phrase, f"su ojo tiene {_Phrase(ring, (color,)).write('un')}"

    def _predicates(self, bird: Noun) -> list[_Predicate]:
        """What the bird does and where it looks; participles agree with the bird."""
        pose, background, direction = (self.said.get(name) for name in ("pose", "background", "direction"))
        ending = "a" if bird.gender == "f" else "o"
        predicates = []
        if pose:
            place = self.synonym(PLACES[pose][background]) if background else ""
            predicates.append(_agreeing(self.synonym(POSES[pose]), ending, place))
        elif background:
            verb, preposition = self.synonym(SEEN)
            predicates.append(_Predicate(verb, "", "", f"{preposition} {self.synonym(SCENES[background])}"))
        if direction:
            predicates.append(_agreeing(self.synonym(DIRECTIONS[direction]), ending))
        return predicates


def _agreeing(words: tuple[str, str, str], ending: str, place: str = "") -> _Predicate:
    verb, complement, beside = (text.replace("*", ending) for text in words)
    return _Predicate(verb, complement, beside, place)


def _words(*pieces: str) -> str:
    return " ".join(piece for piece in pieces if piece)


SPANISH = Language("Spanish", write_spanish, cast(("es",), held_out_accents=("es-419",)))
