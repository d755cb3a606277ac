"""What every conversion of a published state is made of: strict renaming, and shapes that must be there."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from speech2img.models.published.containers import find_state

State = Mapping[str, Tensor]

MIT = """\
MIT License: permission is hereby granted, free of charge, to any person obtaining a
copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies
of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:
The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software. THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED
TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT
OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
"""The licence that several publishers give, to stand behind the name of the holder."""


def unwrap_state(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The plain state inside a published checkpoint, where no conversion says which of several it is.

    Parameters
    ----------
    checkpoint : Mapping
        As `find_state` takes.

    Returns
    -------
    dict of str to Tensor
        The one with the most tensors.

    Raises
    ------
    ValueError
        If there are no named tensors.
    """
    return find_state(checkpoint, len).tensors


def converted(state: State, rename: Callable[[str], str | None], what: str) -> dict[str, Tensor]:
    """Renamed state; BatchNorm counters, which checkpoints from before PyTorch 0.4.1 lack, are added as zero.

    Parameters
    ----------
    state : Mapping of str to Tensor
        Under the publisher's names.
    rename : callable
        Our name of each, or None for a name that the published network does not have.
    what : str
        The published network, for the message.

    Raises
    ------
    ValueError
        For a name without another.
    """
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        new = rename(key)
        if new is None:
            raise ValueError(f"{key[:100]!r} is no array of {what}")
        renamed[new] = value
    for key in [key for key in renamed if key.endswith("running_mean")]:
        renamed.setdefault(key.replace("running_mean", "num_batches_tracked"), torch.zeros((), dtype=torch.int64))
    return renamed


def shape_of(state: State, key: str, axes: int) -> tuple[int, ...]:
    """Shape of an array that must be there with so many axes, none of them empty; ValueError otherwise."""
    if key not in state or state[key].dim() != axes or not state[key].numel():
        raise ValueError(f"{key} with {axes} axes is missing")
    return tuple(state[key].shape)
