"""A real Chromium, a visitor whose every step is watched, and the environment that neither may depend on."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.page_steps import SLOW

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory, ogg: Path) -> Path:
    """What the browser's microphone hears: a recording of the package, with silence around it."""
    y, rate = soundfile.read(ogg)
    wav = tmp_path_factory.mktemp("microphone") / "voice.wav"
    soundfile.write(wav, np.concatenate([np.zeros(rate // 4), y, np.zeros(rate)]), rate)
    return wav


@pytest.fixture(scope="module")
def browser(microphone: Path) -> Iterator[Any]:
    """Debian's Chromium, whose microphone hears a recording of the package."""
    api = pytest.importorskip("playwright.sync_api", reason="the dev extra is not installed: nothing drives a browser")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    options = ["--no-sandbox", "--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}"]
    options += ["--host-resolver-rules=MAP museum.example 127.0.0.1", "--no-proxy-server"]
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=options, timeout=SLOW)
        yield opened
        opened.close()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request may take as long as a machine with other work needs."""
    from speech2img.app import decoding, studio

    monkeypatch.setattr(studio, "REQUEST_SECONDS", SLOW / 1000)
    monkeypatch.setattr(decoding, "WAIT_SECONDS", SLOW / 1000)


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Open the page as a visitor: ``visit(**context options)``. At the end: nothing went out, nothing went wrong."""
    wrong: list[str] = []
    contexts: list[Any] = []

    def open_page(url: str = address, *, script: str = "", unplayable: bool = False, **options: Any) -> Any:
        context = browser.new_context(**{"permissions": ["microphone"], **options})
        contexts.append(context)

        def only_here(route: Any) -> None:
            if route.request.url.startswith(url):
                route.continue_()
            else:
                wrong.append(f"outside: {route.request.url}")
                route.abort()

        def told(text: str) -> None:
            if not (unplayable and text.startswith("Waveform load error")):
                wrong.append(text)

        context.route(lambda where: not where.startswith(("data:", "blob:")), only_here)
        context.add_init_script(script)
        page = context.new_page()
        page.set_default_timeout(SLOW)
        page.on("console", lambda said: said.type == "error" and told(said.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(url)
        page.wait_for_selector("#s2i-visit h2")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
