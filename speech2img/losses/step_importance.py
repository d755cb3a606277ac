"""Which steps of a diffusion a training draws: those whose loss is large more often (Nichol and Dhariwal, 2021)."""

import torch
from torch import Tensor, nn

_MEMORY = 0.9
_ENOUGH = 10
_SMALLEST, _FLOOR = 1e-10, 1e-4


class StepImportance(nn.Module):
    """Draws steps with the probabilities ``sqrt(E[loss^2])`` once every step was seen more than 10 times, else evenly.

    Its history is part of the state, as it is of published checkpoints.

    Parameters
    ----------
    num_steps : int >= 2
        T.
    is_even : bool
        Always draw evenly.

    Raises
    ------
    ValueError
        If ``num_steps`` is below 2.

    Notes
    -----
    Step 0 is drawn as often as step 1, since its term is another one, far larger.
    """

    squares: Tensor
    """(T,), float32: running means of the squared variational terms."""
    counts: Tensor
    """(T,), float32: how often each step was seen."""

    def __init__(self, num_steps: int, *, is_even: bool = False) -> None:
        super().__init__()
        if num_steps < 2:
            raise ValueError(f"num_steps must be 2 or more, got {num_steps}")
        self.is_even = is_even
        self.register_buffer("squares", torch.zeros(num_steps))
        self.register_buffer("counts", torch.zeros(num_steps))

    @property
    def probabilities(self) -> Tensor:
        """Of each step, (T,), float64; they sum to 1."""
        even = torch.full_like(self.squares, 1 / len(self.squares), dtype=torch.float64)
        if self.is_even:
            return even
        roots = (self.squares.double() + _SMALLEST).sqrt() + _FLOOR
        roots[0] = roots[1]
        # Chosen where the counts are: no device is waited for.
        return torch.where(self.counts.min() > _ENOUGH, roots / roots.sum(), even)

    def draw(self, uniform_B: Tensor) -> tuple[Tensor, Tensor]:
        """Steps (B,), int64, and the probability (B,) of each, from uniform numbers 0..1, 1 excluded."""
        probabilities = self.probabilities
        edges = probabilities.cumsum(dim=0)
        time_B = torch.searchsorted(edges, uniform_B.double() * edges[-1], right=True).clamp_max(len(edges) - 1)
        return time_B, probabilities[time_B]

    @torch.no_grad()
    def update_(self, time_B: Tensor, variational_B: Tensor) -> None:
        """Remember the variational terms (B,), without auxiliary ones, of steps.

        Where a step is there more than once, its squares are averaged; published, one of them is taken, and which one
        is left to the device.
        """
        kinds = len(self.squares)
        seen = torch.zeros(kinds, dtype=torch.int64, device=time_B.device)
        seen.index_add_(0, time_B, torch.ones_like(time_B))
        sums = torch.zeros(kinds, dtype=torch.float64, device=time_B.device)
        sums.index_add_(0, time_B, variational_B.detach().double().square())
        means = (sums / seen.clamp_min(1)).to(self.squares.dtype)
        remembered = _MEMORY * self.squares + (1 - _MEMORY) * means
        self.squares.copy_(torch.where(seen > 0, remembered, self.squares))
        self.counts.add_(seen.to(self.counts.dtype))
