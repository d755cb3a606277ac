"""German captions: three genders, four endings of adjectives, three cases, and the verb in its second or last place."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from speech2img.corpora.records.voices import cast
from speech2img.corpora.songbirds.languages.german_words import (
    ADJECTIVES,
    COLORS,
    DATIVE_PLURALS,
    DIRECTIONS,
    NOUNS,
    PLACES,
    POSES,
    SCENES,
    SEEN,
)
from speech2img.corpora.songbirds.languages.sentence import Language, Sentence, as_sentence, join_with

Case = Literal["nom", "acc", "dat"]

# Endings by case for masculine, feminine, neuter, plural.
_EIN = {"nom": ("", "e", "", "e"), "acc": ("en", "e", "", "e"), "dat": ("em", "er", "em", "en")}
_DIESER = {"nom": ("er", "e", "es", "e"), "acc": ("en", "e", "es", "e"), "dat": ("em", "er", "em", "en")}
_DER = {"nom": ("der", "die", "das", "die"), "acc": ("den", "die", "das", "die"), "dat": ("dem", "der", "dem", "den")}
_STRONG = {"nom": ("er", "e", "es", "e"), "acc": ("en", "e", "es", "e"), "dat": ("em", "er", "em", "en")}
_MIXED = {"nom": ("er", "e", "es", "en"), "acc": ("en", "e", "es", "en"), "dat": ("en", "en", "en", "en")}
_WEAK = {"nom": ("e", "e", "e", "en"), "acc": ("en", "e", "e", "en"), "dat": ("en", "en", "en", "en")}


@dataclass(frozen=True)
class _Phrase:
    """A noun with adjectives, in no case yet."""

    noun: str
    gender: str
    adjectives: tuple[str, ...] = ()
    after: str = ""
    """What follows the noun: "mit weißen Binden"."""
    absent: bool = False
    """Whether the bird has none."""

    def decline(self, case: Case, article: str = "ein") -> str:
        """Put the phrase into a case, after "ein", "dieser", "der", "kein" or "sein"; a plural has no "ein"."""
        column = "mfnp".index(self.gender)
        if article == "ein" and self.gender == "p":
            words, endings = [], _STRONG
        elif article == "der":
            words, endings = [_DER[case][column]], _WEAK
        elif article == "dieser":
            words, endings = [f"dies{_DIESER[case][column]}"], _WEAK
        else:
            words, endings = [f"{article}{_EIN[case][column]}"], _MIXED
        noun = DATIVE_PLURALS.get(self.noun, self.noun) if case == "dat" else self.noun
        words += [f"{adjective}{endings[case][column]}" for adjective in self.adjectives]
        return " ".join([*words, noun, *([self.after] if self.after else [])])


@dataclass(frozen=True)
class _Action:
    """A verb with what belongs to it, in no order yet."""

    verb: str
    before: str = ""
    place: str = ""
    after: str = ""

    def second(self) -> str:
        """After its subject: "sitzt auf einem Ast im Laub"."""
        return _words(self.verb, self.before, self.place, self.after)

    def last(self) -> str:
        """In a subordinate clause: "auf einem Ast im Laub sitzt"."""
        verb, _, reflexive = self.verb.partition(" ")
        return _words(reflexive, self.before, self.place, self.after, verb)

    def inverted(self, subject: str) -> str:
        """After its place: "im Laub sitzt dieser Vogel auf einem Ast"."""
        return _words(self.place, self.verb, subject, self.before, self.after)


def write_german(mentions: Mapping[str, str], rng: random.Random, plain_share: float) -> str:
    """Put attributes into one German sentence."""
    return as_sentence(_GermanSentence(mentions, rng, plain_share).write())


class _GermanSentence(Sentence):
    def _stem(self, name: str) -> str:
        return self.synonym(ADJECTIVES.get(name, COLORS)[self.said[name]])

    def _phrase(self, noun: str, adjectives: list[str], after: str = "") -> _Phrase:
        text, gender = self.synonym(NOUNS[noun])
        return _Phrase(text, gender, tuple(adjectives), after)

    def write(self) -> str:
        """The sentence without its full stop."""
        bird = self._phrase("bird", [self._stem(name) for name in self.of_bird()])
        described = [self._describe(part) for part in self.parts()]
        return self._frame(bird, [phrase for phrase, _ in described], [clause for _, clause in described])

    def _frame(self, bird: _Phrase, parts: list[_Phrase], clauses: list[str]) -> str:
        # The bird, and what it does.
        actions = self._actions()
        this = bird.decline("nom", self.rng.choice(("dieser", "der")))
        main = " und ".join(action.second() for action in actions)
        who = f", der {' und '.join(action.last() for action in actions)}" if actions else ""
        if not parts:
            return self._frame_without_parts(bird, this, actions, main, who)
        # Its parts.
        has = f"{self.rng.choice(('hat', 'trägt'))} {join_with([self._owned(part) for part in parts], 'und')}"
        with_parts, said = self._with(parts), join_with(clauses, "und")
        and_he = f", und er {main}" if main else ""
        # Frames of a sentence; every one says all that is to be said.
        frames = [
            f"{this} {has}{and_he}",
            f"{bird.decline('nom')} {with_parts}{who}",
            f"{self.rng.choice(('hier ist', 'da ist', 'dort ist'))} {bird.decline('nom')} {with_parts}{who}",
            f"{self.rng.choice(('ich sehe', 'man sieht', 'wir sehen'))} {bird.decline('acc')} {with_parts}{who}",
            f"das ist {bird.decline('nom')}, {said}{and_he}",
            f"{join_with([self._owned(part, 'nom') for part in parts], 'und')} bei {bird.decline('dat')}{who}",
        ]
        if actions:
            frames += [
                f"{bird.decline('nom')} {main}, und {said}",
                f"{this}{who}, {has}",
                f"{bird.decline('nom')} {with_parts} {main}",
                self._inverted(actions, f"{bird.decline('nom')} {with_parts}"),
            ]
        return self.rng.choice(frames)

    def _frame_without_parts(self, bird: _Phrase, this: str, actions: list[_Action], main: str, who: str) -> str:
        a_bird = bird.decline("nom")
        if not actions:
            return self.rng.choice((f"hier ist {a_bird}", f"das ist {a_bird}", f"ich sehe {bird.decline('acc')}"))
        return self.rng.choice(
            (f"{a_bird} {main}", f"{this} {main}", f"hier ist {a_bird}{who}", self._inverted(actions, a_bird))
        )

    def _inverted(self, actions: list[_Action], subject: str) -> str:
        first, *others = actions
        begin = first.inverted(subject) if first.place else f"{subject} {first.second()}"
        return " und ".join([begin, *(action.second() for action in others)])

    def _with(self, parts: list[_Phrase]) -> str:
        """The parts after "mit", and what is absent after "ohne"."""
        present = [part.decline("dat") for part in parts if not part.absent]
        absent = [_words(part.noun, part.after) for part in parts if part.absent]
        pieces = [f"mit {join_with(present, 'und')}"] if present else []
        return " und ".join(pieces + [f"ohne {noun}" for noun in absent])

    def _owned(self, part: _Phrase, case: Case = "acc") -> str:
        return part.decline(case, "kein" if part.absent else "ein")

    def _describe(self, part: str) -> tuple[_Phrase, str]:
        """A part as a phrase ("roter Scheitel") and as a clause ("sein Scheitel ist rot")."""
        if part == "wing":
            return self._wings()
        if part == "eye":
            return self._eye()
        stems = [self._stem(name) for name in self.of_part(part)]
        phrase = self._phrase(part, stems)
        return phrase, f"{_own(phrase)} {join_with(stems, 'und')}"

    def _wings(self) -> tuple[_Phrase, str]:
        # Colour alone.
        colors = [self._stem("wing_color")] if "wing_color" in self.said else []
        wings = self._phrase("wing", colors)
        bars = self.said.get("wing_bars")
        clause = f"{_own(wings)} {' '.join(colors)}"
        if bars is None:
            return wings, clause
        # Without bars.
        if bars == "none":
            noun = self._phrase("bars", []).noun
            without = self.rng.choice(
                (
                    _Phrase(wings.noun, "p", ("schlicht", *colors)),
                    _Phrase(wings.noun, "p", tuple(colors), f"ohne {noun}"),
                )
            )
            return without, f"{clause} und haben keine {noun}" if colors else f"seine {wings.noun} haben keine {noun}"
        # With bars, on wings of a colour or of none.
        stem = self.synonym(COLORS[bars])
        marks = self._phrase("bars", [stem])
        if not colors:
            phrase = self.rng.choice(
                (_Phrase(marks.noun, "p", (stem,), "auf den Flügeln"), self._phrase("wing_bars", [stem]))
            )
            return phrase, f"seine {wings.noun} haben {marks.decline('nom')}"
        barred = f"mit {marks.decline('dat')}"
        phrase = self.rng.choice(
            (
                _Phrase(wings.noun, "p", tuple(colors), barred),
                _Phrase(marks.noun, "p", (stem,), f"auf {wings.decline('dat', 'der')}"),
            )
        )
        return phrase, f"{clause} {barred}"

    def _eye(self) -> tuple[_Phrase, str]:
        if self.said["eye_ring"] == "none":
            return _Phrase("Augenring", "m", absent=True), "sein Auge hat keinen Ring"
        stem = self.synonym(COLORS[self.said["eye_ring"]])
        ring = self._phrase("ring", [stem])
        phrase = self.rng.choice((self._phrase("eye_ring", [stem]), _Phrase(ring.noun, "m", (stem,), "um das Auge")))
        return phrase, f"sein Auge hat {ring.decline('acc')}"

    def _actions(self) -> list[_Action]:
        """What the bird does, where, and where it looks."""
        pose, background, direction = (self.said.get(name) for name in ("pose", "background", "direction"))
        actions = []
        if pose:
            place = self.synonym(PLACES[pose][background]) if background else ""
            actions.append(_Action(*self.synonym(POSES[pose]), place))
        elif background:
            verb, after = self.synonym(SEEN)
            actions.append(_Action(verb, "", self.synonym(SCENES[background]), after))
        if direction:
            actions.append(_Action(*self.synonym(DIRECTIONS[direction])))
        return actions


def _words(*pieces: str) -> str:
    return " ".join(piece for piece in pieces if piece)


def _own(phrase: _Phrase) -> str:
    """As "sein Scheitel ist", "seine Beine sind"."""
    verb = "sind" if phrase.gender == "p" else "ist"
    return f"{_Phrase(phrase.noun, phrase.gender).decline('nom', 'sein')} {verb}"


GERMAN = Language("German", write_german, cast(("de",)))
