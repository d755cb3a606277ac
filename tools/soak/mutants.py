"""Mutants of real files through every reader: each gives a value or one of our errors, in 5 s and 1 GiB.

A sealed file (checkpoint, release, stores with check sums) that was changed must never be read as another value.
"""

import os
import random
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SECONDS = 5
MEMORY = 1 << 30
_ACCEPTED, _REFUSED, _OTHER = 0, 10, 11


@dataclass(frozen=True)
class Reader:
    """One reader with a real file for it."""

    name: str
    """What is read."""
    make: Callable[[Path], object]
    """Writes the real file, or folder, at a path."""
    read: Callable[[Path], object]
    """Reads it; the ``repr`` of what it gives is compared where the reader is sealed."""
    suffix: str = ""
    """Of the file's name."""
    sealed: bool = False
    """Whether another content than what was written must be refused."""


@dataclass
class Tally:
    """What became of the mutants of one reader."""

    accepted: int = 0
    """Read as a value."""
    refused: int = 0
    """Ended in one of our errors."""
    slowest: float = 0.0
    """Seconds of the slowest."""
    faults: list[str] | None = None
    """What broke the contract: mutant, and how."""

    def __str__(self) -> str:
        broken = f", {len(self.faults)} FAULTS: {' | '.join(self.faults[:3])}" if self.faults else ""
        return f"{self.accepted} accepted, {self.refused} refused, slowest {self.slowest:.2f} s{broken}"


def mutate(data: bytes, draw: random.Random) -> bytes:
    """One damaged version of a file's content."""
    changed = bytearray(data)
    place = draw.randrange(len(changed)) if draw.random() < 0.5 else draw.randrange(min(len(changed), 512))
    kind = draw.randrange(10)
    if kind == 0:
        changed[place] ^= 1 << draw.randrange(8)
    elif kind == 1:
        changed[place] = draw.choice((0, 1, 0x7F, 0x80, 0xFF))
    elif kind == 2:
        del changed[place:]
    elif kind == 3:
        end = place + draw.choice((1, 4, 64, 4096))
        changed[place:end] = bytes([draw.choice((0, 0xFF))]) * len(changed[place:end])
    elif kind == 4:
        changed[place:place] = draw.randbytes(draw.choice((1, 7, 300)))
    elif kind == 5:
        size = draw.choice((2, 4, 8))
        value = draw.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63)) % (1 << 8 * size)
        changed[place : place + size] = value.to_bytes(size, draw.choice(("little", "big")))
    elif kind == 6:
        del changed[place : place + draw.choice((1, 8, 100))]
    elif kind == 7:
        piece = changed[place : place + draw.choice((1, 16, 200))]
        changed[place:place] = piece * draw.choice((1, 3, 50))
    elif kind == 8:
        changed[place:place] = draw.choice(
            (b"9" * 5000, b"[" * 100_000, b'{"a":' * 20_000, b"\xff\xfe", b"NaN", b"-1e999", b"\0")
        )
    else:
        other = draw.randrange(len(changed))
        length = draw.choice((1, 8, 64))
        changed[place : place + length] = changed[other : other + length]
    return bytes(changed)


def hunt(reader: Reader, folder: Path, count: int, *, seed: int) -> Tally:
    """Read `count` mutants of one reader's file, each in a process of its own.

    Parameters
    ----------
    reader : Reader
        What to attack.
    folder : Path
        Where to work.
    count : int
        Number of mutants.
    seed : int
        Decides them.
    """
    tally = Tally(faults=[])
    original = folder / f"original{reader.suffix}"
    reader.make(original)
    content = repr(reader.read(original))
    files = sorted(path for path in original.rglob("*") if path.is_file()) if original.is_dir() else [original]
    for number in range(count):
        draw = random.Random(f"{seed} {reader.name} {number}")
        target = folder / f"mutant{reader.suffix}"
        victim = draw.choice(files)
        if original.is_dir():
            shutil.copytree(original, target)
        data = victim.read_bytes()
        changed = mutate(data, draw)
        (target / victim.relative_to(original) if original.is_dir() else target).write_bytes(changed)
        start = time.monotonic()
        status = _in_child(lambda path=target: _outcome(reader, path, content))
        seconds = time.monotonic() - start
        tally.slowest = max(tally.slowest, seconds)
        tally.accepted += status == _ACCEPTED
        tally.refused += status == _REFUSED
        if status not in (_ACCEPTED, _REFUSED) or seconds > SECONDS + 1:
            tally.faults.append(f"{reader.name} seed {seed} number {number}: {_told(status)}, {seconds:.1f} s")
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    return tally


def _outcome(reader: Reader, path: Path, content: str) -> int:
    """Exit status of a child that reads one mutant."""
    from speech2img.errors import Speech2ImgError

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    signal.alarm(SECONDS)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        same = repr(reader.read(path)) == content
    except Speech2ImgError as error:
        return _REFUSED if 0 < error.exit_code < 70 and str(error).isprintable() else _OTHER
    except BaseException as error:
        return {MemoryError: 12, RecursionError: 13}.get(type(error), _OTHER)
    return _ACCEPTED if same or not reader.sealed else 14


def _told(status: int) -> str:
    if status < 0:
        return f"signal {signal.Signals(-status).name}"
    known = {_OTHER: "another exception than ours", 12: "no memory", 13: "recursion", 14: "damage was read as data"}
    return known.get(status, f"status {status}")


def _in_child(action: Callable[[], int]) -> int:
    pid = os.fork()
    if pid == 0:
        status = _OTHER
        try:
            status = action()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def hunt_all(folder: Path, count: int, *, seed: int) -> Iterator[tuple[str, Tally]]:
    """Attack every reader with its share of `count` mutants, one tally after another."""
    from readers import READERS

    share = -(-count // len(READERS))
    for reader in READERS:
        place = folder / reader.name.replace(" ", "-")
        place.mkdir(parents=True)
        yield reader.name, hunt(reader, place, share, seed=seed)
