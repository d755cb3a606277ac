"""The page on a port: its files, its folder that ends with it, and what nobody gets from it."""

import fcntl
import io
import json
import os
import re
import socket
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from speech2img.app.server import PREFIX, _own_folder, serving
from speech2img.app.settings import AppSettings
from speech2img.app.speakers import Speakers
from speech2img.app.takes import Take, Takes
from speech2img.errors import ConfigError


def _get(url: str, *, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of an answer, of POST where there is something to send."""
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_the_page_names_no_other_place(address: str) -> None:
    status, page = _get(address)
    assert status == 200 and b"speech2img" in page
    loaded = re.findall(rb'<(?:script|link|img|iframe)[^>]*(?:src|href)="(https?://[^"]+)"', page)
    assert loaded == [] and b"fonts.googleapis" not in page


def test_examples_play_and_nothing_else_is_given_out(address: str) -> None:
    assert _get(f"{address}/examples/01-snow.ogg")[1][:4] == b"OggS"
    assert _get(f"{address}/examples/recordings.json")[0] == 404
    own = Path(__file__).resolve()
    for path in (f"/gradio_api/file={own}", "/gradio_api/file=/etc/passwd", f"/kept/{'0' * 32}/0.png", "/kept.zip"):
        status, body = _get(f"{address}{path}")
        assert status in (403, 404) and b"root:" not in body, path


def test_a_port_that_is_taken_is_one_line(toy: str) -> None:
    pytest.importorskip("gradio", reason="the app extra is not installed")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127.0.0.1:{port}: Address already in use; give another --port"):
            with serving(AppSettings(models=(toy,), port=port, device="cpu")):
                pass


def test_the_folder_ends_with_the_server_and_so_do_those_of_killed_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed, alive, new, old = (tmp_path / f"{PREFIX}{name}" for name in ("killed", "alive", "new", "old"))
    for folder in (killed, alive, new, old):
        folder.mkdir()
    os.utime(old, (0, 0))  # killed while it began or ended: there is no lock
    (killed / "lock").touch()
    with open(alive / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with _own_folder() as own:
            assert own.stat().st_mode & 0o077 == 0
            (own / "uploads").mkdir()
            assert sorted(tmp_path.iterdir()) == sorted([alive, new, own])
    assert sorted(tmp_path.iterdir()) == [alive, new]


def _delete(url: str, take: Take) -> int:
    """Press the button of a take as a browser does; status of the answer."""
    events = json.loads(_get(f"{url}/config")[1])["dependencies"]
    (event,) = (event for event in events if event["api_name"] == "delete")
    asked = {"data": [[take.name]], "event_data": {"chosen": take.name}, "fn_index": event["id"], "session_hash": "x"}
    status, answer = _get(f"{url}/gradio_api/run/predict", body=json.dumps(asked).encode())
    assert json.loads(answer)["data"][0] == []
    return status


def _is_whole(archive: zipfile.ZipFile) -> bool:
    """Whether every take of a zip has its recording, its pictures and its facts."""
    folders = {name.rpartition("/")[0] for name in archive.namelist()}
    wanted = {f"{folder}/{file}" for folder in folders for file in ("recording.wav", "0.png", "take.json")}
    return set(archive.namelist()) == wanted and archive.testzip() is None


def test_what_is_read_and_zipped_while_it_is_deleted(
    toy: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gradio", reason="the app extra is not installed")
    kept = Takes(tmp_path / "kept", most_bytes=None)
    facts = {"recording": "recording.wav", "num_images": 1}
    takes = [kept.keep(b"sound", [bytes(1 << 20)], facts) for _ in range(20)]
    answers: list[int] = []

    # Three people read and zip while a fourth deletes one take after the other.
    with serving(AppSettings(models=(toy,), port=0, device="cpu", share_dir=kept.folder)) as url:
        zipped = f"{url}/kept.zip?{'&'.join(f'take={take.name}' for take in takes)}"

        def read() -> None:
            for take in takes:
                while (answer := _get(f"{url}/kept/{take.name}/0.png"))[0] == 200:
                    assert len(answer[1]) == 1 << 20
                answers.append(answer[0])

        def zip_all() -> None:
            while (answer := _get(zipped))[0] == 200:
                with zipfile.ZipFile(io.BytesIO(answer[1])) as archive:
                    assert _is_whole(archive)
            answers.append(answer[0])

        def delete() -> None:
            answers.extend(_delete(url, take) for take in takes)

        _all_at_once([read, read, zip_all, delete])
    assert sorted(answers) == [200] * 20 + [404] * 41 and not list(kept.folder.iterdir())
    assert capfd.readouterr().err == ""


def _all_at_once(works: list[Callable[[], None]]) -> None:
    """Do works in threads of their own; what goes wrong in one is raised here."""
    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result()


def test_where_nothing_speaks_the_page_says_how_to_get_a_voice(toy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gradio", reason="the app extra is not installed")
    monkeypatch.setattr(Speakers, "engines", lambda self: [])
    with serving(AppSettings(models=(toy,), port=0, device="cpu")) as url:
        parts = json.loads(_get(f"{url}/config")[1])["components"]
    (text,) = (part["props"] for part in parts if part["props"].get("elem_id") == "s2i-text")
    (button,) = (part["props"] for part in parts if part["props"].get("elem_id") == "s2i-say")
    assert 'Nothing speaks here yet. Whoever runs this page adds a voice: pip install "espeakng-loader' in text["info"]
    assert text["interactive"] is button["interactive"] is False
