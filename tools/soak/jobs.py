"""The jobs that are killed: log-mels, drawing, speaking, training; each by its own verb of the command line."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
from kill import SoakError
from PIL import Image

from speech2img.audio.store_writer import FRAMES_AT
from speech2img.audio.wav import write_wav
from speech2img.corpora.records.items import Caption, Item
from speech2img.corpora.records.manifest import Manifest
from speech2img.corpora.songbirds.prepare import plan_songbirds
from speech2img.storage.checkpoint import CheckpointStore
from speech2img.storage.journal import Journal
from speech2img.storage.lock import LOCK
from speech2img.tts.corpus.synthesize import JOURNAL_NAME

VERB = [sys.executable, "-m", "speech2img"]
_POOL = 500


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _mark(path: Path) -> tuple[int, int]:
    """What changes when a file is written again, even with the same content."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def _tree(folder: Path, *patterns: str) -> dict[str, str]:
    """SHA-256 of files by their path, but of the one that names the process."""
    files = (path for pattern in patterns for path in folder.rglob(pattern) if path.is_file() and path.name != LOCK)
    return {str(path.relative_to(folder)): _sha256(path) for path in files}


@dataclass(frozen=True)
class Mels:
    """``features``: the mel store of a corpus with ten captions a picture, and the store of its pictures."""

    items: int = 117_880
    name: ClassVar[str] = "mels"
    bar: ClassVar[str] = "mels li2020"
    lock: ClassVar[str] = f"derived/mels-li2020.h5.building/{LOCK}"

    def set_up(self, folder: Path) -> None:
        """Recordings of 1 to 3 s; as many different ones as take a second to make, under all the names."""
        draw = np.random.default_rng(0)
        pool = [folder / "pool" / f"{number}.wav" for number in range(min(_POOL, self.items))]
        for path in pool:
            length = int(draw.integers(16_000, 48_000))
            write_wav(path, 0.1 * draw.standard_normal(length).astype(np.float32), sample_rate=16_000)
            os.utime(path, (1, 1))  # a store knows its sources by their times
        (folder / "wav").mkdir()
        Image.new("RGB", (8, 8), "red").save(folder / "bird.png")
        os.utime(folder / "bird.png", (1, 1))
        pictures = []
        for number in range((self.items + 9) // 10):
            places = [(10 * number + k, f"wav/{number}_{k}.wav") for k in range(min(10, self.items - 10 * number))]
            for index, place in places:
                os.link(pool[index * 7919 % len(pool)], folder / place)
            captions = [Caption(k, "a", "en", place, 175, 50, 50, {}, None) for k, (_, place) in enumerate(places)]
            pictures.append(Item(str(number), "bird.png", 0, "1.bird", "train", None, None, tuple(captions)))
        Manifest(folder, "folder", pictures).save()

    def command(self, folder: Path) -> list[str]:
        """Mels, then pictures."""
        return [*VERB, "features", "--root", str(folder), "--image-size", "8"]

    def promised(self, folder: Path, quiet: Path, told: int) -> dict[str, object]:
        """Recordings, in order, each with its frames; their number may only grow from one call to the next."""
        spool = folder / "derived" / "mels-li2020.h5.building"
        with h5py.File(quiet / "derived" / "mels-li2020.h5") as file:
            offsets, expected = file["offsets"][()], file["frames"]
            finished = (folder / "derived" / "mels-li2020.h5").exists()
            count = self.items if finished else sum(self._batches(spool))
            if not finished and count:
                rows = int(offsets[count])
                (frames,) = spool.glob("frames-*.h5")
                found = np.fromfile(frames, np.float16, rows * expected.shape[1], offset=FRAMES_AT)
                if found.tobytes() != expected[:rows].tobytes():
                    raise SoakError(f"{self.name}: the first {count} recordings are not what they should be")
        if told > count:
            raise SoakError(f"{self.name}: the progress bar told of {told} recordings, {count} are there")
        return dict.fromkeys(map(str, range(count)))

    @staticmethod
    def _batches(spool: Path) -> Iterator[int]:
        if (spool / "journal.jsonl").exists():
            done = Journal(spool / "journal.jsonl").done
            yield from (len(batch["lengths"]) for key, batch in done.items() if key != "source")

    def result(self, folder: Path) -> dict[str, str]:
        """The mel store, byte for byte, and what the picture store holds; HDF5 writes the time into that one."""
        with h5py.File(folder / "derived" / "images-8.h5") as file:
            pictures = {name: hashlib.sha256(file[name][()].tobytes()).hexdigest() for name in file}
        return {**_tree(folder / "derived", "mels-*.h5"), **pictures}


@dataclass(frozen=True)
class Prepare:
    """``prepare songbirds``: drawn pictures, captions, splits and manifest."""

    items: int = 2_816
    name: ClassVar[str] = "prepare"
    bar: ClassVar[str] = "drawing songbirds"
    lock: ClassVar[str] = LOCK

    def set_up(self, folder: Path) -> None:
        """Nothing but the place."""
        folder.mkdir()

    def command(self, folder: Path) -> list[str]:
        """The smallest corpus that has so many pictures."""
        size = "tiny" if self.items <= 48 else "small"
        return [*VERB, "prepare", "songbirds", "--size", size, "--root", str(folder)]

    def promised(self, folder: Path, quiet: Path, told: int) -> dict[str, object]:
        """Pictures under their own names."""
        pictures = {str(path.relative_to(folder)): path for path in folder.glob("CUB_200_2011/images/*/[!.]*.jpg")}
        wrong = [name for name, path in pictures.items() if _sha256(path) != _sha256(quiet / name)]
        if wrong or len(pictures) < told:
            raise SoakError(f"{self.name}: {len(pictures)} pictures, the bar told of {told}; wrong: {wrong}")
        return {name: _mark(path) for name, path in pictures.items()}

    def result(self, folder: Path) -> dict[str, str]:
        """Every file."""
        return _tree(folder, "*")


@dataclass(frozen=True)
class Synthesize:
    """``synthesize``: captions of songbirds spoken by espeak-ng."""

    items: int = 2_000
    name: ClassVar[str] = "synthesize"
    bar: ClassVar[str] = "speech"
    lock: ClassVar[str] = f"derived/speech/{LOCK}"

    def set_up(self, folder: Path) -> None:
        """The first pictures' captions; the pictures themselves are not looked at."""
        items = plan_songbirds(folder, size="small").items[: (self.items + 9) // 10]
        folder.mkdir()
        Manifest(folder, "songbirds", [replace(item, split="train") for item in items]).save()

    def command(self, folder: Path) -> list[str]:
        """The default engine."""
        return [*VERB, "synthesize", "--root", str(folder)]

    def promised(self, folder: Path, quiet: Path, told: int) -> dict[str, object]:
        """Recordings of the journal, with the SHA-256 that it says."""
        marks: dict[str, object] = {}
        for name, fields in Journal(folder / JOURNAL_NAME).done.items():
            if not (folder / name).is_file() or _sha256(folder / name) != fields["sha256"]:
                raise SoakError(f"{self.name}: {name} is not what the journal says")
            marks[name] = _mark(folder / name)
        if told > len(marks):
            raise SoakError(f"{self.name}: the progress bar told of {told} recordings, the journal has {len(marks)}")
        return marks

    def result(self, folder: Path) -> dict[str, str]:
        """Every recording, the manifest, and every line of the journal in the order of names."""
        done = sorted(Journal(folder / JOURNAL_NAME).done.items())
        return {**_tree(folder, "*.wav", "manifest.jsonl"), **{f"line {name}": repr(fields) for name, fields in done}}


@dataclass(frozen=True)
class Train:
    """``train teacher``: a small network on the smallest corpus, in fp32 by one thread."""

    items: int = 400
    name: ClassVar[str] = "train"
    bar: ClassVar[str] = "train"
    lock: ClassVar[str] = f"run/{LOCK}"

    def set_up(self, folder: Path) -> None:
        """The corpus beside the runs, drawn once."""
        from speech2img.corpora.songbirds.prepare import prepare_songbirds

        folder.mkdir()
        prepare_songbirds(folder.parent / "birds", size="tiny", progress=False)

    def command(self, folder: Path) -> list[str]:
        """Checkpoints every second; features of a few channels."""
        settings = (
            "width=8",
            "batch_size=8",
            f"loop.max_steps={self.items}",
            "loop.evaluate_every=50",
            "loop.threads=1",
            "loop.checkpoint_minutes=0.01",
            "loop.log_every=5",
            "loop.grid_every=0",
        )
        sets = [word for setting in settings for word in ("--set", setting)]
        root = folder.parent / "birds"
        return [
            *VERB,
            "train",
            "teacher",
            "--root",
            str(root),
            "--out",
            str(folder / "run"),
            "--device",
            "cpu",
            "--precision",
            "fp32",
            *sets,
        ]

    def promised(self, folder: Path, quiet: Path, told: int) -> dict[str, object]:
        """Steps that the newest sound checkpoint has behind it."""
        newest = CheckpointStore(folder / "run" / "checkpoints").latest()
        steps = int(newest.name.removeprefix("step-")) if newest else 0
        return dict.fromkeys(map(str, range(steps)))

    def result(self, folder: Path) -> dict[str, str]:
        """The exported weights, and every logged number that is not a time."""
        rows = [json.loads(line) for line in (folder / "run" / "stats.jsonl").read_text().splitlines()]
        for row in rows:
            for key in ("seconds", "steps_per_second"):
                row.pop(key, None)
        numbers = {f"log line {number}": json.dumps(row) for number, row in enumerate(rows)}
        return {**_tree(folder / "run" / "export", "*"), **numbers}


JOBS = {job.name: job for job in (Mels, Prepare, Synthesize, Train)}
