"""Dead codes revived: codes that no latent is nearest to would never be again, as only used ones learn."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from speech2img.distributed.collectives import all_reduce_sum, gather_with_grad
from speech2img.models.codecs.code_usage import count_own_codes


class Replacements(NamedTuple):
    """Which codes are dead, and what they become. Of one size whatever is dead, so that no device is waited for."""

    dead_K: Tensor
    """(K,), bool."""
    vectors_KC: Tensor
    """(K, C), float32; rows of codes that live say nothing."""


class CodeRevival:
    """Every so many steps, codes that were not used since become latents of the batch, drawn at random.

    At the first step none was used: all codes begin as latents.

    Parameters
    ----------
    num_codes : int
        Of the codebook.
    every : int, >= 1
        Steps.
    seed : int
        Of the draws. They follow from it and from the step alone: the state of the run has none of them, and all
        processes draw the same.
    device : torch.device
        Of the codebook.
    """

    def __init__(self, num_codes: int, *, every: int, seed: int, device: torch.device) -> None:
        if every < 1:
            raise ValueError(f"every must be 1 or more, got {every}")
        self.every, self.seed = every, seed
        self.counts_K = torch.zeros(num_codes, dtype=torch.int64, device=device)
        self.num_steps = 0

    @torch.no_grad()
    def replacements(self, latents_BChw: Tensor) -> Replacements | None:
        """Codes that are dead at this step, and what they become.

        Parameters
        ----------
        latents_BChw : Tensor [shape=(B, C, h, w)]
            Of this process's rows of the batch, before they are quantised.

        Returns
        -------
        Replacements or None
            Dead codes become latents of different places, as long as there are as many places as dead codes. None
            where it is not time.
        """
        if self.num_steps % self.every:
            return None
        dead_K = self.counts_K == 0
        self.counts_K.zero_()
        rows_NC = gather_with_grad(latents_BChw.detach()).movedim(1, -1).flatten(0, -2).float()
        generator = torch.Generator().manual_seed((self.seed << 20) % (1 << 62) + self.num_steps)
        rounds = -(-len(dead_K) // len(rows_NC))
        places_K = torch.cat([torch.randperm(len(rows_NC), generator=generator) for _ in range(rounds)])
        # The first dead code takes the first place drawn, and so on.
        number_K = (dead_K.cumsum(0) - 1).clamp_min(0)
        return Replacements(dead_K, rows_NC[places_K.to(rows_NC.device)[number_K]])

    @torch.no_grad()
    def count(self, tokens_Bhw: Tensor) -> Tensor:
        """Take in the tokens of this process's rows at the end of a step; gives the counts (K,) of all processes."""
        counts_K: Tensor = all_reduce_sum(count_own_codes(tokens_Bhw, len(self.counts_K)))
        self.counts_K += counts_K
        self.num_steps += 1
        return counts_K

    def state_dict(self) -> dict[str, Any]:
        """Counts since the last look, and the number of steps."""
        return {"counts": self.counts_K.clone(), "num_steps": self.num_steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.counts_K.copy_(state["counts"])
        self.num_steps = int(state["num_steps"])
