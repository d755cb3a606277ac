"""GoogLeNet (Szegedy et al. 2015, arXiv:1409.4842) of torchvision and of BVLC's Caffe."""

import re

from torch import Tensor

from speech2img.models.published.state_dicts import State, converted
from speech2img.models.vision.googlenet import INCEPTION_WIDTHS

CAFFE_BRANCHES = {
    "1x1": "one",
    "3x3_reduce": "three_reduce",
    "3x3": "three",
    "5x5_reduce": "five_reduce",
    "5x5": "five",
    "pool_proj": "pool_projection",
}


def convert_torchvision_googlenet(state: State) -> dict[str, Tensor]:
    """GoogLeNet of torchvision to ``TorchvisionGoogLeNet``: the auxiliary heads are left out.

    Raises
    ------
    ValueError
        For a key that torchvision's GoogLeNet does not have.
    """
    blocks = "|".join(INCEPTION_WIDTHS)
    known = re.compile(rf"(conv[123]|inception(?:{blocks})\.branch\d(?:\.[01])?)\.(conv|bn)\.\w+|fc\.(weight|bias)")

    def rename(key: str) -> str | None:
        return key if known.fullmatch(key) else None

    main = {key: value for key, value in state.items() if not re.match(r"aux[12]\.", key)}
    return converted(main, rename, "torchvision's GoogLeNet")


def convert_caffe_googlenet(arrays: State) -> dict[str, Tensor]:
    """BVLC GoogLeNet's arrays (``<layer>/weight``, ``<layer>/bias``) to ``BVLCGoogLeNet``.

    Takes what ``read_caffemodel`` gives, or the same arrays from elsewhere as tensors; the auxiliary classifiers of the
    training network are left out.

    Raises
    ------
    ValueError
        For an array that the network does not have.
    """
    plain = {
        "conv1/7x7_s2": "conv1",
        "conv2/3x3_reduce": "conv2_reduce",
        "conv2/3x3": "conv2",
        "loss3/classifier": "classifier",
    }

    def rename(key: str) -> str | None:
        layer, _, part = key.rpartition("/")
        if part not in ("weight", "bias"):
            return None
        if layer in plain:
            return f"{plain[layer]}.{part}"
        match = re.fullmatch(r"inception_(\d\w)/(\w+)", layer)
        if match is None or match[1] not in INCEPTION_WIDTHS or match[2] not in CAFFE_BRANCHES:
            return None
        return f"inception.{match[1]}.{CAFFE_BRANCHES[match[2]]}.{part}"

    # The two auxiliary classifiers serve training only.
    main = {key: value for key, value in arrays.items() if not re.match(r"loss[12]/", key)}
    return converted(main, rename, "BVLC GoogLeNet")
