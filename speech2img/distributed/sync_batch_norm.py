"""Batch normalisation over the rows of all processes of a job (synchronised batch norm)."""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from speech2img.distributed.collectives import all_reduce_sum, world
from speech2img.models.layers.masked_batch_norm import FrameMask


def convert_batch_norm_(network: nn.Module) -> None:
    """Replace every batch norm inside a network by one over the rows of all processes; of a single process none.

    Parameters and buffers, and their names, stay what they are.
    """
    if world().count == 1:
        return
    for name, child in network.named_children():
        if isinstance(child, _BatchNorm):
            network.add_module(name, GlobalBatchNorm.of(child))
        else:
            convert_batch_norm_(child)


class GlobalBatchNorm(_BatchNorm):
    """``BatchNorm1d``, ``2d`` or `MaskedBatchNorm` over the global batch; in evaluation mode the plain one.

    Statistics are computed in float32, in two passes: the mean of all processes first, then the spread around it.
    """

    @classmethod
    def of(cls, norm: _BatchNorm) -> "GlobalBatchNorm":
        """The same normalisation, with the same parameters and buffers, over all processes."""
        new = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        new._parameters, new._buffers = norm._parameters, norm._buffers
        return new.train(norm.training)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2 or input.shape[1] != self.num_features:
            raise ValueError(f"expected (B, {self.num_features}, ...), got shape {tuple(input.shape)}")

    def forward(self, input: Tensor, mask: FrameMask | None = None) -> Tensor:
        """Normalise the rows of this process.

        Parameters
        ----------
        input : Tensor [shape=(B, C, ...)]
            Activations.
        mask : FrameMask, optional
            Valid frames along the last axis; ignored in evaluation mode.

        Returns
        -------
        Tensor
            Shape and type of the input; the padding holds the bias.
        """
        if not self.training:
            return super().forward(input)

        # Valid frames along the last axis, then statistics of all processes.
        self._check_input_dim(input)
        valid = None
        if mask is not None:
            valid = mask.valid.view(len(mask.valid), *(1,) * (input.dim() - 2), mask.valid.shape[-1])
        output, mean, variance, count = _GlobalNorm.apply(input, self.weight, self.bias, valid, self.eps)
        self._track(mean, variance, count)
        return cast(Tensor, output)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        momentum = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * (count / (count - 1).clamp_min(1)).float(), momentum)


class _GlobalNorm(torch.autograd.Function):
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` with mean and variance over all processes."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, valid: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Output, and for the running statistics mean, variance and number of values."""
        # Mean, then the variance around it, over all processes.
        kept = x.float() if valid is None else x.float() * valid
        totals = torch.cat([_channel_sum(kept).double(), _values(valid, x)])
        *_, count = all_reduce_sum(totals)
        mean = (totals[:-1] / count).float()
        centred = x.float() - _along(mean, x)
        if valid is not None:
            centred = centred * valid
        variance = (all_reduce_sum(_channel_sum(centred.square()).double()) / count).float()

        # Normalise and scale.
        rstd = (variance + eps).rsqrt()
        normed = centred * _along(rstd, x)
        ctx.save_for_backward(normed, weight, valid, rstd, count)
        ctx.mark_non_differentiable(mean, variance, count)
        output = normed if weight is None else normed * _along(weight, x)
        if bias is not None:
            output = output + _along(bias, x)
        return output.to(x.dtype), mean, variance, count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of input, weight and bias."""
        # Of weight and bias, from the rows of this process: they are averaged with all other gradients.
        gradient = gradients[0].float()
        normed, weight, valid, rstd, count = ctx.saved_tensors
        to_bias = _channel_sum(gradient)
        inner = gradient if valid is None else gradient * valid
        to_weight = _channel_sum(inner * normed)

        # Of the input: mean and variance depend on the rows of all processes.
        means = all_reduce_sum(torch.stack([_channel_sum(inner), to_weight]).double()) / count
        along_mean, along_spread = (_along(part.float(), gradient) for part in means)
        to_input = inner - along_mean - normed * along_spread
        scale = rstd if weight is None else rstd * weight
        to_input = to_input * _along(scale, gradient)
        if valid is not None:
            to_input = to_input * valid
        needs = ctx.needs_input_grad
        return (
            to_input.to(gradients[0].dtype),
            to_weight if needs[1] else None,
            to_bias if needs[2] else None,
            None,
            None,
        )


def _values(valid: Tensor | None, x: Tensor) -> Tensor:
    """Valid values of a channel [shape=(1,), float64], counted where they are."""
    if valid is None:
        return torch.full((1,), x.numel() / x.shape[1], dtype=torch.float64, device=x.device)
    return valid.sum(dtype=torch.float64)[None] * (x[0, 0].numel() // x.shape[-1])


def _channel_sum(x: Tensor) -> Tensor:
    return x.sum([0, *range(2, x.dim())])


def _along(values: Tensor, x: Tensor) -> Tensor:
    """One value a channel, shaped to be combined with ``x``."""
    return values.view(1, -1, *(1,) * (x.dim() - 2))
