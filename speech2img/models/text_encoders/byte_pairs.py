"""CLIP's tokens of a text (Radford et al. 2021): byte pairs, merged in the order of a published vocabulary."""

import html
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_BYTES = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
"""Bytes that stand for themselves; the others are letters from 256 on."""
_CONTRACTIONS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
_END_OF_WORD = "</w>"


def _letters_of_bytes() -> dict[int, str]:
    rest = [byte for byte in range(256) if byte not in set(_BYTES)]
    return {**{byte: chr(byte) for byte in _BYTES}, **{byte: chr(256 + number) for number, byte in enumerate(rest)}}


class BytePairs:
    """Numbers of the pieces of a text.

    Parameters
    ----------
    merges : str
        A line for each pair of pieces that becomes one, the first to be merged in front.

    Raises
    ------
    ValueError
        If a line is no pair, or a pair stands twice.

    Notes
    -----
    Published code also repairs badly decoded text (``ftfy``), which is left out: no caption here needs it.
    """

    def __init__(self, merges: str) -> None:
        self.letters = _letters_of_bytes()
        pairs = [tuple(line.split(" ")) for line in merges.splitlines()]
        for number, pair in enumerate(pairs, start=1):
            if len(pair) != 2 or not all(pair):
                raise ValueError(f"line {number} of the vocabulary is no pair of pieces: {' '.join(pair)[:40]!r}")
        self.ranks = {pair: rank for rank, pair in enumerate(pairs)}
        if len(self.ranks) < len(pairs):
            raise ValueError("a pair of pieces stands twice in the vocabulary")
        # Bytes, bytes at the end of a word, what the pairs become, and the two marks.
        bytes_in_order = list(self.letters.values())
        pieces = [*bytes_in_order, *(letter + _END_OF_WORD for letter in bytes_in_order), *map("".join, pairs)]
        self.numbers = {piece: number for number, piece in enumerate(pieces)}
        self.start, self.end = len(pieces), len(pieces) + 1
        self._merged = lru_cache(maxsize=1 << 14)(self._merge)

    def __len__(self) -> int:
        return self.end + 1

    def encode(self, text: str) -> list[int]:
        """Numbers of a text's pieces, without start and end.

        Parameters
        ----------
        text : str
            Any; capitals are made small, blanks in a row are one, HTML's entities are resolved.
        """
        plain = " ".join(html.unescape(html.unescape(text)).split()).lower()
        return [number for word in split_words(plain) for number in self._merged(word)]

    def _merge(self, word: str) -> tuple[int, ...]:
        pieces = [self.letters[byte] for byte in word.encode("utf-8")]
        pieces[-1] += _END_OF_WORD
        # The pair of the lowest rank becomes one, wherever it stands, until no pair is known.
        while len(pieces) > 1:
            best = min(zip(pieces, pieces[1:], strict=False), key=lambda pair: self.ranks.get(pair, len(self.ranks)))
            if best not in self.ranks:
                break
            merged: list[str] = []
            for piece in pieces:
                if merged and (merged[-1], piece) == best:
                    # A piece that has just been merged is longer than the pair's first one.
                    merged[-1] += piece
                else:
                    merged.append(piece)
            pieces = merged
        return tuple(self.numbers[piece] for piece in pieces)


def split_words(text: str) -> Iterator[str]:
    """Words of a small text as CLIP splits it: English contractions, runs of letters, digits, runs of other signs.

    Parameters
    ----------
    text : str
        Small letters.
    """
    start = 0
    while start < len(text):
        contraction = next((end for end in _CONTRACTIONS if text.startswith(end, start)), None)
        kind = _kind(text[start])
        stop = start + (len(contraction) if contraction else 1)
        while not contraction and kind in "LS" and stop < len(text) and _kind(text[stop]) == kind:
            stop += 1
        if kind != " ":
            yield text[start:stop]
        start = stop


def _kind(sign: str) -> str:
    """``L`` of a letter, ``N`` of a digit, a blank of a blank, ``S`` of all else."""
    if sign.isspace():
        return " "
    category = unicodedata.category(sign)[0]
    return category if category in "LN" else "S"


def published_merges(text: str, *, num_tokens: int) -> str:
    """Pairs of pieces in a published vocabulary, as `BytePairs` takes them.

    Parameters
    ----------
    text : str
        CLIP's ``bpe_simple_vocab_16e6.txt``, of which the first 48,894 pairs are in use, or Hugging Face's
        ``merges.txt``: a heading, and a pair a line.
    num_tokens : int
        Tokens of the network: 512 for bytes, one a pair, two marks.

    Raises
    ------
    ValueError
        If it has fewer pairs than the network has tokens for.
    """
    lines = text.split("\n")[1:]
    wanted = num_tokens - 2 * len(_letters_of_bytes()) - 2
    pairs = [line for line in lines[:wanted] if line]
    if len(pairs) != wanted:
        raise ValueError(f"has {len(pairs):,} pairs of pieces, and the network wants {wanted:,}")
    return "\n".join(pairs)
