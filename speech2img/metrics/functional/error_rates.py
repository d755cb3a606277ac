"""Word and character error rates of a recogniser, by minimum edit distance, on texts of a stated normalisation.

Normalisation (`normalised`): compatibility forms (NFKC), lower case, typographic apostrophes plain, every dash and
hyphen a blank, every other character that is neither letter, digit, combining mark nor an apostrophe within a word left
out, blanks collapsed. A word is what stands between blanks; characters are counted with the blanks.
"""

import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

_APOSTROPHES = "'\u2019\u2018"


@dataclass(frozen=True)
class Edits:
    """What turns references into what was written, in the fewest steps."""

    substitutions: int = 0
    """Replaced by another."""
    deletions: int = 0
    """Of the reference, left out."""
    insertions: int = 0
    """Added."""
    length: int = 0
    """Words or characters of the references."""

    @property
    def total(self) -> int:
        """Edits of all kinds: the edit distance."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Edits over the length of the references; may exceed 1. NaN where there is no reference at all."""
        return self.total / self.length if self.length else float("nan")

    def __add__(self, other: "Edits") -> "Edits":
        return Edits(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.length + other.length,
        )


def normalised(text: str) -> str:
    """A text as error rates count it; see the module."""
    # Letters, digits and their marks stay; dashes part words, other signs do not.
    letters = []
    for letter in unicodedata.normalize("NFKC", text).lower():
        kind = unicodedata.category(letter)
        if kind == "Pd" or letter.isspace():
            letters.append(" ")
        elif kind[0] in "LNM":
            letters.append(letter)
        elif letter in _APOSTROPHES:
            letters.append("'")
    # Apostrophes count within words only.
    words = (word.strip("'") for word in "".join(letters).split())
    return " ".join(word for word in words if word)


def edits(reference: Sequence[Hashable], written: Sequence[Hashable]) -> Edits:
    """Fewest substitutions, deletions and insertions that turn a reference into what was written (Levenshtein 1966).

    Parameters
    ----------
    reference, written : sequence
        Of words, characters or anything that can be compared; a text is its characters.

    Returns
    -------
    Edits
        Of several ways of the same length the one with the most substitutions near the end.
    """
    # Distances of all beginnings, row by row; a run of insertions is a running minimum.
    numbers = {symbol: number for number, symbol in enumerate(dict.fromkeys([*reference, *written]))}
    wanted = np.array([numbers[symbol] for symbol in reference], dtype=np.int64)
    given = np.array([numbers[symbol] for symbol in written], dtype=np.int64)
    columns = np.arange(len(given) + 1)
    distance = np.empty((len(wanted) + 1, len(given) + 1), dtype=np.int64)
    distance[0] = columns
    for row, symbol in enumerate(wanted, start=1):
        best = np.empty_like(columns)
        best[0] = row
        best[1:] = np.minimum(distance[row - 1, 1:] + 1, distance[row - 1, :-1] + (given != symbol))
        distance[row] = np.minimum.accumulate(best - columns) + columns

    # Back from the end.
    row, column = len(wanted), len(given)
    substitutions = deletions = insertions = 0
    while row or column:
        here = distance[row, column]
        if row and column and here == distance[row - 1, column - 1] + (wanted[row - 1] != given[column - 1]):
            substitutions += int(wanted[row - 1] != given[column - 1])
            row, column = row - 1, column - 1
        elif row and here == distance[row - 1, column] + 1:
            deletions, row = deletions + 1, row - 1
        else:
            insertions, column = insertions + 1, column - 1
    return Edits(substitutions, deletions, insertions, len(wanted))


def word_edits(references: Iterable[str], written: Iterable[str]) -> Edits:
    """Edits of words over all sentences; its ``rate`` is the WER of the corpus, not the mean of sentences.

    Parameters
    ----------
    references, written : iterable of str
        Texts, in the same order and as many; normalised here.
    """
    pairs = zip(references, written, strict=True)
    return sum((edits(normalised(one).split(), normalised(other).split()) for one, other in pairs), Edits())


def character_edits(references: Iterable[str], written: Iterable[str]) -> Edits:
    """Edits of characters, blanks counted, over all sentences; its ``rate`` is the CER of the corpus."""
    pairs = zip(references, written, strict=True)
    return sum((edits(normalised(one), normalised(other)) for one, other in pairs), Edits())


def sentence_accuracy(references: Sequence[str], written: Sequence[str]) -> float:
    """Share of sentences without any error, 0..1; NaN for none."""
    pairs = list(zip(references, written, strict=True))
    return sum(normalised(one) == normalised(other) for one, other in pairs) / len(pairs) if pairs else float("nan")
