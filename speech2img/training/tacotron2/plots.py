"""Attention weights and log-mels as pictures with axes."""

import numpy as np
from PIL import Image, ImageDraw

_MARGIN_LEFT, _MARGIN_BOTTOM, _MARGIN_TOP = 44, 18, 16
_COLORS = np.array(
    [(13, 8, 60), (75, 20, 120), (150, 40, 110), (215, 80, 70), (250, 155, 50), (252, 253, 191)], dtype=np.float32
)
"""Dark violet over red to pale yellow, even in lightness."""


def heat_image(
    values: np.ndarray, *, title: str, x_label: str, y_label: str, scale: tuple[int, int] = (2, 2)
) -> Image.Image:
    """Draw a matrix as colours, its first row at the bottom.

    Parameters
    ----------
    values : ndarray [shape=(rows, columns), finite]
        The smallest value is dark, the largest bright.
    title, x_label, y_label : str
        ASCII.
    scale : (int, int)
        Pixels of one value, across and up.
    """
    # Colours, interpolated between those of the table.
    low, high = float(values.min()), float(values.max())
    level = (values.astype(np.float32) - low) / max(high - low, 1e-12) * (len(_COLORS) - 1)
    below = np.clip(level.astype(int), 0, len(_COLORS) - 2)
    part = (level - below)[..., None]
    colors = (_COLORS[below] * (1 - part) + _COLORS[below + 1] * part).round().astype(np.uint8)[::-1]
    heat = Image.fromarray(colors.repeat(scale[1], axis=0).repeat(scale[0], axis=1))

    # Axes with the first and the last number of each.
    sheet = Image.new("RGB", (heat.width + _MARGIN_LEFT + 8, heat.height + _MARGIN_TOP + _MARGIN_BOTTOM), "white")
    sheet.paste(heat, (_MARGIN_LEFT, _MARGIN_TOP))
    draw = ImageDraw.Draw(sheet)
    bottom = _MARGIN_TOP + heat.height
    draw.text((_MARGIN_LEFT, 2), title, fill="black")
    draw.text((2, _MARGIN_TOP + heat.height // 2), y_label, fill="black")
    draw.text((_MARGIN_LEFT + heat.width // 2, bottom + 4), x_label, fill="black")
    for position in (0, values.shape[1] - 1):
        draw.text(
            (_MARGIN_LEFT + position * scale[0] - (18 if position else 0), bottom + 4), str(position), fill="black"
        )
    for position in (0, values.shape[0] - 1):
        draw.text((14, bottom - position * scale[1] - 11), str(position), fill="black")
    return sheet


def alignment_image(alignment_TS: np.ndarray, *, title: str = "attention") -> Image.Image:
    """Attention weights: decoder steps from left to right, symbols from bottom to top."""
    return heat_image(alignment_TS.T, title=title, x_label="decoder step", y_label="symbol", scale=(2, 3))


def mel_image(mel_MT: np.ndarray, *, title: str = "log-mel") -> Image.Image:
    """A log-mel: frames from left to right, bands from bottom to top."""
    return heat_image(mel_MT, title=title, x_label="frame", y_label="band", scale=(1, 2))
