"""What a language of captions is: a grammar that puts attributes into a sentence, and the voices that speak it."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from speech2img.corpora.records.voices import Voices

Grammar = Callable[[Mapping[str, str], random.Random, float], str]
"""``write(mentions, rng, plain_share)``: one sentence that says these attributes (never ``light``) and no others.

``plain_share``, 0..1, is how often the plain word is taken where there are synonyms.
"""


@dataclass(frozen=True)
class Language:
    """One language of captions."""

    name: str
    """In English, for messages."""
    write: Grammar
    """Its grammar."""
    voices: Voices
    """Who speaks it, as names of espeak-ng."""
