"""Speech encoders by the name that a release gives them."""

from collections.abc import Callable, Mapping
from typing import Any

from speech2img.models.encoders.base import SpeechEncoder
from speech2img.models.encoders.li2020 import Li2020Encoder
from speech2img.models.encoders.s2igan import S2IGANEncoder

ENCODERS: Mapping[str, Callable[..., SpeechEncoder]] = {
    "li2020": Li2020Encoder,  # CNN and bidirectional LSTM (Li et al. 2020)
    "s2igan": S2IGANEncoder,  # CNN, bidirectional GRU, attention over time (Wang et al. 2020)
}
"""Name under ``encoder.network`` of a release's config -> class."""


def build_encoder(*, network: str = "li2020", **settings: Any) -> SpeechEncoder:
    """Speech encoder of a release: what stands under ``encoder`` in its config.

    Parameters
    ----------
    network : str
        One of `ENCODERS`; releases from before there were two do not name it.
    **settings
        The network's own.

    Raises
    ------
    ValueError
        If there is no such network, or its settings contradict each other.
    TypeError
        For a setting that the network does not have.
    """
    if network not in ENCODERS:
        raise ValueError(f"network must be one of {', '.join(ENCODERS)}, got {network!r}")
    return ENCODERS[network](**settings)
