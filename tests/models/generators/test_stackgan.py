"""Stacked generator and discriminators: published sizes, stages, conditioning, start values, precision."""

import pytest
import torch
from torch import nn

from speech2img.losses.adversarial import discriminator_loss, generator_loss
from speech2img.models.generators.conditioning import ConditioningAugmentation
from speech2img.models.generators.stackgan import NextStage, StackGenerator, init_stackgan_
from speech2img.models.generators.stackgan_discriminator import StackDiscriminator


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def small_generator(num_stages: int = 2) -> StackGenerator:
    torch.manual_seed(0)
    return StackGenerator(embedding_dim=10, condition_dim=6, noise_dim=4, width=8, num_stages=num_stages)


def test_parameter_counts_of_the_published_networks() -> None:
    with torch.device("meta"):
        assert count(StackGenerator()) == 21_239_696
        assert count(StackGenerator(num_stages=2)) == 21_082_016
        assert count(StackGenerator(dense=True)) == 21_285_776
        counts = {size: count(StackDiscriminator(size)) for size in (64, 128, 256, 512)}
    assert counts == {64: 5_723_906, 128: 18_834_178, 256: 71_269_122, 512: 280_996_610}


@pytest.mark.parametrize("num_stages", [1, 2, 3, 4])
def test_every_number_of_stages(num_stages: int) -> None:
    generator = small_generator(num_stages).eval()
    with torch.no_grad():
        output = generator(torch.randn(1, 10), torch.randn(1, 4))
    sizes = [64, 128, 256, 512][:num_stages]
    assert [tuple(image.shape) for image in output.images] == [(1, 3, size, size) for size in sizes]
    assert generator.image_sizes == tuple(sizes)
    assert all(image.abs().max() <= 1 for image in output.images)
    assert len(generator.next) < 3 or len(generator.next[2].residual) == 1


def test_a_dense_stage_doubles_the_refined_map_and_the_one_before() -> None:
    torch.manual_seed(0)
    stage = NextStage(4, 3, 1, dense=True).eval()
    hidden, condition = torch.randn(2, 4, 8, 8), torch.randn(2, 3)
    with torch.no_grad():
        tiled = condition[:, :, None, None].expand(-1, -1, 8, 8)
        refined = stage.residual(stage.joint(torch.cat([tiled, hidden], dim=1)))
        torch.testing.assert_close(stage(hidden, condition), stage.up(torch.cat([refined, hidden], dim=1)))
        stage.up.conv.weight[:, :4] = 0
        blind = stage(hidden, torch.zeros(2, 3))
        torch.testing.assert_close(blind, stage(hidden, condition))
    assert blind.shape == (2, 2, 16, 16) and blind.std() > 0


def test_the_condition_is_drawn_around_mu_and_repeatable() -> None:
    generator = small_generator(1).eval()
    embedding, noise = torch.randn(2, 10), torch.randn(2, 4)
    fixed = generator(embedding, noise, eps=torch.zeros(2, 6))
    again = generator(embedding, noise, eps=torch.zeros(2, 6))
    assert torch.equal(fixed.images[0], again.images[0])
    assert not torch.equal(fixed.images[0], generator(embedding, noise).images[0])
    assert not torch.equal(fixed.images[0], generator(embedding, noise + 1, eps=torch.zeros(2, 6)).images[0])


def test_conditioning_by_hand() -> None:
    augment = ConditioningAugmentation(embedding_dim=1, condition_dim=1)
    with torch.no_grad():
        # rows: mu, logvar, their gates; a gate of 0 halves
        augment.project.weight.copy_(torch.tensor([[2.0], [4.0], [0.0], [0.0]]))
        augment.project.bias.zero_()
    condition = augment(torch.tensor([[3.0]]), torch.tensor([[0.5]]))
    assert condition.mu.item() == pytest.approx(3) and condition.logvar.item() == pytest.approx(6)
    assert condition.sample.item() == pytest.approx(3 + 0.5 * torch.exp(torch.tensor(3.0)).item(), rel=1e-5)


def test_gradients_reach_every_parameter_and_the_embedding() -> None:
    generator = small_generator(2)
    discriminators = [StackDiscriminator(size, condition_dim=6, width=2) for size in (64, 128)]
    embedding = torch.randn(2, 10, requires_grad=True)
    output = generator(embedding, torch.randn(2, 4))
    scored = zip(discriminators, output.images, strict=True)
    torch.stack([generator_loss(net(image, output.mu)) for net, image in scored]).sum().backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name
    assert embedding.grad is not None and embedding.grad.any()
    for net, image in zip(discriminators, output.images, strict=True):
        net.zero_grad()
        score = net(image.detach(), output.mu.detach())
        discriminator_loss(score, score, score).backward()
        assert all(parameter.grad is not None for parameter in net.parameters())


def test_discriminator_output() -> None:
    net = StackDiscriminator(64, condition_dim=6, width=2)
    output = net(torch.rand(3, 3, 64, 64), torch.randn(3, 6))
    assert output.conditional_logits.shape == output.unconditional_logits.shape == (3,)
    assert output.code.shape == (3, 8 * 2 * 4 * 4)
    other = net(torch.rand(3, 3, 64, 64), torch.randn(3, 6))
    assert not torch.equal(output.conditional_logits, other.conditional_logits)


def test_start_values() -> None:
    net = init_stackgan_(StackDiscriminator(64, condition_dim=6, width=4))
    flat = net.trunk[1].conv.weight.flatten(1)
    assert torch.allclose(flat @ flat.T, torch.eye(8), atol=1e-5)
    assert not net.trunk[1].norm.bias.any() and not net.conditional.bias.any()
    norms = torch.cat([m.weight for m in init_stackgan_(small_generator()).modules() if isinstance(m, nn.BatchNorm2d)])
    assert abs(norms.mean().item() - 1) < 0.01 and 0.01 < norms.std().item() < 0.03


def test_bfloat16_autocast_gives_float32_images_and_logits() -> None:
    generator, net = small_generator(1), StackDiscriminator(64, condition_dim=6, width=2)
    with torch.autocast("cpu", torch.bfloat16):
        output = generator(torch.randn(2, 10), torch.randn(2, 4))
        scores = net(output.images[0], output.mu)
    assert output.images[0].dtype == output.mu.dtype == scores.conditional_logits.dtype == torch.float32
    generator_loss(scores).backward()


@pytest.mark.parametrize("settings", [{"num_stages": 0}, {"num_stages": 5}, {"num_stages": 3, "width": 6}])
def test_generator_settings_that_cannot_be(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="num_stages|halved"):
        StackGenerator(**settings)


def test_discriminator_sizes_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="64, 128, 256, 512"):
        StackDiscriminator(96)
    with pytest.raises(ValueError, match="expected images"):
        StackDiscriminator(64, width=2)(torch.zeros(1, 3, 128, 128), torch.zeros(1, 128))
