"""A recogniser of ours, or an imported one: the speech Transformer of a release."""

from collections.abc import Sequence
from os import PathLike

import numpy as np
import torch

from speech2img.audio.mel import MelPreset, log_mel, released_preset
from speech2img.device import resolve_device
from speech2img.errors import CheckpointError, with_article
from speech2img.models.recognisers.base import CharacterRecogniser
from speech2img.models.recognisers.decoding import beam_search, greedy
from speech2img.models.recognisers.speech_transformer import SpeechTransformer
from speech2img.recognition.base import Segment, Transcript
from speech2img.recognition.pauses import split_at_pauses
from speech2img.storage.releases.find_release import find_release
from speech2img.storage.releases.networks import build_network
from speech2img.storage.releases.release import load_release, strip_prefix

BEAMS = 5
CTC_WEIGHT = 0.1
"""Share of the second head in the choice among several beginnings: its steps of 40 ms leave no room
for doubled letters, and more than this loses them (experiments/results/cascade)."""
_BATCH = 16
_CHARACTERS_A_SECOND = 18.0
"""Quick speech: by it the length of a text says how long a recording may be."""
_MOST_A_SECOND = 30.0
"""Characters a second that nobody says: more are not written, so that no repetition goes on for ever."""


class TransformerRecogniser:
    """Recordings to texts, by beam search.

    Parameters
    ----------
    network : CharacterRecogniser
        Its weights; set to evaluation.
    mel : MelPreset
        The front-end that it was trained with.
    name : str
        What messages call it.
    beams : int
        Beginnings that are kept; 1 takes the best character each time, which is quicker.

    Attributes
    ----------
    max_seconds : float
        Longest recording that is heard at once: by the frames that it takes, and by the characters that it can write.
    """

    def __init__(self, network: CharacterRecogniser, mel: MelPreset, *, name: str, beams: int = BEAMS) -> None:
        self.network, self.mel, self.name, self.beams = network, mel, name, beams
        self.sample_rate = mel.sample_rate
        by_frames = (network.max_frames - 1) * mel.hop_length / mel.sample_rate
        self.max_seconds = min(by_frames, network.max_characters / _CHARACTERS_A_SECOND)

    @classmethod
    def load(
        cls, name_or_path: str | PathLike[str], *, device: str = "auto", beams: int = BEAMS
    ) -> "TransformerRecogniser":
        """Open a run or a release of a recogniser.

        Raises
        ------
        CheckpointError
            If nothing is there, it is damaged, or holds another kind of network.
        """
        # The release, which must be of a recogniser.
        folder = find_release(name_or_path)
        tensors, config = load_release(folder)
        if config.get("kind") != "recogniser":
            reason = f"holds {with_article(repr(config.get('kind')))}, not a recogniser"
            raise CheckpointError.about(str(folder), reason, "give a run of 'train recogniser', or an imported one")
        state = strip_prefix(tensors, "recogniser.")
        network = build_network(SpeechTransformer, config.get("recogniser"), state, name=str(folder))
        mel = released_preset(config.get("mel_preset"), n_mels=network.n_mels, source=folder)
        return cls(network.to(resolve_device(device)).eval(), mel, name=str(name_or_path), beams=beams)

    @torch.inference_mode()
    def transcribe(self, waves: Sequence[np.ndarray]) -> list[Transcript]:
        """Recognise recordings; see `speech2img.recognition.base.Recogniser.transcribe`."""
        # Parts of all recordings; what is shorter than a window is silence.
        parts = [
            (row, start, end)
            for row, wave in enumerate(waves)
            for start, end in split_at_pauses(wave, self.sample_rate, max_seconds=self.max_seconds)
        ]
        heard = [part for part in parts if part[2] - part[1] >= self.mel.n_fft and waves[part[0]].any()]
        segments: dict[tuple[int, int, int], Segment] = {}
        order = sorted(heard, key=lambda part: part[2] - part[1])
        for first in range(0, len(order), _BATCH):
            chosen = order[first : first + _BATCH]
            segments |= dict(zip(chosen, self._write(waves, chosen), strict=True))

        # Back to recordings.
        transcripts = []
        for row in range(len(waves)):
            own = [part for part in parts if part[0] == row]
            transcripts.append(Transcript(tuple(segments[part] for part in own if part in segments), len(own)))
        return transcripts

    def _write(self, waves: Sequence[np.ndarray], parts: Sequence[tuple[int, int, int]]) -> list[Segment]:
        """What is said in parts of recordings of similar length."""
        # Log-mels of one batch.
        mels = [log_mel(waves[row][start:end], preset=self.mel) for row, start, end in parts]
        lengths = torch.tensor([mel.shape[1] for mel in mels])
        batch = np.full((len(mels), self.network.n_mels, int(lengths.max())), self.mel.pad_value, np.float32)
        for padded, mel in zip(batch, mels, strict=True):
            padded[:, : mel.shape[1]] = mel
        device = next(self.network.parameters()).device
        encoded = self.network.encode(torch.from_numpy(batch).to(device), lengths)
        # No text may be longer than anybody could have said.
        seconds = [(end - start) / self.sample_rate for _, start, end in parts]
        limits = torch.tensor([max(1, int(_MOST_A_SECOND * length)) for length in seconds])
        if self.beams > 1:
            written = beam_search(self.network, encoded, limits, beams=self.beams, ctc_weight=CTC_WEIGHT)
        else:
            written = greedy(self.network, encoded, limits)
        return [
            Segment(
                self.network.table.decode(text.numbers),
                start / self.sample_rate,
                end / self.sample_rate,
                text.confidence,
            )
            for (_, start, end), text in zip(parts, written, strict=True)
        ]
