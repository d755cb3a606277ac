"""An engine that hums one note a text, and corpora for it; as a program: one rank that hums a corpus."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speech2img.corpora.records.manifest import Caption, Item, Manifest
from speech2img.corpora.records.voices import voice_folder
from speech2img.errors import SynthesisError
from speech2img.storage.rank import this_rank
from speech2img.tts.base import SpeechRequest, SpeechUnfinishedError, TryLaterError
from speech2img.tts.corpus.synthesize import synthesize_corpus


class Tone:
    """Keeps account of its calls; fails on texts with "mute" (for good) and "busy" (the first time)."""

    name = "tone 1"
    sample_rate = 22_050
    languages = ("en", "hu")

    def __init__(self, *, interrupt_at: int | None = None, pause: float = 0.0) -> None:
        self.calls: list[str] = []
        self.interrupt_at = interrupt_at
        self.pause = pause
        self.closed = 0

    def voices(self) -> list[str]:
        return ["hum", "low"]

    def voice_for(self, voice: str) -> str:
        if voice in self.voices() or voice.startswith("en"):
            return voice if voice in self.voices() else "hum"
        raise SynthesisError.about(f'voice "{voice}"', "hums no such voice", "use hum")

    def synthesize(
        self, text: str, *, voice: str, rate: int = 175, pitch: int = 50, pitch_range: int = 50
    ) -> np.ndarray:
        self.calls.append(text)
        time.sleep(self.pause)
        if len(self.calls) == self.interrupt_at:
            raise KeyboardInterrupt
        if "busy" in text and self.calls.count(text) == 1:
            raise TryLaterError.about(f"text {text!r}", "the line is busy", "call again")
        return self.hum(text, voice, pitch)

    def hum(self, text: str, voice: str, pitch: int) -> np.ndarray:
        if "mute" in text:
            return np.zeros(22_050, np.float32)
        t = np.arange(int(22_050 * 0.1 * len(text))) / 22_050
        return (0.3 * np.sin(2 * np.pi * (100 + len(text) + pitch + 50 * (voice == "low")) * t)).astype(np.float32)

    def close(self) -> None:
        self.closed += 1


class Choir(Tone):
    """Hums in batches; "long" texts end with the second seed, "endless" ones never."""

    name = "choir 1"
    batch_size = 4
    attempts = 3

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[tuple[str, int]]] = []

    def synthesize_batch(self, requests: Sequence[SpeechRequest]) -> list[np.ndarray | SynthesisError]:
        self.batches.append([(request.text, request.seed) for request in requests])
        return [self._one(request) for request in requests]

    def _one(self, request: SpeechRequest) -> np.ndarray | SynthesisError:
        if "endless" in request.text or ("long" in request.text and request.seed == 0):
            return SpeechUnfinishedError.about(f"text {request.text!r}", "1000 decoder steps and no end", "shorten it")
        if "wordless" in request.text:
            return SynthesisError.about(f"text {request.text!r}", "nothing to say", "use words")
        return self.hum(request.text, request.voice, request.pitch)


def make(root: Path, texts: Sequence[str], *, voice: str = "hum", split: str = "train") -> Manifest:
    """A corpus of pictures with two captions each."""
    items = []
    for number in range(0, len(texts), 2):
        captions = tuple(
            Caption(k, text, voice, f"audio/{voice_folder(voice)}/c/{number}_{k}.wav", 175, 50, 50, {}, None)
            for k, text in enumerate(texts[number : number + 2])
        )
        items.append(Item(f"c/{number}", f"images/{number}.jpg", 0, "c", split, None, None, captions))
    return Manifest(root, "test", items)


if __name__ == "__main__":
    counts = synthesize_corpus(
        Manifest.load(sys.argv[1]), engine=Tone(pause=float(sys.argv[2])), workers=1, rank=this_rank(), progress=False
    )
    print(counts)
