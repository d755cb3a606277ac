"""Relation classifier of S2IGAN's supervisor: two image embeddings in, how one image stands to the other out."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RelationClassifier(nn.Module):
    """Two layers over a pair of image embeddings (Wang et al. 2020; 263,044 parameters as published).

    Parameters
    ----------
    embedding_dim : int
        Size of an image embedding.
    width : int
        Hidden units.
    relations : int
        Outputs: 3 that pairs have; the published network has a fourth that none has.
    joint_norm : bool
        Normalise the pairs of all kinds as one batch. The published code normalises each kind by itself, which takes
        away what tells the kinds apart: how far, on the whole, the embeddings of a pair lie from each other.
    """

    def __init__(
        self, embedding_dim: int = 1024, *, width: int = 128, relations: int = 3, joint_norm: bool = True
    ) -> None:
        super().__init__()
        self.joint_norm = joint_norm
        self.hidden = nn.Linear(2 * embedding_dim, width)
        self.norm = nn.BatchNorm1d(width)
        self.output = nn.Linear(width, relations)

    def forward(self, truth_BD: Tensor, others_KBD: Tensor) -> Tensor:
        """Score the relation of every image to its ground truth.

        Parameters
        ----------
        truth_BD : Tensor [shape=(B, D)]
            Embeddings of the real images.
        others_KBD : Tensor [shape=(K, B, D)]
            Embeddings of the images beside them, one row of B for each kind of pair.

        Returns
        -------
        Tensor [shape=(K, B, relations), float32]
            Scores before the softmax.
        """
        hidden = self.hidden(torch.cat([truth_BD.expand_as(others_KBD), others_KBD], dim=2))
        if self.joint_norm:
            normed = self.norm(hidden.flatten(0, 1)).view_as(hidden)
        else:
            normed = torch.stack([self.norm(kind) for kind in hidden])
        return self.output(F.relu(normed)).float()
