"""AttnGAN's image encoder (Xu et al. 2018, ``image_encoder<n>.pth``): Inception-v3 and two layers, under our names."""

from typing import Any

from torch import Tensor

from speech2img.models.published.inception import convert_torchvision_inception
from speech2img.models.published.state_dicts import State, shape_of

_LAYERS = {
    "emb_features.weight": "project_regions.weight",
    "emb_cnn_code.weight": "project_image.weight",
    "emb_cnn_code.bias": "project_image.bias",
}


def convert_attngan_image_encoder(state: State) -> dict[str, Tensor]:
    """A published image encoder to ``DAMSMImageEncoder``.

    Its Inception is not torchvision's own any more: the statistics of the frozen network moved in its training, and are
    taken as they are.

    Raises
    ------
    ValueError
        For a key that it does not have, a convolution without its norm, or if one of the two layers is missing.
    """
    if missing := [key for key in _LAYERS if key not in state]:
        raise ValueError(f"{missing[0]} is missing")
    layers = {ours: state[theirs] for theirs, ours in _LAYERS.items()}
    trunk = convert_torchvision_inception({key: value for key, value in state.items() if key not in _LAYERS})
    return {**{f"trunk.{name}": value for name, value in trunk.items()}, **layers}


def attngan_image_encoder_settings(state: State) -> dict[str, Any]:
    """Arguments of ``DAMSMImageEncoder`` for an output of `convert_attngan_image_encoder`; ValueError for none."""
    embedding_dim = shape_of(state, "project_regions.weight", 4)[0]
    return {"trunk": "inception", "embedding_dim": embedding_dim, "align_corners": True}
