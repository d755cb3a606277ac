"""Stores at full size: loading manifests, filling a mel store against librosa a file, random reads of a mel store.

    python tools/benchmark/stores.py [manifest] [mels] [reads] [--recordings DIR] [--count 2000] [--rounds 4]

``manifest``: 11,788 pictures with 10 captions (CUB) and 400,000 with one recorded caption (Places), each loaded in a
process of its own; memory is what the peak of the process grows by. ``mels``: recordings of 16 kHz (made here unless
DIR holds some) by librosa, a file at a time, to the same numbers, appended to an open file as float16 and left to the
system to write, against `build_mel_store` with two workers, which waits for the disk. librosa runs in one process with
one thread, in one with the threads it takes by itself, and in two of one thread. ``reads``: utterances of 300 frames in
random order by two processes, from a file that was dropped from the page cache, and again. All take turns. Seconds are
of the clock, beside seconds of processor time, which other work on the machine changes less.
"""

import argparse
import contextlib
import json
import os
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import Used, at_once, print_table, run_child, spread, timed

from speech2img.cli.process import tuned_environment

PRESET = "li2020"
WORDS = "this small bird has a red crown and long white wings with brown bars above its round yellow belly".split()
READ_ITEMS, READ_FRAMES, READS = 20_000, 300, 20_000


def make_manifest(folder: Path, corpus: str) -> None:
    """A manifest as large as CUB's (ten spoken captions a picture) or that of Places (one recording)."""
    from speech2img.corpora.records.items import Caption, Item, recorded_caption
    from speech2img.corpora.records.manifest import Manifest

    draw = random.Random(0)

    def captions(key: str) -> tuple[Caption, ...]:
        texts = [" ".join(draw.choices(WORDS, k=16)) for _ in range(10 if corpus == "cub" else 1)]
        if corpus == "cub":
            audio = f"audio/en-us/{key}"
            return tuple(
                Caption(k, text, "en-us", f"{audio}_{k}.wav", 175, 50, 50, {}, None) for k, text in enumerate(texts)
            )
        return (recorded_caption(0, f"wavs/{key}.wav", text=texts[0], speaker=f"A{draw.randrange(2700):013d}"),)

    items = []
    for _ in range(11_788 if corpus == "cub" else 400_000):
        kind = draw.randrange(200)
        name = f"{kind + 1:03d}.Class_{kind}"
        key = f"{name}/picture_{draw.getrandbits(96):024x}"
        box = (60.0, 27.0, 325.0, 304.0) if corpus == "cub" else None
        items.append(Item(key, f"images/{key}.jpg", kind, name, "train", box, None, captions(key)))
    Manifest(folder, corpus, items).save()


def load_manifest(folder: str) -> Used:
    """Time and memory of loading a manifest in this process."""
    from speech2img.corpora.records.manifest import Manifest

    before = peak_megabytes()
    used = timed(lambda: Manifest.load(folder))
    return {**used, "megabytes": peak_megabytes() - before}


def peak_megabytes() -> float:
    """The most memory this program has had; what ``getrusage`` says begins with the peak of the parent."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def make_recordings(folder: Path, count: int, seconds: tuple[float, float]) -> list[str]:
    """Recordings of 16 kHz that are about as long, and as full of pauses, as spoken captions."""
    from speech2img.audio.wav import write_wav

    draw = np.random.default_rng(0)
    for number in range(count):
        moments = np.arange(int(16_000 * draw.uniform(*seconds))) / 16_000
        tone = sum(np.sin(2 * np.pi * k * (110 + number % 90) * moments) / k for k in range(1, 16))
        loud = np.clip(np.sin(2 * np.pi * 2.1 * moments + draw.uniform(0, 6)) + 0.4, 0, 1)
        sound = 0.1 * tone * loud + 1e-3 * draw.standard_normal(len(moments))
        write_wav(folder / f"{number}.wav", sound, sample_rate=16_000)
    return [str(folder / f"{number}.wav") for number in range(count)]


def librosa_mels(files: Sequence[str], processes: int) -> Used:
    """The preset's numbers by librosa: load a file, compute, save, go on."""
    import librosa
    from scipy.signal.windows import hamming

    def share(number: int) -> None:
        for file in files[number::processes]:
            y, rate = librosa.load(file, sr=16_000)
            y = librosa.effects.preemphasis(y - y.mean(), coef=0.97, zi=np.zeros(1))
            mel = librosa.feature.melspectrogram(
                y=y,
                sr=rate,
                n_fft=400,
                hop_length=160,
                window=hamming(400),
                n_mels=40,
                fmin=20,
                fmax=8000,
                pad_mode="reflect",
            )
            stored[number].write(librosa.power_to_db(mel, ref=np.max).T.astype(np.float16).tobytes())

    everything, files = files, files[:1]
    with contextlib.ExitStack() as all_stored:
        folder = Path(files[0]).parent
        stored = [all_stored.enter_context(tempfile.TemporaryFile(dir=folder)) for _ in range(processes)]
        share(0)  # the first call loads half of the library
        files = everything
        return timed(lambda: share(0) if processes == 1 else at_once(share, processes))


def our_mels(files: Sequence[str]) -> Used:
    """A store of the recordings, as ``speech2img features`` makes it."""
    from speech2img.audio.mel import MEL_PRESETS
    from speech2img.audio.store import build_mel_store

    entries = [(file, Path(file)) for file in files]
    with tempfile.TemporaryDirectory(dir=Path(files[0]).parent) as name:
        path = Path(name) / "mels.h5"
        return timed(lambda: build_mel_store(path, entries, preset=MEL_PRESETS[PRESET], workers=2, progress=False))


LIBROSA, LIBROSA_FREE, LIBROSA_TWO = "librosa, one thread", "librosa, its own threads", "librosa, two processes"
OURS = "speech2img"
VARIANTS: Mapping[str, Callable[[Any], Used]] = {
    "manifest": load_manifest,
    LIBROSA: lambda files: librosa_mels(files, 1),
    LIBROSA_FREE: lambda files: librosa_mels(files, 1),
    LIBROSA_TWO: lambda files: librosa_mels(files, 2),
    OURS: our_mels,
}


def in_child(variant: str, given: object) -> Used:
    """Run one variant in a fresh process: ours in the environment that the command line gives itself."""
    environ = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    if variant == OURS:
        environ = tuned_environment(environ, cores=2) or environ
    elif variant != LIBROSA_FREE:
        environ["OMP_NUM_THREADS"] = "1"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(given, file)
        file.flush()
        return run_child(__file__, ["--variant", variant, "--given", file.name], environ=environ)


def read_at_random(path: Path) -> Used:
    """Random utterances by two processes, each with the store opened in it."""
    from speech2img.audio.store import MelStore

    def share(number: int) -> None:
        store = MelStore(path)
        for row in np.random.default_rng(number).permutation(READ_ITEMS)[: READS // 2].tolist():
            store.read(row)

    return timed(lambda: at_once(share, 2))


def drop_from_cache(path: Path) -> None:
    """Let the system forget the pages of a file."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def measure_manifests(folder: Path, rounds: int) -> None:
    """Load both manifests in turn."""
    captions = {"cub": "117,880", "places": "400,000"}
    for name in captions:
        (folder / name).mkdir()
        make_manifest(folder / name, name)
    results = [{name: in_child("manifest", str(folder / name)) for name in captions} for _ in range(rounds)]
    print_table(
        f"Loading a manifest, lowest / median / highest of {rounds}",
        [
            (
                f"{name}, {captions[name]} captions",
                *(
                    spread([one[name][key] for one in results], digits)
                    for key, digits in (("wall", 2), ("cpu", 2), ("megabytes", 0))
                ),
            )
            for name in captions
        ],
        ("manifest", "s", "s of the processor", "MB"),
    )


def measure_mels(files: Sequence[str], rounds: int) -> None:
    """Take turns on the same recordings, a share of them each round."""
    names = (LIBROSA, LIBROSA_FREE, LIBROSA_TWO, OURS)
    results: dict[str, list[Used]] = {name: [] for name in names}
    for turn in range(rounds):
        share = list(files[turn::rounds])
        for file in share:
            Path(file).read_bytes()  # whoever comes first reads from memory as well
        for name in names if turn % 2 == 0 else names[::-1]:
            results[name].append({key: 1000 * value / len(share) for key, value in in_child(name, share).items()})
    print_table(
        f"Mels of {len(files)} recordings, lowest / median / highest of {rounds} rounds",
        [
            (
                name,
                *(spread([one[key] for one in results[name]]) for key in ("wall", "cpu")),
                *(
                    spread([other[key] / own[key] for other, own in zip(results[name], results[OURS], strict=True)], 1)
                    for key in ("wall", "cpu")
                ),
            )
            for name in names
        ],
        ("way", "ms a file", "ms of the processor", f"times {OURS}'s", "the same of the processor"),
    )


def measure_reads(folder: Path, rounds: int) -> None:
    """Read at random, cold and warm."""
    from speech2img.audio.mel import MEL_PRESETS
    from speech2img.audio.store import build_mel_store

    path, seconds = folder / "mels.h5", (READ_FRAMES - 1) / 100
    files = make_recordings(folder / "read", 100, (seconds, seconds + 1e-3))
    entries = [(str(number), Path(files[number % len(files)])) for number in range(READ_ITEMS)]
    build_mel_store(path, entries, preset=MEL_PRESETS[PRESET], workers=2, progress=False)
    results: dict[str, list[Used]] = {"cold": [], "warm": []}
    for _ in range(rounds):
        drop_from_cache(path)
        for name in results:
            results[name].append(read_at_random(path))
    title = f"{READS:,} random reads of {READ_FRAMES} x 40 by two processes"
    print_table(
        f"{title}, lowest / median / highest of {rounds} rounds",
        [
            (name, *(spread([READS / one[key] for one in ones], 0) for key in ("wall", "cpu")))
            for name, ones in results.items()
        ],
        ("reads", "items/s", "items a second of the processor"),
    )


def main() -> None:
    """Measure what was asked for and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="manifest, mels, reads (default: all)")
    parser.add_argument("--recordings", type=Path, help="folder with wav files of 16 kHz, of which --count are drawn")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--given", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.variant:
        print(json.dumps(VARIANTS[args.variant](json.loads(args.given.read_text()))))
        return
    parts = args.parts or ["manifest", "mels", "reads"]
    if unknown := set(parts) - {"manifest", "mels", "reads"}:
        parser.error(f"unknown part {', '.join(sorted(unknown))}")
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "manifest" in parts:
            measure_manifests(folder, args.rounds)
        if "mels" in parts:
            files = sorted(str(path) for path in (args.recordings or folder).rglob("*.wav"))
            files = files or make_recordings(folder / "spoken", args.count, (3.0, 8.0))
            os.sync()  # or the disk is still busy with them
            measure_mels(random.Random(0).sample(files, min(args.count, len(files))), args.rounds)
        if "reads" in parts:
            measure_reads(folder, args.rounds)
    print(f"\nload of the machine after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
