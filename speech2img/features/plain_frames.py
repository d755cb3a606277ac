"""Frames of recordings as they are that a frozen front-end has heard already, when an encoder on it was trained.

The training keeps them in ``derived/front-end``; a note beside them says which front-end heard which recordings, and
``extract`` takes them instead of listening again: most of its time is the front-end's.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from speech2img.batches.speech import UtteranceSource
from speech2img.errors import DataError
from speech2img.features.speech_frames import StoredFrames, load_frames
from speech2img.features.stores import derived
from speech2img.models.encoders.base import SpeechEncoding
from speech2img.models.encoders.pretrained import PretrainedEncoder
from speech2img.storage.atomic import write_json
from speech2img.storage.reading import read_json

HEARD_WITH = "acoustic front-end"
"""Role of a front-end among the networks that a release was trained with."""
FOLDER = "front-end"
"""Below ``derived``: a folder for each set of frames."""
NOTE = "plain.json"


def plain_key(encoder: PretrainedEncoder, *, recordings: str, front_end: str, longest: int) -> str:
    """Digest of all that the frames of recordings as they are depend on.

    Parameters
    ----------
    encoder : PretrainedEncoder
        Its mix of layers (to a hundredth: a release holds it rounded), its stride and its features of manner count.
    recordings : str
        Digest of the recordings.
    front_end : str
        Hash of the front-end's weights.
    longest : int
        Log-mel frames after which an utterance is cut.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    mix = torch.softmax(encoder.mix.weights.detach().float().cpu(), dim=0)
    shares = [round(100 * float(share)) for share in mix]
    parts = [recordings, front_end, shares, encoder.frame_stride, encoder.max_frames, encoder.manner, longest]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def note_plain_frames(folder: Path, *, key: str, names: Sequence[str], sha256: str) -> None:
    """Write beside stored frames what they are: `plain_key`, names (``ID#copy``; copy 0 is the recording), hash."""
    write_json(folder / NOTE, {"key": key, "names": list(names), "sha256": sha256})


class PlainFrames:
    """Utterances through a frozen front-end and its adapter, from stored frames where there are any.

    Parameters
    ----------
    encoder : PretrainedEncoder
        In evaluation mode.
    mels : UtteranceSource
        Log-mels of all utterances.
    ids : sequence of str
        Their names.
    stored : mapping of str to (StoredFrames, int)
        Utterance -> where its frames are.
    """

    def __init__(
        self,
        encoder: PretrainedEncoder,
        mels: UtteranceSource,
        ids: Sequence[str],
        stored: Mapping[str, tuple[StoredFrames, int]],
    ) -> None:
        self._encoder, self._mels, self._ids, self._stored = encoder, mels, ids, stored

    @torch.inference_mode()
    def encode(self, rows: np.ndarray, *, device: torch.device) -> SpeechEncoding:
        """Encode the utterances ``rows`` (B,) as one batch; the same as from their log-mels, but for rounding."""
        # Frames that are stored, and those that the front-end has to hear.
        frames: dict[int, np.ndarray] = {}
        for row in rows.tolist():
            if (place := self._stored.get(self._ids[row])) is not None:
                frames[row] = place[0][place[1]]
        missing = [row for row in rows.tolist() if row not in frames]
        if missing:
            mel, lengths = self._mels.batch(np.array(missing))
            mixed = self._encoder.mixed_frames(torch.from_numpy(mel).to(device), torch.from_numpy(lengths))
            for row, steps, count in zip(missing, mixed.frames_BSF.cpu().numpy(), mixed.lengths_B, strict=True):
                frames[row] = steps[: int(count)]
        # All of them through the adapter.
        chosen = [frames[row] for row in rows.tolist()]
        counts = torch.tensor([len(steps) for steps in chosen])
        padded = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(steps) for steps in chosen], batch_first=True)
        return self._encoder.encode_frames(padded.to(device), counts)


def find_plain_frames(root: Path, *, key: str) -> dict[str, tuple[StoredFrames, int]]:
    """Stored frames of a corpus that have this key.

    Returns
    -------
    dict of str to (StoredFrames, int)
        Utterance -> file and row of its frames; empty where no training has left any.
    """
    found: dict[str, tuple[StoredFrames, int]] = {}
    for path in sorted((derived(root) / FOLDER).glob(f"*/{NOTE}")):
        fix = f"remove the folder {path.parent} and run it again"
        note = read_json(path)
        if not isinstance(note, dict) or not isinstance(note.get("names"), list):
            raise DataError.about(path, "is damaged", fix)
        if note.get("key") != key:
            continue
        frames = load_frames(path.parent, note["names"], sha256=str(note.get("sha256")), fix=fix)
        if frames is not None:
            recordings = (row for row, name in enumerate(note["names"]) if name.endswith("#0"))
            found.update((note["names"][row].removesuffix("#0"), (frames, row)) for row in recordings)
    return found
