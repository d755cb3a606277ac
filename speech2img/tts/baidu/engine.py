"""Baidu's online speech synthesis as an engine: Chinese and English, in the voices that the account has."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote_plus
from zlib import crc32

import numpy as np

from speech2img.audio.io import read_audio
from speech2img.audio.limits import AudioLimits
from speech2img.errors import AudioError, ConfigError, SynthesisError
from speech2img.storage.rank import SINGLE, Rank
from speech2img.tts.baidu.client import BaiduClient, ServiceSettings
from speech2img.tts.baidu.credentials import BaiduKeys
from speech2img.tts.baidu.https_client import Answer
from speech2img.tts.baidu.text import MAX_BYTES, clean_text, split_text
from speech2img.tts.casting import espeak_speaker

PREFIX = "baidu-"
VOICES: Mapping[int, str] = MappingProxyType(
    {
        0: "Xiaomei, woman (basic)",
        1: "Xiaoyu, man (basic)",
        3: "Xiaoyao, man (basic)",
        4: "Yaya, girl (basic)",
        5: "Xiaojiao, woman",
        103: "Miduo, girl",
        106: "Bowen, man",
        110: "Xiaotong, child",
        111: "Xiaomeng, girl",
        5003: "Xiaoyao, man",
        5118: "Xiaolu, woman",
    }
)
"""The documented voices by ``per``; all but the basic ones must be bought, and there are more of those."""
BASIC_VOICES = (0, 1, 3, 4)
FORMATS: Mapping[int, int] = MappingProxyType({3: 16_000, 4: 16_000, 5: 8_000, 6: 16_000})
"""``aue`` -> samples per second: mp3, pcm, pcm, wav."""
MAX_CHARACTERS = 2000

_PLAIN_RATE, _SLOWEST, _FASTEST = 175, 80, 450
_PIECE = AudioLimits(max_seconds=180.0, min_swing=0.0, max_clipped=1.0)
_MIN_SECONDS = 0.2
_WOMEN, _MEN = (0, 4), (1, 3)
_LANGUAGES = ("en", "cmn", "zh")
"""First parts of the accents of espeak-ng that a basic voice stands for."""


@dataclass(frozen=True, kw_only=True)
class BaiduSettings:
    """What decides the samples besides text, voice, rate and pitch."""

    aue: int = 6
    """Format: 3 mp3, 4 pcm of 16 kHz, 5 pcm of 8 kHz, 6 wav of 16 kHz (the only one that shows when it is cut off)."""
    vol: int = 5
    """Volume, 0 (quiet) to 15; basic voices up to 9."""
    spd: int | None = None
    """Speed, 0 to 15, 5 is plain; None: from each caption's rate."""
    pit: int | None = None
    """Pitch, 0 to 15, 5 is plain; None: from each caption's pitch."""
    max_bytes: int = MAX_BYTES
    """Longest text of one request in GBK bytes, 120 (what is paid as one) to 1023; longer texts are cut and joined."""

    def __post_init__(self) -> None:
        if self.aue not in FORMATS:
            raise ConfigError.about(f"aue {self.aue}", "Baidu has no such format", f"give one of {list(FORMATS)}")
        for name, value in (("vol", self.vol), ("spd", self.spd), ("pit", self.pit)):
            if value is not None and not 0 <= value <= 15:
                raise ConfigError.about(f"{name} {value}", "out of range", "give 0 to 15")
        if not 120 <= self.max_bytes <= MAX_BYTES:
            raise ConfigError.about(f"max_bytes {self.max_bytes}", "out of range", f"give 120 to {MAX_BYTES}")


class BaiduSynthesizer:
    """Speech by Baidu's service, a request or more a text.

    Parameters
    ----------
    keys : BaiduKeys
        From :func:`speech2img.tts.baidu.credentials.read_keys`.
    settings : BaiduSettings, optional
        Format, volume, speed, pitch.
    service : ServiceSettings, optional
        Where the service is and how it is asked.
    rank : Rank
        This process's share of the requests a second.
    token_file : Path, optional
        Where the token is kept between calls; None keeps none.

    Notes
    -----
    Whether the service gives the same samples for the same request is its own affair; its voices change over the years.
    It knows no range of pitch and no whisper: what ``songbirds`` says by its manner is heard in speed and pitch only.
    """

    def __init__(
        self,
        keys: BaiduKeys,
        settings: BaiduSettings | None = None,
        *,
        service: ServiceSettings | None = None,
        rank: Rank = SINGLE,
        token_file: Path | None = None,
    ) -> None:
        self._settings = settings or BaiduSettings()
        self._client = BaiduClient(keys, service or ServiceSettings(), rank=rank, token_file=token_file)
        fixed = {
            "aue": self._settings.aue,
            "vol": self._settings.vol,
            "spd": self._settings.spd,
            "pit": self._settings.pit,
            "max_bytes": self._settings.max_bytes,
        }
        self.name = " ".join(["baidu", *(f"{key}={value}" for key, value in fixed.items() if value is not None)])
        self.sample_rate = FORMATS[self._settings.aue]
        self.languages: tuple[str, ...] = ("en", "zh")

    def __enter__(self) -> "BaiduSynthesizer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the requests under way."""
        self._client.abort()

    def voices(self) -> list[str]:
        """Return the documented voices: ``baidu-0`` is Baidu's ``per=0``."""
        return sorted(f"{PREFIX}{number}" for number in VOICES)

    def voice_for(self, voice: str) -> str:
        """Return the voice that stands for one of a manifest; any number is taken, for there are more than documented.

        English and Chinese voices of espeak-ng become one of the four basic voices: of the same sex, and always the
        same one for the same name. See :meth:`speech2img.tts.base.Synthesizer.voice_for`.
        """
        number = voice.removeprefix(PREFIX)
        if re.fullmatch(r"\d{1,6}", number, re.ASCII):
            return self._checked(int(number))
        speaker = espeak_speaker(voice)
        if speaker is None or speaker.language not in _LANGUAGES:
            fix = f"give --voice: {', '.join(f'{PREFIX}{key} {name}' for key, name in VOICES.items())}"
            raise SynthesisError.about(f'voice "{voice}"', "no voice of Baidu (Chinese, English) stands for it", fix)
        pair = _WOMEN if speaker.is_woman else _MEN
        return self._checked(pair[crc32(voice.encode()) % 2])

    def _checked(self, number: int) -> str:
        if number in BASIC_VOICES and self._settings.vol > 9:
            reason = f"vol {self._settings.vol} is for bought voices"
            raise SynthesisError.about(f'voice "{PREFIX}{number}"', reason, "give 0 to 9, or another voice")
        return f"{PREFIX}{number}"

    def synthesize(
        self, text: str, *, voice: str, rate: int = 175, pitch: int = 50, pitch_range: int = 50
    ) -> np.ndarray:
        """Speak one text; see :meth:`speech2img.tts.base.Synthesizer.synthesize`.

        Parameters
        ----------
        text : str
            1 to 2,000 characters, all of them in GBK.
        voice : str
            ``baidu-N`` for ``per=N``.
        rate : int
            Words per minute; 175 is ``spd=5``.
        pitch : int
            0 to 99; 50 is ``pit=5``.
        pitch_range : int
            Not used: Baidu has nothing like it.

        Returns
        -------
        np.ndarray [shape=(n,), float32, range -1..1]
            Mono sound at ``sample_rate`` Hz.
        """
        if len(text) > MAX_CHARACTERS:
            reason = f"{len(text)} characters"
            raise SynthesisError.about(f"text {text[:40]!r}", reason, f"give at most {MAX_CHARACTERS}")
        # Options of the service.
        settings = self._settings
        form = {
            "cuid": self._client.cuid,
            "ctp": "1",
            "lan": "zh",
            "aue": str(settings.aue),
            "vol": str(settings.vol),
            "spd": str(speed(rate) if settings.spd is None else settings.spd),
            "pit": str(pitch_step(pitch) if settings.pit is None else settings.pit),
            "per": self.voice_for(voice).removeprefix(PREFIX),
        }
        pieces = [
            # The documentation asks for text encoded twice: once here, once with the form.
            self._client.speech({**form, "tex": quote_plus(piece)}, self._decode, subject=f"text {piece[:60]!r}")
            for piece in split_text(clean_text(text), max_bytes=settings.max_bytes)
        ]
        return np.concatenate(pieces)

    def _decode(self, answer: Answer) -> np.ndarray:
        """Samples of an answer; ValueError where it is not the sound that was asked for."""
        # Sound must be said to be sound.
        kind = answer.headers.get("content-type", "")
        if not kind.startswith("audio/"):
            raise ValueError(f"an answer of type {kind or 'unknown'!r} with {len(answer.body)} bytes")
        # Raw samples, or a file that is decoded like any recording.
        if self._settings.aue in (4, 5):
            if len(answer.body) % 2:
                raise ValueError("half a sample of sound")
            y = np.frombuffer(answer.body, "<i2").astype(np.float32) / np.float32(32768)
        else:
            try:
                y = read_audio(answer.body, sample_rate=self.sample_rate, limits=_PIECE)
            except AudioError as error:
                raise ValueError(str(error)) from None
        # A service may answer with next to nothing.
        if y.size < _MIN_SECONDS * self.sample_rate:
            raise ValueError(f"only {y.size / self.sample_rate:.2f} s of sound")
        return y


def speed(rate: int) -> int:
    """Turn words per minute into ``spd``: 5 at 175, 0 at 80 and below, 15 at 450 and above, even on a log scale."""
    ratio = math.log(max(rate, 1) / _PLAIN_RATE)
    step = 5 * ratio / math.log(_PLAIN_RATE / _SLOWEST) if ratio < 0 else 10 * ratio / math.log(_FASTEST / _PLAIN_RATE)
    return min(15, max(0, round(5 + step)))


def pitch_step(pitch: int) -> int:
    """Turn a pitch of 0 to 99 into ``pit``: 5 at 50, 0 at 0, 15 at 99."""
    return min(15, max(0, round(pitch / 10 if pitch <= 50 else 5 + (pitch - 50) * 10 / 49)))
