"""Writing down what was heard: the best character each time, or the best of several beginnings (beam search)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from speech2img.models.recognisers.base import CharacterRecogniser, DecodingState, EncodedUtterances
from speech2img.models.recognisers.characters import END, PAD, START, UNKNOWN
from speech2img.models.recognisers.ctc_prefixes import CtcPrefixes

LENGTH_PENALTY = 0.6
"""Exponent of the length penalty (Wu et al. 2016, equation 14)."""


@dataclass(frozen=True)
class Hypothesis:
    """A text that a recogniser wrote."""

    numbers: tuple[int, ...]
    """Characters, without start and end."""
    log_probability: float
    """Sum of the natural logarithms of the probabilities of its characters and, where it ended, of the end."""
    ended: bool
    """Whether it came to an end of its own, before the longest length."""

    @property
    def confidence(self) -> float:
        """Geometric mean of the characters' probabilities, 0..1."""
        return math.exp(self.log_probability / max(1, len(self.numbers) + self.ended))


@torch.inference_mode()
def published_greedy(network: CharacterRecogniser, encoded: EncodedUtterances, *, steps: int | None = None) -> Tensor:
    """The most probable character each time, as published: nothing ends it.

    Parameters
    ----------
    network : CharacterRecogniser
        In evaluation mode.
    encoded : EncodedUtterances
        From its ``encode``.
    steps : int, optional
        Characters to write; None: as many as fit.

    Returns
    -------
    Tensor [shape=(B, 1 + steps), int64]
        With the start mark in front.
    """
    batch, device = len(encoded.steps_BSD), encoded.steps_BSD.device
    state, written = network.begin(encoded), [torch.full((batch, 1), START, device=device)]
    for _ in range(network.max_characters - 1 if steps is None else steps):
        written.append(network.read(written[-1], state)[:, -1:].argmax(dim=2))
    return torch.cat(written, dim=1)


@torch.inference_mode()
def greedy(network: CharacterRecogniser, encoded: EncodedUtterances, limits_B: Tensor) -> list[Hypothesis]:
    """The most probable character each time, until the end mark or the limit; padding, unknown and start never.

    Parameters
    ----------
    network : CharacterRecogniser
        In evaluation mode.
    encoded : EncodedUtterances
        From its ``encode``.
    limits_B : Tensor [shape=(B,), int64]
        Most characters of each row.

    Returns
    -------
    list of Hypothesis
    """
    batch, device = len(encoded.steps_BSD), encoded.steps_BSD.device
    limits_B = limits_B.to(device).clamp(max=network.max_characters - 2)
    state, last_B1 = network.begin(encoded), torch.full((batch, 1), START, device=device)
    active_B = torch.ones(batch, dtype=torch.bool, device=device)
    score_B = torch.zeros(batch, device=device)
    written: list[Tensor] = []
    # A character a row, until every row has ended or is full.
    for place in range(int(limits_B.max()) + 1):
        log_probability_BV = _log_probabilities(network, last_B1, state)
        best_B, number_B = log_probability_BV.max(dim=1)
        active_B = active_B & ((place < limits_B) | (number_B == END))
        number_B = torch.where(active_B, number_B, PAD)
        score_B = score_B + torch.where(active_B, best_B, 0.0)
        written.append(number_B)
        active_B = active_B & (number_B != END)
        if not active_B.any():
            break
        last_B1 = number_B[:, None]
    rows = torch.stack(written, dim=1).tolist()
    return [_hypothesis(row, score) for row, score in zip(rows, score_B.tolist(), strict=True)]


@torch.inference_mode()
def beam_search(
    network: CharacterRecogniser,
    encoded: EncodedUtterances,
    limits_B: Tensor,
    *,
    beams: int = 5,
    length_penalty: float = LENGTH_PENALTY,
    ctc_weight: float = 0.0,
) -> list[Hypothesis]:
    """The best of several beginnings, by the sum of log-probabilities over ((5 + length) / 6) ** ``length_penalty``.

    With a weight the second head has a say (joint decoding, Watanabe et al. 2017, equation 18): it knows where in the
    recording a beginning ends, so that nothing is written twice or left out.

    Parameters
    ----------
    network, encoded, limits_B
        As for `greedy`.
    beams : int
        Beginnings that are kept; 1 gives what `greedy` gives.
    length_penalty : float
        0 for none.
    ctc_weight : float, 0 or more and less than 1
        Share of the second head in the sum; without effect where the network has none.

    Returns
    -------
    list of Hypothesis

    Raises
    ------
    ValueError
        If the weight is out of range.
    """
    if not 0 <= ctc_weight < 1:
        raise ValueError(f"ctc_weight {ctc_weight} is not in 0..1")
    rows = range(len(encoded.steps_BSD))
    return [_beam_of_one(network, encoded, row, int(limits_B[row]), beams, length_penalty, ctc_weight) for row in rows]


def _beam_of_one(
    network: CharacterRecogniser,
    encoded: EncodedUtterances,
    row: int,
    limit: int,
    beams: int,
    penalty: float,
    ctc_weight: float,
) -> Hypothesis:
    """Beam search for one row."""
    # The row without the padding of its batch.
    chosen = slice(row, row + 1)
    length = int(encoded.lengths_B[row])
    alone = EncodedUtterances(encoded.steps_BSD[chosen, :length], encoded.lengths_B[chosen], encoded.masked)
    limit = min(limit, network.max_characters - 2)
    state, device = network.begin(alone), alone.steps_BSD.device
    texts: list[list[int]] = [[]]
    scores_R = torch.zeros(1, device=device)
    joint = _joint(network, alone, ctc_weight)
    last_R1 = torch.full((1, 1), START, device=device)
    finished: list[tuple[float, Hypothesis]] = []
    for _ in range(limit + 1):
        # The best continuations of all beginnings.
        total_RV = scores_R[:, None] + _log_probabilities(network, last_R1, state)
        ranked_RV = total_RV if joint is None else joint.weighed(total_RV)
        num_classes = total_RV.shape[1]
        best, places = ranked_RV.flatten().topk(min(2 * beams, ranked_RV.numel()))
        kept: list[tuple[float, int, int]] = []
        for rank, (rating, place) in enumerate(zip(best.tolist(), places.tolist(), strict=True)):
            before, number = divmod(place, num_classes)
            if rating == -math.inf:
                continue
            score = float(total_RV[before, number])
            if number == END:
                if rank < beams:
                    finished.append(_finished(texts[before], score, rating, penalty, ended=True))
            elif len(kept) < beams:
                kept.append((score, before, number))
        # Stop where no beginning can overtake the best text any more, or all are full.
        if not kept or len(finished) >= beams or len(texts[0]) >= limit:
            break
        texts = [[*texts[before], number] for _, before, number in kept]
        scores_R = torch.tensor([score for score, _, _ in kept]).to(device)
        last_R1 = torch.tensor([[number] for _, _, number in kept]).to(device)
        rows_R = torch.tensor([before for _, before, _ in kept]).to(device)
        state = state.choose(rows_R)
        if joint is not None:
            joint.go_on(rows_R, last_R1[:, 0])
    # Where none has ended: the best beginning, as it is.
    if not finished:
        finished = [
            _finished(text, score, score, penalty, ended=False)
            for text, score in zip(texts, scores_R.tolist(), strict=True)
        ]
    return max(finished, key=lambda pair: pair[0])[1]


def _finished(text: list[int], score: float, rating: float, penalty: float, *, ended: bool) -> tuple[float, Hypothesis]:
    """What ranks it, and a text with the sum of its log-probabilities."""
    length = len(text) + ended
    return rating / ((5 + length) / 6) ** penalty, Hypothesis(tuple(text), score, ended)


class _Joint:
    """The second head's say on the beginnings of a beam search."""

    def __init__(self, prefixes: CtcPrefixes, weight: float) -> None:
        self._prefixes, self._weight, self._state = prefixes, weight, prefixes.start()

    def weighed(self, total_RV: Tensor) -> Tensor:
        """Sums of the decoder's log-probabilities, weighed against the second head's of the same beginnings."""
        prefix_RV = self._prefixes.following(self._state).to(total_RV.dtype)
        return (1 - self._weight) * total_RV + self._weight * prefix_RV

    def go_on(self, rows_R: Tensor, numbers_R: Tensor) -> None:
        """Keep beginnings of these rows, with a character more."""
        self._state = self._prefixes.extend(self._state, rows_R, numbers_R)


def _joint(network: CharacterRecogniser, encoded: EncodedUtterances, weight: float) -> _Joint | None:
    """None where there is no second head, or it has no weight."""
    if not weight or (log_probability_BSV := network.ctc_log_probabilities(encoded)) is None:
        return None
    return _Joint(CtcPrefixes(log_probability_BSV[0], blank=PAD, end=END), weight)


def _log_probabilities(network: CharacterRecogniser, last_R1: Tensor, state: DecodingState) -> Tensor:
    """Of the next character, (R, V); none for padding, start, and what the table cannot write."""
    log_probability_RV = network.read(last_R1, state)[:, -1].float().log_softmax(dim=1)
    for number in (PAD, UNKNOWN, START):
        log_probability_RV[:, number] = -math.inf
    return log_probability_RV


def _hypothesis(row: list[int], score: float) -> Hypothesis:
    ended = END in row
    numbers = row[: row.index(END)] if ended else row
    return Hypothesis(tuple(number for number in numbers if number != PAD), score, ended)
