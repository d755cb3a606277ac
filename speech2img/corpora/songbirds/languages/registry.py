"""The languages that captions can be written in: a dict of code -> language. A language is added by one entry here."""

from collections.abc import Mapping
from difflib import get_close_matches

from speech2img.corpora.songbirds.languages.arabic import ARABIC
from speech2img.corpora.songbirds.languages.english import ENGLISH
from speech2img.corpora.songbirds.languages.french import FRENCH
from speech2img.corpora.songbirds.languages.german import GERMAN
from speech2img.corpora.songbirds.languages.lumari import LUMARI
from speech2img.corpora.songbirds.languages.sentence import Language
from speech2img.corpora.songbirds.languages.spanish import SPANISH
from speech2img.errors import ConfigError

DEFAULT_LANGUAGE = "en"
LANGUAGES: Mapping[str, Language] = {
    "en": ENGLISH,
    "de": GERMAN,
    "fr": FRENCH,
    "es": SPANISH,
    "ar": ARABIC,
    "lumari": LUMARI,
}
"""Code -> language."""


TOGETHER = "+"
"""Stands between the codes of languages that caption the same pictures."""


def find_languages(codes: str) -> dict[str, Language]:
    """Look up the languages of a corpus.

    Parameters
    ----------
    codes : str
        A key of `LANGUAGES`, or several different ones with a plus between them: ``en+de``.

    Returns
    -------
    dict of str to Language
        By code, in that order.

    Raises
    ------
    ConfigError
        If one is none, or is named twice.
    """
    several = codes.split(TOGETHER)
    found = {code: find_language(code) for code in several}
    if len(found) < len(several):
        raise ConfigError.about("language", f"{codes[:40]!r} names a language twice", "name each once")
    return found


def find_language(code: str) -> Language:
    """Look up a language.

    Parameters
    ----------
    code : str
        A key of `LANGUAGES`; anything else is refused with the nearest one.

    Returns
    -------
    Language
        Its grammar and its voices.

    Raises
    ------
    ConfigError
        If there is none of this code, with the codes that there are.
    """
    if code in LANGUAGES:
        return LANGUAGES[code]
    near = get_close_matches(code.lower(), LANGUAGES, n=1)
    known = ", ".join(f"{known} ({language.name})" for known, language in LANGUAGES.items())
    hint = f"did you mean {near[0]}? There are" if near else "use one of"
    raise ConfigError.about("language", f"{code[:40]!r} is no language of songbirds", f"{hint} {known}")
