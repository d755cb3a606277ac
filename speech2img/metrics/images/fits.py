"""How images of unequal sizes are brought to the size of a network; cheap to import, for the command line."""

from collections.abc import Mapping

from speech2img.errors import ConfigError

FITS: Mapping[str, str] = {
    "equal": "all of one size",
    "each": "each straight to the network's size, whatever its own, proportions not kept",
    "squash": "squashed to a square of {side} px (bilinear, antialiased, 8 bits)",
    "middle": "middle square scaled to {side} px (bilinear, antialiased, 8 bits)",
}
"""Name -> what happens before an image is resized for the network, in words."""
WITH_SIDE = ("squash", "middle")
"""Those that need a side in pixels."""


def check_fit(fit: str, side: int | None) -> None:
    """Refuse what does not exist or makes no sense together.

    Parameters
    ----------
    fit : str
        One of ``FITS``.
    side : int or None
        Pixels.

    Raises
    ------
    ConfigError
        For an unknown fit, or a side where it has no meaning, or none where it is needed.
    """
    if fit not in FITS:
        raise ConfigError.about(f"fit {fit!r}", "unknown", f"use {', '.join(FITS)}")
    if (fit in WITH_SIDE) != (side is not None) or (side is not None and side < 1):
        fix = "give a side in pixels with squash and middle, and only there"
        raise ConfigError.about(f"fit {fit!r}", f"side {side}", fix)


def fit_words(fit: str, side: int | None) -> str:
    """What a fit does, for reports."""
    return FITS[fit].format(side=side)
