"""What the extraction of features asks of a network."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


class PictureReader(Protocol):
    """A network that reads prepared pictures."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def weights_sha256(self) -> str:
        """Hash of its weights."""

    @property
    def precision(self) -> str:
        """``float32`` or ``bfloat16``."""

    @property
    def build(self) -> str:
        """Whose features they are: ``fid``, ``torchvision``, or ``own``."""

    @property
    def taps(self) -> tuple[str, ...]:
        """Names of its outputs."""

    @property
    def classifier(self) -> str | None:
        """Whose classes its logits tell apart, as protocols name them; None without logits."""

    def check_taps(self, taps: Sequence[str]) -> None:
        """Raise MetricError if ``taps`` is empty or holds one that it does not give."""

    def read(self, prepared: Tensor, taps: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Outputs (B, width) for pictures (B, 299, 299, 3) after a filter of ``inception_input``, by tap."""
