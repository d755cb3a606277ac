"""Steps of a visitor on the page, each of which waits for what it needs, on a machine of any speed."""

from pathlib import Path
from typing import Any

SLOW = 240_000
"""Milliseconds that anything may take on a machine with other work; where nothing is wrong it takes a few hundred."""
_DONE = "#s2i-pictures .s2i-done:not([data-old])"
_SAID = "#s2i-pictures .s2i-alert:not([data-old]), .toast-body.error"


def type_words(page: Any, text: str) -> None:
    """Type a description and ask for pictures."""
    page.get_by_role("tab", name="Type").click()
    page.get_by_label("Describe a picture in words").fill(text)
    press(page, "Say it and paint")


def upload(page: Any, path: Path) -> None:
    """Choose a file and ask for pictures; the button waits until the whole file has arrived."""
    page.get_by_role("button", name="Upload file").click()
    page.locator("#s2i-recorder input[type=file]").set_input_files(path)
    press(page, "Paint what was said")


def press(page: Any, name: str) -> None:
    """Press a button that asks for pictures; answers of before do not count any more."""
    page.evaluate("document.querySelectorAll('.s2i-done, .s2i-alert').forEach((e) => { e.dataset.old = '1'; })")
    page.get_by_role("button", name=name, exact=True).click()


def wait_for_pictures(page: Any) -> None:
    """Wait until pictures are done; fail with what the page says where it says something else."""
    page.wait_for_selector(f"{_DONE}, {_SAID}")
    assert page.locator(_SAID).all_inner_texts() == []


def sentence(page: Any, part: str = "") -> str:
    """Wait for a sentence with these words in the place of pictures; fail with what is there instead."""
    page.wait_for_selector(f"{_DONE}, {_SAID}")
    said: str = page.inner_text("#s2i-pictures")
    assert part in said
    return said
