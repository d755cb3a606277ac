"""A small inception network that names what a bird picture shows: teacher of the encoder, judge of pictures."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MIN_SIZE = 64
MAP_STRIDES = (4, 8, 16)


class ConvNorm(nn.Module):
    """Convolution without bias, batch normalisation, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=padding, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, H', W')."""
        return F.relu(self.norm(self.conv(x)))


class Inception(nn.Module):
    """Four branches side by side: 1x1, 3x3, two 3x3 in a row, pooled; all of one size."""

    def __init__(self, in_channels: int, *, one: int, three: tuple[int, int], five: tuple[int, int], pool: int) -> None:
        super().__init__()
        self.one = ConvNorm(in_channels, one, 1)
        self.three = nn.Sequential(ConvNorm(in_channels, three[0], 1), ConvNorm(three[0], three[1], 3, padding=1))
        self.five = nn.Sequential(
            ConvNorm(in_channels, five[0], 1),
            ConvNorm(five[0], five[1], 3, padding=1),
            ConvNorm(five[1], five[1], 3, padding=1),
        )
        self.pool = ConvNorm(in_channels, pool, 1)
        self.out_channels = one + three[1] + five[1] + pool

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out_channels, H, W)."""
        pooled = F.max_pool2d(x, 3, stride=1, padding=1)
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(pooled)], dim=1)


class Reduction(nn.Module):
    """Halves the map by a strided 3x3 convolution and a max pool, side by side."""

    def __init__(self, in_channels: int, *, squeeze: int, conv: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(ConvNorm(in_channels, squeeze, 1), ConvNorm(squeeze, conv, 3, stride=2, padding=1))
        self.out_channels = in_channels + conv

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out_channels, ceil(H / 2), ceil(W / 2))."""
        return torch.cat([self.conv(x), F.max_pool2d(x, 3, stride=2, padding=1)], dim=1)


class AttributeNetwork(nn.Module):
    """Images to 1024 pooled features and one classification for each head.

    About 30 million multiply-adds an image at 64 px and ``width`` 32. Two coordinate channels join the image, so that
    the average-pooled features can say where a colour is (crown, belly) and which way a bird looks.

    Parameters
    ----------
    heads : Mapping[str, int]
        Name of each head and its number of classes, in the order of the outputs.
    width : int
        Base width; all layers but the last scale with it.
    feature_dim : int
        Number of pooled features.
    dropout : float
        Dropout on the features before the heads (training only).

    Raises
    ------
    ValueError
        If no head is given or one has fewer than two classes.
    """

    def __init__(
        self, heads: Mapping[str, int], *, width: int = 32, feature_dim: int = 1024, dropout: float = 0.0
    ) -> None:
        super().__init__()
        # Every head needs something to choose between.
        if not heads or min(heads.values()) < 2:
            raise ValueError(f"every head needs at least two classes, and one head at least; got {dict(heads)}")
        self.heads = dict(heads)
        self.width = width
        self.feature_dim = feature_dim
        self.dropout = dropout
        w = width
        # Stem: to a quarter of the side.
        self.stem = nn.Sequential(
            ConvNorm(5, 3 * w // 4, 4, stride=2, padding=1), ConvNorm(3 * w // 4, w, 3, padding=1)
        )
        # Body: two mixed blocks between three reductions.
        reduce1 = Reduction(w, squeeze=w, conv=5 * w // 4)
        mixed1 = Inception(
            reduce1.out_channels, one=3 * w // 4, three=(3 * w // 4, w), five=(w // 4, w // 2), pool=w // 2
        )
        reduce2 = Reduction(mixed1.out_channels, squeeze=w, conv=2 * w)
        mixed2 = Inception(reduce2.out_channels, one=2 * w, three=(5 * w // 4, 5 * w // 2), five=(w // 2, w), pool=w)
        reduce3 = Reduction(mixed2.out_channels, squeeze=2 * w, conv=4 * w)
        self.body = nn.Sequential(reduce1, mixed1, reduce2, mixed2, reduce3)
        # Outputs, and one classifier for all heads together.
        self.map_channels = (mixed1.out_channels, mixed2.out_channels, feature_dim)
        self.last = ConvNorm(reduce3.out_channels, feature_dim, 1)
        self.classifier = nn.Linear(feature_dim, sum(self.heads.values()))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def features(self, images: Tensor) -> Tensor:
        """Pooled features, the teacher's target for speech.

        Parameters
        ----------
        images : Tensor [shape=(B, 3, H, W), range -1..1]
            Pictures, RGB, sides of at least 64 px.

        Returns
        -------
        Tensor [shape=(B, feature_dim), float32, >= 0]
            Averages of rectified maps, as GoogLeNet's pool5.

        Raises
        ------
        ValueError
            If the images are smaller or have not three channels.
        """
        return self.maps(images)[-1].float().mean(dim=(2, 3))

    def maps(self, images: Tensor) -> list[Tensor]:
        """Maps of a quarter, an eighth and a sixteenth of the side, with ``map_channels`` channels.

        Raises
        ------
        ValueError
            As for `features`.
        """
        if images.dim() != 4 or images.shape[1] != 3 or min(images.shape[2:]) < MIN_SIZE:
            raise ValueError(f"expected images (B, 3, >= {MIN_SIZE}, >= {MIN_SIZE}), got {tuple(images.shape)}")
        reduce1, mixed1, reduce2, mixed2, reduce3 = self.body
        quarter = mixed1(reduce1(self.stem(torch.cat([images, _coordinates(images)], dim=1))))
        eighth = mixed2(reduce2(quarter))
        return [quarter, eighth, self.last(reduce3(eighth))]

    def forward(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Features and the logits of every head.

        Returns
        -------
        features : Tensor [shape=(B, feature_dim), float32]
        logits : dict of str to Tensor [shape=(B, classes), float32]
            One entry a head, in the order of ``heads``.
        """
        features = self.features(images)
        logits = self.classifier(F.dropout(features, self.dropout, self.training)).float()
        return features, dict(zip(self.heads, logits.split(list(self.heads.values()), dim=1), strict=True))


def _coordinates(images: Tensor) -> Tensor:
    """(B, 2, H, W): height and width position, each -1..1."""
    batch, _, height, width = images.shape
    rows = torch.linspace(-1, 1, height, device=images.device, dtype=images.dtype)
    columns = torch.linspace(-1, 1, width, device=images.device, dtype=images.dtype)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij")).expand(batch, -1, -1, -1)
