"""Pretrained acoustic front-ends by the name that a release gives them; its file is imported when one asks for it."""

from collections.abc import Callable, Mapping
from typing import Literal

from speech2img.models.encoders.front_end import AcousticFrontEnd

FrontEndName = Literal["whisper", "hubert-base", "hubert-large"]
FrontEndClass = Callable[..., AcousticFrontEnd]


def _whisper() -> FrontEndClass:
    from speech2img.models.encoders.whisper import WhisperEncoder

    return WhisperEncoder


def _hubert_base() -> FrontEndClass:
    from speech2img.models.encoders.hubert import HubertBase

    return HubertBase


def _hubert_large() -> FrontEndClass:
    from speech2img.models.encoders.hubert import HubertLarge

    return HubertLarge


FRONT_ENDS: Mapping[str, Callable[[], FrontEndClass]] = {
    "whisper": _whisper,  # Radford et al. 2022: log-mel, 50 steps a second
    "hubert-base": _hubert_base,  # Hsu et al. 2021: waveform, 50 steps a second
    "hubert-large": _hubert_large,  # the one of SpeechCLIP large and S2IVQ-D
}
"""Name under ``network`` of a front-end's release -> a function that gives the class."""


def build_front_end(name: str, **settings: int) -> AcousticFrontEnd:
    """Front-end of a release.

    Parameters
    ----------
    name : str
        One of `FRONT_ENDS`.
    **settings
        The front-end's own, whole numbers.

    Returns
    -------
    AcousticFrontEnd
        With weights as they are drawn; those of a release are loaded into it.

    Raises
    ------
    ValueError
        If there is no such front-end, or its settings contradict each other.
    TypeError
        For a setting that the front-end does not have.
    """
    if name not in FRONT_ENDS:
        raise ValueError(f"front_end must be one of {', '.join(FRONT_ENDS)}, got {name!r}")
    return FRONT_ENDS[name]()(**settings)
