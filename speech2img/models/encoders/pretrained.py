"""A speech encoder on a pretrained acoustic front-end: mix of its layers, 25 frames a second or fewer, an adapter."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from speech2img.models.encoders.base import SpeechEncoder, SpeechEncoding
from speech2img.models.encoders.frame_adapter import FrameAdapter
from speech2img.models.encoders.front_ends import FrontEndName, build_front_end
from speech2img.models.encoders.layer_mix import LayerMix, normalized_states, pooled_steps, pooling_factors
from speech2img.models.encoders.manner import NUM_FEATURES, manner_features

if TYPE_CHECKING:
    from speech2img.models.encoders.parallel_branch import ParallelBranch

HEARD_AT_ONCE = 4
"""Utterances that a frozen front-end hears at once on a CPU: their states stay in its caches, which halves the time."""


class PooledStates(NamedTuple):
    """Hidden states of a batch at the adapter's rate: what a mix of layers is learned from."""

    states_BLSD: Tensor
    """(B, num_layers + 1, S, front-end's width): averaged over time, zero behind each length."""
    manner_BSF: Tensor
    """(B, S, F): features of manner of the same frames; F is 0 without them."""
    lengths_B: Tensor
    """(B,) int64 on the CPU: valid frames."""


class MixedFrames(NamedTuple):
    """Frames of a batch as the adapter takes them: what a cache of a frozen front-end holds."""

    frames_BSF: Tensor
    """(B, S, ``frame_width``): mixed states and features of manner, zero behind each length."""
    lengths_B: Tensor
    """(B,) int64 on the CPU: valid frames."""


class PretrainedEncoder(SpeechEncoder):
    """Sound to speech embeddings through a front-end that was trained on other speech.

    A frozen front-end gives the same frames in every epoch: `mixed_frames` computes what may be stored (float16 loses
    nothing that matters), `encode_frames` goes on from there, and ``forward`` is one after the other. While the mix of
    layers is still learned, `pooled_states` is what may be stored, and `mix_states` goes on.

    Parameters
    ----------
    front_end : {"whisper", "hubert-base", "hubert-large"}
        Kind of front-end.
    front_end_config : mapping of str to int
        Its settings, as its release gives them.
    adapter : {"frames", "parallel"}
        What learns on top: a `FrameAdapter`, or SpeechCLIP's `ParallelBranch` (of the front-end's width).
    width, num_layers, feed_forward, kernel, centred
        Of the `FrameAdapter`.
    num_heads, dropout
        Of either.
    embedding_dim : int
        Size of the embedding.
    frame_stride : int
        Steps of the front-end that become one frame: 2 of Whisper's are 25 frames a second.
    max_frames : int
        Most frames of an utterance; a longer one has wider frames.
    normalized : bool
        Normalise the frames of each hidden state before they are mixed; SpeechCLIP's base model does not.
    unit_length : bool
        Whether sentences have unit length; those of a parallel branch always have.
    tuned : bool
        Whether the front-end learns too; otherwise it stays as it is, in evaluation mode and without gradients.
    manner : bool
        Add features of the manner of speaking (`manner_features`) to the frames before they are pooled.

    Raises
    ------
    ValueError
        For contradictory settings, at construction.
    """

    adapter: "FrameAdapter | ParallelBranch"
    """What learns on top."""

    def __init__(
        self,
        *,
        front_end: FrontEndName = "whisper",
        front_end_config: Mapping[str, int],
        adapter: Literal["frames", "parallel"] = "frames",
        width: int = 256,
        num_layers: int = 2,
        num_heads: int = 4,
        feed_forward: int = 4,
        centred: bool = False,
        kernel: int = 3,
        embedding_dim: int = 1024,
        frame_stride: int = 2,
        max_frames: int = 128,
        dropout: float = 0.1,
        normalized: bool = True,
        unit_length: bool = True,
        tuned: bool = False,
        manner: bool = False,
    ) -> None:
        super().__init__()
        sizes = width, num_layers + 1, num_heads, feed_forward, kernel, embedding_dim, frame_stride, max_frames
        if min(sizes) < 1 or not kernel % 2:
            raise ValueError("sizes must be 1 or more, and kernel odd")
        self.front_end = build_front_end(front_end, **front_end_config)
        if manner and (self.front_end.takes != "mel" or adapter == "parallel"):
            raise ValueError("features of manner are read off log-mels, and go into an adapter of frames")
        if adapter not in ("frames", "parallel"):
            raise ValueError(f"adapter must be frames or parallel, got {adapter!r}")
        self.n_mels, self.embedding_dim = self.front_end.n_mels, embedding_dim
        self.frame_stride, self.max_frames, self.tuned, self.manner = frame_stride, max_frames, tuned, manner
        self.normalized = normalized
        self.front_end.requires_grad_(tuned)
        self.mix = LayerMix(self.front_end.num_layers + 1)
        manner_width = NUM_FEATURES if manner else 0
        self.frame_width = self.front_end.width + manner_width
        if adapter == "parallel":
            from speech2img.models.encoders.parallel_branch import ParallelBranch

            self.adapter = ParallelBranch(self.front_end.width, num_heads, embedding_dim, dropout=dropout)
        else:
            self.adapter = FrameAdapter(
                input_width=self.front_end.width,
                manner_width=manner_width,
                width=width,
                num_layers=num_layers,
                num_heads=num_heads,
                feed_forward=feed_forward,
                centred=centred,
                kernel=kernel,
                embedding_dim=embedding_dim,
                dropout=dropout,
                unit_length=unit_length,
            )

    def train(self, mode: bool = True) -> "PretrainedEncoder":
        """Set the mode of all that is trained; a frozen front-end stays in evaluation mode."""
        super().train(mode)
        if not self.tuned:
            self.front_end.eval()
        return self

    def pooled_states(self, mel_BMT: Tensor, lengths_B: Tensor) -> PooledStates:
        """What the front-end hears, at the adapter's rate; arguments and errors as for `forward`."""
        if self.tuned or mel_BMT.device.type != "cpu" or len(mel_BMT) <= HEARD_AT_ONCE:
            return self._pooled_states(mel_BMT, lengths_B)
        parts = []
        for mel, lengths in zip(mel_BMT.split(HEARD_AT_ONCE), lengths_B.split(HEARD_AT_ONCE), strict=True):
            parts.append(self._pooled_states(mel[..., : max(1, int(lengths.max()))], lengths))
        steps = max(part.manner_BSF.shape[1] for part in parts)
        states = [functional.pad(part.states_BLSD, (0, 0, 0, steps - part.states_BLSD.shape[2])) for part in parts]
        manner = [functional.pad(part.manner_BSF, (0, 0, 0, steps - part.manner_BSF.shape[1])) for part in parts]
        return PooledStates(torch.cat(states), torch.cat(manner), torch.cat([part.lengths_B for part in parts]))

    def _pooled_states(self, mel_BMT: Tensor, lengths_B: Tensor) -> PooledStates:
        """The same for as many as are heard at once."""
        with torch.set_grad_enabled(self.tuned and torch.is_grad_enabled()):
            states = self.front_end(mel_BMT, lengths_B)
            factors = pooling_factors(states.lengths_B, stride=self.frame_stride, max_frames=self.max_frames)
            hidden = normalized_states(states.states_BLTD) if self.normalized else states.states_BLTD
            pooled, lengths = pooled_steps(hidden, states.lengths_B, factors)
            manner = pooled.new_zeros(len(pooled), pooled.shape[2], 0)
            if self.manner:
                manner = self._pooled_manner(mel_BMT, lengths_B, states.lengths_B, factors).to(pooled.dtype)
        return PooledStates(pooled, manner, lengths)

    def mix_states(self, pooled: PooledStates) -> MixedFrames:
        """Mix the states of all layers."""
        frames = torch.cat([self.mix(pooled.states_BLSD), pooled.manner_BSF], dim=2)
        return MixedFrames(frames, pooled.lengths_B)

    def mixed_frames(self, mel_BMT: Tensor, lengths_B: Tensor) -> MixedFrames:
        """Frames as the adapter takes them; arguments and errors as for `forward`."""
        return self.mix_states(self.pooled_states(mel_BMT, lengths_B))

    def encode_frames(self, frames_BSF: Tensor, lengths_B: Tensor) -> SpeechEncoding:
        """Encode stored frames.

        Parameters
        ----------
        frames_BSF : Tensor [shape=(B, S, frame_width), float]
            What `mixed_frames` gave, right-padded.
        lengths_B : Tensor [shape=(B,), integer]
            Valid frames of each row, 1..S.

        Returns
        -------
        SpeechEncoding
            As from `forward`.
        """
        return self.adapter(frames_BSF, lengths_B.to("cpu", torch.int64))

    def forward(self, mel_BMT: Tensor, lengths_B: Tensor) -> SpeechEncoding:
        """Encode a padded batch.

        Parameters
        ----------
        mel_BMT : Tensor [shape=(B, n_mels, T), float]
            Log-mel frames (a waveform where the front-end takes one), right-padded.
        lengths_B : Tensor [shape=(B,), integer]
            Valid frames of each row, 1..T. On the CPU it saves a wait for the device.

        Returns
        -------
        SpeechEncoding
            ``word_lengths`` is at most ``max_frames``.

        Raises
        ------
        ValueError
            If shapes do not fit, a length is below 1 or above T, or an utterance is longer than the front-end takes.
        """
        return self.encode_frames(*self.mixed_frames(mel_BMT, lengths_B))

    def _pooled_manner(self, mel_BMT: Tensor, lengths_B: Tensor, steps_B: Tensor, factors_B: Tensor) -> Tensor:
        """Features of manner (B, S, F), each the mean over the log-mel frames of an adapter's frame."""
        lengths = lengths_B.to("cpu", torch.int64)
        per_step = -(-lengths // steps_B)
        features = manner_features(mel_BMT[..., : int(lengths.max())], lengths)
        return pooled_steps(features, lengths, per_step * factors_B)[0]
