"""Recordings find their picture by name and folder, and never one of another class."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2img.corpora.folder.owners import Owners


def owners(pictures: list[str], *files: str) -> list[list[str]]:
    """The pictures of each file."""
    find = Owners(pictures, files)
    return [[picture for picture, _ in find.of(file, numbered=True)] for file in files]


@pytest.mark.parametrize(
    "picture, recording",
    [
        ("a.jpg", "a.wav"),
        ("robin/a.jpg", "robin/a_3.wav"),
        ("images/robin/a.jpg", "audio/robin/a.wav"),
        ("data/images/robin/a.jpg", "data/audio/robin/a.wav"),
        ("robin/a.jpg", "audio/robin/a.wav"),
        ("robin/a.jpg", "robin/audio/a.wav"),
        ("robin/images/a.jpg", "robin/audio/a.wav"),
        ("images/robin/a.jpg", "robin/a.wav"),
        ("images/robin/a.jpg", "Audio_16k/Ada/robin/a_0.wav"),
        ("robin/a.jpg", "robin/recordings/Ada/a.wav"),
        ("train/robin/a.jpg", "audio/robin/a.wav"),
        ("train/robin/a.jpg", "audio/train/robin/a.wav"),
        ("images256/robin/a.jpg", "bird_sounds/robin/a.wav"),
        ("Bilder/robin/a.jpg", "Tonaufnahmen/robin/a.wav"),
        ("robin/a.JPG", "ROBIN/A.wav"),
    ],
)
def test_parallel_trees(picture: str, recording: str) -> None:
    other = picture.replace("robin", "wren").replace("a.", "b.")
    assert owners([picture, other], recording) == [[picture]]


@pytest.mark.parametrize("words", [("images", "audio"), ("Fotos", "Aufnahmen"), ("照片", "录音")])
def test_flat_trees(words: tuple[str, str]) -> None:
    pictures, sounds = words
    assert owners([f"{pictures}/a.jpg"], f"{sounds}/a.wav", f"{sounds}/Ada/a_1.wav") == [[f"{pictures}/a.jpg"]] * 2
    assert owners(["a.jpg", "b.jpg"], f"{sounds}/a.wav", f"{sounds}/Ada/b.wav") == [["a.jpg"], ["b.jpg"]]


def test_trees_of_other_names_are_proven_by_their_folders() -> None:
    pictures = ["x/robin/a.jpg", "x/wren/a.jpg"]
    assert owners(pictures, "y/robin/a.wav", "y/wren/a.wav") == [[picture] for picture in pictures]
    assert owners(pictures, "y/robin/a.wav") == [[]] and owners(["x/a.jpg"], "y/a.wav") == [[]]
    assert owners(pictures, "y/robin/a.wav", "y/jay/a.wav") == [[], []]


@pytest.mark.parametrize(
    "pictures, recording",
    [
        (["wren/a.jpg"], "robin/a.wav"),
        (["wren/a.jpg", "robin/b.jpg"], "robin/a.wav"),
        (["wren/a.jpg", "robin/b.jpg"], "a.wav"),
        (["a.jpg", "wren/b.jpg"], "robin/a.wav"),
        (["a.jpg", "wren/b.jpg"], "audio/robin/a.wav"),
        (["wren/a.jpg"], "audio/robin/a.wav"),
        (["birds/wren/a.jpg"], "birds/robin/a.wav"),
        (["birds/wren/a.jpg"], "birds/a.wav"),
        (["images/wren/a.jpg", "images/jay/a.jpg"], "audio/robin/a.wav"),
        (["wren/images/a.jpg"], "robin/audio/a.wav"),
        (["photo/a.jpg", "wren/b.jpg"], "a.wav"),
        (["a.jpg", "wren/b.jpg"], "paper clip/a.wav"),
        (["wren/a.jpg"], "wren/2021/a.wav"),
        (["robin/a.jpg", "wren/a.jpg"], "Robin2/a.wav"),
    ],
)
def test_a_recording_of_a_deleted_picture_is_nobodys(pictures: list[str], recording: str) -> None:
    assert owners(pictures, recording) == [[]]


CLASSES = ("robin", "wren", "jay")
STEMS = st.sampled_from(["a", "a_1", "b"])
PICTURE_PLACES = st.sampled_from(["{c}", "images/{c}", "{c}/images", "", "images", "data/{c}"])
SOUND_PLACES = st.sampled_from(
    ["{c}", "audio/{c}", "{c}/audio", "audio/Ada/{c}", "bird sounds/{c}", "sound/{c}/Ada", "x/{c}"]
)


def place(kinds: st.SearchStrategy[str], suffix: str) -> st.SearchStrategy[str]:
    build = lambda at, c, stem: f"{at.format(c=c)}/{stem}{suffix}".lstrip("/")  # noqa: E731
    return st.builds(build, kinds, st.sampled_from(CLASSES), STEMS)


@given(st.sets(place(PICTURE_PLACES, ".jpg"), min_size=1), st.sets(place(SOUND_PLACES, ".wav"), min_size=1))
@settings(max_examples=500, deadline=None)
def test_classes_are_never_crossed(pictures: set[str], sounds: set[str]) -> None:
    """Whatever is missing of however mixed trees: a recording below a class's folder is of that class, or nobody's."""
    if all(picture.split("/")[0] not in {*CLASSES, "data"} and picture.count("/") < 2 for picture in pictures):
        return  # without classes, a folder below audio/ may be that of a speaker
    for file, found in zip(sorted(sounds), owners(sorted(pictures), *sorted(sounds)), strict=True):
        assert all({*CLASSES} & {*file.split("/")} == {*CLASSES} & {*one.split("/")} for one in found)


def test_letters_composed_or_not_are_the_same() -> None:
    composed, apart = (unicodedata.normalize(form, "zaunkönig/Gefäß.jpg") for form in ("NFC", "NFD"))
    assert owners([apart], composed.replace(".jpg", "_0.wav")) == [[apart]]
    assert owners([composed], apart.replace(".jpg", ".wav")) == [[composed]]


def test_names_that_differ_in_capitals_only() -> None:
    assert owners(["IMG_1.JPG"], "img_1.wav") == [["IMG_1.JPG"]]
    assert owners(["a.jpg", "A.jpg"], "a.wav", "A.wav") == [["a.jpg"], ["A.jpg"]]


def test_the_nearer_picture_comes_first() -> None:
    pictures = ["images/robin/a.jpg", "images/robin/a_1.jpg"]
    assert owners(pictures, "audio/robin/a_1.wav", "audio/robin/a_2.wav") == [[pictures[1]], [pictures[0]]]
    assert Owners(pictures, []).of("images/robin/a_1.txt", numbered=False) == [(pictures[1], None)]
