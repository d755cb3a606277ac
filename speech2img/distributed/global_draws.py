"""Random numbers of a global batch, of which each process keeps those of its rows."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from speech2img.distributed.collectives import rank_rows, world


class GlobalDraws(TorchFunctionMode):
    """Inside it, random tensors for the rows of this process are its part of those for the global batch.

    Whatever has ``rows`` elements along axis 0 counts as such: ``rand``, ``randn``, ``randint``, ``rand_like``,
    ``randn_like`` and dropout of contiguous tensors. They are drawn as one process alone would draw them.

    Parameters
    ----------
    rows : int
        Rows of this process.
    """

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows, self.rank = rows, world()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Draw for all rows what is drawn for these."""
        kwargs = kwargs or {}
        if func in (torch.rand, torch.randn, torch.randint):
            wide_args, wide_kwargs = self._global_arguments(args, kwargs)
            if wide_args is not args or wide_kwargs is not kwargs:
                return rank_rows(func(*wide_args, **wide_kwargs), self.rank)
        elif func in (torch.rand_like, torch.randn_like) and self._is_local(args[0]):
            return rank_rows(func(self._global_like(args[0]), *args[1:], **kwargs), self.rank)
        elif func is F.dropout and self._is_local(args[0]):
            return args[0] * rank_rows(
                func(torch.ones_like(self._global_like(args[0])), *args[1:], **kwargs), self.rank
            )
        return func(*args, **kwargs)

    def _is_local(self, value: Tensor) -> bool:
        return value.dim() > 0 and len(value) == self.rows

    def _global_like(self, value: Tensor) -> Tensor:
        return value.detach().new_empty((self.rows * self.rank.count, *value.shape[1:]))

    def _global_arguments(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments with the size of the global batch; the very same objects where the size is of something else."""
        if "size" in kwargs:
            size = tuple(kwargs["size"])
            return (args, {**kwargs, "size": self._global_size(size)}) if size[:1] == (self.rows,) else (args, kwargs)
        for position, value in enumerate(args):
            if isinstance(value, (tuple, list)):
                if tuple(value[:1]) != (self.rows,):
                    return args, kwargs
                return (*args[:position], self._global_size(tuple(value)), *args[position + 1 :]), kwargs
        if args and all(isinstance(value, int) for value in args) and args[0] == self.rows:
            return self._global_size(args), kwargs
        return args, kwargs

    def _global_size(self, size: tuple[int, ...]) -> tuple[int, ...]:
        return (self.rows * self.rank.count, *size[1:])
