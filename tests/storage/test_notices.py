"""Notices: one line, whatever they say and wherever they go."""

import io
import sys

import pytest

from speech2img.storage.notices import notice


def test_a_notice_is_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    notice("a journal:\n 3 damaged\tlines")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "speech2img: a journal: 3 damaged lines\n")


def test_what_a_terminal_cannot_show_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(data, encoding="ascii"))
    notice("é \ud800")
    assert data.getvalue() == b"speech2img: \\xe9 \\ud800\n"


def test_a_closed_or_missing_standard_error_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    for stream in (closed, None):
        monkeypatch.setattr(sys, "stderr", stream)
        notice("unheard")


def test_what_a_server_or_a_file_name_says_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    notice("a\x1b[2Jb \x9b31m \u202ec caf\u00e9 \u9e1f")
    assert capsys.readouterr().err == "speech2img: a\\x1b[2Jb \\x9b31m \\u202ec caf\u00e9 \u9e1f\n"


def test_a_line_is_one_line_in_any_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding="ascii", errors="strict"))
    notice("caf\u00e9\nof\u2028words \udc80", by="said")
    assert raw.getvalue() == b"said: caf\\xe9 of words \\udc80\n"
    sys.stderr.close()
    notice("nobody reads this")
    monkeypatch.setattr(sys, "stderr", None)
    notice("nor this")
