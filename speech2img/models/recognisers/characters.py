"""Texts as numbers of characters and back: the published table of 34, and one of an alphabet of one's own."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal

Form = Literal["corrected", "published"]
PAD, UNKNOWN, START, END = range(4)
NUM_MARKS = 4
"""Numbers that stand for no character: padding, unknown, start, end."""
PUBLISHED_MARKS = "-#<>"
"""What the published table has in their places: each is a character of the text as well."""
PUBLISHED_ALPHABET = "abcdefghijklmnopqrstuvwxyz .,?"
ALPHABET = " abcdefghijklmnopqrstuvwxyz'-"
"""Default alphabet: letters, blank, apostrophe and hyphen."""
PUBLISHED_LENGTH = 198
_SAME = str.maketrans({"\u2019": "'", "\u2018": "'", "\u2010": "-", "\u2011": "-", "\u2013": "-", "\u2014": "-"})


class CharacterTable:
    """Numbers of characters.

    Parameters
    ----------
    alphabet : str
        Characters in the order of their numbers, from 4 on; each once, in lower case, the blank among them.
    form : {"corrected", "published"}
        Published (Keras example ``transformer_asr``): what is not in the table becomes ``#``; ``-``, ``<``, ``>`` of a
        text become padding, start and end. Corrected: accents are taken off, typographic apostrophes and dashes
        become plain ones, and what is not in the alphabet becomes a blank; of several blanks one is left.

    Raises
    ------
    ValueError
        If the alphabet has no blank, a character twice, or a capital.
    """

    def __init__(self, alphabet: str = ALPHABET, *, form: Form = "corrected") -> None:
        if len(set(alphabet)) != len(alphabet) or alphabet != alphabet.lower() or " " not in alphabet:
            raise ValueError(f"the alphabet {alphabet!r:.60} must have a blank, and each character once in lower case")
        # Numbers behind those of the marks.
        self.alphabet, self.form = alphabet, form
        self._numbers = {character: NUM_MARKS + place for place, character in enumerate(alphabet)}

    def __len__(self) -> int:
        """Classes: characters and marks."""
        return NUM_MARKS + len(self.alphabet)

    def normalise(self, text: str) -> str:
        """The text as it can be written with this table; for the published form in lower case only."""
        text = text.lower()
        if self.form == "published":
            return text
        # Accents become marks of their own, which are left out; all else that is unknown becomes a blank.
        plain = unicodedata.normalize("NFKD", text.translate(_SAME))
        letters = (character for character in plain if not unicodedata.combining(character))
        return " ".join("".join(letter if letter in self._numbers else " " for letter in letters).split())

    def encode(self, text: str) -> list[int]:
        """Numbers of a text between start and end.

        Parameters
        ----------
        text : str
            Any; the published form reads 198 characters of it.
        """
        text = self.normalise(text)
        if self.form == "published":
            # Marks are found as characters of the text too, before letters of the same sign.
            marks = {mark: number for number, mark in enumerate(PUBLISHED_MARKS)}
            known = marks | self._numbers
            return [START, *(known.get(letter, UNKNOWN) for letter in text[:PUBLISHED_LENGTH]), END]
        return [START, *(self._numbers[letter] for letter in text), END]

    def decode(self, numbers: Iterable[int]) -> str:
        """Text of numbers up to the first end; marks are left out, the unknown one is ``#`` in the published form.

        Parameters
        ----------
        numbers : iterable of int
            0 to ``len(self) - 1``, with or without a start.
        """
        # What stands behind the first end is no text.
        letters = []
        for number in numbers:
            if number == END:
                break
            if number >= NUM_MARKS:
                letters.append(self.alphabet[number - NUM_MARKS])
            elif number == UNKNOWN and self.form == "published":
                letters.append(PUBLISHED_MARKS[UNKNOWN])
        return "".join(letters).strip()


def published_table() -> CharacterTable:
    """The published table of 34: padding ``-``, unknown ``#``, start ``<``, end ``>``, letters, blank, ``. , ?``."""
    return CharacterTable(PUBLISHED_ALPHABET, form="published")


def pad_texts(texts: Sequence[Sequence[int]]) -> list[list[int]]:
    """Rows of one length: shorter ones are filled with `PAD`."""
    longest = max(map(len, texts))
    return [[*text, *[PAD] * (longest - len(text))] for text in texts]
