"""Settings: from TOML and overrides, checked by type, and written back equal."""

import json
import os
import time
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from helpers.damage import mutants
from hypothesis import given
from hypothesis import strategies as st

from speech2img.config import dump_toml, field_docs, load_settings, settings_from_dict, settings_to_dict
from speech2img.errors import ConfigError
from speech2img.renamed import RENAMED, renamed


@dataclass(frozen=True)
class Inner:
    """Settings within settings."""

    width: int = 64
    """Channels of the first layer."""

    sizes: tuple[int, ...] = (64, 128)
    """Sides of the pictures, pixels."""

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ConfigError.about("width", f"{self.width} is not positive", "set it to 1 or more")


@dataclass(frozen=True)
class Settings:
    """One field of every kind."""

    name: str = "run"
    """What the run is called.

    Any text."""

    lr: float = 2e-4
    """Step size."""

    steps: int = 100
    flip: bool = True
    form: Literal["published", "corrected"] = "corrected"
    limit: float | None = None
    betas: tuple[float, float] = (0.5, 0.999)
    names: tuple[str, ...] = ()
    workers: int | Literal["auto"] = "auto"
    inner: Inner = field(default_factory=Inner)
    """What lies within."""

    extra: Inner | None = None


def test_defaults_alone() -> None:
    assert load_settings(Settings) == Settings()


def test_file_then_overrides(tmp_path: Path) -> None:
    file = tmp_path / "train.toml"
    file.write_text('lr = 1\nname = "a"\nextra = {width = 2}\n[inner]\nwidth = 8\n')
    settings = load_settings(Settings, file=file, overrides=["inner.sizes=[32]", "name=b", "workers=3"])
    assert settings == Settings(name="b", lr=1.0, inner=Inner(8, (32,)), extra=Inner(2), workers=3)
    assert type(settings.lr) is float


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("lr=3", {"lr": 3.0}),
        ("lr = 1e-5", {"lr": 1e-5}),
        ("name=123", {"name": "123"}),
        ("name='quoted'", {"name": "quoted"}),
        ("name=a=b", {"name": "a=b"}),
        ("name=", {"name": ""}),
        ("name=1\nsteps = 3", {"name": "1\nsteps = 3"}),
        ("form=published", {"form": "published"}),
        ("flip=false", {"flip": False}),
        ("limit=2.5", {"limit": 2.5}),
        ("limit=none", {"limit": None}),
        ("workers=auto", {"workers": "auto"}),
        ("names=['x', 'y']", {"names": ("x", "y")}),
        ("inner.width=3", {"inner": Inner(3)}),
        ("extra.width=3", {"extra": Inner(3)}),
    ],
)
def test_one_override(override: str, expected: dict[str, Any]) -> None:
    assert load_settings(Settings, overrides=[override]) == replace(Settings(), **expected)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("widht=3", "--set: unknown setting 'widht'; did you mean 'inner.width'?"),
        ("inner.widht=3", "--set: unknown setting 'inner.widht'; did you mean 'inner.width'?"),
        ("stpes=3", "did you mean 'steps'?"),
        ("lr=fast", "'lr' must be of type float, not 'fast'"),
        ("lr=nan", "'lr' must be finite"),
        ("steps=1.5", "'steps' must be of type int, not 1.5"),
        ("steps=true", "'steps' must be of type int, not True"),
        ("flip=1", "'flip' must be of type bool, not 1"),
        ("form=other", "'form' must be one of 'published', 'corrected', not 'other'"),
        ("betas=[1.0]", "'betas' must have 2 values, not 1"),
        ("betas=3", "'betas' must be a list, not 3"),
        ("inner=3", "'inner' must be a table, not 3"),
        ("inner.width=0", "width: 0 is not positive"),
        ("lr.deep=1", "'lr' must be of type float"),
        ("steps", "--set steps: has no '='"),
        ("name=\udcff", "'name'"),
    ],
)
def test_a_wrong_override_names_the_setting(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(Settings, overrides=[override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"lr = ", b"\xff\xfe", b"lr = 1\nlr = 2\n", b"x" * (2 << 20), b"a = " + b"[" * 100_000], ids=range(5)
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "broken.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="broken.toml"):
        load_settings(Settings, file=file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="absent.toml: cannot be read as TOML .No such file"):
        load_settings(Settings, file=tmp_path / "absent.toml")


def test_an_override_through_a_value_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "train.toml"
    file.write_text("lr = 1\n")
    with pytest.raises(ConfigError, match="'lr' is no table"):
        load_settings(Settings, file=file, overrides=["lr.deep=1"])


def test_a_field_without_default_must_be_given() -> None:
    @dataclass(frozen=True)
    class Strict:
        root: str

    with pytest.raises(ConfigError, match="'root' is missing"):
        settings_from_dict(Strict, {})
    assert settings_from_dict(Strict, {"root": "x"}) == Strict("x")


def test_a_plain_value_error_of_the_class_becomes_ours() -> None:
    @dataclass(frozen=True)
    class Picky:
        value: int = 0

        def __post_init__(self) -> None:
            if self.value:
                raise ValueError("only 0 will do")

    with pytest.raises(ConfigError, match="here: only 0 will do"):
        settings_from_dict(Picky, {"value": 1}, source="here")


def test_documentation_is_the_text_after_the_field() -> None:
    docs = field_docs(Settings)
    assert docs["name"] == "What the run is called.\n\nAny text."
    assert docs["lr"] == "Step size."
    assert "steps" not in docs


def test_toml_carries_the_documentation() -> None:
    text = dump_toml(Settings())
    assert "# Step size.\nlr = 0.0002\n" in text
    assert "# What lies within.\n[inner]\n# Channels of the first layer.\nwidth = 64\n" in text
    assert tomllib.loads(text)["limit"] == "none"


SETTINGS = st.builds(
    Settings,
    name=st.text(st.characters(codec="utf-8")),
    lr=st.floats(allow_nan=False, allow_infinity=False),
    steps=st.integers(-(2**63), 2**63 - 1),
    flip=st.booleans(),
    form=st.sampled_from(["published", "corrected"]),
    limit=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    names=st.lists(st.text(st.characters(codec="utf-8")), max_size=3).map(tuple),
    workers=st.just("auto") | st.integers(0, 99),
    inner=st.builds(Inner, width=st.integers(1, 9), sizes=st.lists(st.integers(0, 512), max_size=3).map(tuple)),
    extra=st.none() | st.builds(Inner, width=st.integers(1, 9)),
)


@given(SETTINGS)
def test_toml_and_dict_read_back_equal(settings: Settings) -> None:
    assert settings_from_dict(Settings, tomllib.loads(dump_toml(settings))) == settings
    assert settings_from_dict(Settings, json.loads(json.dumps(settings_to_dict(settings)))) == settings


@given(st.text(), st.text())
def test_any_override_is_settings_or_our_error(key: str, value: str) -> None:
    try:
        assert isinstance(load_settings(Settings, overrides=[f"{key}={value}", f"name={value}"]), Settings)
    except ConfigError as error:
        assert "\n" not in str(error)


@given(
    st.dictionaries(
        st.text(max_size=4) | st.sampled_from(["lr", "inner", "betas", "extra"]),
        st.recursive(
            st.none() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        ),
    )
)
def test_any_mapping_is_settings_or_our_error(mapping: dict[str, Any]) -> None:
    try:
        assert isinstance(settings_from_dict(Settings, mapping), Settings)
    except ConfigError as error:
        assert "\n" not in str(error)


def test_a_base_stands_in_the_place_of_the_defaults(tmp_path: Path) -> None:
    base = replace(Settings(), lr=1.0, extra=Inner(width=3), inner=Inner(width=5, sizes=(1,)))
    path = tmp_path / "x.toml"
    path.write_text("steps = 7\n[inner]\nsizes = [9]\n")
    found = load_settings(Settings, file=path, overrides=["extra.width=4"], base=base)
    assert found == replace(base, steps=7, inner=Inner(width=5, sizes=(9,)), extra=Inner(width=4))
    assert load_settings(Settings, base=base) == base


HOSTILE = {
    "dotted": ".".join("a" * 100_000) + " = 1",
    "dotted table": "[" + ".".join("a" * 50_000) + "]",
    "dotted with spaces": " . ".join("a" * 30_000) + " = 1",
    "dotted and quoted": ".".join(['"a"'] * 50_000) + " = 1",
    "dotted within": "inner = {" + ".".join("a" * 50_000) + " = 1}",
    "dotted behind a text": '"\\"#".' + ".".join("a" * 50_000) + " = 1",
    "dotted behind a long text": "inner = {x = '''\n\"''', " + ".".join("a" * 50_000) + " = 1}",
    "tables in tables": "".join(f"[[{'.'.join('a' * depth)}]]\n" for depth in range(1, 300)),
    "brackets": "names = " + "[" * 100_000,
    "lists": "names = " + "[" * 300 + "]" * 300,
    "braces": "inner = " + "{width = " * 300 + "1" + "}" * 300,
    "float of 400 digits": "lr = 1" + "0" * 400,
    "integer of 5,000 digits": "steps = " + "9" * 5000,
    "integer of 20 digits": "steps = 18446744073709551616",
    "hexadecimal": "steps = 0x" + "f" * 100_000,
    "negative": "steps = -" + "9" * 400,
    "in a list": "betas = [1" + "0" * 400 + ", 1]",
    "long key": "a" * 200_000 + " = 1",
    "long text": 'steps = "' + "a" * 200_000 + '"',
    "large": "a = 1 # " + "a" * 300_000,
    "list": "[]",
    "null": "null",
    "zero bytes": "\0" * 1000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_and_overrides_end_at_once_in_one_short_line(tmp_path: Path, kind: str) -> None:
    (tmp_path / "run.toml").write_text(HOSTILE[kind])
    key, equals, value = HOSTILE[kind].partition(" = ")
    start = time.monotonic()
    for arguments in ({"file": tmp_path / "run.toml"}, {"overrides": [f"{key}{equals.strip()}{value}"]}):
        with pytest.raises(ConfigError) as caught:
            load_settings(Settings, **arguments)
        assert len(str(caught.value)) < 700 and "\n" not in str(caught.value)
    assert time.monotonic() - start < 5


def test_pipes_and_devices_are_no_settings(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null"), tmp_path, tmp_path / ("n" * 300)):
        with pytest.raises(ConfigError, match="cannot be read as TOML"):
            load_settings(Settings, file=path)


def test_a_file_of_a_windows_editor_and_texts_with_dots_are_read(tmp_path: Path) -> None:
    text = 'name = "' + "a." * 50 + '" # ' + "b." * 50 + "\r\nlr = 1.5\r\n"
    (tmp_path / "run.toml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load_settings(Settings, file=tmp_path / "run.toml") == Settings(name="a." * 50, lr=1.5)


@given(st.data())
def test_any_file_is_settings_or_our_error(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(data.draw(st.binary(max_size=300) | mutants(dump_toml(Settings(extra=Inner())).encode())))
    try:
        assert isinstance(load_settings(Settings, file=path), Settings)
    except ConfigError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000


@dataclass(frozen=True)
class Renamed:
    """A class whose settings had other names once."""

    mean_scale: float = 1.0
    condition_dropout: float = 0.0
    selection: Literal["last", "attribute_recall"] = "last"


def test_settings_are_read_under_their_old_names(tmp_path: Path) -> None:
    path = tmp_path / "old.toml"
    path.write_text('stretch = 2.0\nunsaid = 0.1\nselection = "said_and_shown"\n')
    found = load_settings(Renamed, file=path, overrides=["stretch=3"])
    assert found == Renamed(3.0, 0.1, "attribute_recall")
    assert load_settings(Renamed, file=path, overrides=["mean_scale=4"]).mean_scale == 4.0
    assert load_settings(Renamed, overrides=["selection=said_and_shown"]).selection == "attribute_recall"
    assert settings_from_dict(Renamed, {"unsaid": 0.5}).condition_dropout == 0.5
    assert "stretch" not in dump_toml(found) and load_settings(Renamed, base=found, overrides=[]) == found
    with pytest.raises(ConfigError, match="unknown setting 'stretch'"):
        settings_from_dict(Renamed, {"stretch": 1.0, "mean_scale": 2.0})


def test_a_class_with_a_setting_of_an_old_name_keeps_it() -> None:
    @dataclass(frozen=True)
    class Other:
        stretch: float = 1.0

    assert load_settings(Other, overrides=["stretch=2"]).stretch == 2.0


def test_no_name_is_old_and_new() -> None:
    for section, names in RENAMED.items():
        assert not set(names) & set(names.values()) and len(set(names.values())) == len(names)
        assert renamed(section, dict.fromkeys(names, 1)) == dict.fromkeys(names.values(), 1)
