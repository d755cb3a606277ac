"""Speech encoder of Li et al. 2020 as it was published, under its published names, and one step of its recipe.

Written from the fact sheet: two-dimensional convolutions over 2,048 padded frames, a packed bidirectional LSTM, the
mean over all 32 steps with the padding, the three published losses and Adam, float32.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from speech2img.losses.distillation import distillation_loss, l1_loss
from speech2img.losses.joint_embedding import joint_embedding_loss

FRAMES, BANDS, REDUCTION = 2048, 40, 64
_LAYERS = (  # (channels, kernel, stride), or None for a pool
    (64, 3, 1),
    None,
    (128, 17, 2),
    (256, 13, 2),
    (256, 3, 1),
    (512, 9, 2),
    None,
    (512, 3, 1),
    (1024, 5, 2),
)


def _block(before: int, after: int, kernel: tuple[int, int], stride: int) -> nn.Sequential:
    padding = (0, kernel[1] // 2)
    convolution = nn.Conv2d(before, after, kernel, stride=(1, stride), padding=padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())


class PublishedEncoder(nn.Module):
    """Log-mels (B, 40, 2048) to embeddings (B, 1024)."""

    def __init__(self) -> None:
        super().__init__()
        parts: list[nn.Module] = [nn.BatchNorm2d(1), _block(1, 64, (BANDS, 1), 1)]
        before = 64
        for layer in _LAYERS:
            if layer is None:
                parts.append(nn.MaxPool2d((1, 3), (1, 2), (0, 1)))
            else:
                parts.append(_block(before, layer[0], (1, layer[1]), layer[2]))
                before = layer[0]
        self.Conv = nn.Sequential(*parts)
        self.RNN = nn.LSTM(before, before // 2, batch_first=True, bidirectional=True)

    def forward(self, mel: Tensor, lengths: Tensor) -> Tensor:
        """Embed utterances whose numbers of frames are given."""
        features = self.Conv(mel.unsqueeze(1)).squeeze(2).transpose(1, 2)
        steps = (lengths // REDUCTION).clamp_min(1)
        packed = pack_padded_sequence(features, steps, batch_first=True, enforce_sorted=False)
        output, _ = pad_packed_sequence(self.RNN(packed)[0], batch_first=True, total_length=FRAMES // REDUCTION)
        return output.mean(dim=1)


class PublishedTraining:
    """Encoder, optimizer and one step.

    Parameters
    ----------
    device : torch.device
        Where it computes.
    """

    def __init__(self, device: torch.device) -> None:
        self.network, self.device = PublishedEncoder().to(device), device
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-3, weight_decay=1e-5, foreach=False)

    def step(self, mel: np.ndarray, lengths: np.ndarray, features: Tensor, classes: Tensor) -> Tensor:
        """One step of Adam; the loss, detached."""
        speech = self.network(torch.from_numpy(mel).to(self.device), torch.from_numpy(lengths))
        features, classes = features.to(self.device), classes.to(self.device)
        loss = joint_embedding_loss(features, speech, classes, form="published", loss_diff=1.0, loss_same=0.1)
        loss = loss + 5 * l1_loss(speech, features, form="published")
        loss = loss + 1000 * distillation_loss(speech, features, form="published")
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()
