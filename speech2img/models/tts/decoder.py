"""Decoder of Tacotron 2: an attention LSTM and a decoder LSTM that give one log-mel frame and a stop logit a step."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech2img.models.tts.attention import AttentionMemory, LocationAttention
from speech2img.models.tts.layers import Prenet


class DecoderState(NamedTuple):
    """What one step leaves to the next, a row an utterance."""

    frame_BM: Tensor
    """The last frame, or frames one behind the other; zeros at the start."""
    attention_hidden_BH: Tensor
    """Attention LSTM."""
    attention_cell_BH: Tensor
    """Attention LSTM."""
    decoder_hidden_BH: Tensor
    """Decoder LSTM."""
    decoder_cell_BH: Tensor
    """Decoder LSTM."""
    context_BD: Tensor
    """What the attention read."""
    weights_BS: Tensor
    """Where it read."""
    total_BS: Tensor
    """Where it read so far: the sum of all weights."""


class DecoderOutput(NamedTuple):
    """Frames of a teacher-forced batch."""

    mel_BMT: Tensor
    """Log-mel frames before the postnet."""
    gate_BT: Tensor
    """Stop logits, one a step: above 0 the utterance is over with this step."""
    alignment_BTS: Tensor
    """Attention weights, one row a step."""


class Decoder(nn.Module):
    """Autoregressive decoder (Shen et al. 2018, sec. 2.2).

    Parameters
    ----------
    n_mels, memory_dim, prenet_dim, attention_rnn_dim, decoder_rnn_dim : int
        Widths.
    frames_per_step : int
        Frames that one step gives; published 1. More make training faster and the attention easier to learn
        (Wang et al. 2017, arXiv:1703.10135, sec. 3.3).
    attention_dim, location_filters, location_kernel : int
        The attention's sizes.
    prenet_dropout : float
        Always on.
    rnn_dropout : float
        In training, on the attention LSTM's state and on the decoder LSTM's output. The published code drops the
        decoder LSTM's state, too; here that LSTM runs over a whole utterance in one call.
    """

    def __init__(
        self,
        *,
        n_mels: int,
        memory_dim: int,
        prenet_dim: int,
        attention_rnn_dim: int,
        decoder_rnn_dim: int,
        attention_dim: int,
        location_filters: int,
        location_kernel: int,
        prenet_dropout: float,
        rnn_dropout: float,
        frames_per_step: int,
    ) -> None:
        # Construction order is the order in which weights are drawn.
        super().__init__()
        self.frame_dim = n_mels * frames_per_step
        self.frames_per_step = frames_per_step
        self.rnn_dropout = rnn_dropout
        self.prenet = Prenet(self.frame_dim, prenet_dim, dropout=prenet_dropout)
        self.attention_rnn = nn.LSTMCell(prenet_dim + memory_dim, attention_rnn_dim)
        self.attention = LocationAttention(
            attention_rnn_dim, memory_dim, dim=attention_dim, filters=location_filters, kernel=location_kernel
        )
        self.decoder_rnn = nn.LSTM(attention_rnn_dim + memory_dim, decoder_rnn_dim)
        self.to_mel = nn.Linear(decoder_rnn_dim + memory_dim, self.frame_dim)
        self.to_gate = nn.Linear(decoder_rnn_dim + memory_dim, 1)
        nn.init.xavier_uniform_(self.to_mel.weight)
        nn.init.xavier_uniform_(self.to_gate.weight)

    def start(self, memory: AttentionMemory) -> DecoderState:
        """All zeros: silence before the first frame, attention nowhere yet."""
        rows, symbols, memory_dim = memory.values_BSD.shape
        attention, decoder = self.attention_rnn.hidden_size, self.decoder_rnn.hidden_size
        widths = (self.frame_dim, attention, attention, decoder, decoder, memory_dim, symbols, symbols)
        return DecoderState(*(memory.values_BSD.new_zeros(rows, width) for width in widths))

    def teacher_forced(self, mel_BMT: Tensor, memory: AttentionMemory) -> DecoderOutput:
        """Predict every frame of a batch from the true frames before it.

        Only the attention LSTM needs a loop over time: nothing of the decoder LSTM goes back into it.

        Parameters
        ----------
        mel_BMT : Tensor [shape=(B, M, T)]
            True log-mels, right-padded.
        memory : AttentionMemory
            From ``attention.prepare``.

        Returns
        -------
        DecoderOutput
            T frames, ceil(T / frames_per_step) stop logits and rows of alignment.
        """
        # Whole steps; each sees the frames before it, the first sees silence.
        frames = mel_BMT.shape[2]
        mel_BMT = F.pad(mel_BMT, (0, -frames % self.frames_per_step))
        mel_BTM = mel_BMT.transpose(1, 2).reshape(mel_BMT.shape[0], -1, self.frame_dim)
        before_BTM = torch.cat((torch.zeros_like(mel_BTM[:, :1]), mel_BTM[:, :-1]), dim=1)
        # All that does not depend on earlier steps is computed for all steps at once.
        prenet_TBP = self.prenet(before_BTM).transpose(0, 1)
        cell = self.attention_rnn
        from_prenet, from_context = cell.weight_ih.split([prenet_TBP.shape[2], memory.values_BSD.shape[2]], dim=1)
        gates_TBG = F.linear(prenet_TBP, from_prenet, cell.bias_ih + cell.bias_hh)
        recurrent_IG = torch.cat((from_context, cell.weight_hh), dim=1).t()
        state = self.start(memory)
        hidden_BH, cell_BH, context_BD = state.attention_hidden_BH, state.attention_cell_BH, state.context_BD
        weights_BS, total_BS = state.weights_BS, state.total_BS
        hiddens, contexts, alignments = [], [], []
        # Step by step: attention LSTM, then where it looks.
        for gates_BG in gates_TBG:
            gates_BG = torch.addmm(gates_BG, torch.cat((context_BD, hidden_BH), dim=1), recurrent_IG)
            hidden_BH, cell_BH = _lstm_update(gates_BG, cell_BH)
            hidden_BH = F.dropout(hidden_BH, self.rnn_dropout, self.training)
            context_BD, weights_BS = self.attention(hidden_BH, memory, weights_BS, total_BS)
            total_BS = total_BS + weights_BS
            hiddens.append(hidden_BH)
            contexts.append(context_BD)
            alignments.append(weights_BS)
        # The second LSTM and the outputs, again for all steps at once.
        context_TBD = torch.stack(contexts)
        output_TBH, _ = self.decoder_rnn(torch.cat((torch.stack(hiddens), context_TBD), dim=2))
        output_BTH = F.dropout(output_TBH.transpose(0, 1).contiguous(), self.rnn_dropout, self.training)
        output_BTO = torch.cat((output_BTH, context_TBD.transpose(0, 1)), dim=2)
        mel = self.to_mel(output_BTO).reshape(mel_BMT.shape[0], mel_BMT.shape[2], -1).transpose(1, 2)[..., :frames]
        return DecoderOutput(mel, self.to_gate(output_BTO)[..., 0], torch.stack(alignments, dim=1))


class DecoderStep:
    """One step of a decoder in use, with each LSTM's two matrices as one.

    Parameters
    ----------
    decoder : Decoder
        Its weights are copied at construction.
    """

    def __init__(self, decoder: Decoder) -> None:
        self.prenet, self.attention = decoder.prenet, decoder.attention
        cell, (from_input, from_hidden, *biases) = decoder.attention_rnn, *decoder.decoder_rnn.all_weights
        self.attention_GI = torch.cat((cell.weight_ih, cell.weight_hh), dim=1)
        self.attention_bias_G = cell.bias_ih + cell.bias_hh
        self.decoder_GI = torch.cat((from_input, from_hidden), dim=1)
        self.decoder_bias_G = sum(biases, torch.zeros(()))
        self.output_OI = torch.cat((decoder.to_mel.weight, decoder.to_gate.weight))
        self.output_bias_O = torch.cat((decoder.to_mel.bias, decoder.to_gate.bias))

    def __call__(
        self, state: DecoderState, memory: AttentionMemory, kept_B2P: Tensor | None
    ) -> tuple[DecoderState, Tensor]:
        """The next state, whose frame and weights are this step's result, and the stop logits [shape=(B,)].

        Parameters
        ----------
        state : DecoderState
            From ``Decoder.start`` or the step before.
        memory : AttentionMemory
            The texts.
        kept_B2P : Tensor [shape=(B, 2, P)], optional
            The prenet's dropout, see `Prenet`.
        """
        # Attention LSTM.
        prenet_BP = self.prenet(state.frame_BM, kept_B2P)
        inputs = torch.cat((prenet_BP, state.context_BD, state.attention_hidden_BH), dim=1)
        hidden_BH, cell_BH = _lstm_update(
            F.linear(inputs, self.attention_GI, self.attention_bias_G), state.attention_cell_BH
        )
        # Where it looks, and the second LSTM.
        context_BD, weights_BS = self.attention(hidden_BH, memory, state.weights_BS, state.total_BS)
        inputs = torch.cat((hidden_BH, context_BD, state.decoder_hidden_BH), dim=1)
        output_BH, output_cell_BH = _lstm_update(
            F.linear(inputs, self.decoder_GI, self.decoder_bias_G), state.decoder_cell_BH
        )
        # Frame and gate in one product.
        frame_BO = F.linear(torch.cat((output_BH, context_BD), dim=1), self.output_OI, self.output_bias_O)
        next_state = DecoderState(
            frame_BO[:, :-1],
            hidden_BH,
            cell_BH,
            output_BH,
            output_cell_BH,
            context_BD,
            weights_BS,
            state.total_BS + weights_BS,
        )
        return next_state, frame_BO[:, -1]


def _lstm_update(gates_BG: Tensor, cell_BH: Tensor) -> tuple[Tensor, Tensor]:
    """Hidden state and cell from summed gates in PyTorch's order: input, forget, cell, output."""
    into, forget, new, out = gates_BG.chunk(4, dim=1)
    cell_BH = torch.addcmul(forget.sigmoid() * cell_BH, into.sigmoid(), new.tanh())
    return out.sigmoid() * cell_BH.tanh(), cell_BH
