"""What the name of a voice of espeak-ng says of who speaks, and which voice of another engine stands for it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from speech2img.corpora.records.voices import ENGLISH_VOICES

_ESPEAK_VOICE = re.compile(r"(?P<language>[a-z]{2,3})(-[\w-]+)?(\+(?P<variant>\w+))?", re.ASCII)
_FEMALE_VARIANT = re.compile(r"f\d+|whisperf|alicia|andrea|anika|anikarobot|annie|aunty|belinda|grandma|linda|steph\d?")
_GROUPS = (
    ENGLISH_VOICES.training,
    ENGLISH_VOICES.held_out,
    ENGLISH_VOICES.training_whispers,
    ENGLISH_VOICES.held_out_whispers,
)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks under a name of espeak-ng."""

    language: str
    """First part of the accent: ``"en"``, ``"cmn"``."""
    is_woman: bool
    """Whether the variant is a woman's; the accent's own voice is a man's."""
    whispers: bool
    """Whether the variant is a whisper."""
    is_held_out: bool
    """Whether the name is one of those that no English training utterance has."""


def espeak_speaker(voice: str) -> Speaker | None:
    """Read a name of espeak-ng (``"en-us"``, ``"en-gb-x-rp+whisperf"``); None for any other name."""
    match = _ESPEAK_VOICE.fullmatch(voice)
    if not match:
        return None
    variant = (match["variant"] or "").lower()
    held_out = voice in (*ENGLISH_VOICES.held_out, *ENGLISH_VOICES.held_out_whispers)
    return Speaker(match["language"], bool(_FEMALE_VARIANT.fullmatch(variant)), variant.startswith("whisper"), held_out)


def stand_in(voice: str, voices: Sequence[str]) -> str:
    """Choose the voice that stands for another engine's, always the same one for the same name.

    Parameters
    ----------
    voice : str
        The name that a manifest has. The English voices of the corpora that are drawn here are spread evenly: a corpus
        in 24 voices of espeak-ng has all of 20 others.
    voices : sequence of str
        Whose turn it may be, at least one.
    """
    for group in _GROUPS:
        if voice in group:
            like = [name for name in group if espeak_speaker(name).is_woman == espeak_speaker(voice).is_woman]  # type: ignore[union-attr]
            return voices[like.index(voice) % len(voices)]
    return voices[crc32(voice.encode("utf-8", "replace")) % len(voices)]
