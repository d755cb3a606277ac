"""What other browsers record, chosen in a real Chromium: Safari's container and Chrome's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.browser_recordings import encoded
from helpers.page_steps import press, upload, wait_for_pictures

from speech2img.audio.io import read_audio

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("suffix", "container", "codec"), [("m4a", "mp4", "aac"), ("webm", "webm", "libopus")])
def test_a_file_of_another_browser_is_painted_and_kept(
    visit: Callable[..., Any], ogg: Path, tmp_path: Path, suffix: str, container: str, codec: str
) -> None:
    y = read_audio(ogg, sample_rate=48_000)
    path = tmp_path / f"voice.{suffix}"
    path.write_bytes(encoded(y, container=container, codec=codec))
    page = visit()
    upload(page, path)
    wait_for_pictures(page)
    kept = page.locator(".s2i-take audio").get_attribute("src")
    assert page.request.get(page.url.rstrip("/") + kept).body() == path.read_bytes()
    seconds = float(page.inner_text(".s2i-heard header span").split(" s")[0])
    assert abs(seconds - len(y) / 48_000) < 1.5


def test_a_file_is_dropped(visit: Callable[..., Any], ogg: Path) -> None:
    """Under a type that gradio alone refuses."""
    page = visit()
    page.get_by_role("button", name="Upload file").click()
    page.locator("#s2i-recorder input[type=file]").wait_for(state="attached")
    page.evaluate(
        """(bytes) => {
          const dropped = new DataTransfer();
          dropped.items.add(new File([new Uint8Array(bytes)], 'voice.webm', {type: 'video/webm'}));
          const where = document.querySelector('#s2i-recorder input[type=file]').parentElement;
          where.dispatchEvent(new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer: dropped}));
        }""",
        list(ogg.read_bytes()),
    )
    press(page, "Paint what was said")
    wait_for_pictures(page)


def test_what_this_browser_records_itself(visit: Callable[..., Any], tmp_path: Path) -> None:
    """Chromium's own MediaRecorder, as another page would have used it: webm with opus."""
    page = visit()
    recorded = page.evaluate(
        """async () => {
          const stream = await navigator.mediaDevices.getUserMedia({audio: true});
          const recorder = new MediaRecorder(stream, {mimeType: 'audio/webm;codecs=opus'});
          const parts = [];
          recorder.ondataavailable = (event) => parts.push(event.data);
          const stopped = new Promise((done) => { recorder.onstop = done; });
          recorder.start();
          setTimeout(() => recorder.stop(), 3000);
          await stopped;
          stream.getTracks().forEach((track) => track.stop());
          return [...new Uint8Array(await new Blob(parts).arrayBuffer())];
        }"""
    )
    (tmp_path / "voice.webm").write_bytes(bytes(recorded))
    upload(page, tmp_path / "voice.webm")
    wait_for_pictures(page)
