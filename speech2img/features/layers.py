"""Names and widths of the outputs of Inception-v3, at which distances and scores are measured; cheap to import."""

from collections.abc import Mapping
from types import MappingProxyType

POOLS: Mapping[str, int] = MappingProxyType({"pool64": 64, "pool192": 192, "pool768": 768, "pool2048": 2048})
"""Spatial means that a Frechet distance is measured on, small to large -> dimensions.

After the first and the second maximum pooling, after the last block of 17 x 17 (Mixed_6e, where a shortened file of
weights ends) and after the last of all: the features of the customary FID.
"""

DEEPEST = "pool2048"
"""The last of them, which the customary FID is measured on."""
LOGITS = "logits"
"""Class outputs before the softmax."""
LOGITS_UNBIASED = "logits_unbiased"
"""The same without the classifier's bias, as the first published Inception Scores were computed."""

DISTANCE_OUTPUTS: tuple[str, ...] = (*POOLS, LOGITS)
"""What a user may ask for by name: distances at each pooled output, and a score at the logits."""


def deepest(outputs: Mapping[str, int]) -> str:
    """The deepest pooled output among some.

    Parameters
    ----------
    outputs : Mapping of str to int
        Of an extractor.

    Returns
    -------
    str
        One of ``POOLS``.

    Raises
    ------
    IndexError
        If there is none: the network is no Inception.
    """
    return [output for output in POOLS if output in outputs][-1]
