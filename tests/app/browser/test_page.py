"""The page in a real Chromium: speak, type, look, keep; and a sentence for whatever cannot be done.

Every request that would leave the machine is blocked and counted: there is none.
"""

import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.page_steps import press, type_words, wait_for_pictures
from PIL import Image

from speech2img.app.provenance import read_provenance, sha256
from speech2img.app.settings import AppSettings
from speech2img.pipeline import SpeechToImage

pytestmark = pytest.mark.browser


def _pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png))).astype(int)


def test_the_microphone_becomes_four_pictures(visit: Callable[..., Any]) -> None:
    page = visit()
    assert "30 seconds and 10 MB" in page.inner_text("body")  # told before the upload
    assert page.get_by_role("button", name="Paint what was said").is_disabled()  # nothing was said yet
    since = time.monotonic()
    page.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_timeout(3000)
    page.locator("#s2i-recorder").get_by_role("button", name="Stop").first.click()
    most = time.monotonic() - since + 1
    press(page, "Paint what was said")
    wait_for_pictures(page)
    assert page.locator("#s2i-pictures .s2i-pictures img").count() == 4
    assert page.locator("#s2i-pictures .s2i-stages img").count() == 2  # the toy has two stages
    assert page.locator(".s2i-wave").count() == page.locator(".s2i-mel").count() == 1
    seconds = float(page.inner_text(".s2i-heard header span").split(" s")[0])
    assert 1 < seconds < most
    assert page.inner_text("#s2i-microphone") == ""


def test_typed_words_are_kept_over_a_reload_and_downloaded(visit: Callable[..., Any], toy: str) -> None:
    page = visit()
    type_words(page, "a small red bird")
    wait_for_pictures(page)
    page.reload()
    page.wait_for_selector(".s2i-take")

    # A picture: its bytes, what is inside, and the same by the library from the recording of the zip.
    with page.expect_download() as pending:
        page.locator(".s2i-strip a").nth(2).click()
    png = Path(pending.value.path()).read_bytes()
    assert pending.value.suggested_filename.startswith("toy-")
    with page.expect_download() as pending:
        page.get_by_role("link", name="Download all").click()
    with zipfile.ZipFile(pending.value.path()) as archive:
        files = {name.split("/")[-1]: archive.read(name) for name in archive.namelist()}
    origin = read_provenance(png)
    assert files["2.png"] == png and origin["text"] == "a small red bird" and origin["number"] == "2"
    assert origin["recording_sha256"] == sha256(files["recording.wav"])
    assert origin["shell"] == f"speech2img generate --model {toy} recording.wav --seed 0 --num-images 4 --out pictures"
    expected = SpeechToImage.load(toy, device="cpu")(files["recording.wav"], seed=0, num_images=4)[2]
    assert np.abs(_pixels(png) - np.asarray(expected)).max() <= 1

    # Deleted is deleted, for the browser and for the server.
    source = page.locator(".s2i-strip img").first.get_attribute("src")
    page.get_by_role("button", name="Delete").click()
    page.wait_for_selector(".s2i-none")
    assert page.request.get(page.url.rstrip("/") + source).status == 404
    page.reload()
    page.wait_for_selector(".s2i-none")


def test_an_example_plays_and_is_painted(visit: Callable[..., Any]) -> None:
    page = visit()
    page.get_by_role("tab", name="Examples").click()
    page.locator(".s2i-examples audio").nth(1).evaluate("audio => audio.play()")
    page.wait_for_function("document.querySelectorAll('.s2i-examples audio')[1].currentTime > 0.05")
    press(page, "Paint example 2")
    wait_for_pictures(page)
    assert page.locator(".s2i-take").count() == 1


def test_a_phone_in_the_dark(visit: Callable[..., Any]) -> None:
    page = visit(viewport={"width": 360, "height": 740}, color_scheme="dark", is_mobile=True, has_touch=True)
    type_words(page, "a blue bird")
    page.wait_for_function("document.getElementById('s2i-pictures').getBoundingClientRect().top < 0.6 * innerHeight")
    wait_for_pictures(page)
    page.get_by_text("How it is painted").click()
    page.get_by_text("Make it again").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    red, green, blue = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert max(red, green, blue) < 60


def test_the_keyboard_is_enough_and_everything_has_a_name(visit: Callable[..., Any]) -> None:
    page = visit()
    page.get_by_role("tab", name="Speak").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_label("Describe a picture in words").wait_for()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "TEXTAREA":
            break
    page.keyboard.type("a green bird")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Say it and paint":
            break
    page.keyboard.press("Enter")
    wait_for_pictures(page)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, a, input, textarea, audio, img, select')].filter(
          (e) => e.offsetParent && !(e.textContent.trim() || e.getAttribute('aria-label') || e.alt || e.title ||
            (e.labels && e.labels.length) || e.querySelector('img[alt]'))).map((e) => e.outerHTML.slice(0, 200))"""
    )
    assert nameless == []


def test_a_microphone_that_is_refused_is_answered(visit: Callable[..., Any]) -> None:
    page = visit(permissions=["clipboard-read"])  # what is not granted is refused
    said = page.locator("#s2i-microphone:not(:empty)").inner_text()
    assert "The microphone is refused to this page. Allow it in the browser's address bar" in said
    assert "upload a recording, or type" in said


def test_http_on_the_address_of_a_network_is_answered(visit: Callable[..., Any], toy: str) -> None:
    from speech2img.app.server import serving

    settings = AppSettings(models=(toy,), host="0.0.0.0", port=0, is_open=True, device="cpu")
    with serving(settings) as url:
        page = visit(f"http://museum.example:{url.rsplit(':', 1)[1]}")
        said = page.locator("#s2i-microphone:not(:empty)").inner_text()  # the tab may come later than the visit
        assert "this page came by http. You can upload a recording, or type." in said
        type_words(page, "a bird")
        wait_for_pictures(page)
        page.close()  # before the server ends, of which an open page would complain
