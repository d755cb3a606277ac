"""Work that is divided into numbered parts: by one process or by all of a job, in a folder from which it resumes."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from speech2img.distributed.collectives import barrier, is_main_process, main_process_first, world
from speech2img.storage.atomic import write_text
from speech2img.storage.chunks import Chunk, StoredChunks
from speech2img.storage.lock import run_lock
from speech2img.storage.progress import Progress
from speech2img.storage.reading import read_bytes


@contextmanager
def shared_chunks(folder: Path) -> Iterator[StoredChunks]:
    """Open a folder of finished parts, which stays, for all processes of the job.

    Parameters
    ----------
    folder : Path
        Of this computation alone, on a disk that all machines of the job share.

    Raises
    ------
    ConfigError
        If another job works in the folder.
    """
    with run_lock(folder, rank=world()):
        yield StoredChunks(folder, shared=world().count > 1)


@contextmanager
def resumable_chunks(folder: Path, *, source: str) -> Iterator[StoredChunks]:
    """Open the folder of an unfinished computation for all processes of the job; a block that ends well removes it.

    Parameters
    ----------
    folder : Path
        Beside what is being made, on a disk that all machines of the job share.
    source : str
        Names everything that the parts depend on: those of another source are thrown away.

    Raises
    ------
    ConfigError
        If another job works in the folder.
    """
    with run_lock(folder, rank=world()):
        parts, source_file = folder / "parts", folder / "source"
        with main_process_first():
            if is_main_process():
                if not source_file.is_file() or read_bytes(source_file, max_bytes=1 << 20) != source.encode():
                    shutil.rmtree(parts, ignore_errors=True)
                    write_text(source_file, source)
                parts.mkdir(exist_ok=True)
        yield StoredChunks(parts, shared=world().count > 1)
        barrier()
        if is_main_process():
            shutil.rmtree(folder)


def compute_chunks(
    chunks: StoredChunks, starts: Sequence[int], compute: Callable[[int], Chunk], *, desc: str, progress: bool
) -> None:
    """Compute the parts that are missing, each by one process of the job; all of them are there when this returns.

    Parameters
    ----------
    chunks : StoredChunks
        As from `resumable_chunks`.
    starts : sequence of int
        Numbers of all parts, the same for all processes.
    compute : callable
        Makes a part; its bits must not depend on which process does.
    desc : str
        What the bar says; it counts the first process's parts that are on the disk.
    progress : bool
        Whether to show the bar.
    """
    mine = world().share(starts)
    missing = [start for start in mine if start not in chunks]
    bar = Progress(
        total=len(mine),
        initial=len(mine) - len(missing),
        what=desc,
        unit="part",
        progress=progress and is_main_process(),
    )
    with bar:
        for start in missing:
            chunks.add(start, compute(start))
            bar.update()
    barrier()
    chunks.reload()
