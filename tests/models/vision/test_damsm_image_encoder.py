"""The DAMSM's image encoder on its light trunk: shapes, gradients to images, and a trunk that stands still."""

import torch

from speech2img.models.vision.damsm_image_encoder import DAMSMImageEncoder


def test_gradients_reach_the_image_and_the_two_layers_alone() -> None:
    torch.manual_seed(0)
    encoder = DAMSMImageEncoder(trunk="efficientnet-lite0", embedding_dim=8).train()
    before = {name: value.clone() for name, value in encoder.trunk.state_dict().items()}
    images = (2 * torch.rand(2, 3, 64, 64) - 1).requires_grad_()
    encoded = encoder(images)
    assert encoded.regions.shape == (2, 8, 14, 14) and encoded.image.shape == (2, 8)
    (encoded.regions.square().mean() + encoded.image.square().mean()).backward()
    assert images.grad is not None and images.grad.abs().sum() > 0
    trained = {name for name, parameter in encoder.named_parameters() if parameter.grad is not None}
    assert trained == {"project_regions.weight", "project_image.weight", "project_image.bias"}
    assert all(torch.equal(value, before[name]) for name, value in encoder.trunk.state_dict().items())
