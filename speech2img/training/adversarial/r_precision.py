"""R-precision of images by a DAMSM: does each find what was said of it among a hundred utterances?"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from speech2img.encoded_speech import EncodedSpeech
from speech2img.metrics.functional.r_precision import r_precision
from speech2img.models.generators.attngan.damsm import DAMSM
from speech2img.training.validation_samples import BATCH

CANDIDATES = 100
"""Utterances among which an image chooses, its own counted (AttnGAN, section 4)."""


@torch.inference_mode()
def damsm_r_precision(
    network: DAMSM, spoken: EncodedSpeech, images: Callable[[range], Tensor], *, device: torch.device
) -> float | None:
    """Share of images whose own utterance is the nearest of one hundred, or of all where there are fewer.

    Parameters
    ----------
    network : DAMSM
        The judge, on the device; put into evaluation mode.
    spoken : EncodedSpeech
        Utterances with frames, one of each image.
    images : callable
        ``images(rows)`` gives images (B, 3, S, S) in -1..1 of these utterances.
    device : torch.device
        Where it computes.

    Returns
    -------
    float or None
        0..1, 1 / candidates by chance; None for fewer than two utterances.
    """
    count = len(spoken)
    if count < 2:
        return None
    network.eval()
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    for start in range(0, count, BATCH):
        rows = range(start, min(start + BATCH, count))
        compared = network(images(rows).to(device), spoken.batch(rows, device))
        parts.append((compared.image.cpu().numpy(), compared.sentence.cpu().numpy()))
    image, sentence = (np.concatenate(column) for column in zip(*parts, strict=True))
    score = r_precision(
        image, sentence, range(count), range(count), num_candidates=min(CANDIDATES, count), num_folds=1, num_bootstrap=0
    )
    return score.value
