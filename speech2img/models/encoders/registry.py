"""Speech encoders by the name that a release gives them; the file of one is imported when a release asks for it."""

from collections.abc import Callable
from typing import Any

from speech2img.models.encoders.base import SpeechEncoder


def _li2020() -> type[SpeechEncoder]:
    from speech2img.models.encoders.li2020 import Li2020Encoder

    return Li2020Encoder


def _s2igan() -> type[SpeechEncoder]:
    from speech2img.models.encoders.s2igan import S2IGANEncoder

    return S2IGANEncoder


def _pretrained() -> type[SpeechEncoder]:
    from speech2img.models.encoders.pretrained import PretrainedEncoder

    return PretrainedEncoder


ENCODERS: dict[str, Callable[[], type[SpeechEncoder]]] = {
    "li2020": _li2020,  # CNN and bidirectional LSTM (Li et al. 2020)
    "s2igan": _s2igan,  # CNN, bidirectional GRU, attention over time (Wang et al. 2020)
    "pretrained": _pretrained,  # Whisper's encoder and an adapter (Radford et al. 2022)
}
"""Name under ``encoder.network`` of a release's config -> a function that gives the class."""


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
    return ENCODERS[network]()(**settings)
