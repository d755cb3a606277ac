"""Settings as frozen dataclasses: read from TOML and overrides, checked by type, written back with their documentation.

A settings class may hold bool, int, float, str, Literal, tuple and Optional fields and other settings classes. The
string literal after a field is its documentation. TOML knows no null, so an Optional field says ``"none"`` there.
"""

import ast
import dataclasses
import difflib
import inspect
import itertools
import json
import math
import os
import re
import stat
import textwrap
import tomllib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

from speech2img.errors import ConfigError
from speech2img.renamed import modern_key, modern_settings, modern_value

T = TypeVar("T")
MAX_CONFIG_BYTES = 1 << 18
MAX_DEPTH = 20
"""Deepest nesting of tables and lists in settings, and most parts of a dotted key."""
MAX_DOTS = 300
"""Most dots in a line of TOML."""
INTEGERS = range(-(2**63), 2**63)
"""Whole numbers that a setting may have: those of 64 bits."""
_READ_THE_DOCS = "see --help or the settings class for what is allowed"


def load_settings(
    cls: type[T], *, file: str | Path | None = None, overrides: Iterable[str] = (), base: T | None = None
) -> T:
    """Build settings from the defaults, then a TOML file, then overrides.

    Parameters
    ----------
    cls : type
        A frozen dataclass.
    file : path, optional
        TOML file whose tables follow the nesting of `cls`.
    overrides : iterable of str
        ``"a.b=value"``; the value is TOML, or a plain string where the field takes one.
    base : settings of the same class, optional
        Used instead of the defaults.

    Raises
    ------
    ConfigError
        If the file cannot be read, a key is unknown or a value has the wrong type.
    """
    known = frozenset(_names(cls))
    values = modern_settings(_read_toml(Path(file)), known) if file is not None else {}
    overrides = list(overrides)
    source = " and ".join([str(file)] * (file is not None) + ["--set"] * bool(overrides)) or "settings"
    reader = _Reader(source, cls)
    for override in overrides:
        shown = f"--set {override:.80}"
        key, equals, raw = (part.strip() for part in override.partition("="))
        if not equals:
            raise ConfigError.about(shown, "has no '='", "write it as key=value")
        key = modern_key(key, known)
        *parents, name = key.split(".")
        if len(parents) > MAX_DEPTH or len(override) > MAX_CONFIG_BYTES:
            raise ConfigError.about(shown, "is no setting", _READ_THE_DOCS)
        table = values
        for parent in parents:
            table = table.setdefault(parent, {})
            if not isinstance(table, dict):
                raise ConfigError.about(shown, f"'{parent}' is no table", "set it as a whole instead")
        table[name] = modern_value(name, reader.parse_override(key, raw))
    return reader.build(cls, values if base is None else _over(settings_to_dict(base), values))


def named_setting(name: str, *, file: str | Path | None, overrides: Iterable[str], base: Any = None) -> Any:
    """One setting as `load_settings` would read it, before it is known of which class the settings are."""
    value = getattr(base, name, None)
    if file is not None:
        value = _read_toml(Path(file)).get(name, value)
    for key, _, raw in (override.partition("=") for override in overrides):
        value = _Reader("--set", object).parse_override(name, raw.strip()) if key.strip() == name else value
    return value


def settings_from_dict(cls: type[T], mapping: Mapping[str, Any], *, source: str = "settings") -> T:
    """Build settings from nested mappings, as `settings_to_dict` or a TOML file gives them.

    Parameters
    ----------
    cls : type
        A frozen dataclass.
    mapping : Mapping
        Field names to values; missing fields keep their defaults, lists become tuples.
    source : str
        Where the values come from, for the messages.

    Raises
    ------
    ConfigError
        If a key is unknown (the message names the nearest one), missing, of the wrong type, or refused by the class.
    """
    if isinstance(mapping, Mapping):
        mapping = modern_settings(mapping, frozenset(_names(cls)))
    return _Reader(source, cls).build(cls, mapping)


def settings_to_dict(settings: Any) -> dict[str, Any]:
    """Turn settings into nested dicts and lists that JSON can hold; `settings_from_dict` is the way back."""
    return {field.name: _plain(getattr(settings, field.name)) for field in dataclasses.fields(settings)}


def defaults_to_dict(cls: type) -> dict[str, Any]:
    """Values that the fields of a settings class have when nothing is said, as `settings_to_dict` gives them."""
    defaults = {}
    for field in dataclasses.fields(cls):
        if field.default_factory is not dataclasses.MISSING:
            defaults[field.name] = _plain(field.default_factory())
        elif field.default is not dataclasses.MISSING:
            defaults[field.name] = _plain(field.default)
    return defaults


def dump_toml(settings: Any) -> str:
    """Write settings as TOML, each with its documentation as a comment; `load_settings` reads it back equal."""
    return "\n".join(_toml_lines(settings, ())).strip() + "\n"


def field_docs(cls: type) -> dict[str, str]:
    """Collect the documentation of the fields of a settings class: the string literal after each."""
    docs: dict[str, str] = {}
    for base in reversed([base for base in cls.__mro__ if dataclasses.is_dataclass(base)]):
        try:
            body = typing.cast(ast.ClassDef, ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]).body
        except OSError:
            continue
        for field, text in itertools.pairwise(body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(doc))):
                    docs[name] = inspect.cleandoc(doc)
    return docs


def _over(base: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Values over a base, table by table."""
    tables = {key for key, value in values.items() if isinstance(value, dict) and isinstance(base.get(key), dict)}
    return {**base, **values, **{key: _over(base[key], values[key]) for key in tables}}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        # Opened without waiting for the other end of a pipe.
        with FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError("it is not a regular file")
            data = file.read(MAX_CONFIG_BYTES + 1)
        if len(data) > MAX_CONFIG_BYTES:
            raise ValueError(f"is larger than {MAX_CONFIG_BYTES} bytes")
        return _parse_toml(data.decode("utf-8-sig"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError.about(path, f"cannot be read as TOML ({reason})", "correct the file or its name") from error


def _parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML of bounded depth whose whole numbers fit 64 bits; ValueError for any other text."""
    # The parser takes quadratic time and memory for a key of many parts, so those are looked for before: exactly in
    # what is neither text nor comment, and, since texts may be written over several lines, roughly in every line.
    bare = re.sub(r""""(?:[^"\\\n]|\\.)*+"?|'[^'\n]*+'?|#[^\n]*""", "", text)
    dotted = any(word.count(".") > MAX_DEPTH for word in re.findall(r"[^=,\[\]{}\n]+", bare))
    if dotted or any(line.count(".") > MAX_DOTS for line in text.split("\n")):
        raise ValueError(f"a key of more than {MAX_DEPTH} parts")
    try:
        values = tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level: list[Any] = [values]
    for _ in range(MAX_DEPTH):
        if any(type(item) is int and item not in INTEGERS for item in level):
            raise ValueError("a whole number of more than 64 bits")
        containers = (item for item in level if isinstance(item, dict | list))
        level = [part for item in containers for part in (item.values() if isinstance(item, dict) else item)]
        if not level:
            return values
    raise ValueError(f"nested deeper than {MAX_DEPTH}")


@dataclasses.dataclass(frozen=True)
class _Reader:
    """Checks values against the annotations of a settings class; `source` and `root` are for the messages."""

    source: str
    root: type

    def build(self, cls: type[T], mapping: Any, path: tuple[str, ...] = ()) -> T:
        if not isinstance(mapping, Mapping):
            raise ConfigError.about(
                self.source, f"'{'.'.join(path)}' must be a table, not {_shown(mapping)}", _READ_THE_DOCS
            )
        hints, fields = typing.get_type_hints(cls), _fields(cls)
        for name in mapping:
            if name not in fields:
                unknown = ".".join((*path, str(name)))
                hint = f"did you mean '{_nearest(self.root, unknown[:100])}'?"
                raise ConfigError.about(self.source, f"unknown setting '{unknown:.100}'", hint)
        values = {}
        for name, value in mapping.items():
            location = (*path, name)
            try:
                values[name] = self.coerce(hints[name], value, location)
            except ValueError as error:
                raise ConfigError.about(self.source, f"'{'.'.join(location)}' {error}", _READ_THE_DOCS) from error
        for name, field in fields.items():
            if field.default is field.default_factory and name not in values:
                raise ConfigError.about(self.source, f"'{'.'.join((*path, name))}' is missing", "set it")
        try:
            return cls(**values)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise ConfigError.about(self.source, error, _READ_THE_DOCS) from error

    def coerce(self, hint: Any, value: Any, path: tuple[str, ...]) -> Any:
        """Return `value` as the annotation wants it, or raise ValueError with the rest of a sentence."""
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if dataclasses.is_dataclass(hint):
            return self.build(typing.cast(type, hint), value, path)
        if origin in (Union, types.UnionType):
            if types.NoneType in args and value in (None, "none"):
                return None
            return self._coerce_any([arg for arg in args if arg is not types.NoneType], value, path)
        if origin is Literal:
            if any(type(choice) is type(value) and choice == value for choice in args):
                return value
            raise ValueError(f"must be one of {', '.join(map(repr, args))}, not {_shown(value)}")
        if origin is tuple:
            if not isinstance(value, (list, tuple)):
                raise ValueError(f"must be a list, not {_shown(value)}")
            kinds = [args[0]] * len(value) if args[-1] is Ellipsis else list(args)
            if len(kinds) != len(value):
                raise ValueError(f"must have {len(kinds)} values, not {len(value)}")
            return tuple(self.coerce(kind, item, path) for kind, item in zip(kinds, value, strict=True))
        if type(value) is int and value not in INTEGERS:
            raise ValueError("must fit 64 bits")
        if hint is float and type(value) is int:
            value = float(value)
        if type(value) is not hint:
            raise ValueError(f"must be of type {getattr(hint, '__name__', hint)}, not {_shown(value)}")
        if hint is float and not math.isfinite(value):
            raise ValueError(f"must be finite, not {value}")
        if hint is str:
            value.encode()
        return value

    def _coerce_any(self, hints: list[Any], value: Any, path: tuple[str, ...]) -> Any:
        for hint in hints[:-1]:
            if self.fits(hint, value):
                return self.coerce(hint, value, path)
        return self.coerce(hints[-1], value, path)

    def fits(self, hint: Any, value: Any) -> bool:
        try:
            self.coerce(hint, value, ())
        except (ValueError, ConfigError):
            return False
        return True

    def parse_override(self, key: str, raw: str) -> Any:
        """Read TOML, or the raw text where only that fits the setting (``name=cub`` needs no quotes)."""
        try:
            parsed = _parse_toml(f"value = {raw}")
        except ValueError:
            return raw
        hint = _annotation(self.root, key)
        as_text = len(parsed) > 1 or (self.fits(hint, raw) and not self.fits(hint, parsed["value"]))
        return raw if as_text else parsed["value"]


def _fields(cls: Any) -> dict[str, dataclasses.Field[Any]]:
    return {field.name: field for field in dataclasses.fields(cls) if field.init}


def _annotation(cls: type, key: str) -> Any:
    """Return the annotation of a dotted setting, None for an unknown one."""
    hint: Any = cls
    for name in key.split("."):
        hint = next((arg for arg in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(arg)), None)
        hint = typing.get_type_hints(hint).get(name) if hint is not None else None
    return hint


def _names(cls: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        yield ".".join((*path, field.name))
        for hint in (hints[field.name], *typing.get_args(hints[field.name])):
            if dataclasses.is_dataclass(hint):
                yield from _names(hint, (*path, field.name))


def _nearest(root: type, unknown: str) -> str:
    def similarity(name: str) -> float:
        pairs = (name, unknown), (name.rpartition(".")[2], unknown.rpartition(".")[2])
        return max(difflib.SequenceMatcher(None, *pair).ratio() for pair in pairs)

    return max(_names(root), key=similarity, default="")


def _shown(value: Any) -> str:
    """A value for a message; its digits or letters may be many."""
    if type(value) is int and value not in INTEGERS:
        return "a number of more than 64 bits"
    return f"{value!r:.100}"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return settings_to_dict(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _toml_value(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml_value, value))}]"
    if isinstance(value, (bool, str)):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return '"none"' if value is None else repr(value)


def _toml_lines(settings: Any, path: tuple[str, ...]) -> Iterator[str]:
    docs = field_docs(type(settings))
    values = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    for name in sorted(values, key=lambda name: dataclasses.is_dataclass(values[name])):
        value, comments = values[name], [f"# {line}".rstrip() for line in docs.get(name, "").splitlines()]
        if dataclasses.is_dataclass(value):
            yield from ("", *comments, f"[{'.'.join((*path, name))}]")
            yield from _toml_lines(value, (*path, name))
        else:
            yield from (*comments, f"{name} = {_toml_value(value)}")
