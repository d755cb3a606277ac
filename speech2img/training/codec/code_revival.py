"""Dead codes revived: codes that no latent is nearest to would never be again, as only used ones learn."""

from typing import Any

import torch
from torch import Tensor

from speech2img.distributed.collectives import all_reduce_sum, gather_with_grad
from speech2img.models.codecs.code_usage import count_codes


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
    def replacements(self, latents_BChw: Tensor) -> tuple[Tensor, Tensor] | None:
        """Codes that are dead at this step, and what they become.

        Parameters
        ----------
        latents_BChw : Tensor [shape=(B, C, h, w)]
            Of this process's rows of the batch, before they are quantised.

        Returns
        -------
        codes : Tensor [shape=(D,), int64]
        vectors : Tensor [shape=(D, C), float32]
            Latents of different places, as long as there are as many places as dead codes.
        None where it is not time, or none is dead.
        """
        if self.num_steps % self.every:
            return None
        dead_D = (self.counts_K == 0).nonzero()[:, 0]
        self.counts_K.zero_()
        if not len(dead_D):
            return None
        rows_NC = gather_with_grad(latents_BChw.detach()).movedim(1, -1).flatten(0, -2).float()
        generator = torch.Generator().manual_seed((self.seed << 20) % (1 << 62) + self.num_steps)
        drawn: list[Tensor] = []
        while sum(map(len, drawn)) < len(dead_D):
            drawn.append(torch.randperm(len(rows_NC), generator=generator))
        places_D = torch.cat(drawn)[: len(dead_D)].to(rows_NC.device)
        return dead_D, rows_NC[places_D]

    @torch.no_grad()
    def count(self, tokens_Bhw: Tensor) -> Tensor:
        """Take in the tokens of this process's rows at the end of a step; gives the counts (K,) of all processes."""
        counts_K: Tensor = all_reduce_sum(count_codes(tokens_Bhw, len(self.counts_K)))
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
