"""HiFi-GAN's published generators (Kong et al. 2020, arXiv:2010.05646) under the names of ``HifiGan``."""

import re
from typing import Any

from torch import Tensor

from speech2img.models.published.state_dicts import State, converted, shape_of


def convert_hifigan(state: State) -> dict[str, Tensor]:
    """A published generator to ``HifiGan``: weight normalisation is multiplied out.

    Raises
    ------
    ValueError
        For a key that the published generators do not have, or half a normalised weight.
    """

    def rename(key: str) -> str | None:
        if match := re.fullmatch(r"conv_(pre|post)\.(\w+)", key):
            return f"{'first' if match[1] == 'pre' else 'last'}.{match[2]}"
        if re.fullmatch(r"ups\.\d+\.(weight|bias)", key):
            return key
        if match := re.fullmatch(r"resblocks\.(\d+)\.convs([12]?)\.(\d+)\.(weight|bias)", key):
            return f"blocks.{match[1]}.{'plain' if match[2] == '2' else 'dilated'}.{match[3]}.{match[4]}"
        return None

    return converted(fold_weight_norm(state), rename, "a generator of HiFi-GAN")


def hifigan_settings(state: State) -> dict[str, Any]:
    """Arguments of ``HifiGan`` for an output of ``convert_hifigan``.

    Raises
    ------
    ValueError
        If an array is missing.
    """
    width, n_mels, _ = shape_of(state, "first.weight", 3)
    ups = sum(re.fullmatch(r"ups\.\d+\.weight", key) is not None for key in state)
    kernels = [shape_of(state, f"ups.{number}.weight", 3)[2] for number in range(ups)]
    if any(kernel % 2 for kernel in kernels):
        raise ValueError(f"the upsampling kernels {kernels} are not twice their rates, as in all published sizes")
    block = "1" if "blocks.0.plain.0.weight" in state else "2"
    return {
        "n_mels": n_mels,
        "width": width,
        "rates": [kernel // 2 for kernel in kernels],
        "kernels": kernels,
        "block": block,
    }


def fold_weight_norm(state: State) -> dict[str, Tensor]:
    """Multiply weight normalisation out: w = g v / |v|, the norm over all axes but the first.

    Both spellings are read, ``weight_g`` and ``weight_v`` or ``parametrizations.weight.original0`` and ``1``.

    Raises
    ------
    ValueError
        If one half of a weight is missing or does not fit the other.
    """
    folded: dict[str, Tensor] = {}
    # Pair the two halves of each weight; old and new torch name them differently.
    halves: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        if match := re.fullmatch(r"(.*)\.(?:weight_([gv])|parametrizations\.weight\.original([01]))", key):
            halves.setdefault(match[1], {})[match[2] or "gv"[int(match[3])]] = value
        else:
            folded[key] = value
    # Weight = gain times direction over its norm, in float64.
    for layer, half in halves.items():
        if half.keys() != {"g", "v"} or half["g"].dim() != half["v"].dim() or len(half["g"]) != len(half["v"]):
            raise ValueError(f"{layer} has no complete normalised weight")
        direction = half["v"].double()
        norm = direction.flatten(1).norm(dim=1).view(half["g"].shape)
        folded[f"{layer}.weight"] = (half["g"].double() * direction / norm).to(half["v"].dtype)
    return folded
