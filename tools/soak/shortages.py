"""What a training may lack: room on the disk, memory, numbers that are finite; each must end with its own status."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from ground import SPEECH, Ground, demand, newest, until

_DISK_MIB = {"classifier": 96}  # its release holds GoogLeNet, and an old one stays until the new one is whole
_COMMON_DISK_MIB = 40


def full_disks(ground: Ground, case: str, count: int) -> str:
    """R12: a real file system of 40 MiB that has a random number of bytes left."""
    disk = Path(tempfile.mkdtemp(dir=ground.folder))
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MIB.get(case, _COMMON_DISK_MIB)}m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        disk.rmdir()
        return "skipped: only root may mount a small disk"
    full, folder, filler = 0, disk / "run", disk / "filler"
    try:
        while full < count:
            shutil.rmtree(folder, ignore_errors=True)
            job = ground.run(case, folder, events={2: [0, signal.SIGTERM]})
            demand(job.statuses == [0], job.message(0))
            while full < count and newest(folder) < ground.steps:
                before = newest(folder)
                left = int(2 ** ground.draw.uniform(10, 19))
                _fill(filler, left)
                job = ground.run(case, folder, errors=str(ground.folder))
                filler.unlink()
                rest = [path.name for path in folder.rglob(".*.tmp-*")]
                said = job.message(0)
                demand(job.statuses in ([0], [5]) and not rest, f"{left} bytes left: {job.statuses} {rest} {said}")
                demand(job.statuses == [0] or "the disk is full" in said, said)
                demand(newest(folder) >= before, f"step {before} was lost")
                full += job.statuses == [5]
                if job.statuses == [5]:
                    job = ground.run(case, folder, events={2: [0, signal.SIGTERM]})
                    demand(job.statuses == [0], f"it cannot go on: {job.message(0)}")
            ground.demand_same_end(case, ground.run(case, folder))
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)  # a killed soak test leaves a training there
        disk.rmdir()
    return f"{full} full disks"


def _fill(path: Path, left: int) -> None:
    """Make a file that leaves so many bytes of its disk, rounded to pages."""
    status = os.statvfs(path.parent)
    size = status.f_bavail * status.f_frsize - left
    if size > 0:
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    path.touch()


def out_of_memory(ground: Ground, case: str, count: int) -> str:
    """R13: the allocator's error, and an allocation beyond the limit of the process."""

    def sitting(folder: Path, number: int) -> bool:
        fault = [ground.draw.randrange(5), ("raised", "limit")[number % 2]]
        job = ground.run(case, folder, no_memory=fault)
        if job.statuses == [0]:
            return False
        demand(job.statuses == [4] and "batch_size" in job.message(0), f"status {job.statuses}: {job.message(0)}")
        ground.run(case, folder, events={1: [0, signal.SIGTERM]})
        return True

    until(ground, case, count, sitting)
    return f"{count} times no memory"


def not_finite(ground: Ground, case: str, count: int) -> str:
    """R14: NaN and infinity in input, weights, loss and gradient."""
    places = [place for place in ("input", "weight", "loss", "gradient") if place != "input" or case in SPEECH]

    def sitting(folder: Path, number: int) -> bool:
        fault = [ground.draw.randrange(5), places[number % len(places)], ("nan", "inf", "-inf")[number % 3]]
        job = ground.run(case, folder, nonsense=fault)
        if job.statuses == [0] and newest(folder) == ground.steps:
            return False  # it ended before the moment
        demand(job.statuses == [3], f"{fault}: status {job.statuses}: {job.message(0)}")
        report = folder / "nonfinite.json"
        demand(report.is_file() and str(report) in job.message(0), f"{fault}: no report")
        report.unlink()
        ground.run(case, folder, events={1: [0, signal.SIGTERM]})
        return True

    until(ground, case, count, sitting)
    return f"{count} values that are not finite, in {', '.join(places[:count])}"
