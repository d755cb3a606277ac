"""English numbers in words: cardinals, ordinals, years, money and decimals, as Tacotron 2's texts were written out."""

import re

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
).split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
SCALES = (
    " thousand million billion trillion quadrillion quintillion sextillion septillion octillion nonillion decillion"
).split(" ")
MAX_DIGITS = 3 * len(SCALES)
IRREGULAR_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}

_GROUPED = re.compile(r"[0-9][0-9,]+[0-9]")
_POUNDS = re.compile(r"£([0-9]+(?:\.[0-9]+)?)")
_DOLLARS = re.compile(r"\$([0-9]*\.)?([0-9]+)")
# A number is tried from its first digit only, and as a whole: else a long one takes the square of its length.
_DECIMAL = re.compile(r"(?<![0-9])([0-9]++)\.([0-9]+)")
_ORDINAL = re.compile(r"(?<![0-9])([0-9]++)(?:st|nd|rd|th)\b", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+")


def expand_numbers(text: str) -> str:
    """Write every number of a text in words.

    Parameters
    ----------
    text : str
        Any text; only ASCII digits are numbers.

    Returns
    -------
    str
        Without ASCII digits. Years of four digits are read in pairs ("nineteen eighty-four"), sums of money with their
        unit, the digits behind a decimal point as one number (as published: 3.14 is "three point fourteen").
    """
    text = _GROUPED.sub(lambda match: match[0].replace(",", ""), text)
    text = _POUNDS.sub(r"\1 pounds", text)
    text = _DOLLARS.sub(_dollars, text)
    text = _DECIMAL.sub(r"\1 point \2", text)
    text = _ORDINAL.sub(lambda match: ordinal_words(match[1]), text)
    return _NUMBER.sub(lambda match: number_words(match[0]), text)


def cardinal_words(digits: str, *, conjunction: str = "") -> str:
    """A whole number in words.

    Parameters
    ----------
    digits : str
        ASCII digits; more than 36 of them are read one by one.
    conjunction : str
        Stands between hundreds and the rest: "and" for "one hundred and one", empty for "one hundred one".
    """
    # Digit by digit where there is no word for it.
    significant = digits.lstrip("0") or "0"
    if len(significant) > MAX_DIGITS:
        return " ".join(ONES[int(digit)] for digit in digits)
    value = int(significant)
    if value == 0:
        return ONES[0]
    # From the last group of three to the first.
    rest = value % 1000
    groups: list[str] = []
    for scale in SCALES:
        value, group = divmod(value, 1000)
        if group:
            groups.insert(0, f"{_below_thousand(group, conjunction)} {scale}".strip())
    if conjunction and 0 < rest < 100 and len(groups) > 1:
        return f"{', '.join(groups[:-1])} {conjunction} {groups[-1]}"
    return ", ".join(groups)


def ordinal_words(digits: str) -> str:
    """An ordinal in words: "21" is "twenty-first", "101" is "one hundred and first"."""
    words = cardinal_words(digits, conjunction="and")
    start = max(words.rfind(" "), words.rfind("-")) + 1
    head, last = words[:start], words[start:]
    if last in IRREGULAR_ORDINALS:
        return head + IRREGULAR_ORDINALS[last]
    return f"{head}{last[:-1]}ieth" if last.endswith("y") else f"{words}th"


def number_words(digits: str) -> str:
    """A number as it is read: 1001 to 2999 as years, everything else as a cardinal."""
    year = int(digits) if len(digits) == 4 else 0
    if not 1000 < year < 3000:
        return cardinal_words(digits)
    century, rest = divmod(year, 100)
    if year == 2000:
        return "two thousand"
    if 2000 < year < 2010:
        return f"two thousand {ONES[rest]}"
    if rest == 0:
        return f"{_below_hundred(century)} hundred"
    return f"{_below_hundred(century)} {f'oh {ONES[rest]}' if rest < 10 else _below_hundred(rest)}"


def _dollars(match: re.Match[str]) -> str:
    whole, fraction = (match[1][:-1], match[2]) if match[1] is not None else (match[2], "")
    dollars, cents = whole.lstrip("0"), fraction.lstrip("0")
    parts = [
        f"{amount} {unit}{'' if amount == '1' else 's'}"
        for amount, unit in ((dollars, "dollar"), (cents, "cent"))
        if amount
    ]
    return ", ".join(parts) or "zero dollars"


def _below_thousand(value: int, conjunction: str) -> str:
    hundreds, rest = divmod(value, 100)
    if not hundreds:
        return _below_hundred(rest)
    words = f"{ONES[hundreds]} hundred"
    if not rest:
        return words
    return f"{words} {conjunction} {_below_hundred(rest)}" if conjunction else f"{words} {_below_hundred(rest)}"


def _below_hundred(value: int) -> str:
    if value < 20:
        return ONES[value]
    tens, ones = divmod(value, 10)
    return f"{TENS[tens]}-{ONES[ones]}" if ones else TENS[tens]
