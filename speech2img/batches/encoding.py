"""Encoding many stored utterances: in batches of similar length, so that little time goes into padding."""

import numpy as np
import torch

from speech2img.batches.speech import UtteranceSource
from speech2img.errors import DataError
from speech2img.models.encoders.base import SpeechEncoder, SpeechEncoding

BATCH_FRAMES = 48_000
"""Frames that are encoded at once, padding included."""


@torch.inference_mode()
def encode_rows(
    encoder: SpeechEncoder,
    mels: UtteranceSource,
    rows: np.ndarray,
    *,
    device: torch.device,
    frames: int | None,
    batch_frames: int = BATCH_FRAMES,
) -> np.ndarray:
    """Sentence embeddings of utterances, in the order of ``rows``, computed in batches of similar length.

    Parameters
    ----------
    encoder : SpeechEncoder
        Set to evaluation.
    mels : UtteranceSource
        Log-mels, or what else the encoder takes.
    rows : ndarray of int
        Utterances.
    device : torch.device
        Where the encoder is.
    frames : int, optional
        Fixed length; None pads to the longest of a batch.
    batch_frames : int
        Frames of a batch, padding included.

    Returns
    -------
    ndarray of float32, shape (len(rows), D)
    """
    encoder.eval()
    if not len(rows):
        raise DataError.about("encode_rows", "there is no utterance to encode", "check the split's name")
    batches = batches_by_length(mels.lengths[rows], batch_frames)
    encoded = [encode_batch(encoder, mels, rows[chosen], device=device, frames=frames).sentence for chosen in batches]
    sentences = np.concatenate([sentence.float().cpu().numpy() for sentence in encoded])
    result = np.empty_like(sentences)
    result[np.concatenate(batches)] = sentences
    return result


def batches_by_length(lengths: np.ndarray, batch_frames: int) -> list[np.ndarray]:
    """Divide utterances into batches of similar length, the shortest first.

    Parameters
    ----------
    lengths : ndarray of int64, shape (N,)
        Frames of each.
    batch_frames : int
        Most frames of a batch, padding included; a longer utterance is a batch of its own.

    Returns
    -------
    list of ndarray of int64
        Places in ``lengths``, each once.
    """
    order = np.argsort(lengths, kind="stable")
    batches, start = [], 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end + 1 - start) * int(lengths[order[end]]) <= batch_frames:
            end += 1
        batches.append(order[start:end])
        start = end
    return batches


@torch.inference_mode()
def encode_batch(
    encoder: SpeechEncoder, mels: UtteranceSource, rows: np.ndarray, *, device: torch.device, frames: int | None
) -> SpeechEncoding:
    """Encode the utterances ``rows`` as one batch; parameters as for `encode_rows`."""
    mel, lengths = mels.batch(rows, frames=frames)
    encoding: SpeechEncoding = encoder(torch.from_numpy(mel).to(device), torch.from_numpy(lengths))
    return encoding
