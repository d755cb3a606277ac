"""What VQGAN's checkpoints hold beside the codec: LPIPS's network and the discriminator, under our names."""

import re
from typing import Any

from torch import Tensor

from speech2img.models.published.state_dicts import State, converted, shape_of
from speech2img.models.vision.lpips import SCALE, SHIFT, SLICES, channel_constants

_LPIPS, _DISCRIMINATOR = "loss.perceptual_loss.", "loss.discriminator."
_CONV = re.compile(r"(?:net\.slice\d|features)\.(\d+)\.(weight|bias)")
_CHANNEL_WEIGHT = re.compile(r"lin(\d)\.model\.1\.weight")
_LAYER = re.compile(r"main\.(\d+)\.(weight|bias|running_mean|running_var|num_batches_tracked)")
_PLACES = {
    place: (number, conv)
    for number, places in enumerate(((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)))
    for conv, place in enumerate(places)
}
"""Number of a convolution among VGG-16's layers -> its slice, and its number there."""


def convert_lpips(state: State) -> dict[str, Tensor]:
    """Both halves of a published LPIPS, or one of them, to `LPIPS`.

    Parameters
    ----------
    state : Mapping of str to Tensor
        Of a VQGAN's training, whose ``loss.perceptual_loss.`` is taken; of that part alone; or of torchvision's VGG-16
        (its classifier is passed over), or of the channels' weights.

    Raises
    ------
    ValueError
        For an array that it does not have.
    """
    own = _part(state, _LPIPS)

    def rename(name: str) -> str | None:
        if (match := _CONV.fullmatch(name)) and int(match[1]) in _PLACES:
            number, conv = _PLACES[int(match[1])]
            return f"slices.{number}.{conv}.{match[2]}"
        if match := _CHANNEL_WEIGHT.fullmatch(name):
            return f"weights.{match[1]}"
        scaling = name.removeprefix("scaling_layer.")
        return scaling if scaling in ("shift", "scale") else None

    named = converted(
        {name: value.float() for name, value in own.items() if not name.startswith("classifier.")}, rename, "LPIPS"
    )
    # A convolution of 1 x 1 to one channel, and constants with an axis for the batch; VGG's own file has none.
    shaped = {
        name: value.flatten() if name.startswith("weights.") else value.reshape(-1, 1, 1) if "." not in name else value
        for name, value in named.items()
    }
    if any(name.startswith("slices.") for name in shaped):
        shaped = {"shift": channel_constants(SHIFT), "scale": channel_constants(SCALE), **shaped}
    return shaped


def lpips_settings(state: State) -> dict[str, Any]:
    """Arguments of `LPIPS` for an output of `convert_lpips`.

    Raises
    ------
    ValueError
        If an array is missing; the weights of the channels may lie in a file of their own.
    """
    if not any(name.startswith("weights.") for name in state):
        raise ValueError("holds no weights of channels; give their file with --linear")
    return {
        "slices": [
            [shape_of(state, f"slices.{number}.{conv}.weight", 4)[0] for conv in range(len(widths))]
            for number, widths in enumerate(SLICES)
        ]
    }


def convert_patchgan(state: State) -> dict[str, Tensor]:
    """The discriminator of a VQGAN's training to `NLayerDiscriminator`.

    Parameters
    ----------
    state : Mapping of str to Tensor
        Of the whole training, whose ``loss.discriminator.`` is taken, or of that part alone.

    Raises
    ------
    ValueError
        For an array that it does not have.
    """
    return converted(
        _part(state, _DISCRIMINATOR),
        lambda name: f"layers.{match[1]}.{match[2]}" if (match := _LAYER.fullmatch(name)) else None,
        "a PatchGAN",
    )


def patchgan_settings(state: State) -> dict[str, Any]:
    """Arguments of `NLayerDiscriminator` for an output of `convert_patchgan`; ValueError if an array is missing."""
    convs = [name for name, value in state.items() if name.endswith("weight") and value.dim() == 4]
    return {"width": shape_of(state, "layers.0.weight", 4)[0], "num_layers": len(convs) - 2}


def _part(state: State, prefix: str) -> State:
    """The arrays under a prefix, without it; the whole state where none is."""
    part = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    return part or state
