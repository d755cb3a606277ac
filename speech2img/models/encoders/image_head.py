"""Image branch of S2IGAN's speech embedding network: features of a frozen network into the space of the speech."""

from torch import Tensor, nn
from torch.nn import functional as F


class ImageHead(nn.Module):
    """One linear map and a unit norm (Wang et al. 2020, the image encoder's only trained part).

    Parameters
    ----------
    feature_dim : int, >= 1
        Size of the features: 2,048 of Inception-v3 as published, 1,024 of GoogLeNet or a teacher of ours.
    embedding_dim : int, >= 1
        Size of the shared space.
    """

    def __init__(self, feature_dim: int = 2048, embedding_dim: int = 1024) -> None:
        super().__init__()
        self.feature_dim, self.embedding_dim = feature_dim, embedding_dim
        self.linear = nn.Linear(feature_dim, embedding_dim)

    def forward(self, features_BF: Tensor) -> Tensor:
        """Image embeddings.

        Parameters
        ----------
        features_BF : Tensor [shape=(B, feature_dim)]
            Pooled features as the network gives them.

        Returns
        -------
        Tensor [shape=(B, embedding_dim), float32, unit rows]

        Raises
        ------
        ValueError
            If the features are of another size.
        """
        if features_BF.dim() != 2 or features_BF.shape[1] != self.feature_dim:
            raise ValueError(f"expected features (B, {self.feature_dim}), got {tuple(features_BF.shape)}")
        return F.normalize(self.linear(features_BF).float(), dim=1)
