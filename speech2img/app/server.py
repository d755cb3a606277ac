"""``serving``: the page on a port, with its files, its guard and a folder that ends with it."""

import contextlib
import fcntl
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

from speech2img.app.guard import Guard
from speech2img.app.settings import AppSettings, read_logins, require_gradio
from speech2img.app.studio import Example, Studio
from speech2img.errors import ConfigError, DataError
from speech2img.storage.notices import notice

MOST_UPLOADED = 1 << 30
"""Bytes of uploads that lie in the folder at once; gradio removes what is an hour old."""
PREFIX = "speech2img-app-"
_LOCK = "lock"
_START_SECONDS, _STOP_SECONDS = 60, 2
_TYPES = {".ogg": "audio/ogg", ".wav": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg", ".m4a": "audio/mp4"}
_TYPES |= {".webm": "audio/webm", ".mp4": "video/mp4", ".aac": "audio/aac", ".aiff": "audio/aiff", ".png": "image/png"}


@contextlib.contextmanager
def serving(settings: AppSettings) -> Iterator[str]:
    """Serve the page while the block runs.

    Parameters
    ----------
    settings : AppSettings
        What the operator chose.

    Yields
    ------
    str
        Address of the page.

    Raises
    ------
    ConfigError
        If gradio is missing, the port is taken, or the settings make no sense.
    CheckpointError
        If a model is missing, damaged, or cannot paint.
    """
    # What can be refused before anything heavy is imported.
    require_gradio()
    logins = {} if settings.auth_file is None else read_logins(settings.auth_file)
    with _listening(settings) as listener, _own_folder() as folder, _environment(folder):
        studio = Studio(settings, folder)
        try:
            studio.models.open()
            studio.decoder.prepare()
            app = _application(studio, settings, folder, logins)
            with _running(app, listener):
                host = f"[{settings.host}]" if ":" in settings.host else settings.host
                yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            studio.close()


def _application(studio: Studio, settings: AppSettings, folder: Path, logins: dict[str, str]) -> Guard:
    """Page, files and guard put together."""
    from fastapi import FastAPI

    from speech2img.app.page import mount_page

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    _add_files(app, studio, folder)
    mount_page(app, studio, settings)
    uploads = folder / "uploads"

    def has_room() -> bool:
        return _bytes_in(uploads) < MOST_UPLOADED

    return Guard(app, host=settings.host, logins=logins, uploads=uploads, has_room=has_room)


def _add_files(app: Any, studio: Studio, folder: Path) -> None:
    """Pictures, recordings, examples and the zip."""
    from fastapi import Request
    from fastapi.responses import FileResponse, PlainTextResponse, Response
    from starlette.background import BackgroundTask

    def sent(file: IO[bytes], **options: Any) -> Response:
        """A file that is open: it is sent to its end whoever deletes it."""
        number = file.fileno()
        done = BackgroundTask(file.close)
        return FileResponse(f"/proc/self/fd/{number}", stat_result=os.fstat(number), background=done, **options)

    def shown(file: BinaryIO) -> Response:
        kind = _TYPES.get(Path(file.name).suffix, "application/octet-stream")
        return sent(file, media_type=kind, headers={"cache-control": "private, max-age=3600"})

    # Annotations are read when the routes are made, and names of this function are not known then.
    def kept(name: str, file: str) -> Response:
        try:
            return shown(studio.takes.opened(name, file))
        except DataError as error:
            return PlainTextResponse(str(error), status_code=404)

    def example(file: str) -> Response:
        try:
            return shown(open(Example.named(file).path, "rb"))
        except ConfigError as error:
            return PlainTextResponse(str(error), status_code=404)

    def zipped(request: Request) -> Response:
        target = tempfile.TemporaryFile(dir=folder)
        try:
            studio.takes.write_zip(request.query_params.getlist("take"), target)
        except ConfigError as error:
            target.close()
            return PlainTextResponse(str(error), status_code=404)
        target.flush()
        return sent(target, media_type="application/zip", filename="speech2img.zip")

    app.add_api_route("/kept/{name}/{file}", kept, methods=["GET", "HEAD"], response_model=None)
    app.add_api_route("/kept.zip", zipped, methods=["GET", "HEAD"], response_model=None)
    app.add_api_route("/examples/{file}", example, methods=["GET", "HEAD"], response_model=None)


@contextlib.contextmanager
def _listening(settings: AppSettings) -> Iterator[socket.socket]:
    """A socket that listens; ConfigError says so where the port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host.strip("[]"), settings.port))
            listener.listen(128)
        except OSError as error:
            fix = "give another --port, or 0 for any that is free, or another --host"
            raise ConfigError.about(f"{settings.host}:{settings.port}", error.strerror or error, fix) from error
        yield listener


@contextlib.contextmanager
def _own_folder() -> Iterator[Path]:
    """A folder that nobody else reads and that ends with the block; those that killed servers left end here too."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if left.stat().st_uid == os.getuid() and _is_left(left):
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
        with open(Path(name) / _LOCK, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield Path(name)


def _is_left(folder: Path) -> bool:
    """Whether the server of a folder is gone: nobody holds its lock, or there has been none for a while."""
    try:
        with open(folder / _LOCK) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return time.time() - folder.stat().st_mtime > _START_SECONDS
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _environment(folder: Path) -> Iterator[None]:
    """What gradio reads from the environment: uploads into our folder, nothing to its makers."""
    wanted = {"GRADIO_TEMP_DIR": str(folder / "uploads"), "GRADIO_ANALYTICS_ENABLED": "False"}
    wanted |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1", "GRADIO_MCP_SERVER": "False"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _running(app: Guard, listener: socket.socket) -> Iterator[None]:
    """Uvicorn in a thread of its own, so that signals stay with the command line."""
    import uvicorn

    config = uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=_STOP_SECONDS)
    server = uvicorn.Server(config)
    ready = threading.Event()
    thread = threading.Thread(target=_serve, args=(server, listener, ready), name="speech2img-serve", daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive() and not ready.wait(0.02):
            continue
        if not server.started:
            raise ConfigError.about("serve", "the server did not start", "see the lines above")
        yield
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)


def _serve(server: Any, listener: socket.socket, ready: threading.Event) -> None:
    """Serve until the end, and say that it came."""
    try:
        server.run(sockets=[listener])
    except Exception as error:  # the log line is all that a thread can say
        notice(f"serve: {error}")
    finally:
        ready.set()


def _bytes_in(folder: Path) -> int:
    """Size of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
