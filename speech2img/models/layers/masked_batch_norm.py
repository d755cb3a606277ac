"""Batch normalisation whose statistics come from the valid frames of a padded batch only."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm


class FrameMask(NamedTuple):
    """Which frames of a padded batch are valid."""

    valid: Tensor
    """(B, 1, T): 1 where a frame is valid, else 0, in the type of the activations."""
    num_valid: int
    """Number of valid frames in the batch."""

    @classmethod
    def of(cls, lengths_B: Tensor, like: Tensor) -> "FrameMask":
        """Mask for activations ``like`` of shape (B, ..., T) from lengths that lie on the CPU."""
        lengths = lengths_B.to(like.device, non_blocking=True)
        frames = torch.arange(like.shape[-1], device=like.device)
        return cls((frames < lengths[:, None])[:, None].to(like.dtype), int(lengths_B.sum()))


class MaskedBatchNorm(_BatchNorm):
    """Batch normalisation over channels (axis 1) that can leave padding out of its statistics.

    Without a mask, and always in evaluation mode, it is the ``BatchNorm1d`` or ``2d`` of torch; parameters and buffers
    have the same names, so either's state fits the other. Inputs may have any number of axes behind the channels; the
    last one is time.

    Notes
    -----
    The padding is filled with the mean of the valid frames, which leaves the mean as it is and shrinks the variance by
    the share of valid frames; the built-in kernel is then called with ``eps`` and ``weight`` corrected for that share.
    This is exact, and two to four times faster on a CPU than normalising by hand.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 3 or input.shape[1] != self.num_features:
            raise ValueError(f"expected (B, {self.num_features}, ..., T), got shape {tuple(input.shape)}")

    def forward(self, input: Tensor, mask: FrameMask | None = None) -> Tensor:
        """Normalise one batch.

        Parameters
        ----------
        input : Tensor [shape=(B, C, ..., T)]
            Activations; what stands in the padding may be anything finite.
        mask : FrameMask, optional
            Ignored in evaluation mode.

        Returns
        -------
        Tensor [shape=(B, C, ..., T)]
            Normalised activations; the padding is not zeroed.
        """
        if mask is None or not self.training:
            return super().forward(input)
        self._check_input_dim(input)
        valid = mask.valid.view(mask.valid.shape[0], *(1,) * (input.dim() - 2), mask.valid.shape[-1])
        count = mask.num_valid * (input[0, 0].numel() // input.shape[-1])
        share = count / (input.numel() // input.shape[1])
        filled = _FillWithMean.apply(input, valid, count)
        eps = self.eps * share
        output, mean, rstd = torch.native_batch_norm(
            filled, self.weight * share**0.5, self.bias, None, None, True, 0.0, eps
        )
        self._track(mean, (rstd.square().reciprocal() - eps) / share, count)
        return output

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        momentum = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance.clamp_min(0) * (count / max(count - 1, 1)), momentum)


class _FillWithMean(torch.autograd.Function):
    """Put the channel mean of the valid frames in place of the padding (a linear map; backward is its transpose)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, valid: Tensor, count: int) -> Tensor:
        ctx.save_for_backward(valid)
        ctx.count = count
        kept = x * valid
        return torch.addcmul(kept, 1 - valid, _channel_sum(kept) / count)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        (valid,) = ctx.saved_tensors
        padding = _channel_sum(gradient * (1 - valid)) / ctx.count
        return (gradient + padding) * valid, None, None


def _channel_sum(x: Tensor) -> Tensor:
    """Sum over all axes but the channels, added up in float32, in the type and rank of ``x``."""
    axes = [0, *range(2, x.dim())]
    return x.sum(axes, keepdim=True, dtype=torch.float32).to(x.dtype)
