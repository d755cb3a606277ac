"""AttnGAN's image encoder: the publisher's own regions and vectors, enlarged in both ways."""

from types import ModuleType

import pytest
import torch
from helpers.golden import TOLERANCE, difference, published_state, ready

from speech2img.models.published.text_image_encoders import (
    attngan_image_encoder_settings,
    convert_attngan_image_encoder,
)
from speech2img.models.vision.damsm_image_encoder import DAMSMImageEncoder


@torch.inference_mode()
def test_regions_and_images_are_the_published_ones(recipe: ModuleType) -> None:
    golden = recipe.values("attngan_cnn_encoder")
    state = convert_attngan_image_encoder(published_state(recipe, "attngan_cnn_encoder"))
    settings = attngan_image_encoder_settings(state)
    assert settings == {"trunk": "inception", "embedding_dim": 256, "align_corners": True}
    encoder = ready(DAMSMImageEncoder(**settings), state)
    assert isinstance(encoder, DAMSMImageEncoder)
    images = recipe.smooth_images("attngan_cnn", 2, 256) * 2 - 1
    for corners, suffix in ((True, "_corners"), (False, "")):
        encoder.align_corners = corners
        encoded = encoder(images)
        assert encoded.regions.shape == (2, 256, 17, 17)
        assert difference(encoded.regions[:, ::8], golden[f"regions_every8{suffix}"]) < 3 * TOLERANCE
        assert difference(encoded.image, golden[f"image{suffix}"]) < 3 * TOLERANCE


def test_what_it_does_not_have_is_named() -> None:
    with pytest.raises(ValueError, match=r"emb_features\.weight is missing"):
        convert_attngan_image_encoder({})
    layers = {name: torch.zeros(1) for name in ("emb_features.weight", "emb_cnn_code.weight", "emb_cnn_code.bias")}
    with pytest.raises(ValueError, match="surprise"):
        convert_attngan_image_encoder({**layers, "surprise": torch.zeros(1)})
