"""Probabilities of beginnings of a text by connectionist temporal classification, for beam search (joint decoding).

S. Watanabe et al., Hybrid CTC/Attention Architecture for End-to-End Speech Recognition, 2017, algorithm 2: the
probability of all paths whose text begins as asked. Its recursions over the steps are solved here by cumulative sums of
exponentials, for all characters at once. Shape letters: R beginnings, S steps of the encoder, V classes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

_NEVER = -1e9
"""Logarithm of a probability of zero: a number, so that differences of two of them are numbers."""


@dataclass(frozen=True)
class PrefixState:
    """Beginnings of texts, and the paths that wrote them up to each step."""

    last_R: Tensor
    """int64, last character of each; -1 of an empty one."""
    characters_RS: Tensor
    """float64, log-probability of the paths that end with the last character; the first step is before the first."""
    blanks_RS: Tensor
    """float64, the same of those that end with a blank."""


class CtcPrefixes:
    """One utterance's beginnings of texts.

    Parameters
    ----------
    log_probability_SV : Tensor [shape=(S, V)]
        Of the encoder's steps, one at least.
    blank, end : int
        Classes of the blank and of the end of a text.
    """

    def __init__(self, log_probability_SV: Tensor, *, blank: int, end: int) -> None:
        self._log_probability_SV = log_probability_SV.double()
        self._sums_SV = self._log_probability_SV.cumsum(0)
        self._blank, self._end = blank, end

    def start(self) -> PrefixState:
        """The empty beginning."""
        blanks_S = torch.cat([self._sums_SV.new_zeros(1), self._sums_SV[:, self._blank]])
        empty_1 = torch.full((1,), -1, device=blanks_S.device)
        return PrefixState(empty_1, torch.full_like(blanks_S, _NEVER)[None], blanks_S[None])

    def following(self, state: PrefixState) -> Tensor:
        """Log-probability that the text goes on with each character; of the end, that it ends there.

        Returns
        -------
        Tensor [shape=(R, V), float64]
            That of the blank is meaningless.
        """
        any_RS = torch.logaddexp(state.characters_RS, state.blanks_RS)
        score_RV = (self._before(state, any_RS) + self._log_probability_SV).logsumexp(dim=1)
        score_RV[:, self._end] = any_RS[:, -1]
        return score_RV

    def extend(self, state: PrefixState, rows_K: Tensor, numbers_K: Tensor) -> PrefixState:
        """Beginnings of these rows, each with a character more.

        Parameters
        ----------
        state : PrefixState
            The beginnings.
        rows_K, numbers_K : Tensor [shape=(K,), int64]
            Which ones, and the character behind each.
        """
        chosen = PrefixState(state.last_R[rows_K], state.characters_RS[rows_K], state.blanks_RS[rows_K])
        any_KS = torch.logaddexp(chosen.characters_RS, chosen.blanks_RS)
        again_K1 = (chosen.last_R == numbers_K)[:, None]
        before_KS = torch.where(again_K1, chosen.blanks_RS, any_KS)[:, :-1]
        # r(t) = x(t) + log(exp r(t - 1) + exp before(t - 1)), where X sums x: r - X grows by exp(before - X) alone.
        characters_KS = _recursion(before_KS, self._sums_SV[:, numbers_K].T)
        blanks_KS = _recursion(characters_KS[:, :-1], self._sums_SV[:, self._blank].expand(len(rows_K), -1))
        return PrefixState(numbers_K, characters_KS, blanks_KS)

    def _before(self, state: PrefixState, any_RS: Tensor) -> Tensor:
        """Paths (R, S, V) from which a step can write each character anew: a repeated one needs a blank between."""
        num_classes = self._log_probability_SV.shape[1]
        again_RV = state.last_R[:, None] == torch.arange(num_classes, device=state.last_R.device)
        return torch.where(again_RV[:, None], state.blanks_RS[:, :-1, None], any_RS[:, :-1, None])


def _recursion(before_KS: Tensor, sums_KS: Tensor) -> Tensor:
    """Paths (K, 1 + S) that go on with one class from step to step, and may begin behind any step before."""
    earlier_KS = torch.cat([torch.zeros_like(sums_KS[:, :1]), sums_KS[:, :-1]], dim=1)
    paths_KS = sums_KS + (before_KS - earlier_KS).logcumsumexp(dim=1)
    return torch.cat([torch.full_like(paths_KS[:, :1], _NEVER), paths_KS], dim=1)
