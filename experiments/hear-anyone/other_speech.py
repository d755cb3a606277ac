"""What a model of songbirds should be sure of, and what not, for ``calibrate``: descriptions, other speech, sounds.

Written as OUT/descriptions, OUT/speech and OUT/sounds (16 kHz, mono). Descriptions are validation utterances of the
corpus (and training captions in other voices), half of them with noise, rooms and lines as in the training. The other
sentences are put together here and spoken by espeak-ng in the voices that training hears. None of the recordings by
which the confidence is measured is among them.
"""

import argparse
import random
from pathlib import Path

import numpy as np
import soundfile

from speech2img.audio.augmentation.augment import AugmentationSettings, augment
from speech2img.audio.io import read_audio
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.records.voices import draw_voice
from speech2img.storage.progress import track
from speech2img.tts.espeak.engine import EspeakSynthesizer

RATE = 16_000
WHO = "a man,a woman,two children,an old lady,the driver,my neighbour,a group of people,a policeman,a brown dog,a horse"
DOES = "is riding,was looking for,stands beside,is eating,wants to sell,walks past,repairs,is holding,lost,paid for"
WHAT = (
    "a bicycle,a bus,a plate of noodles,the kitchen sink,an umbrella,a surfboard,the railway station,a yellow flower,"
    "a wooden bench,the tennis court,a large pizza,a mobile phone,the old bridge,a birthday cake,a suitcase,the truck"
)
WHERE = (
    "on the beach,in the city,at night,near a window,during the war,in front of a crowd,under the table,last summer,"
    "on a sunny day,in the living room,next to the road,while it rains,across the field,for seven dollars"
)
OTHER = (
    "this flower has long {} petals and a {} centre.",
    "the petals of the blossom are {} with {} stripes.",
    "the committee met on {} and voted for the {} proposal.",
    "please call {} before you print the {} report.",
    "turn left after the {} house and then {}.",
    "the history of this trade is {} and its beginnings were {}.",
)
FILLING = "white,purple,pink,monday,early,second,quickly,forty,small,north,public,twice,yellow,long,again,modern".split(
    ","
)
DIGITS = "zero one two three four five six seven eight nine".split()


def sentence(rng: random.Random) -> str:
    """One about people and things, flowers, errands, or numbers."""
    kind = rng.random()
    if kind < 0.5:
        return " ".join(rng.choice(words.split(",")) for words in (WHO, DOES, WHAT, WHERE)) + "."
    if kind < 0.85:
        return rng.choice(OTHER).format(rng.choice(FILLING), rng.choice(FILLING))
    return " ".join(rng.choices(DIGITS, k=rng.randint(1, 6))) + "."


def sound(rng: np.random.Generator) -> np.ndarray:
    """Some seconds of coloured noise, hum, arpeggios, or clicks, (N,) float64."""
    time = np.arange(int(RATE * rng.uniform(2, 7))) / RATE
    kind = rng.integers(4)
    if kind == 0:
        spectrum = np.fft.rfft(rng.standard_normal(len(time)))
        wave = np.fft.irfft(spectrum * np.arange(1, len(spectrum) + 1) ** -rng.uniform(0, 1), n=len(time))
    elif kind == 1:
        wave = sum(np.sin(2 * np.pi * rng.choice([50, 60]) * k * time) / k for k in range(1, 12))
    elif kind == 2:
        notes = 220 * 2 ** (rng.integers(0, 25, size=len(time) // 4000 + 1) / 12)
        phase = 2 * np.pi * np.cumsum(np.repeat(notes, 4000)[: len(time)]) / RATE
        wave = (np.sin(phase) + 0.4 * np.sin(2 * phase)) * np.exp(-3 * (time % 0.25))
    else:
        beat = time % rng.uniform(0.2, 0.7)
        wave = rng.standard_normal(len(time)) * np.exp(-rng.uniform(10, 60) * beat)
    return np.asarray(wave / np.abs(wave).max() * rng.uniform(0.05, 0.8))


def descriptions(root: Path, again: list[Path], count: int) -> list[Path]:
    """Recordings of validation utterances, and as many of each folder of other voices, chosen by seed 0."""
    found: list[Path] = []
    for folder, split in [(root, "val"), *((folder, "train") for folder in again)]:
        manifest = Manifest.load(folder)
        captions = [caption for item in manifest.split(split) for caption in item.captions if caption.audio]
        random.Random(0).shuffle(captions)
        found += [folder / str(caption.audio) for caption in captions[:count]]
    return found


def main() -> None:
    """Speak and make what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--root", type=Path, required=True, help="corpus folder, with recordings")
    parser.add_argument("--again", type=Path, nargs="*", default=[], help="folders of 'synthesize --again'")
    parser.add_argument("--descriptions", type=int, default=300, help="how many of each folder (default 300)")
    parser.add_argument("--sentences", type=int, default=400, help="how many (default 400)")
    parser.add_argument("--sounds", type=int, default=200, help="how many (default 200)")
    options = parser.parse_args()
    for kind in ("descriptions", "speech", "sounds"):
        (options.out / kind).mkdir(parents=True, exist_ok=True)

    given = descriptions(options.root, options.again, options.descriptions)
    for number, recording in enumerate(track(given, what="descriptions", unit="utt")):
        y = read_audio(recording, sample_rate=RATE)
        if number % 2:
            y = augment(y, RATE, seed=0, index=number, copy=1, settings=AugmentationSettings())
        soundfile.write(options.out / "descriptions" / f"{number}.wav", y, RATE)

    with EspeakSynthesizer() as engine:
        for number in track(range(options.sentences), what="sentences", unit="utt"):
            place, rng = options.out / "speech" / f"{number}.wav", random.Random(number)
            text, voice = sentence(rng), draw_voice(rng)
            if not place.exists():
                y = engine.synthesize(text, voice=voice, rate=rng.randint(110, 230), pitch=rng.randint(20, 80))
                soundfile.write(place, y, engine.sample_rate)
    for number in track(range(options.sounds), what="sounds", unit="clip"):
        soundfile.write(options.out / "sounds" / f"{number}.wav", sound(np.random.default_rng(number)), RATE)


if __name__ == "__main__":
    main()
