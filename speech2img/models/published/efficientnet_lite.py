"""EfficientNet-Lite (Tan and Le 2019, arXiv:1905.11946) as its PyTorch port names it, under our names."""

import re
from typing import Any

from torch import Tensor

from speech2img.models.published.state_dicts import State, converted, shape_of
from speech2img.models.vision.efficientnet_lite import VARIANTS, scaled_stages

NOTICE = """\
EfficientNet-Lite, trained on ImageNet, was published by The TensorFlow Authors (github.com/tensorflow/tpu) under the
Apache License, Version 2.0; the PyTorch port of its weights: Copyright (c) 2020, ML Illustrated, under the same
licence. Only the names of the arrays were changed here. Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License. You may obtain a copy of the License at
http://www.apache.org/licenses/LICENSE-2.0. Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either
express or implied. See the License for the specific language governing permissions and limitations under the License.
"""
"""What must stand wherever the weights do."""

_LAYERS = {
    "_conv_stem": "stem.conv",
    "_bn0": "stem.norm",
    "_conv_head": "head.conv",
    "_bn1": "head.norm",
    "_fc": "classifier",
}
_BLOCK_LAYERS = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}


def convert_efficientnet_lite(state: State) -> dict[str, Tensor]:
    """EfficientNet-Lite of ``efficientnet_lite_pytorch`` to ``EfficientNetLite``, whichever variant it is.

    Raises
    ------
    ValueError
        For a key that the network does not have; squeeze-and-excitation is that of EfficientNet-B.
    """

    def rename(key: str) -> str | None:
        block, name = match.groups() if (match := re.fullmatch(r"_blocks\.(\d+)\.(.+)", key)) else (None, key)
        layer, _, part = name.partition(".")
        ours = (_LAYERS if block is None else _BLOCK_LAYERS).get(layer)
        return None if ours is None or not part else f"{'' if block is None else f'blocks.{block}.'}{ours}.{part}"

    return converted(state, rename, "EfficientNet-Lite")


def efficientnet_lite_settings(state: State, *, wanted: str) -> dict[str, Any]:
    """Arguments of ``EfficientNetLite`` for an output of ``convert_efficientnet_lite``.

    Parameters
    ----------
    state : Mapping of str to Tensor
        The converted state.
    wanted : str
        The variant that it is to be, of ``VARIANTS``.

    Raises
    ------
    ValueError
        If its blocks are those of another variant, which is named where it is a known one.
    """
    blocks = {int(match[1]) for key in state if (match := re.match(r"blocks\.(\d+)\.", key))}
    _, channels, *_ = shape_of(state, "head.conv.weight", 4)
    found = len(blocks), channels
    known = {name: _measures(name) for name in VARIANTS}
    if found != known[wanted]:
        other = next(
            (f"EfficientNet-{name.title()}" for name, measures in known.items() if measures == found), "another"
        )
        sizes = [f"{count} blocks that end in {width} channels" for count, width in (found, known[wanted])]
        raise ValueError(f"holds {sizes[0]}: {other}; EfficientNet-{wanted.title()} has {sizes[1]}")
    return {"variant": wanted}


def _measures(variant: str) -> tuple[int, int]:
    """Number of blocks, and channels of the last."""
    stages = scaled_stages(variant)
    return sum(stage.blocks for stage in stages), stages[-1].channels
