"""The patch discriminator: a score for each square, each image by itself; it can tell what it is shown."""

import pytest
import torch

from speech2img.losses.hinge import hinge_discriminator_loss
from speech2img.models.codecs.patch_discriminator import PatchDiscriminator


def test_a_score_for_each_square_and_none_depends_on_company() -> None:
    torch.manual_seed(0)
    network = PatchDiscriminator(8)
    images = torch.rand(3, 3, 32, 48) * 2 - 1
    scores = network(images)
    assert scores.shape == (3, 1, 4, 6) and scores.dtype == torch.float32
    torch.testing.assert_close(network(images[1:2]), scores[1:2], atol=1e-6, rtol=1e-5)


def test_it_learns_to_tell_noise_from_plain_images() -> None:
    torch.manual_seed(0)
    network = PatchDiscriminator(8)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(40):
        real = (torch.rand(4, 3, 1, 1) * 2 - 1).expand(4, 3, 16, 16)
        fake = torch.rand(4, 3, 16, 16) * 2 - 1
        loss = hinge_discriminator_loss(network(real), network(fake))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3  # 1 at the start


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 1, 16, 16), (1, 3, 4, 16)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(B, 3, H, W\)"):
        PatchDiscriminator(8)(torch.zeros(shape))
    with pytest.raises(ValueError, match="width must be 1 or more"):
        PatchDiscriminator(0)
