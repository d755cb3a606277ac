"""What every effect has: a probability, a range that is checked, and a source of chance that only its own name decides.

An effect draws from a generator of its own, made from seed, index of the utterance, number of the copy and the effect's
name. So the same copy of the same utterance comes out in any batch, after any resumption, and switching one effect off
changes nothing that the others draw.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from speech2img.errors import ConfigError

Babble: TypeAlias = Sequence[np.ndarray]
"""Waveforms of other utterances at the same rate; only their number and those that are drawn are asked for."""


@dataclass(frozen=True, kw_only=True)
class EffectSettings:
    """How often an effect is used.

    Raises
    ------
    ConfigError
        If the probability is not within 0..1.
    """

    probability: float = 0.0
    """Share of the copies that get the effect, 0..1; 0 switches it off."""

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ConfigError.about(f"{type(self).__name__}.probability", f"{self.probability}", "give 0 to 1")

    def demand_range(self, low: str, high: str, *, least: float, most: float) -> None:
        """Raise ConfigError unless ``least <= low <= high <= most`` holds of the fields of these names."""
        first, last = getattr(self, low), getattr(self, high)
        if not (math.isfinite(first) and math.isfinite(last) and least <= first <= last <= most):
            reason = f"{low} {first} and {high} {last}"
            raise ConfigError.about(type(self).__name__, reason, f"give {least} <= {low} <= {high} <= {most}")

    def demand_kinds(self, kinds: Sequence[str], known: Sequence[str]) -> None:
        """Raise ConfigError unless there are kinds, and all are known."""
        if wrong := [kind for kind in kinds if kind not in known] or not kinds:
            reason = "no kinds" if wrong is True else f"kind {wrong[0]!r}"
            raise ConfigError.about(type(self).__name__, reason, f"choose of {', '.join(known)}")


class Effect(Protocol):
    """Changes a waveform with what it draws."""

    def __call__(
        self, y: np.ndarray, rate: int, *, rng: np.random.Generator, settings: Any, babble: Babble
    ) -> np.ndarray:
        """The changed waveform (m,) float32; ``y`` is left as it is."""


def generator_of(name: str, *, seed: int, index: int, copy: int) -> np.random.Generator:
    """The source of chance of one effect in one copy of one utterance.

    Parameters
    ----------
    name : str
        Of the effect.
    seed, index, copy : int >= 0
        Of the training, of the utterance in its corpus, of the copy.
    """
    digest = hashlib.sha256(name.encode()).digest()
    spawned = (int.from_bytes(digest[:16], "little"),)
    return np.random.default_rng(np.random.SeedSequence((seed, index, copy), spawn_key=spawned))


def draw_between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number of the range, uniform."""
    return float(rng.uniform(low, high))
