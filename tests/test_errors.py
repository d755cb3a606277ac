"""The errors: one line each, and the exit status of every kind."""

import pytest

from speech2img import errors
from speech2img.errors import with_article

EXIT_CODES = {
    "Speech2ImgError": 1,
    "ConfigError": 2,
    "AudioError": 1,
    "ImageError": 1,
    "DataError": 1,
    "CheckpointError": 1,
    "UnsafeFileError": 1,
    "SynthesisError": 1,
    "MetricError": 1,
    "NonFiniteError": 3,
    "OutOfMemoryError": 4,
    "DiskFullError": 5,
    "RunInterrupted": 130,
    "RunTerminated": 143,
}


@pytest.mark.parametrize(("name", "code"), EXIT_CODES.items())
def test_every_error_has_its_exit_code(name: str, code: int) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, errors.Speech2ImgError)
    assert kind.exit_code == code


def test_no_error_is_missing_from_the_table() -> None:
    assert {name for name, value in vars(errors).items() if isinstance(value, type)} == set(EXIT_CODES)


def test_about_gives_one_line_of_the_own_class() -> None:
    error = errors.ConfigError.about("train.toml", ValueError("two\n  lines"), "correct it")
    assert type(error) is errors.ConfigError
    assert str(error) == "train.toml: two lines; correct it"


def test_unsafe_files_are_checkpoint_errors() -> None:
    assert issubclass(errors.UnsafeFileError, errors.CheckpointError)


def test_a_message_can_be_printed_whatever_a_file_is_called() -> None:
    error = errors.DataError.about("a\x1b[31m\u202egnp.wav", "it says \x7f and \udcff", "rename it")
    assert str(error) == r"a\x1b[31m\u202egnp.wav: it says \x7f and \xff; rename it"
    assert str(errors.DataError.about("für/鳥.wav", "is no sound", "fetch it")) == "für/鳥.wav: is no sound; fetch it"


@pytest.mark.parametrize(
    ("thing", "wanted"),
    [
        ("asr-transformer", "an asr-transformer"),
        ("speech-encoder", "a speech-encoder"),
        ("'image-codec'", "an 'image-codec'"),
        ("'googlenet'", "a 'googlenet'"),
        ("OrderedDict", "an OrderedDict"),
        (None, "a None"),
        ("", "a "),
    ],
)
def test_articles_go_by_the_first_letter(thing: object, wanted: str) -> None:
    assert with_article(thing) == wanted
