"""A toy model, a recording, and the page on a port of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from speech2img.app.settings import AppSettings
from speech2img.app.studio import Studio
from speech2img.gallery.recordings_table import packaged_recordings


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory, make_release: Callable[..., Path]) -> str:
    """A tiny whole model of two stages, by its folder."""
    return str(make_release(tmp_path_factory.mktemp("models") / "toy"))


@pytest.fixture(scope="session")
def ogg() -> Path:
    """A recording that came with the package."""
    return packaged_recordings()[0].path


@pytest.fixture
def studio(toy: str, tmp_path: Path) -> Iterator[Studio]:
    """All that a server works with, without a server."""
    made = Studio(AppSettings(models=(toy,), device="cpu"), tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def address(toy: str) -> Iterator[str]:
    """Address of a page that serves the toy."""
    pytest.importorskip("gradio", reason='the app extra is not installed: pip install ".[app]"')
    from speech2img.app.server import serving

    with serving(AppSettings(models=(toy,), port=0, device="cpu")) as url:
        yield url
