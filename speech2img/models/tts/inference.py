"""Tacotron 2 in use: many texts at once, each stopping by itself, none depending on the others.

Everything that is not the decoder's loop runs for one utterance at a time at its own length: it is bound by arithmetic,
so batching would gain nothing. The loop always runs with the same number of rows and a padded text, whatever the work:
then each row goes through the same instructions in every batch, and on a CPU gives the same bits. A row whose utterance
has stopped takes the next text.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from speech2img.models.tts.decoder import DecoderStep
from speech2img.models.tts.tacotron2 import Tacotron2

TEXT_BLOCK = 128
_DROPOUT_BLOCK = 64


class Utterance(NamedTuple):
    """One spoken text."""

    mel_MT: Tensor
    """Log-mel frames after the postnet."""
    alignment_TS: Tensor
    """Attention weights, one row a step."""
    stopped: bool
    """False where the decoder was cut at its last step: the end is missing or the speech does not end."""


def speak_texts(
    model: Tacotron2,
    texts: Sequence[Tensor],
    seeds: Sequence[int],
    *,
    rows: int = 16,
    max_steps: int = 2000,
    gate_threshold: float = 0.5,
) -> list[Utterance]:
    """Speak texts.

    Parameters
    ----------
    model : Tacotron2
        In evaluation mode and masked.
    texts : sequence of Tensor [shape=(S,), int64]
        Symbol numbers of each text, at least one.
    seeds : sequence of int
        Seed of each text's prenet dropout.
    rows : int
        Utterances in the decoder at a time. A result depends on this number (its last bits do), so keep to one; 1 is
        the fastest for one text, 16 for many.
    max_steps : int
        Steps after which an utterance is cut.
    gate_threshold : float
        An utterance ends with the first step whose probability of being the last is higher.

    Returns
    -------
    list of Utterance
        In the order of the texts.

    Raises
    ------
    ValueError
        For an empty text, a model in training mode or not masked, or a number out of range.
    """
    # What cannot be spoken.
    if model.training or not model.masked:
        raise ValueError("speaking needs a masked model in evaluation mode")
    if rows < 1 or max_steps < 1 or not 0.0 < gate_threshold < 1.0:
        raise ValueError("rows and max_steps must be at least 1, gate_threshold between 0 and 1")
    if len(texts) != len(seeds) or any(ids.dim() != 1 or not ids.numel() for ids in texts):
        raise ValueError("each text needs a seed and at least one symbol")
    spoken: dict[int, Utterance] = {}
    # Texts are padded to one of few lengths, so that a text sounds the same in any batch.
    blocks = [-(-ids.numel() // TEXT_BLOCK) for ids in texts]
    with torch.inference_mode():
        for block in sorted(set(blocks)):
            places = [index for index, size in enumerate(blocks) if size == block]
            loop = _Loop(model, block * TEXT_BLOCK, rows, max_steps, gate_threshold)
            for index, mel_TM, alignment_TS, stopped in loop.run(places, texts, seeds):
                refined_MT = model.postnet(mel_TM.t()[None].contiguous())[0]
                spoken[index] = Utterance(refined_MT, alignment_TS, stopped)
    return [spoken[index] for index in range(len(texts))]


class _Row:
    """One utterance on its way through the decoder."""

    def __init__(self, index: int, symbols: int, seed: int) -> None:
        self.index, self.symbols = index, symbols
        self.generator = torch.Generator().manual_seed(seed % 2**63)
        self.frames: list[Tensor] = []
        self.weights: list[Tensor] = []


class _Loop:
    """The decoder with a fixed number of rows and a fixed padded length of the texts."""

    def __init__(self, model: Tacotron2, symbols: int, rows: int, max_steps: int, gate_threshold: float) -> None:
        self.model, self.max_steps, self.gate_threshold = model, max_steps, gate_threshold
        self.step = DecoderStep(model.decoder)
        self.prenet = model.decoder.prenet
        device = model.embedding.weight.device
        memory = torch.zeros(rows, symbols, model.embedding.embedding_dim, device=device)
        # An idle row attends to one symbol of nothing: with none its softmax would not be finite.
        self.memory = model.decoder.attention.prepare(memory, torch.ones(rows, dtype=torch.int64))
        self.state = model.decoder.start(self.memory)
        self.kept = torch.ones(rows, _DROPOUT_BLOCK, 2, self.prenet.dim, device=device)
        self.age = torch.zeros(rows, dtype=torch.int64, device=device)
        self.rows: list[_Row | None] = [None] * rows

    def run(
        self, places: list[int], texts: Sequence[Tensor], seeds: Sequence[int]
    ) -> Iterator[tuple[int, Tensor, Tensor, bool]]:
        """Place, frames [shape=(T, M)], weights [shape=(steps, S)] and whether it stopped, as they are finished."""
        waiting = list(reversed(places))
        indices = torch.arange(len(self.rows), device=self.age.device)
        while True:
            # Free rows take the next text; dropout is drawn per text from its seed.
            for number, row in enumerate(self.rows):
                if row is None and waiting:
                    index = waiting.pop()
                    self._load(number, index, texts[index], seeds[index])
                elif row is not None and len(row.frames) % _DROPOUT_BLOCK == 0:
                    self._draw(number, row)
            if not any(self.rows):
                return
            # One step of all rows.
            self.state, gate_B = self.step(self.state, self.memory, self.kept[indices, self.age % _DROPOUT_BLOCK])
            self.age += 1
            ended = (gate_B.sigmoid() > self.gate_threshold).tolist()
            # Rows that are done leave.
            for number, row in enumerate(self.rows):
                if row is None:
                    continue
                row.frames.append(self.state.frame_BM[number])
                row.weights.append(self.state.weights_BS[number, : row.symbols])
                if ended[number] or len(row.frames) == self.max_steps:
                    self.rows[number] = None
                    mel_TM = torch.stack(row.frames).view(-1, self.model.n_mels)
                    yield row.index, mel_TM, torch.stack(row.weights), ended[number]

    def _load(self, number: int, index: int, ids: Tensor, seed: int) -> None:
        """Put a text into a free row."""
        self.rows[number] = row = _Row(index, ids.numel(), seed)
        values_BSD = self.model.encode(ids[None].to(self.age.device), torch.tensor([ids.numel()]))
        keys_BSA = self.model.decoder.attention.memory(values_BSD)
        memory = self.memory
        for part, new in ((memory.values_BSD, values_BSD), (memory.keys_BSA, keys_BSA)):
            part[number] = 0.0
            part[number, : row.symbols] = new[0]
        memory.mask_BS[number] = -torch.inf
        memory.mask_BS[number, : row.symbols] = 0.0
        for part in self.state:
            part[number] = 0.0
        self.age[number] = 0
        self._draw(number, row)

    def _draw(self, number: int, row: _Row) -> None:
        """Draw the prenet's dropout of the next steps: a function of the utterance's seed and the step."""
        dropout = self.prenet.dropout
        kept = torch.rand(self.kept.shape[1:], generator=row.generator) >= dropout
        self.kept[number] = kept.to(self.kept) / (1.0 - dropout)
