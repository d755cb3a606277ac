"""What the page says to what cannot be painted, in a real Chromium: a sentence, and then it goes on."""

import array
import fcntl
import os
import signal
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from helpers.page_steps import SLOW, press, sentence, type_words, upload, wait_for_pictures

pytestmark = pytest.mark.browser


def test_words_and_numbers_that_do_not_fit(visit: Callable[..., Any]) -> None:
    page = visit()
    for text, words in (("", "text: is empty"), ("a" * 5000, "text: 5,000 letters; use at most 500")):
        type_words(page, text)
        sentence(page, words)
    page.get_by_text("How it is painted").click()
    page.get_by_label("Seed").fill("seven")
    type_words(page, "a bird 🐦")
    sentence(page, "seed: 'seven' does not fit")
    page.get_by_label("Seed").fill("7")
    type_words(page, "a bird 🐦")
    wait_for_pictures(page)


def test_what_is_too_large_is_not_even_sent(visit: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "concert.wav").write_bytes(bytes(11 << 20))
    page = visit()
    page.get_by_role("button", name="Upload file").click()
    page.locator("#s2i-recorder input[type=file]").set_input_files(tmp_path / "concert.wav")
    page.wait_for_selector("text=exceed the maximum allowed size of 10.0 Mb")


def test_files_that_are_no_description(visit: Callable[..., Any], tmp_path: Path) -> None:
    """Words, and ten hours, under names that would be markup."""
    (tmp_path / "<img src=x>.txt").write_text("these are words")
    with soundfile.SoundFile(tmp_path / "night.flac", "w", 4_000, 1, format="FLAC") as file:
        for _ in range(100):
            file.write(np.zeros(1_440_000, np.int16))
    for name, words in (("<img src=x>.txt", "not a readable recording"), ("night.flac", "36,000 s long")):
        page = visit(unplayable=True)
        upload(page, tmp_path / name)
        sentence(page, words)


def _children() -> list[int]:
    """Processes that wait to decode an upload."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            if int(status[1]) == os.getpid() and b"decode_child" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except (OSError, IndexError):
            continue
    return found


def _unread(process: int) -> int:
    """Bytes of its standard input that a process has not read."""
    count = array.array("i", [0])
    with open(f"/proc/{process}/fd/0", "rb") as pipe:
        fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def test_kill_of_the_decoder_is_a_sentence_and_the_page_goes_on(visit: Callable[..., Any], ogg: Path) -> None:
    page = visit()
    waiting = _children()
    assert waiting
    for child in waiting:
        os.kill(child, signal.SIGSTOP)

    # It is killed when it has the file, and before it moves.
    upload(page, ogg)
    limit = time.monotonic() + SLOW / 1000
    while not any(map(_unread, waiting)) and time.monotonic() < limit:
        page.wait_for_timeout(100)
    for child in waiting:
        os.kill(child, signal.SIGKILL)
    sentence(page, "the program that decodes it stopped before its end (signal 9); try again")
    press(page, "Paint what was said")
    wait_for_pictures(page)
