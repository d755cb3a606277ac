"""What a published checkpoint becomes: how its state is converted, and what network and release that gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

    State = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class ImportedNetwork:
    """What a converted state is of."""

    network: "Callable[..., nn.Module]"
    """Class of the network, or a function that chooses one."""
    settings: dict[str, Any]
    """Its arguments."""
    config: dict[str, Any]
    """Of the release."""
    prefix: str = ""
    """What the names of its tensors begin with in a release."""
    half: bool = False
    """Whether it is stored as float16 where that changes no value; otherwise as float32."""
    notice: str = ""
    """Licence and origin, for the card."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """How one published format becomes a release; both functions raise ValueError for what is not of that network."""

    convert: "Callable[[State], dict[str, Tensor]]"
    """A published state under our names."""
    describe: "Callable[[State], ImportedNetwork]"
    """What a converted state is of."""
    read: "Callable[[IO[bytes]], State] | None" = field(default=None)
    """Reader of files that are neither torch's, safetensors nor .npz, where the publisher has a format of its own."""
    beside: "Mapping[Path, Callable[[State], dict[str, Tensor]]]" = field(default_factory=dict)
    """Further files of the same network -> conversion of each; ``describe`` gets what all of them give."""
    several: bool = False
    """Whether the network may lie in several files, each converted by ``convert``."""
    programs: bool = False
    """Whether a TorchScript file is read for its tensors; its program is never run."""
    unpack: "Callable[[Any], Any]" = field(default=lambda checkpoint: checkpoint)
    """What a checkpoint becomes before a state is sought in it, where the network lies in several parts of it."""
