"""Load on ``speech2img serve``: the first preview, visitors at once, and memory over many requests.

python tools/benchmark/visitors.py [--model songbirds] [--previews 10] [--visitors 20] [--requests 500] [--pictures 1]

The first preview is timed where the server works, from the arrival of an upload to the first picture that would be
sent, with no browser and no server beside it. The rest asks a server of its own through gradio's client.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common import machine, print_table

from speech2img.app.provenance import read_provenance
from speech2img.app.settings import AppSettings
from speech2img.app.studio import PaintRequest, Preview, Studio, Upload
from speech2img.gallery.recordings_table import packaged_recordings

RECORDINGS = [recording.path for recording in packaged_recordings()]
READINGS = 10
"""How often memory is read."""


def first_previews(model: str, count: int, pictures: int) -> list[float]:
    """Seconds from the arrival of an upload to its first preview; one before that warms the model."""
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(AppSettings(models=(model,)), Path(folder))
        studio.models.open()
        for number in range(count + 1):
            studio.decoder.prepare()
            time.sleep(2)  # the next child is ready, as between two visitors
            path = RECORDINGS[number % len(RECORDINGS)]
            upload = Upload(name=path.name, data=path.read_bytes())
            start, first = time.perf_counter(), None
            for event in studio.paint(PaintRequest(source=upload, model=model, num_images=pictures, seed=number)):
                if first is None and isinstance(event, Preview):
                    first = time.perf_counter() - start
            assert first is not None
            seconds.append(first)
        studio.close()
    return seconds[1:]


@contextmanager
def server(model: str) -> Iterator[tuple[str, int]]:
    """A server of its own: address and process."""
    command = [sys.executable, "-m", "speech2img", "serve", "--model", model, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[0], process.pid
        finally:
            process.terminate()


def request(client: Any, address: str, number: int, pictures: int) -> None:
    """Paint one recording, and look whether what came back is this visitor's own."""
    from gradio_client import handle_file

    path = RECORDINGS[number % len(RECORDINGS)]
    made = client.predict(handle_file(path), pictures=pictures, seed=number, api_name="/paint")
    for url in made["urls"]["pictures"]:
        origin = read_provenance(_get(f"{address}{url}"))
        assert origin["seed"] == str(number) and origin["recording_sha256"] == made["recording_sha256"]
    assert _get(f"{address}{made['urls']['recording']}") == path.read_bytes()


def at_once(address: str, count: int, pictures: int) -> tuple[list[float], list[str]]:
    """Seconds until each visitor has pictures, and what went wrong."""
    seconds: list[float] = []
    wrong: list[str] = []
    gate = threading.Barrier(count)

    def visit(number: int) -> None:
        try:
            client = _client(address)
            gate.wait()
            start = time.perf_counter()
            request(client, address, number, pictures)
            seconds.append(time.perf_counter() - start)
        except Exception as error:
            wrong.append(f"visitor {number}: {error}")

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(count)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    return sorted(seconds), wrong


def resident_megabytes(process: int) -> float:
    """Memory of a process, without its children."""
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


def _client(address: str) -> Any:
    from gradio_client import Client

    return Client(address, verbose=False, analytics_enabled=False)


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=300) as answer:
        data: bytes = answer.read()
        return data


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="songbirds")
    parser.add_argument("--previews", type=int, default=10)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--pictures", type=int, default=1, help="of each request; the first preview is of 1 and of 4")
    parser.add_argument("--out", type=Path, help="JSON file for what was measured")
    args = parser.parse_args()
    measured: dict[str, Any] = {"model": args.model, "pictures": args.pictures}
    rows: list[tuple[str, str]] = []

    # The first preview.
    for pictures in (1, 4) if args.previews else ():
        seconds = first_previews(args.model, args.previews, pictures)
        measured[f"first_preview_of_{pictures}"] = seconds
        spread = f"{statistics.median(seconds):.2f} s (slowest {max(seconds):.2f})"
        rows.append((f"first preview of {pictures}, median of {len(seconds)}", spread))

    # Visitors at once, then one after the other.
    with server(args.model) as (address, process):
        client = _client(address)
        request(client, address, 0, args.pictures)
        if args.visitors:
            seconds, wrong = at_once(address, args.visitors, args.pictures)
            measured |= {"visitors": args.visitors, "visitor_seconds": seconds, "wrong": wrong}
            print(f"{len(seconds)} visitors served", file=sys.stderr, flush=True)
            last = f"{len(seconds)} served, the last after {max(seconds, default=0):.1f} s; {len(wrong)} failed"
            rows += [(f"{args.visitors} visitors at once", last), *(("failed", text) for text in wrong)]
        megabytes = [resident_megabytes(process)]
        start = time.perf_counter()
        for number in range(1, args.requests + 1):
            request(client, address, number, args.pictures)
            if number % max(1, args.requests // READINGS) == 0:
                megabytes.append(resident_megabytes(process))
                print(f"{number} requests, {megabytes[-1]:.0f} MB", file=sys.stderr, flush=True)
        measured |= {"requests": args.requests, "resident_megabytes": megabytes}
        shown = ", ".join(f"{value:.0f}" for value in megabytes)
        rows.append((f"MB before and over {args.requests} requests", shown))
        if args.requests:
            rows.append(("a request, mean", f"{(time.perf_counter() - start) / args.requests:.2f} s"))
    print_table(f"speech2img serve --model {args.model}", rows, ("what", "measured"))
    machine().write(args.out, **measured)


if __name__ == "__main__":
    main()
