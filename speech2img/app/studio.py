"""``Studio``: one request from its recording to the pictures that are kept, for the page and for programs alike."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from speech2img.app.decoding import DecodedSound, Decoder
from speech2img.app.drawings import sheet_png
from speech2img.app.hearing import HeardSpeech, hear_speech
from speech2img.app.models import Models
from speech2img.app.provenance import Provenance, png_bytes, sha256, versions
from speech2img.app.settings import MOST_PICTURES, REQUEST_SECONDS, AppSettings
from speech2img.app.speakers import PITCHES, SPEEDS, Speakers
from speech2img.app.takes import Take, Takes, recording_name
from speech2img.attending import attention_of, attention_page
from speech2img.audio.io import decode_audio
from speech2img.audio.limits import AudioLimits
from speech2img.errors import ConfigError, OutOfMemoryError
from speech2img.gallery.recordings_table import packaged_recordings
from speech2img.generation import checked_guidance, checked_steps
from speech2img.options import LARGEST
from speech2img.streaming import stream_images

PREVIEWS = 3
"""About so many previews of a picture that is drawn in steps: to decode one takes longer than a step."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A recording from outside, which is decoded in a child."""

    name: str
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Example:
    """A recording that came with the package."""

    path: Path

    @classmethod
    def named(cls, name: str) -> "Example":
        """The recording of a file's name; ConfigError where there is none."""
        known = {recording.path.name: recording.path for recording in packaged_recordings()}
        if name not in known:
            raise ConfigError.about("example", f"{name!r:.60} is not known", "choose one of the list")
        return cls(path=known[name])


@dataclass(frozen=True, kw_only=True)
class Typed:
    """Words that an engine speaks first."""

    text: str
    engine: str = "espeak"
    voice: str = "en-us"
    rate: int = 175
    pitch: int = 50


@dataclass(frozen=True, kw_only=True)
class PaintRequest:
    """What is asked for; values as a page or a program sends them, checked by `Studio.paint`."""

    source: Upload | Example | Typed
    model: str
    seed: Any = 0
    num_images: Any = 4
    steps: Any = None
    """None: as released."""
    guidance: Any = None
    """None: as released."""


@dataclass(frozen=True, eq=False)
class Preview:
    """Pictures (K, S, S, 3) uint8 on their way."""

    images: np.ndarray


class Studio:
    """All that a server works with.

    Parameters
    ----------
    settings : AppSettings
        What the operator chose.
    folder : Path
        For what ends with the process.
    """

    def __init__(self, settings: AppSettings, folder: Path) -> None:
        self.models = Models(settings.models, device=settings.device)
        self.speakers = Speakers(settings.voice_models)
        self.decoder = Decoder(folder)
        shared = settings.share_dir
        self.takes = Takes(folder / "takes") if shared is None else Takes(shared, most_bytes=None)

    def paint(self, request: PaintRequest) -> Iterator[HeardSpeech | Preview | Take]:
        """Hear and paint.

        Parameters
        ----------
        request : PaintRequest
            What is asked for.

        Yields
        ------
        HeardSpeech, then Preview and more of them, then Take
            The last preview is what is kept. Between two of them the device is free, and a visitor who left holds
            nothing.

        Raises
        ------
        Speech2ImgError
            If anything of it does not fit or takes too long: one sentence for the visitor.
        """
        # What can be refused before anything is heard.
        deadline = time.monotonic() + REQUEST_SECONDS
        seed = whole("seed", request.seed, 0, LARGEST)
        count = whole("pictures", request.num_images, 1, MOST_PICTURES)
        pipe = self.models.get(request.model)
        generator = pipe.require_generator().generator
        about = self.models.described(request.model)
        steps = _other(request.steps, about.get("steps"))
        guidance = _other(request.guidance, about.get("guidance"))
        if steps is not None:
            steps = checked_steps(generator, whole("steps", steps, 0, LARGEST), name=request.model)[1]
        if guidance is not None:
            guidance = checked_guidance(generator, _number("guidance", guidance), name=request.model)[1]

        # Hear.
        data, sound = self._recording(request.source)
        with self.models.at_work, _memory():
            heard = hear_speech(pipe, sound)
        yield heard

        # Paint, one preview at a time.
        every = max(1, (steps or int(about.get("steps", 1))) // PREVIEWS)
        stream = stream_images(pipe, heard.speech, seed=seed, num_images=count, steps=steps, every=every)
        images: np.ndarray[Any, Any] = np.empty((0, 0, 0, 3), np.uint8)
        while True:
            with self.models.at_work, _guided(generator, guidance), _memory():
                drawn = next(stream, None)
            if drawn is None:
                break
            images = drawn
            if time.monotonic() > deadline:
                fix = "ask for fewer pictures or steps, or come back when fewer people wait"
                raise ConfigError.about("this request", f"took more than {REQUEST_SECONDS} s", fix)
            yield Preview(images)
        sheets = self._sheets(pipe, heard, images, seed=seed)

        # Keep.
        provenance = Provenance(
            model=request.model,
            weights_sha256=pipe.weights_sha256,
            seed=seed,
            num_images=count,
            recording=recording_name(data),
            recording_sha256=sha256(data),
            steps=steps,
            guidance=guidance,
            versions=versions(),
        )
        if isinstance(request.source, Typed):
            said = request.source
            voice = f"{said.engine} {said.voice}, {said.rate} words a minute, pitch {said.pitch}"
            provenance = replace(provenance, text=" ".join(said.text.split()), voice=voice)
        pictures = [png_bytes(image, provenance, number) for number, image in enumerate(images)]
        facts = {**provenance.facts(), "image_size": int(images.shape[1]), "confidence": heard.confidence}
        facts |= {"remarks": heard.remarks, "transcript": heard.transcript}
        yield self.takes.keep(data, pictures, facts, sheets=sheets)

    def close(self) -> None:
        """End all children."""
        self.decoder.close()
        self.speakers.close()

    def _sheets(self, pipe: Any, heard: HeardSpeech, images: np.ndarray, *, seed: int) -> list[bytes]:
        """What each image listened to, as files; the words that a cascade reads have no places in time."""
        sheets = []
        for number, image in enumerate(images if "attention" in pipe.capabilities else ()):
            with self.models.at_work, _memory():
                weights = attention_of(pipe, heard.speech, seed=seed, number=number)
            wave = heard.samples if heard.transcript is None else None
            sheets.append(sheet_png(attention_page(image, weights, wave)))
        return sheets

    def _recording(self, source: Upload | Example | Typed) -> tuple[bytes, DecodedSound]:
        """The file of a recording, and its sound: what comes from outside is decoded elsewhere."""
        if isinstance(source, Upload):
            return source.data, self.decoder.decode(source.name, source.data)
        if isinstance(source, Example):
            data, name = source.path.read_bytes(), source.path.name
        else:
            rate = whole("speed", source.rate, *SPEEDS)
            pitch = whole("pitch", source.pitch, *PITCHES)
            data = self.speakers.speak(source.text, engine=source.engine, voice=source.voice, rate=rate, pitch=pitch)
            name = "the spoken words"
        sound = decode_audio(name, data, AudioLimits())
        return data, DecodedSound(name, sound.mono, sound.rate, sound.channels)


def whole(name: str, value: Any, least: int, most: int) -> int:
    """A whole number as a page or a program sends it: an integer, a float without fraction, or digits."""
    number = None
    try:
        is_number = isinstance(value, int | float | str) and not isinstance(value, bool)
        if is_number and float(value) == int(float(value)):
            number = int(value)
    except (ValueError, OverflowError):
        number = None
    if number is None or not least <= number <= most:
        span = f"of at least {least}" if most == LARGEST else f"of {least} to {most}"
        raise ConfigError.about(name, f"{value!r:.60} does not fit", f"give a whole number {span}")
    return number


def _number(name: str, value: Any) -> float:
    """A number as a page or a program sends it."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError.about(name, f"{value!r:.60} does not fit", "give a number") from None


def _other(wanted: Any, released: Any) -> Any:
    """What is wished where it differs from what is released; None else."""
    return None if wanted is None or str(wanted) == str(released) else wanted


@contextlib.contextmanager
def _guided(generator: Any, guidance: float | None) -> Iterator[None]:
    """Another guidance for as long as the device is held."""
    if guidance is None:
        yield
        return
    released, generator.guidance_scale = generator.guidance_scale, guidance
    try:
        yield
    finally:
        generator.guidance_scale = released


@contextlib.contextmanager
def _memory() -> Iterator[None]:
    """A device that is full is said as a sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
            raise OutOfMemoryError.about("the device", "has no memory left", "ask for fewer pictures") from error
        raise
