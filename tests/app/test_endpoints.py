"""What programs ask of the page, through gradio's own client."""

import http.client
import io
import json
import shutil
import threading
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from helpers.attending_models import attending_release
from PIL import Image

from speech2img.app.provenance import read_provenance
from speech2img.app.settings import AppSettings
from speech2img.app.speakers import Speakers
from speech2img.errors import AudioError
from speech2img.gallery.recordings_table import packaged_recordings
from speech2img.pipeline import SpeechToImage


@pytest.fixture
def client(address: str) -> Any:
    from gradio_client import Client

    return Client(address, verbose=False, analytics_enabled=False)


def _file(path: Path | str) -> Any:
    from gradio_client import handle_file

    return handle_file(path)


def _bytes(address: str, path: str) -> bytes:
    with urllib.request.urlopen(f"{address}{path}", timeout=60) as answer:
        data: bytes = answer.read()
        return data


def test_models_and_voices(client: Any, toy: str) -> None:
    (about,) = client.predict(api_name="/models")
    assert about["name"] == toy and about["image_size"] == 128 and about["capabilities"] == ["images", "stages"]
    voices = client.predict(api_name="/voices")
    assert list(voices) == Speakers().engines() and all(voices.values())


def test_a_recording_is_painted_as_the_library_does(client: Any, address: str, toy: str, ogg: Path) -> None:
    made = client.predict(_file(ogg), pictures=2, seed="3", api_name="/paint")
    assert _bytes(address, made["urls"]["recording"]) == ogg.read_bytes()
    expected = SpeechToImage.load(toy, device="cpu")(ogg, seed=3, num_images=2)
    for url, image in zip(made["urls"]["pictures"], expected, strict=True):
        png = _bytes(address, url)
        assert np.abs(np.asarray(Image.open(io.BytesIO(png))).astype(int) - np.asarray(image)).max() <= 1
        assert read_provenance(png)["weights_sha256"] == made["weights_sha256"]
    with zipfile.ZipFile(io.BytesIO(_bytes(address, f"/kept.zip?take={made['take']}"))) as archive:
        assert len(archive.namelist()) == 4


def test_models_that_attend_and_others_are_told_apart(toy: str, ogg: Path, tmp_path: Path) -> None:
    pytest.importorskip("gradio", reason='the app extra is not installed: pip install ".[app]"')
    from gradio_client import Client

    from speech2img.app.server import serving

    listening = str(attending_release(tmp_path / "listening"))
    with serving(AppSettings(models=(toy, listening), port=0, device="cpu")) as url:
        client = Client(url, verbose=False, analytics_enabled=False)
        has = {about["name"]: "attention" in about["capabilities"] for about in client.predict(api_name="/models")}
        assert has == {toy: False, listening: True}
        made = client.predict(_file(ogg), model=listening, pictures=2, api_name="/paint")
        sheets = [Image.open(io.BytesIO(_bytes(url, sheet))).size for sheet in made["urls"]["attention"]]
        assert len(sheets) == 2 and sheets[0] == sheets[1] and made["attention"] is True
        plain = client.predict(_file(ogg), model=toy, pictures=1, api_name="/paint")
        assert "attention" not in plain and "attention" not in plain["urls"]


def test_a_text_is_spoken_and_painted(client: Any, address: str) -> None:
    pytest.importorskip("espeakng_loader", reason="the tts extra is not installed: nothing can be spoken")
    made = client.predict("a red bird", pictures=1, api_name="/paint_text")
    assert made["text"] == "a red bird" and len(_bytes(address, made["urls"]["recording"])) > 1000


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"seed": "seven"}, "seed: 'seven' does not fit"),
        ({"model": "/etc"}, "model: '/etc' is not served here"),
        ({"pictures": 100}, "pictures: '?100'? does not fit"),
        ({"steps": 8}, "does not draw in steps"),
        ({"guidance": "much"}, "guidance: 'much' does not fit"),
    ],
)
def test_what_does_not_fit_is_a_sentence(client: Any, ogg: Path, given: dict[str, Any], words: str) -> None:
    with pytest.raises(Exception, match=words):
        client.predict(_file(ogg), api_name="/paint", **given)


@pytest.mark.parametrize("text", ["", "a" * 5000])
def test_texts_that_nobody_speaks(client: Any, text: str) -> None:
    with pytest.raises(Exception, match="text: "):
        client.predict(text, api_name="/paint_text")


def test_a_text_file_is_no_recording(client: Any, tmp_path: Path) -> None:
    (tmp_path / "note.wav").write_text("these are words")
    with pytest.raises(Exception, match="note.wav: not a readable recording"):
        client.predict(_file(tmp_path / "note.wav"), api_name="/paint")


def test_files_of_the_server_and_of_others_are_not_taken(address: str, ogg: Path) -> None:
    """Gradio alone would copy any file of the machine into its folder, mounted as it is here, and give it out."""
    for path in (str(ogg), "/etc/hostname", "http://127.0.0.1:1/x"):
        data = [{"path": path, "meta": {"_type": "gradio.FileData"}}, None, "1", "0", None, None]
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        connection.request("POST", "/gradio_api/call/paint", json.dumps({"data": data}), {"content-type": "x"})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (400, b"files come by upload, not by path or address")


def test_nobody_passes_the_queue(address: str) -> None:
    """Quick events of the page are answered at once; what needs the device is not done there."""
    with urllib.request.urlopen(f"{address}/config", timeout=60) as answer:
        events = json.load(answer)["dependencies"]
    for event in (event for event in events if event["queue"] is not False):
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        body = json.dumps({"data": [None] * len(event["inputs"]), "fn_index": event["id"], "session_hash": "x"})
        connection.request("POST", "/gradio_api/run/predict", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 404 and b"join the queue" in answer.read(), event["api_name"]


def test_visitors_at_once_get_pictures_of_their_own(address: str) -> None:
    from gradio_client import Client

    recordings = packaged_recordings()
    seeds: dict[int, str] = {}

    def visit(number: int) -> None:
        one = Client(address, verbose=False, analytics_enabled=False)
        path = recordings[number % len(recordings)].path
        made = one.predict(_file(path), pictures=1, seed=str(number), api_name="/paint")
        png = _bytes(address, made["urls"]["pictures"][0])
        assert _bytes(address, made["urls"]["recording"]) == path.read_bytes()
        seeds[number] = read_provenance(png)["seed"]

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(6)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join(120)
    assert seeds == {number: str(number) for number in range(6)}


def test_a_model_that_vanishes_is_a_sentence_and_the_others_stay(
    toy: str, ogg: Path, tmp_path: Path, make_release: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gradio", reason="the app extra is not installed")
    from gradio_client import Client

    from speech2img.app.server import serving

    mine = make_release(tmp_path / "mine")
    with serving(AppSettings(models=(toy, str(mine)), port=0, device="cpu", share_dir=tmp_path / "kept")) as url:
        client = Client(url, verbose=False, analytics_enabled=False)
        shutil.rmtree(mine)
        capfd.readouterr()
        with pytest.raises(Exception, match="mine: no folder and no shipped weights of that name"):
            client.predict(_file(ogg), model=str(mine), api_name="/paint")
        made = client.predict(_file(ogg), model=toy, pictures=1, api_name="/paint")
    written = capfd.readouterr().err.splitlines()
    assert len(written) == 1 and written[0].startswith("speech2img: serve: "), written
    assert (tmp_path / "kept" / made["take"] / "0.png").is_file()  # --share-dir: it stays


@pytest.mark.usefixtures("address")
def test_no_recording_is_a_sentence() -> None:
    from speech2img.app.endpoints import read_upload

    for given in (None, ""):
        with pytest.raises(AudioError, match="the recording: is missing; press Record"):
            read_upload(given)
