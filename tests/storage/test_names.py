"""Relative paths stay inside their folder, and plain names are no paths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2img.errors import ConfigError
from speech2img.storage.names import plain_name, relative_path, same_name, shown, some_of


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("a.wav", "a.wav"),
        ("./a.wav", "a.wav"),
        ("b//a.wav", "b/a.wav"),
        ("b\\a.wav", "b/a.wav"),
        ("b/./a.wav", "b/a.wav"),
        ("..", None),
        ("b/../../a", None),
        ("/a", None),
        ("C:/a", None),
        ("", None),
        (".", None),
        ("a\0b", None),
        ("a\udcff.wav", None),
    ],
)
def test_one_spelling_of_each_path(path: str, plain: str | None) -> None:
    assert relative_path(path) == plain


@given(st.text())
def test_a_relative_path_stays_inside_and_is_a_fixed_point(path: str) -> None:
    plain = relative_path(path)
    if plain is not None:
        assert not plain.startswith("/") and ".." not in plain.split("/")
        assert relative_path(plain) == plain


def test_composed_and_decomposed_names_are_the_same() -> None:
    assert same_name("Ku\u0308che.wav") == same_name("K\u00fcche.wav") == "K\u00fcche.wav"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../x", "a\\b", "c:x", ".hidden", "-x", "a\nb", " a", "x" * 201, "\udcff"]
)
def test_paths_and_odd_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="--name: .*no plain name; use letters"):
        plain_name(name, option="--name")


def test_plain_names_pass() -> None:
    assert plain_name("googlenet-96.v2", option="--name") == "googlenet-96.v2"


def test_a_list_ends_in_how_many_more() -> None:
    assert some_of([]) == "" and some_of(["a", "b", "c"]) == "a, b, c"
    assert some_of([*"abcdefg"]) == "a, b, c, ... and 4 more"
    assert some_of([*"ab"] * 1000, separator=" | ") == "a | b | a | ... and 1,997 more"


def test_names_are_shown_as_one_plain_line() -> None:
    assert shown("vögel 鸟.jpg") == "vögel 鸟.jpg"
    assert shown("v\udcf6gel\n\u202e.jpg") == r"v\xf6gel\n\u202e.jpg"
    long = shown("a folder/" * 50 + "bird.wav")
    assert len(long) == 80 and long.startswith("a folder/a folder/a") and long.endswith("/a folder/bird.wav")


@given(st.text(max_size=100))
def test_every_name_can_be_shown(name: str) -> None:
    assert shown(name).isprintable() and len(shown(name).encode()) <= 320
