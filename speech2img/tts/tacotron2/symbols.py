"""English text to symbol numbers for Tacotron 2: the published 148 symbols and cleaners (Ito 2017; NVIDIA 2018)."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from speech2img.tts.tacotron2.number_words import expand_numbers

PAD, EDGE_SYMBOLS = "_", "-!'(),.:;? "
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()
CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH".split()
PHONEMES = tuple(sorted([*(f"{vowel}{stress}" for vowel in VOWELS for stress in ("", "0", "1", "2")), *CONSONANTS]))
SYMBOLS = (PAD, *EDGE_SYMBOLS, *LETTERS, *(f"@{phoneme}" for phoneme in PHONEMES))
"""All symbols; a symbol's number is its place. ``_`` (0) is padding, ``@`` marks ARPAbet phonemes."""

ABBREVIATIONS: Mapping[str, str] = MappingProxyType({
    "mrs": "misess", "mr": "mister", "dr": "doctor", "st": "saint", "co": "company", "jr": "junior", "maj": "major",
    "gen": "general", "drs": "doctors", "rev": "reverend", "lt": "lieutenant", "hon": "honorable", "sgt": "sergeant",
    "capt": "captain", "esq": "esquire", "ltd": "limited", "col": "colonel", "ft": "fort",
})  # fmt: skip
"""Words that a dot shortens, as published (with "misess")."""

_NUMBER_OF = {symbol: number for number, symbol in enumerate(SYMBOLS)}
_SPELLED = MappingProxyType({
    "‘": "'", "’": "'", "‚": "'", "′": "'", "“": '"', "”": '"', "„": '"', "″": '"', "«": '"', "»": '"', "–": "-",
    "‐": "-", "‑": "-", "‒": "-", "—": "--", "―": "--", "−": "-", "…": "...", "æ": "ae", "Æ": "AE", "œ": "oe",
    "Œ": "OE", "ß": "ss", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ł": "l",
    "Ł": "L", "ı": "i", "×": "x",
})  # fmt: skip
_ABBREVIATION = re.compile(rf"\b({'|'.join(ABBREVIATIONS)})\.", re.IGNORECASE)
_PHONEMES = re.compile(r"\{([^{}]+)\}")


def clean_basic(text: str) -> str:
    """Lower case, one blank for any white space."""
    return re.sub(r"\s+", " ", text.lower())


def clean_transliterated(text: str) -> str:
    """As `clean_basic`, after writing the text in ASCII."""
    return clean_basic(transliterate(text))


def clean_english(text: str) -> str:
    """As `clean_transliterated`, with numbers and abbreviations written out."""
    text = expand_numbers(transliterate(text, keep="£").lower())
    text = _ABBREVIATION.sub(lambda match: ABBREVIATIONS[match[1].lower()], text)
    return clean_basic(text.replace("£", "pounds "))


CLEANERS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {"english": clean_english, "transliteration": clean_transliterated, "basic": clean_basic}
)
"""What a text goes through before its symbols are looked up, by name."""


def transliterate(text: str, *, keep: str = "") -> str:
    """Write a text in ASCII: accents fall, common marks and ligatures are spelled, anything else disappears.

    Parameters
    ----------
    text : str
        Any text.
    keep : str
        Further characters that stay.
    """
    spelled = "".join(_SPELLED.get(character, character) for character in text)
    return "".join(c for c in unicodedata.normalize("NFKD", spelled) if c.isascii() or c in keep)


def text_to_ids(text: str, *, cleaner: str = "english") -> list[int]:
    """Turn a text into symbol numbers.

    Parameters
    ----------
    text : str
        Any text. What stands in braces is ARPAbet, separated by blanks: ``"turn on {HH AW1 S S T AH0 N} street"``.
    cleaner : {"english", "transliteration", "basic"}
        Entry of `CLEANERS`.

    Returns
    -------
    list of int
        1 to 147 each; characters and phonemes that have no symbol are dropped, so it may be empty.

    Raises
    ------
    KeyError
        For an unknown cleaner.
    """
    clean = CLEANERS[cleaner]
    ids: list[int] = []
    for index, part in enumerate(_PHONEMES.split(text)):
        symbols = [f"@{phoneme}" for phoneme in part.split()] if index % 2 else list(clean(part))
        ids += [_NUMBER_OF[symbol] for symbol in symbols if symbol != PAD and symbol in _NUMBER_OF]
    return ids


def ids_to_text(ids: Iterable[int]) -> str:
    """Write symbol numbers as text, phonemes in braces: what `text_to_ids` kept of a text.

    Raises
    ------
    IndexError
        For a number outside 0..147.
    """
    text = "".join(f"{{{SYMBOLS[number][1:]}}}" if len(SYMBOLS[number]) > 1 else SYMBOLS[number] for number in ids)
    return text.replace("}{", " ")
