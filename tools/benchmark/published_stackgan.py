"""StackGAN-v2 as it was published: networks under their published names, and its training step as it was computed.

Written from the layer tables (Zhang et al. 2019, code for birds), with what the published step does and need not:
sigmoid and BCE, doubled pictures convolved, tiled conditions, discriminators that get weight gradients in the
generator's step, Adam and the average one tensor at a time, float32.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

RATE, BETAS, KEPT, KL = 2e-4, (0.5, 0.999), 0.999, 2.0


class GLU(nn.Module):
    """First half of the channels, gated by the second."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, 2C, ...) to (B, C, ...)."""
        half = x.size(1) // 2
        return x[:, :half] * torch.sigmoid(x[:, half:])


def conv3x3(before: int, after: int) -> nn.Conv2d:
    """3 x 3 convolution that keeps the size."""
    return nn.Conv2d(before, after, 3, 1, 1, bias=False)


def upsampled(before: int, after: int) -> nn.Sequential:
    """Doubled picture, convolution, norm, gate."""
    double = nn.Upsample(scale_factor=2, mode="nearest")
    return nn.Sequential(double, conv3x3(before, 2 * after), nn.BatchNorm2d(2 * after), GLU())


def kept(before: int, after: int) -> nn.Sequential:
    """Convolution, norm, gate."""
    return nn.Sequential(conv3x3(before, 2 * after), nn.BatchNorm2d(2 * after), GLU())


def leaky(before: int, after: int) -> nn.Sequential:
    """Convolution, norm, leaky ReLU."""
    return nn.Sequential(conv3x3(before, after), nn.BatchNorm2d(after), nn.LeakyReLU(0.2, inplace=True))


def down(before: int, after: int) -> nn.Sequential:
    """Halving convolution, norm, leaky ReLU."""
    halving = nn.Conv2d(before, after, 4, 2, 1, bias=False)
    return nn.Sequential(halving, nn.BatchNorm2d(after), nn.LeakyReLU(0.2, inplace=True))


class Residual(nn.Module):
    """Two convolutions beside the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            conv3x3(channels, 2 * channels),
            nn.BatchNorm2d(2 * channels),
            GLU(),
            conv3x3(channels, channels),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return self.block(x) + x


class Condition(nn.Module):
    """Conditioning augmentation."""

    def __init__(self, embedding: int, size: int) -> None:
        super().__init__()
        self.size, self.fc, self.glu = size, nn.Linear(embedding, 4 * size), GLU()

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Drawn condition, mean, logarithm of the variance."""
        both = self.glu(self.fc(embedding))
        mu, logvar = both[:, : self.size], both[:, self.size :]
        std = logvar.mul(0.5).exp_()
        return torch.randn_like(std).mul(std).add_(mu), mu, logvar


class FirstStage(nn.Module):
    """Condition and noise to the 64 px map."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.top = 16 * width
        wide = 2 * self.top * 16
        self.fc = nn.Sequential(nn.Linear(before, wide, bias=False), nn.BatchNorm1d(wide), GLU())
        self.upsample1 = upsampled(self.top, self.top // 2)
        self.upsample2 = upsampled(self.top // 2, self.top // 4)
        self.upsample3 = upsampled(self.top // 4, self.top // 8)
        self.upsample4 = upsampled(self.top // 8, self.top // 16)

    def forward(self, condition: Tensor, noise: Tensor) -> Tensor:
        """(B, C) and (B, Z) to (B, width, 64, 64)."""
        x = self.fc(torch.cat((condition, noise), 1)).view(-1, self.top, 4, 4)
        return self.upsample4(self.upsample3(self.upsample2(self.upsample1(x))))


class NextStage(nn.Module):
    """A map and the tiled condition to the doubled map."""

    def __init__(self, width: int, condition: int, blocks: int) -> None:
        super().__init__()
        self.jointConv = kept(width + condition, width)
        self.residual = nn.Sequential(*(Residual(width) for _ in range(blocks)))
        self.upsample = upsampled(width, width // 2)

    def forward(self, hidden: Tensor, condition: Tensor) -> Tensor:
        """(B, C, S, S) to (B, C / 2, 2S, 2S)."""
        tiled = condition.view(-1, condition.size(1), 1, 1).repeat(1, 1, hidden.size(2), hidden.size(3))
        return self.upsample(self.residual(self.jointConv(torch.cat((tiled, hidden), 1))))


class ToImage(nn.Module):
    """A map to its picture."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.img = nn.Sequential(conv3x3(width, 3), nn.Tanh())

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, C, S, S) to (B, 3, S, S)."""
        return self.img(hidden)


class PublishedGenerator(nn.Module):
    """Generator of one to three pictures."""

    def __init__(self, *, stages: int, width: int, embedding: int, condition: int, noise: int, blocks: int) -> None:
        super().__init__()
        self.stages, self.ca_net = stages, Condition(embedding, condition)
        self.h_net1, self.img_net1 = FirstStage(condition + noise, width), ToImage(width)
        for stage in range(2, stages + 1):
            self.add_module(f"h_net{stage}", NextStage(width >> (stage - 2), condition, blocks))
            self.add_module(f"img_net{stage}", ToImage(width >> (stage - 1)))

    def forward(self, embedding: Tensor, noise: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """Pictures, mean, logarithm of the variance."""
        condition, mu, logvar = self.ca_net(embedding)
        hidden = self.h_net1(condition, noise)
        images = [self.img_net1(hidden)]
        for stage in range(2, self.stages + 1):
            hidden = self.get_submodule(f"h_net{stage}")(hidden, condition)
            images.append(self.get_submodule(f"img_net{stage}")(hidden))
        return images, mu, logvar


class PublishedDiscriminator(nn.Module):
    """Discriminator of pictures of 64, 128 or 256 px."""

    def __init__(self, size: int, *, width: int, condition: int) -> None:
        super().__init__()
        self.img_code_s16 = nn.Sequential(
            nn.Conv2d(3, width, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            *(part for scale in (1, 2, 4) for part in down(scale * width, 2 * scale * width)),
        )
        self.rest: list[str] = []
        extra = {64: 0, 128: 1, 256: 2}[size]
        for step in range(extra):
            self._then(f"img_code_s{32 << step}", down((8 << step) * width, (16 << step) * width))
        for step in range(extra):
            top = (8 << (extra - step)) * width
            self._then(f"img_code_s{16 << extra}_{step + 1}", leaky(top, top // 2))
        self.jointConv = leaky(8 * width + condition, 8 * width)
        self.logits = nn.Sequential(nn.Conv2d(8 * width, 1, 4, 4), nn.Sigmoid())
        self.uncond_logits = nn.Sequential(nn.Conv2d(8 * width, 1, 4, 4), nn.Sigmoid())

    def _then(self, name: str, module: nn.Module) -> None:
        self.rest.append(name)
        self.add_module(name, module)

    def forward(self, images: Tensor, mu: Tensor) -> tuple[Tensor, Tensor]:
        """Conditional and unconditional probability of being real, (B,) each."""
        code = self.img_code_s16(images)
        for name in self.rest:
            code = self.get_submodule(name)(code)
        tiled = mu.view(-1, mu.size(1), 1, 1).repeat(1, 1, 4, 4)
        joint = self.jointConv(torch.cat((tiled, code), 1))
        return self.logits(joint).view(-1), self.uncond_logits(code).view(-1)


class PublishedTraining:
    """Generator, discriminators and one step of each.

    Parameters
    ----------
    generator : PublishedGenerator
        Trained in place.
    discriminators : sequence of PublishedDiscriminator
        One a picture size.
    """

    def __init__(self, generator: PublishedGenerator, discriminators: Sequence[PublishedDiscriminator]) -> None:
        self.generator, self.discriminators = generator, discriminators
        self.average = [parameter.detach().clone() for parameter in generator.parameters()]
        self.optimizers = [_adam(network) for network in discriminators]
        self.optimizer, self.criterion = _adam(generator), nn.BCELoss()

    def step(
        self, embedding: Tensor, noise: Tensor, real: Sequence[Tensor], wrong: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """One step of every network; the losses, detached."""
        fake, mu, logvar = self.generator(embedding, noise)
        ones, zeros = torch.ones(len(mu), device=mu.device), torch.zeros(len(mu), device=mu.device)
        total = torch.zeros((), device=mu.device)
        sets = zip(self.discriminators, self.optimizers, real, wrong, fake, strict=True)
        for network, optimizer, real_i, wrong_i, fake_i in sets:
            network.zero_grad()
            shown = [network(images, mu.detach()) for images in (real_i, wrong_i, fake_i.detach())]
            loss = sum(self.criterion(pair[0], want) for pair, want in zip(shown, (ones, zeros, zeros), strict=True))
            loss = loss + sum(
                self.criterion(pair[1], want) for pair, want in zip(shown, (ones, ones, zeros), strict=True)
            )
            loss.backward()
            optimizer.step()
            total = total + loss.detach()
        self.generator.zero_grad()
        adversarial = torch.zeros((), device=mu.device)
        for network, images in zip(self.discriminators, fake, strict=True):
            for score in network(images, mu):
                adversarial = adversarial + self.criterion(score, ones)
        kl = KL * torch.mean(mu.pow(2).add_(logvar.exp()).mul_(-1).add_(1).add_(logvar)).mul_(-0.5)
        (adversarial + kl).backward()
        self.optimizer.step()
        for parameter, average in zip(self.generator.parameters(), self.average, strict=True):
            average.mul_(KEPT).add_(parameter.data, alpha=1 - KEPT)
        return {"discriminator": total, "generator": adversarial.detach(), "kl": kl.detach()}


def _adam(network: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), RATE, BETAS, foreach=False)
