"""What a corpus says of itself in its manifest: its attributes, how its images are cut, what its classes are called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from speech2img.errors import DataError

META_KEY = "facts"
"""Where they stand in the header of ``manifest.jsonl``, under ``meta``."""

Values = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class CorpusFacts:
    """What the rooms above must know of a corpus, whatever it is called."""

    attributes: Values = field(default_factory=dict)
    """Attribute -> the values that it may have, in the order of the heads of a network that reads them."""
    manner: frozenset[str] = frozenset()
    """Attributes that no caption puts into words: only the manner of speaking gives them."""
    hidden: Mapping[str, Values] = field(default_factory=dict)
    """Attribute -> other attribute -> its values under which an image cannot show the first one."""
    crop: bool = True
    """Whether images are cropped to their bounding boxes, where they have any."""
    classes: str = "classes"
    """What the classes are called, in the plural."""
    judge: str | None = None
    """Name of shipped weights that read these attributes off images."""

    def visible(self, attributes: Mapping[str, str]) -> frozenset[str]:
        """Names of the attributes that an image with these attributes can show.

        Parameters
        ----------
        attributes : Mapping of str to str
            What is known of the image.
        """
        covered = {
            name
            for name, causes in self.hidden.items()
            if any(attributes.get(other) in values for other, values in causes.items())
        }
        return frozenset(name for name in self.attributes if name in attributes) - covered

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON, for the header of a manifest."""
        return {
            "attributes": {name: list(values) for name, values in self.attributes.items()},
            "manner": sorted(self.manner),
            "hidden": {
                name: {other: list(values) for other, values in causes.items()} for name, causes in self.hidden.items()
            },
            "crop": self.crop,
            "classes": self.classes,
            "judge": self.judge,
        }


def facts_from_dict(fields: Any, *, name: str) -> CorpusFacts:
    """Facts from plain JSON; what is missing is as in `CorpusFacts`.

    Parameters
    ----------
    fields : Any
        What a manifest holds under `META_KEY`.
    name : str
        The manifest, for messages.

    Raises
    ------
    DataError
        If it is of another form.
    """
    if not isinstance(fields, dict):
        raise _broken(name, META_KEY)
    attributes = _values(fields.get("attributes", {}), name)
    hidden, manner = fields.get("hidden", {}), fields.get("manner", [])
    crop, classes, judge = fields.get("crop", True), fields.get("classes", "classes"), fields.get("judge")
    if not isinstance(hidden, dict):
        raise _broken(name, "hidden")
    if not isinstance(manner, list) or not all(isinstance(entry, str) for entry in manner):
        raise _broken(name, "manner")
    if not isinstance(crop, bool) or not isinstance(classes, str) or not isinstance(judge, str | None):
        raise _broken(name, "crop, classes or judge")
    covered = {key: _values(causes, name) for key, causes in hidden.items()}
    return CorpusFacts(attributes, frozenset(manner), covered, crop, classes, judge)


def _values(fields: Any, name: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(fields, dict):
        raise _broken(name, "attributes")
    for key, values in fields.items():
        if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
            raise _broken(name, f"attribute {key[:40]!r}")
        if len(set(values)) != len(values):
            raise _broken(name, f"attribute {key[:40]!r}")
    return {key: tuple(values) for key, values in fields.items()}


def _broken(name: str, what: str) -> DataError:
    return DataError.about(name, f"line 1: {what} under {META_KEY!r} is broken", "run 'speech2img prepare' again")
