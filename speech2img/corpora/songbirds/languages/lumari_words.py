"""The lexicon of Lumari, a language that nobody writes: roots drawn once and for all from its phonemes.

A root is consonant, vowel, consonant, vowel, consonant; every ending begins with a vowel or follows one, so that words
are open syllables and no two phonemes run into each other. Any two roots differ in three phonemes at least.
"""

import random
from collections.abc import Mapping
from functools import cache

VOWELS: tuple[str, ...] = ("a", "e", "i", "o", "u")
CONSONANTS: tuple[str, ...] = ("p", "t", "k", "b", "d", "g", "m", "n", "l", "r", "f", "v", "s", "z", "S", "tS", "j")
"""Phonemes as espeak-ng names them (S as in "shoe", tS as in "chew", j as in "you"), which all its accents share."""

CONCEPTS: Mapping[str, int] = {
    "red": 4, "orange": 3, "yellow": 3, "green": 3, "blue": 4, "brown": 3, "black": 4, "white": 3,
    "short": 2, "long": 2, "pointed": 2, "hooked": 2, "rounded": 2, "forked": 2, "small": 3, "large": 3,
    "bird": 2, "body": 1, "wing": 1, "crown": 2, "breast": 2, "belly": 2, "beak": 2, "tail": 1, "leg": 2, "bars": 3,
    "eye": 1, "ring": 1, "perched": 4, "standing": 3, "swimming": 3, "flying": 4, "seen": 3,
    "sky": 2, "foliage": 3, "reeds": 3, "water": 2, "snow": 2, "left": 2, "right": 2, "turned": 3,
    "this": 2, "behold": 5,
}  # fmt: skip
"""What has a word -> how many words it has."""
MIN_DISTANCE = 3

Root = tuple[str, ...]


@cache
def lexicon() -> Mapping[str, tuple[Root, ...]]:
    """Concept -> its roots, the plain one first; always the same."""
    rng = random.Random("the words of Lumari")
    taken: list[Root] = []
    words = {}
    for concept, count in CONCEPTS.items():
        words[concept] = tuple(_new_root(taken, rng) for _ in range(count))
    return words


def _new_root(taken: list[Root], rng: random.Random) -> Root:
    while True:
        root = tuple(rng.choice(VOWELS if position % 2 else CONSONANTS) for position in range(5))
        if all(edit_distance(root, other) >= MIN_DISTANCE for other in taken):
            taken.append(root)
            return root


def edit_distance(first: Root, second: Root) -> int:
    """Fewest phonemes to insert, delete or replace (Levenshtein 1966)."""
    row = list(range(len(second) + 1))
    for i, left in enumerate(first, start=1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(second, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
    return row[-1]
